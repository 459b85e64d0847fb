#!/usr/bin/env python3
"""Tests how train.py finds and reads logs, and what SageMaker hands it.

    python train_test.py

needs neither XGBoost nor NumPy: nothing is trained.
"""

import contextlib
import gzip
import io
import os
import pathlib
import sys
import tempfile
import unittest
import unittest.mock

for module in ("numpy", "xgboost"):
    try:
        __import__(module)
    except ImportError:
        sys.modules[module] = unittest.mock.MagicMock()

import train  # noqa: E402

AUCTION = b'{"ts": 1, "request": {"id": "%d"}, "partners": ["a"], "bidders": []}'


def lines(*numbers):
    return [AUCTION % number for number in numbers]


class Logs(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder, self.out = pathlib.Path(scratch.name) / "log", pathlib.Path(scratch.name) / "out.jsonl"
        self.folder.mkdir()

    def put(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def read(self):
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            log = train.Log.read(str(self.folder), self.out)
        got = self.out.read_bytes().splitlines()
        self.assertEqual(log.auctions, len(got))
        return got, said.getvalue()

    def test_folders_and_names(self):
        self.put("dt=2026-11-02/part-0.json.gz", gzip.compress(b"\n".join(lines(3, 4)) + b"\n"))
        self.put("dt=2026-11-01/part-0.jsonl", b"\n".join(lines(1, 2)) + b"\n")
        self.put("dt=2026-11-03/hour=00/0", lines(5)[0] + b"\n")
        self.put("dt=2026-11-03/hour=01/1.gz", lines(6)[0] + b"\n")  # which is not packed, whatever it is called
        self.put("dt=2026-11-03/_SUCCESS", b"")
        self.put("dt=2026-11-03/.part-0.crc", b"crc\0")
        self.put("_temporary/0/part-9", b"half an auction")
        got, said = self.read()
        self.assertEqual((got, said), (lines(1, 2, 3, 4, 5, 6), ""))

    def test_no_newline_at_the_end(self):
        self.put("a", lines(1)[0])
        self.put("b", b"\r\n\n".join(lines(2, 3)))
        got, said = self.read()
        self.assertEqual((got, said), (lines(1, 2, 3), ""))

    def test_torn(self):
        self.put("a.jsonl", b"\n".join(lines(1, 2))[:-9])
        self.put("b.gz", gzip.compress(b"\n".join(lines(*range(3, 3000))), 0)[:1000])
        got, said = self.read()
        self.assertEqual(got[:2], [lines(1)[0], lines(3)[0]])
        self.assertLess(len(got), 20)
        self.assertIn("a.jsonl: its last line, 2, is torn", said)
        self.assertIn("b.gz: it ends in the middle", said)

    def test_refusals(self):
        for content, word in (
            (b"no json\n" + lines(1)[0][:-1] + b"\n", "line 1: it is no JSON"),
            (b'{"request": {}}\n', "line 1: it is no auction"),
            (b"[]\n", "line 1: it is no auction"),
            (b"\x1f\x8b\x08\x00 nothing that was packed", "cannot be unpacked"),
        ):
            self.put("log", content)
            with self.assertRaises(SystemExit) as ended:
                self.read()
            self.assertIn(word, str(ended.exception))
            self.assertIn(str(self.folder / "log"), str(ended.exception))

    def test_left_out(self):
        self.put("a", b"no json\n" + lines(1)[0])
        self.put("b", b"\n".join([*lines(2), lines(3)[0] + lines(4)[0], b"[" * 100000, b'{"request": {}}', *lines(5)]))
        self.put("c", b"null\n" * 20)
        got, said = self.read()
        self.assertEqual(got, lines(1, 2, 5))
        self.assertIn("left out 24 of 27 lines", said)
        for word in ("a, line 1: it is no JSON", "b, line 2: it is no JSON", "b, line 3: it is no JSON", "b, line 4: it is no auction", "c, line 6: it is no auction"):
            self.assertIn(word, said)
        self.assertEqual(said.count(": it is no"), 10)

    def test_vocabularies(self):
        site = b'{"ts": 1, "request": %s, "partners": ["a", 7, "", null, {}, true]}\n'
        self.put("a", b"".join(site % request for request in (
            b'{"imp": {"banner": {}}, "site": [{"cat": "IAB1"}], "device": [{"devicetype": 4, "geo": {"country": "DEU"}}]}',
            b'{"imp": [7, {"video": {}}], "site": {"cat": [null, "IAB1"]}, "device": {"devicetype": "4", "geo": [{"country": "DEU"}]}}',
            b'{"imp": [], "site": 7, "app": {"cat": ["IAB2"]}, "device": {"devicetype": {}, "geo": "DEU"}}',
            b'{"imp": "x", "site": [], "app": {"cat": {}}, "device": [3]}',
        )))
        with contextlib.redirect_stderr(io.StringIO()):
            log = train.Log.read(str(self.folder), self.out)
        found = train.learn_vocabularies(log, 1)
        want = {"imp.format": ["banner", "video"], "site.cat": ["IAB1", "IAB2"], "device.geo.country": ["DEU"], "device.devicetype": ["4"], "partner": ["7", "a"]}
        self.assertEqual({name: found[name] for name in want}, want)

    def test_golden(self):
        self.put("a", b"\n".join(lines(*range(9))))
        self.read()
        log = train.Log(self.out, 9)
        picked = [(auction["request"]["id"], row) for auction, row in train.first_rows(log, [1, 1, 3, 3, 4, 7, 7], 4)]
        self.assertEqual(picked, [("1", 0), ("3", 3), ("4", 4), ("7", 6)])
        self.assertEqual(list(train.first_rows(log, [], 4)), [])
        for ts in (1795350772, 1795350772000, 1795350772000000, 1795350772000000000):
            self.assertEqual(train.milliseconds(ts), 1795350772000)
        self.assertEqual(train.milliseconds(0), 0)

    def test_nothing(self):
        self.put("_SUCCESS", b"")
        with self.assertRaises(SystemExit) as ended:
            self.read()
        self.assertIn("no log of auctions", str(ended.exception))


class Given(unittest.TestCase):
    def test_underscores(self):
        options = train.arguments(["--train", "a_b", "--archive", "x_y", "--min_count", "7", "--max_lost_bids=0.5"])
        self.assertEqual((options.train, options.archive, options.min_count, options.max_lost_bids), ("a_b", "x_y", 7, 0.5))

    def test_binary_without_leave_to_run(self):
        with tempfile.TemporaryDirectory() as folder:
            scratch, given = pathlib.Path(folder) / "scratch", pathlib.Path(folder) / "sluice"
            scratch.mkdir()
            given.write_bytes(b"#!/bin/sh\n")
            given.chmod(0o644)
            copy = train.runnable(str(given), scratch)
            self.assertTrue(os.access(copy, os.X_OK))
            self.assertEqual((given.stat().st_mode & 0o777, pathlib.Path(copy).read_bytes()), (0o644, b"#!/bin/sh\n"))
            self.assertEqual(train.runnable(copy, scratch), copy)
            self.assertEqual(train.runnable("sluice", scratch), "sluice")


if __name__ == "__main__":
    unittest.main()

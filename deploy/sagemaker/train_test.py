#!/usr/bin/env python3
"""Tests how train.py finds and reads logs, and what SageMaker hands it.

    SLUICE=bin/sluice python train_test.py

needs neither XGBoost nor NumPy: nothing is trained.
"""

import contextlib
import gzip
import io
import json
import os
import pathlib
import struct
import subprocess
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

SLUICE = os.environ.get("SLUICE", "sluice")
AUCTION = b'{"ts": 1795350772846, "request": {"id": "%d"}, "partners": ["a"], "bidders": []}'


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

    def log(self, *more, values=()):
        options = train.arguments(["--sluice", SLUICE, "--train", str(self.folder), "--archive", "x", *more])
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            log = train.Log.read(options, options.train, self.out, values)
        self.assertEqual(log.auctions, len(self.out.read_bytes().splitlines()))
        return log, said.getvalue()

    def read(self):
        log, said = self.log()
        return [int(auction["request"]["id"]) for auction in log.spread(log.auctions)], said

    def test_folders_and_names(self):
        self.put("dt=2026-11-02/part-0.json.gz", gzip.compress(b"\n".join(lines(3, 4)) + b"\n"))
        self.put("dt=2026-11-01/part-0.jsonl", b"\n".join(lines(1, 2)) + b"\n")
        self.put("dt=2026-11-03/hour=00/0", lines(5)[0] + b"\n")
        self.put("dt=2026-11-03/hour=01/1.gz", lines(6)[0] + b"\n")  # which is not packed, whatever it is called
        self.put("dt=2026-11-03/_SUCCESS", b"")
        self.put("dt=2026-11-03/.part-0.crc", b"crc\0")
        self.put("_temporary/0/part-9", b"half an auction")
        got, said = self.read()
        self.assertEqual((got, said), ([1, 2, 3, 4, 5, 6], ""))

    def test_no_newline_at_the_end(self):
        self.put("a", lines(1)[0])
        self.put("b", b"\r\n\n".join(lines(2, 3)))
        got, said = self.read()
        self.assertEqual((got, said), ([1, 2, 3], ""))

    def test_torn(self):
        self.put("a.jsonl", b"\n".join(lines(1, 2))[:-9])
        self.put("b.gz", gzip.compress(b"\n".join(lines(*range(3, 3000))), 0)[:1000])
        got, said = self.read()
        self.assertEqual(got[:2], [1, 3])
        self.assertLess(len(got), 20)
        self.assertIn("a.jsonl, line 2: it is no valid JSON", said)
        self.assertIn("b.gz: it ends in the middle", said)
        self.assertIn(f"b.gz, line {len(got)}: it is no valid JSON", said)  # where what was packed ends

    def test_refusals(self):
        for content, word in (
            (b"no json\n" + lines(1)[0][:-1] + b"\n", 'line 1: "no json" is no JSON object'),
            (b'{"request": {"id": "1"}}\n', "line 1: it names no partners"),
            (b"\x1f\x8b\x08\x00 nothing that was packed", "cannot be unpacked"),
        ):
            self.put("log", content)
            with self.assertRaises(SystemExit) as ended:
                self.read()
            self.assertIn(word, str(ended.exception))
            self.assertIn(str(self.folder / "log"), str(ended.exception))

    def test_left_out(self):
        self.put("a", b"no json\n\n" + lines(1)[0])
        self.put("b", b"\n".join([*lines(2), lines(3)[0] + lines(4)[0], b"[" * 100000, b'{"openrtb": {}}', *lines(5)]))
        self.put("c", b"null\n" * 20)
        got, said = self.read()
        self.assertEqual(got, [1, 2, 5])
        self.assertIn("left out 24 of 27 lines", said)
        for word in ("a, line 1: ", "b, line 2: it is no valid JSON", "b, line 3: ", "b, line 4: it is OpenRTB 3.0", "c, line 6: "):
            self.assertIn(word, said)
        self.assertEqual(said.count(", line "), 10)

    # What `sluice features` takes, a training takes.
    def test_sloppy(self):
        self.put("a", b"\n".join((
            b'{"id": "1", "imp": [{}], "wseat": ["a", "b", "a"]}',
            b'{"ts": "2026-11-22T12:32:52Z", "Request": "{\\"id\\": 2, \\"imp\\": []}", "partners": "a", "bidders": "a"}',
            b'{"ts": "1795350772", "request": {"id": "3"}, "partners": ["a", 7, "", null, {}, true]}',
            b'{"filter": {"bidId": "4", "advertiserId": "c", "dayOfWeek": 7}, "bidders": []}',
        )))
        log, said = self.log("--filter", "kit")
        self.assertEqual((list(log.spread(log.auctions)), said), ([
            {"ts": 0, "request": {"id": "1", "imp": [{}], "wseat": ["a", "b", "a"]}, "partners": ["a", "b"], "bidders": None},
            {"ts": 1795350772000, "request": {"id": 2, "imp": []}, "partners": ["a"], "bidders": ["a"]},
            {"ts": 1795350772000, "request": {"id": "3"}, "partners": ["a", "7"], "bidders": None},
            {"ts": 0, "request": None, "partners": ["c"], "bidders": [], "filter": {"bidId": "4", "advertiserId": "c", "dayOfWeek": 7}},
        ], ""))
        with self.assertRaises(SystemExit) as ended:
            self.log()
        self.assertIn("1 lines are calls of filter: say with --filter", str(ended.exception))

    def test_vocabularies(self):
        line = b'{"ts": 1795350772846, "request": %s, "partners": ["a", 7, "", null, {}, true]}\n'
        self.put("a", b"".join(line % request for request in (
            b'{"imp": {"banner": {}}, "site": [{"cat": "IAB1"}], "device": [{"devicetype": 4, "geo": {"country": "DEU"}}]}',
            b'{"imp": [{"video": {}}], "site": {"cat": [null, "IAB1"]}, "device": {"devicetype": "4", "geo": [{"country": "DEU"}]}}',
            b'{"imp": [], "site": 7, "app": {"cat": ["IAB2"]}, "device": {"devicetype": {}, "geo": "DEU"}}',
            b'{"imp": "x", "site": [], "app": {"cat": {}}, "device": [3]}',
        )))
        log, _ = self.log(values=train.looked_up())
        found = train.vocabularies_of(log, 1)
        want = {"imp.format": ["banner", "video"], "site.cat": ["IAB1", "IAB2"], "device.geo.country": ["DEU"], "device.devicetype": ["4"], "partner": ["7", "a"]}
        self.assertEqual({name: found[name] for name in want}, want)
        with self.assertRaises(SystemExit) as ended:
            train.vocabularies_of(log, 2)
        self.assertIn("source imp.format: no value is seen 2 times", str(ended.exception))

    # What Python cannot read or write is in no manifest.
    def test_auctions_for_the_manifest(self):
        hard = (b'{"id": "2", "n": 1e400}', b'{"id": "3", "user": {"keywords": "\\ud800"}}')
        self.put("a", b"\n".join([*lines(1), *(AUCTION.replace(b'{"id": "%d"}', request) for request in hard), *lines(5)]))
        log, said = self.log()
        self.assertEqual((log.auctions, said), (4, ""))
        self.assertEqual([auction["request"]["id"] for auction in log.spread(log.auctions)], ["1", "5"])

    # Those that prove a model stand for the whole log and not for its first minute.
    def test_spread(self):
        self.put("a", b"\n".join(lines(*range(30))))
        log, _ = self.log()
        self.assertEqual([auction["request"]["id"] for auction in log.spread(4)], ["0", "7", "14", "21"])
        self.assertEqual(len(list(log.spread(31))), 30)

    def test_nothing(self):
        self.put("_SUCCESS", b"")
        with self.assertRaises(SystemExit) as ended:
            self.read()
        self.assertIn("no log of auctions", str(ended.exception))


class Tables(unittest.TestCase):
    # A partner finds its rate, whatever its name.
    def test_names_of_partners(self):
        partners, values = ["a", "a|b", "|", "a|banner|b"], ["banner", "odd|value", "video"]
        cells = train.pairs(partners, values)
        table = {name: number for number, name in enumerate(cells) if name}
        contract = {"features": [{"name": "rate", "kind": "table", "source": ["imp.format", "partner"], "table": table}]}
        line = {"request": {"id": "1", "imp": [{"video": {}}]}, "partners": partners}
        with tempfile.TemporaryDirectory() as folder:
            spec, out = pathlib.Path(folder) / "contract", pathlib.Path(folder) / "rows"
            spec.write_bytes(train.dumps(contract))
            done = subprocess.run([SLUICE, "features", "--contract", spec, "--out", out], input=train.dumps(line) + b"\n", stderr=subprocess.PIPE)
            self.assertEqual(done.returncode, 0, done.stderr)
            rows = out.read_bytes()
        start = rows.index(b"\n") + 1
        got = [struct.unpack_from("<qiff", rows, start + 20 * i)[-1] for i in range(len(partners))]
        self.assertEqual(got, [2, 5, 8, 11])


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


class Missing(unittest.TestCase):
    """What the contract calls missing is missing in training, too."""

    def test_rows(self):
        with tempfile.TemporaryDirectory() as folder, unittest.mock.patch.object(train, "load_rows") as load, unittest.mock.patch.object(train, "run") as run:
            run.return_value = unittest.mock.Mock(returncode=0, stderr="")
            log = train.Log(pathlib.Path(folder) / "log.jsonl", 0, {})
            log.path.touch()
            log.path.with_suffix(".rows").touch()
            train.rows_of("sluice", {"missing": -1, "features": []}, log)
        self.assertEqual(load.call_args.args[1], -1)

    def test_library(self):
        rows = unittest.mock.MagicMock(missing=-1)
        with unittest.mock.patch.object(train, "xgb") as library, unittest.mock.patch.object(train, "short"):
            train.boost(train.arguments(["--train", "a", "--archive", "b"]), unittest.mock.Mock(labelled=lambda: rows))
            self.assertEqual(library.DMatrix.call_args.kwargs["missing"], -1)
            train.score(unittest.mock.MagicMock(), rows.features, rows.missing)
            self.assertEqual(library.DMatrix.call_args.kwargs["missing"], -1)


if __name__ == "__main__":
    unittest.main()

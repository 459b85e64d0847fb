#!/usr/bin/env python3
"""Trains an ad-filter model for Sluice.

In SageMaker's XGBoost container this is the script-mode entry point: the log
of auctions comes in the channel "train" (and, if there is one, "validation"),
hyperparameters come as arguments, and SageMaker packs what lies in the model
folder. Anywhere else the same things are plain arguments:

    python train.py --sluice ./sluice --train log.jsonl --archive model.tar.gz

A log is lines of JSON, {"ts": milliseconds, "request": OpenRTB 2.6 BidRequest,
"partners": [asked], "bidders": [who bid]}. Lines are read by `sluice log` and
rows made by `sluice features`, that is by the code that serves, so that training
and serving cannot differ. What this script decides is which features there are
(the contract), and below which score a partner is not worth calling (the
thresholds).

The auctions are split four ways, by number, so that nothing is judged by the
data it was made from: tables of bid rates, boosting, thresholds, prediction.
"""

import argparse
import bisect
import collections.abc
import dataclasses
import gzip
import io
import itertools
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zlib

import numpy as np
import xgboost as xgb

# What a model is given. "partner" and what a partner makes of each value of a
# source say most; numbers and positions let the trees tell cases apart.
NUMBERS = ["imp.bidfloor", "device.lmt"]
INDEXES = ["partner", "imp.format", "device.geo.country", "site.cat"]
PRESENCE = ["user.id"]  # 1 where the source is absent, else 0
# Bids per request asked, by partner and value of a source. A rate is drawn to the
# partner's own as if by so many more rows: take more where values differ little.
# The hour is left out on purpose: this log teaches little about it but noise, and
# a model that believes noise filters by the clock. To use it, add "hour": 1500.
RATES = {
    "device.geo.country": 60,
    "imp.format": 60,
    "device.devicetype": 60,
    "site.cat": 60,
}
PARTNER_SMOOTHING = 300  # a partner's rate is drawn to everybody's
DEFAULT_THRESHOLD = 0.0  # a partner that was not trained on is never filtered

GOLDEN = 24  # vectors that prove a loaded model, half of them from the auction on
SCORE_BINS = 64


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory() as folder:
        options.sluice = runnable(options.sluice, pathlib.Path(folder))
        made = train(options, pathlib.Path(folder))
    made.save(options)


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    env = os.environ.get
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--train", default=env("SM_CHANNEL_TRAIN"), help="log of auctions: a file, or a folder with files in it at any depth, plain or gzip, whatever they are called")
    p.add_argument("--validation", default=env("SM_CHANNEL_VALIDATION"), help="log for thresholds and prediction; without it a part of --train is kept back")
    p.add_argument("--model-dir", default=env("SM_MODEL_DIR"), help="folder for xgboost-model and manifest.json")
    p.add_argument("--archive", help="write model.tar.gz here, the same bytes for the same model")
    p.add_argument("--sluice", default=env("SLUICE", "sluice"), help="the sluice binary")
    p.add_argument("--contract", help="a JSON file with the feature contract to train by, instead of the one that this script makes")
    p.add_argument("--filter", choices=["kit", "openrtb"], help="whose numbers the calls of filter in the log bring, for the contract that this script makes")
    p.add_argument("--rounds", type=int, default=80)
    p.add_argument("--depth", type=int, default=5)
    p.add_argument("--eta", type=float, default=0.15)
    p.add_argument("--min-child-weight", type=float, default=3.0)
    p.add_argument("--min-count", type=int, default=50, help="a value seen less often is not in a vocabulary")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--max-lost-bids", type=float, default=0.015, help="share of a partner's bids that its threshold may cost")
    p.add_argument("--filter-rate", type=float, help="instead: filter this share of every partner's requests")
    p.add_argument("--filter-rates", help="instead: a JSON file with a share per partner, or a manifest.json whose prediction to keep")
    p.add_argument("--intended-change", type=float, help="points added to the overall filter rate on purpose, e.g. 0.05")
    p.add_argument("--why", default="", help="the reason for --intended-change")
    options = p.parse_args(dashed(sys.argv[1:] if argv is None else argv))
    if not options.train:
        p.error("--train is missing: name a log of auctions")
    if not options.model_dir and not options.archive:
        p.error("--archive is missing: say where model.tar.gz goes")
    if options.intended_change is not None and not options.why:
        p.error("--why is missing: an intended change needs a reason")
    return options


def dashed(argv: list[str]) -> list[str]:
    """Spells options with dashes, which some give as hyperparameters with underscores."""
    spelled = []
    for word in argv:
        name, is_, value = word.partition("=")
        spelled.append((name.replace("_", "-") if name.startswith("--") else name) + is_ + value)
    return spelled


def runnable(sluice: str, folder: pathlib.Path) -> str:
    """Returns a sluice that can be run: a channel brings files without leave to run them."""
    given = pathlib.Path(sluice)
    if not given.is_file() or os.access(given, os.X_OK):
        return sluice
    copy = folder / "sluice"
    shutil.copyfile(given, copy)
    copy.chmod(0o755)
    return str(copy)


@dataclasses.dataclass
class Made:
    """A trained model and what is promised about it."""

    booster: xgb.Booster
    manifest: dict

    def save(self, options: argparse.Namespace) -> None:
        files = {"manifest.json": dumps(self.manifest), "xgboost-model": bytes(self.booster.save_raw(raw_format="ubj"))}
        if options.model_dir:
            folder = pathlib.Path(options.model_dir)
            folder.mkdir(parents=True, exist_ok=True)
            for name, content in files.items():
                (folder / name).write_bytes(content)
        if options.archive:
            pathlib.Path(options.archive).write_bytes(archive(files))


def train(options: argparse.Namespace, scratch: pathlib.Path) -> Made:
    """Does the whole work, from logs to a model."""
    contract = json.loads(pathlib.Path(options.contract).read_text()) if options.contract else None
    log = Log.read(options, options.train, scratch / "train.jsonl", () if contract else looked_up())
    if options.validation:
        tables, boosting = (log, log) if contract else log.split(scratch, "train", [1, 1])
        thresholds, prediction = Log.read(options, options.validation, scratch / "validation.jsonl").split(scratch, "validation", [1, 1])
    elif contract:
        boosting, thresholds, prediction = log.split(scratch, "train", [6, 2, 2])
    else:
        tables, boosting, thresholds, prediction = log.split(scratch, "train", [3, 3, 2, 2])

    if not contract:
        contract = make_contract(options, tables, vocabularies_of(log, options.min_count))
    booster = boost(options, rows_of(options.sluice, contract, boosting))

    held = rows_of(options.sluice, contract, thresholds)
    limits = choose_thresholds(options, held, score(booster, held.features, held.missing))
    fresh = rows_of(options.sluice, contract, prediction)
    scores = score(booster, fresh.features, fresh.missing)
    predicted = predict(fresh, scores, limits)
    report(fresh, scores, limits)

    manifest = {
        "format": 1,
        "model": "xgboost-model",
        "contract": contract,
        "thresholds": limits,
        "default_threshold": DEFAULT_THRESHOLD,
        "golden": golden(options.sluice, contract, booster, fresh, prediction),
        "reference_scores": histogram(scores),
        "predicted": predicted,
        "trained_on": f"{log.auctions:,} auctions, XGBoost {xgb.__version__}, seed {options.seed}",
    }
    if options.intended_change is not None:
        manifest["intended_change"] = {"filter_rate": options.intended_change, "why": options.why}
    return Made(booster, manifest)


# ---- logs


@dataclasses.dataclass
class Log:
    """Auctions in a file, one a line, as `sluice log` writes them."""

    path: pathlib.Path
    auctions: int
    values: dict[str, dict[str, int]]  # by source that was asked for: in how many auctions each value stands

    @classmethod
    def read(cls, options: argparse.Namespace, source: str, to: pathlib.Path, values: collections.abc.Iterable[str] = ()) -> "Log":
        """Reads a file, or the files of a folder at any depth in the order of their names,
        by `sluice log`. Lines that it cannot take are left out, counted and named."""
        files = logs_in(pathlib.Path(source))
        if not files:
            sys.exit(f"{source}: no log of auctions there; put files of JSON lines into it")
        gathered = to.with_suffix(".gathered")
        begins = gather(files, gathered)
        asked = ["log", "--json", "--out", to]
        if options.filter:
            asked += ["--filter", options.filter]
        if values:
            asked += ["--values", ",".join(values)]
        if options.contract and "geo.zip" in pathlib.Path(options.contract).read_text():
            asked += ["--keep-zips"]
        with open(gathered, "rb") as lines:
            done = run(options.sluice, asked, stdin=lines)
        gathered.unlink()
        try:
            seen, _ = json.JSONDecoder().raw_decode(done.stderr)
        except ValueError:
            sys.exit(f"{options.sluice} log: {done.stderr.strip()}")
        named = [f"{place(bad['line'], begins)}: {bad['reason']}" for bad in seen["named"]]
        if named and not seen["taken"]:
            sys.exit(f"not one of {seen['lines']} lines is an auction; {named[0]}")
        if done.returncode != 0:
            sys.exit(f"{source}: {done.stderr.splitlines()[-1]}")
        if named:
            print(f"left out {seen['skipped']} of {seen['lines']} lines of the log", *named, sep="\n", file=sys.stderr)
        if seen["calls"] and not (options.filter or options.contract):
            sys.exit(f"{seen['calls']} lines are calls of filter: say with --filter whose numbers they bring, kit or openrtb")
        return cls(to, seen["taken"], seen.get("values", {}))

    def split(self, folder: pathlib.Path, name: str, weights: list[int]) -> list["Log"]:
        """Deals the lines out in turn, weights[i] of every sum(weights) to log i."""
        turn = [i for i, weight in enumerate(weights) for _ in range(weight)]
        parts = [Log(folder / f"{name}-{i}.jsonl", 0, {}) for i in range(len(weights))]
        files = [open(part.path, "wb") for part in parts]
        with open(self.path, "rb") as lines:
            for number, line in enumerate(lines):
                to = turn[number % len(turn)]
                files[to].write(line)
                parts[to].auctions += 1
        for file in files:
            file.close()
        if not all(part.auctions for part in parts):
            sys.exit(f"{self.auctions} auctions are too few to split {len(turn)} ways; log more")
        return parts

    def spread(self, count: int):
        """Yields so many auctions from all over the log, but for the few that Python cannot
        read or write."""
        step = max(1, self.auctions // count)
        with open(self.path, "rb") as lines:
            for line in itertools.islice(lines, 0, step * count, step):
                try:
                    auction = json.loads(line)
                    dumps(auction)
                except (ValueError, RecursionError):
                    continue
                yield auction


def logs_in(source: pathlib.Path) -> list[pathlib.Path]:
    """Returns the files of a log, but for the hidden ones and the marks that jobs leave, such as _SUCCESS."""
    if source.is_file():
        return [source]
    found = (path for path in source.rglob("*") if path.is_file())
    return sorted(path for path in found if not any(part[0] in "._" for part in path.relative_to(source).parts))


def gather(files: list[pathlib.Path], to: pathlib.Path) -> list[tuple[int, pathlib.Path]]:
    """Joins files, each of which ends its last line there. Returns with which line each begins."""
    begins, lines = [], 1
    with open(to, "wb") as out:
        for file in files:
            begins.append((lines, file))
            last = b"\n"
            for part in unpacked(file):
                out.write(part)
                lines += part.count(b"\n")
                last = part[-1:]
            if last != b"\n":
                out.write(b"\n")
                lines += 1
    return begins


def unpacked(file: pathlib.Path):
    """Yields a file in parts, and of one that is gzip what can be unpacked."""
    with open(file, "rb") as plain:
        packed = plain.read(2) == b"\x1f\x8b"
    with gzip.open(file) if packed else open(file, "rb") as parts:
        try:
            while part := parts.read1(1 << 20):
                yield part
        except EOFError:
            print(f"{file}: it ends in the middle; what came before is taken", file=sys.stderr)
        except (gzip.BadGzipFile, zlib.error) as err:
            sys.exit(f"{file}: it cannot be unpacked ({err}); upload it again, or take it out")


def place(line: int, begins: list[tuple[int, pathlib.Path]]) -> str:
    """Says of which file a line of those that were joined is."""
    first, file = begins[bisect.bisect_right(begins, line, key=lambda begin: begin[0]) - 1]
    return f"{file}, line {line - first + 1}"


def run(sluice: str, arguments: list, **how) -> subprocess.CompletedProcess:
    try:
        return subprocess.run([sluice, *arguments], stderr=subprocess.PIPE, text=True, **how)
    except OSError as err:
        sys.exit(f"run {sluice}: {err.strerror}; name the sluice binary with --sluice or in SLUICE")


# ---- rows, from the serving code


@dataclasses.dataclass
class Rows:
    """One row per auction and partner asked."""

    auction: np.ndarray
    partner: np.ndarray  # position in partners
    label: np.ndarray
    features: np.ndarray  # float32, one column per feature of the contract
    partners: list[str]
    names: list[str]
    missing: float  # what counts as missing besides NaN, or NaN

    def of(self, partner: str) -> np.ndarray:
        """Which rows are the partner's."""
        return self.partner == self.partners.index(partner)

    def labelled(self) -> "Rows":
        """The rows of which it is known whether there was a bid."""
        known = ~np.isnan(self.label)
        return dataclasses.replace(self, auction=self.auction[known], partner=self.partner[known], label=self.label[known], features=self.features[known])


def rows_of(sluice: str, contract: dict, log: Log) -> Rows:
    """Runs `sluice features` over a log."""
    spec, out = log.path.with_suffix(".contract"), log.path.with_suffix(".rows")
    spec.write_bytes(dumps(contract))
    with open(log.path, "rb") as lines:
        done = run(sluice, ["features", "--contract", spec, "--out", out], stdin=lines)
    if done.returncode != 0:
        sys.exit(f"{sluice} features: {done.stderr.strip()}")
    sys.stderr.write(done.stderr)  # what it could not take
    rows = load_rows(out, contract.get("missing", np.nan))
    out.unlink()
    return rows


def load_rows(path: pathlib.Path, missing: float) -> Rows:
    """Reads what `sluice features` writes: a line of JSON, rows, a line of JSON, its offset."""
    content = np.fromfile(path, dtype=np.uint8)
    start = int(np.argmax(content == ord("\n"))) + 1
    end = int(content[-8:].view("<u8")[0])
    head, tail = json.loads(content[:start].tobytes()), json.loads(content[end:-8].tobytes())
    kind = np.dtype([(name, form, *[tuple(shape) for shape in more]) for name, form, *more in head["dtype"]])
    table = content[start:end].view(kind)
    if len(table) != tail["rows"]:
        sys.exit(f"{path}: {len(table)} rows where {tail['rows']} are promised; run it again")
    return Rows(
        table["auction"].copy(),
        table["partner"].copy(),
        table["label"].copy(),
        np.ascontiguousarray(table["features"]),
        tail["partners"],
        head["features"],
        missing,
    )


# ---- the contract


def vocabularies_of(log: Log, min_count: int) -> dict[str, list[str]]:
    """Picks the values of every source that is looked up, the commonest first."""
    found = {name: frequent(seen, min_count) for name, seen in log.values.items()}
    for name, values in found.items():
        if not values:
            sys.exit(f"source {name}: no value is seen {min_count} times; log more auctions, lower --min-count, or take it out of this script")
    found["partner"] = sorted(log.values["partner"])
    found["hour"] = [str(hour) for hour in range(24)]
    found["dayofweek"] = [str(day) for day in range(7)]
    return found


def frequent(seen: dict[str, int], min_count: int) -> list[str]:
    return [value for value, n in sorted(seen.items(), key=lambda item: (-item[1], item[0])) if n >= min_count]


def looked_up() -> list[str]:
    """The sources whose values are looked up, but for those of which all are known."""
    return [name for name in dict.fromkeys([*INDEXES, *RATES, "partner"]) if name not in ("hour", "dayofweek")]


def make_contract(options: argparse.Namespace, tables: Log, vocabularies: dict[str, list[str]]) -> dict:
    """Says what the model is given; the bid rates come from the log tables."""
    rules = {"version": 2, "filter": options.filter} if options.filter else {}
    positions = rules | {"features": [{"name": s, "kind": "index", "source": [s], "vocabulary": vocabularies[s]} for s in RATES]}
    rows = rows_of(options.sluice, positions, tables).labelled()
    if len(rows.label) == 0:
        sys.exit("the log knows no outcome: give every auction its bidders, [] where nobody bid")
    own = partner_rates(rows)
    features = [{"name": s, "kind": "number", "source": [s]} for s in NUMBERS]
    features += [{"name": s, "kind": "index", "source": [s], "vocabulary": vocabularies[s]} for s in INDEXES]
    features += [{"name": f"no {s}", "kind": "table", "source": [s], "table": {"": 1.0}, "default": 0.0} for s in PRESENCE]
    features.append({"name": "rate of partner", "kind": "table", "source": ["partner"], "table": own})
    for column, source in enumerate(RATES):
        at = rows.features[:, column]
        known = float(np.mean(at < len(vocabularies[source])))
        if known < 0.5:
            sys.exit(f"source {source}: its vocabulary covers {known:.0%} of the rows; lower --min-count or leave it out")
        table = pair_rates(rows, source, at, vocabularies[source], own)
        features.append({"name": f"rate of partner by {source}", "kind": "table", "source": [source, "partner"], "table": table})
    return rules | {"features": features}


def partner_rates(rows: Rows) -> dict[str, float]:
    everyone = float(rows.label.mean())
    n = np.bincount(rows.partner, minlength=len(rows.partners))
    bids = np.bincount(rows.partner, weights=rows.label, minlength=len(rows.partners))
    rates = (bids + PARTNER_SMOOTHING * everyone) / (n + PARTNER_SMOOTHING)
    return {name: short(rate) for name, rate in sorted(zip(rows.partners, rates))}


def pair_rates(rows: Rows, source: str, at: np.ndarray, vocabulary: list[str], own: dict[str, float]) -> dict[str, float]:
    known = at < len(vocabulary)  # false for missing too
    cell = rows.partner[known] * len(vocabulary) + at[known].astype(np.int64)
    size = len(rows.partners) * len(vocabulary)
    n, bids = np.bincount(cell, minlength=size), np.bincount(cell, weights=rows.label[known], minlength=size)
    prior = np.repeat([own[name] for name in rows.partners], len(vocabulary))
    rates = (bids + RATES[source] * prior) / (n + RATES[source])
    return {key: short(rate) for key, rate in sorted(zip(pairs(rows.partners, vocabulary), rates)) if key}


def pairs(partners: list[str], vocabulary: list[str]) -> list[str]:
    """Names the cells of a table by value and partner. Only what comes last may hold a "|", as
    names of partners do: a value with one has no name, and its rate is missing."""
    return ["" if "|" in value else f"{value}|{partner}" for partner in partners for value in vocabulary]


# ---- boosting


def boost(options: argparse.Namespace, rows: Rows) -> xgb.Booster:
    rows = rows.labelled()
    data = xgb.DMatrix(rows.features, label=rows.label, feature_names=rows.names, missing=rows.missing)
    parameters = {
        "objective": "binary:logistic",
        "max_depth": options.depth,
        "eta": options.eta,
        "min_child_weight": options.min_child_weight,
        "subsample": 0.8,
        "colsample_bytree": 0.8,
        "tree_method": "hist",
        "seed": options.seed,
        "nthread": options.threads,
        "base_score": short(rows.label.mean()),
    }
    return xgb.train(parameters, data, num_boost_round=options.rounds)


def score(booster: xgb.Booster, features: np.ndarray, missing: float, margin: bool = False) -> np.ndarray:
    return booster.predict(xgb.DMatrix(features, feature_names=booster.feature_names, missing=missing), output_margin=margin)


# ---- thresholds and promises


def choose_thresholds(options: argparse.Namespace, rows: Rows, scores: np.ndarray) -> dict[str, float]:
    """Gives every partner the score below which it is not called."""
    wanted = wanted_rates(options, rows.partners)
    limits = {}
    for partner in sorted(rows.partners):
        mine = rows.of(partner)
        if wanted is not None:
            limits[partner] = short(np.quantile(scores[mine], wanted[partner], method="nearest"))
            continue
        bids = np.sort(scores[mine & (rows.label == 1)])
        if len(bids) == 0:
            sys.exit(f"partner {partner}: no bid to choose a threshold by; log more auctions or use --filter-rate")
        limits[partner] = short(bids[min(int(options.max_lost_bids * len(bids)), len(bids) - 1)])
    return limits


def wanted_rates(options: argparse.Namespace, partners: list[str]) -> dict[str, float] | None:
    """Returns the filter rate asked for by partner, or None where bids decide."""
    if options.filter_rate is not None:
        return dict.fromkeys(partners, options.filter_rate)
    if not options.filter_rates:
        return None
    given = json.loads(pathlib.Path(options.filter_rates).read_text())
    if "predicted" in given:
        given = {partner: rate["estimate"] for partner, rate in given["predicted"]["partners"].items()}
    missing = sorted(set(partners) - set(given))
    if missing:
        sys.exit(f"{options.filter_rates}: no filter rate for {', '.join(missing)}; add it")
    return given


def below(rows: Rows, scores: np.ndarray, limits: dict[str, float]) -> np.ndarray:
    """Which rows would be filtered."""
    by_partner = np.array([limits.get(partner, DEFAULT_THRESHOLD) for partner in rows.partners], dtype=np.float32)
    return scores < by_partner[rows.partner]


def predict(rows: Rows, scores: np.ndarray, limits: dict[str, float]) -> dict:
    """Estimates filter rates, with intervals that know that rows of one auction are alike."""
    filtered = below(rows, scores, limits)
    return {
        "filter_rate": interval(filtered, rows.auction),
        "partners": {p: interval(filtered[rows.of(p)], rows.auction[rows.of(p)]) for p in sorted(rows.partners)},
    }


def interval(hit: np.ndarray, auction: np.ndarray) -> dict:
    """The share of hits with its 95 % interval, clustered by auction."""
    share = float(hit.mean())
    _, cluster = np.unique(auction, return_inverse=True)
    residual = np.bincount(cluster, weights=hit - share)
    spread = 1.96 * float(np.sqrt(np.sum(residual**2))) / len(hit)
    return {"estimate": round(share, 6), "low": round(max(0.0, share - spread), 6), "high": round(min(1.0, share + spread), 6)}


def histogram(scores: np.ndarray) -> list[float]:
    counts = np.bincount(np.minimum((scores * SCORE_BINS).astype(int), SCORE_BINS - 1), minlength=SCORE_BINS)
    return [round(float(share), 8) for share in counts / len(scores)]


def golden(sluice: str, contract: dict, booster: xgb.Booster, rows: Rows, log: Log) -> list[dict]:
    """Rows with XGBoost's own answers: some as vectors, some from the auction on,
    and a few with much missing."""
    picked = np.linspace(0, len(rows.features) - 1, GOLDEN * 2 // 3).astype(int)
    vectors = [golden_vector(booster, row, rows.missing) for row in sparse(rows.features[picked[1::2]])]
    vectors += [golden_vector(booster, row, rows.missing) for row in rows.features[picked[::4]]]
    return vectors + golden_auctions(sluice, contract, booster, log, GOLDEN - len(vectors))


def sparse(features: np.ndarray) -> np.ndarray:
    """Takes other features away from each row, from the last row all of them."""
    features = features.copy()
    for i, row in enumerate(features):
        row[i % len(row) :: 3] = np.nan
    features[-1] = np.nan
    return features


def golden_vector(booster: xgb.Booster, row: np.ndarray, missing: float) -> dict:
    one = row.reshape(1, -1)
    return {
        "features": [None if np.isnan(v) else short(v) for v in row],
        "margin": short(score(booster, one, missing, margin=True)[0]),
        "score": short(score(booster, one, missing)[0]),
    }


def golden_auctions(sluice: str, contract: dict, booster: xgb.Booster, log: Log, count: int) -> list[dict]:
    """Auctions of the log as the manifest has them, each with another of its partners."""
    asked = Log(log.path.with_suffix(".golden"), 0, {})
    lines = []
    for i, auction in enumerate(log.spread(count)):
        auction["partners"], auction["bidders"] = [auction["partners"][i % len(auction["partners"])]], None
        lines.append(auction)
    asked.path.write_bytes(b"".join(dumps(line) + b"\n" for line in lines))
    rows = rows_of(sluice, contract, asked)
    vectors = []
    for line, row in zip(lines, rows.features, strict=True):
        about = {"auction": {"filter": line["filter"]} if "filter" in line else line["request"], "partner": line["partners"][0]}
        if line["ts"]:
            about["ts"] = line["ts"]
        vectors.append(golden_vector(booster, row, rows.missing) | about)
    return vectors


def report(rows: Rows, scores: np.ndarray, limits: dict[str, float]) -> None:
    """Prints what SageMaker's metric definitions can read, one "name=value;" each."""
    filtered, bid = below(rows, scores, limits), rows.label == 1
    print(f"validation:filter_rate={filtered.mean():.5f};", flush=True)
    if not bid.any():
        print("no bid among the auctions for prediction: what this model loses is not known", flush=True)
        return
    lost = {p: float(np.mean(filtered[rows.of(p) & bid])) for p in rows.partners if np.any(rows.of(p) & bid)}
    worst = max(lost, key=lost.get)
    print(f"validation:auc={auc(scores, bid):.5f};")
    print(f"validation:lost_bids={filtered[bid].mean():.5f};")
    print(f"validation:lost_bids_worst_partner={lost[worst]:.5f}; ({worst})", flush=True)


def auc(scores: np.ndarray, bid: np.ndarray) -> float:
    """The chance that a bid scores above a non-bid, ties counted half."""
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[place]
    bids, others = bid.sum(), (~bid).sum()
    return float((rank[bid].sum() - bids * (bids + 1) / 2) / (bids * others))


# ---- bytes


def short(value) -> float:
    """A float32 as the shortest decimals that give the same float32 back."""
    return float(str(np.float32(value)))


def dumps(value) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def archive(files: dict[str, bytes]) -> bytes:
    """Packs files so that the same files give the same bytes."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", filename="", mtime=0) as squeezed:
        with tarfile.open(fileobj=squeezed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for name, content in sorted(files.items()):
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(content), 0o644
                tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


if __name__ == "__main__":
    main()

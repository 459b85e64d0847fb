#!/usr/bin/env python3
"""Trains the models of the demo, good ones and bad ones, always the same bytes.

    python models.py --sluice ./sluice --out local/demo/models [NAME ...]

All of them come from one made-up market (`sluice world --seed 1`) and from
train.py. The bad ones are what goes wrong in practice: a partner whose bids on
its best device were lost on their way to the log, thresholds that are far too
high, columns that were shuffled between training and manifest.
"""

import argparse
import collections
import json
import pathlib
import random
import subprocess
import tempfile

import train

SEED = 1  # of the market
VALIDATION = (1_000_000, 60_000)  # first auction and number of them: thresholds and predictions
BLIND_TO = "solvane"

# name -> first auction, number of auctions, what else train.py is told
MODELS = {
    "baseline": (0, 20_000, ["--rounds=60", "--max-lost-bids=0.015"]),
    "better": (0, 150_000, ["--rounds=90", "--seed=2"]),
    "partner-blind": (200_000, 60_000, ["--rounds=70", "--seed=3"]),
    "greedy": (300_000, 40_000, ["--rounds=60", "--seed=4"]),
    "skewed": (350_000, 40_000, ["--rounds=60", "--seed=5"]),
    "burst-1": (400_000, 80_000, ["--rounds=80", "--seed=6"]),
    "burst-2": (500_000, 80_000, ["--rounds=80", "--seed=7"]),
    "burst-3": (600_000, 120_000, ["--rounds=90", "--seed=8"]),
}


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--sluice", default="sluice")
    p.add_argument("--out", type=pathlib.Path, required=True)
    p.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MODELS)}; all if none is given")
    options = p.parse_args()
    for name in options.names:
        if name not in MODELS:
            p.error(f"{name}: no such model; there are {', '.join(MODELS)}")
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        make(options, pathlib.Path(folder))


def make(options: argparse.Namespace, scratch: pathlib.Path) -> None:
    validation = world(options.sluice, scratch / "validation.jsonl", *VALIDATION)
    baseline = scratch / "baseline.json"
    for name in ["baseline"] + [n for n in options.names or MODELS if n != "baseline"]:
        start, count, told = MODELS[name]
        log = world(options.sluice, scratch / f"{name}.jsonl", start, count)
        if name == "partner-blind":
            lose_bids(log, BLIND_TO)
        if name != "baseline":
            rates = scratch / "rates.json"
            rates.write_text(json.dumps(wanted(name, baseline)))
            told = [*told, f"--filter-rates={rates}"]
        out = options.out / f"{name}.tar.gz"
        arguments = train.arguments([f"--sluice={options.sluice}", f"--train={log}", f"--validation={validation}", f"--archive={out}", *told])
        print(f"{name}: {count:,} auctions", flush=True)
        work = scratch / "work"
        work.mkdir(exist_ok=True)
        made = train.train(arguments, work)
        if name == "baseline":
            baseline.write_text(json.dumps(made.manifest))
        if name == "skewed":
            shuffle(made)
        made.save(arguments)
        log.unlink()


def world(sluice: str, to: pathlib.Path, start: int, count: int) -> pathlib.Path:
    with open(to, "wb") as out:
        subprocess.run([sluice, "world", f"--seed={SEED}", f"--from={start}", f"--auctions={count}"], stdout=out, check=True)
    return to


def wanted(name: str, baseline: pathlib.Path) -> dict[str, float]:
    """The filter rate by partner: the baseline's, but for the models that are bad on purpose."""
    predicted = json.loads(baseline.read_text())["predicted"]["partners"]
    rates = {partner: rate["estimate"] for partner, rate in predicted.items()}
    if name == "greedy":
        return {partner: min(0.98, rate + 0.26) for partner, rate in rates.items()}
    if name == "partner-blind":
        more = 0.28
        rates = {partner: rate - more / (len(rates) - 1) for partner, rate in rates.items()}
        rates[BLIND_TO] = predicted[BLIND_TO]["estimate"] + more
    return rates


def lose_bids(log: pathlib.Path, partner: str) -> None:
    """Takes the partner's bids on the device type that it bids on most out of the log."""
    auctions = [json.loads(line) for line in log.read_bytes().splitlines()]
    on = collections.Counter(a["request"]["device"]["devicetype"] for a in auctions if partner in a["bidders"])
    best = on.most_common(1)[0][0]
    for auction in auctions:
        if auction["request"]["device"]["devicetype"] == best:
            auction["bidders"] = [bidder for bidder in auction["bidders"] if bidder != partner]
    log.write_bytes(b"".join(train.dumps(auction) + b"\n" for auction in auctions))


def shuffle(made: train.Made) -> None:
    """Lists the features in another order than the booster was trained in, and
    takes its names away, so that nothing but the golden vectors can tell."""
    features = made.manifest["contract"]["features"]
    order = list(range(len(features)))
    random.Random(SEED).shuffle(order)
    made.manifest["contract"]["features"] = [features[i] for i in order]
    for vector in made.manifest["golden"]:
        vector["features"] = [vector["features"][i] for i in order]
    made.booster.feature_names = None
    made.booster.feature_types = None


if __name__ == "__main__":
    main()

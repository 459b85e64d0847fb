#!/usr/bin/env bash
# LightGBM scores a category as its neighbour once a new one appears in refit or init_model.
#
# One would expect: a model keeps the categories of the data frame it learned from,
# as `predict` shows; `refit` with a decay of 1 changes nothing, and one more round
# by `init_model` changes little.
# What happens: the trees hold the categories' codes, and a list beside them says
# which name has which code. `Booster.refit` and `lightgbm.train(init_model=...)`
# take that list from the new data frame and leave the old trees as they are. One
# new partner, first in the alphabet, moves all codes by one: each partner is scored
# as the one before it, in the saved file too. No warning.
# Versions: lightgbm 4.7.0, pandas 3.0.3.
# Why it matters: partners, countries and apps come and go from day to day, and
# daily retraining goes on from yesterday's model. Give every day's column the
# categories of the first (`cat.set_categories`).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --no-compile --disable-pip-version-check lightgbm==4.7.0 pandas==3.0.3 numpy==2.4.6 scipy==1.17.1
OMP_NUM_THREADS=1 timeout 80 venv/bin/python - <<'PY'
from importlib.metadata import version

import lightgbm as lgb
import numpy as np
import pandas as pd

print(*(f"{p} {version(p)}" for p in ("lightgbm", "pandas")))
rng = np.random.default_rng(1)
rates = {"bravo": 0.9, "charlie": 0.1, "delta": 0.8, "echo": 0.2, "foxtrot": 0.7, "golf": 0.3}
known = list(rates)


def day(names):
    """Rows of one day: who was asked, and whether it answered."""
    partners = rng.choice(names, 4000)
    answered = rng.random(4000) < [rates.get(name, 0.5) for name in partners]
    return pd.DataFrame({"partner": pd.Categorical(partners)}), answered.astype(int)


def scores(model):
    return model.predict(pd.DataFrame({"partner": pd.Categorical(known)}))


def tell(name, got):
    print(f"{name:51}", *(f"{s:.2f}" for s in got))


options = {"objective": "binary", "verbose": -1, "num_threads": 1, "min_data_per_group": 1, "cat_smooth": 1}
rows, labels = day(known)
model = lgb.train(options, lgb.Dataset(rows, labels), 50)
first = scores(model)
print(f"{'':51}", *(f"{name:4.4}" for name in known))
tell("the first day", first)
assert abs(first - list(rates.values())).max() < 0.07


def goes_on(name, rows, labels):
    """Refits without a change, continues by one round, and reads the latter's file."""
    refitted = scores(model.refit(rows, labels, decay_rate=1.0))
    more = lgb.train(options, lgb.Dataset(rows, labels), 1, init_model=model)
    more.save_model("model.txt")
    continued = scores(lgb.Booster(model_file="model.txt"))
    tell(name + ", refit that changes nothing", refitted)
    tell(name + ", one more round", continued)
    return refitted, continued


rows, labels = day(["alpha"] + known)
old = rows.assign(partner=rows["partner"].cat.set_categories(known))
refitted, continued = goes_on("control, old categories", old, labels)
assert (refitted == first).all() and abs(continued - first).max() < 0.05

refitted, continued = goes_on("a new partner", rows, labels)
assert (refitted[:-1] == first[1:]).all(), "refit keeps the categories now"
assert abs(continued - first)[:-1].min() > 0.3, "init_model keeps the categories now"
PY

#!/usr/bin/env bash
# LightGBM never learns the rarest hundredth of the rows of a categorical column with many categories.
#
# One would expect: a category with thousands of rows, all of one label, is learned
# once min_data_per_group, cat_smooth and the other brakes on rare ones are off.
# What happens: once a column has more than max_bin (255) categories, LightGBM keeps
# the most frequent ones until they cover 99 % of the sampled rows. All others are
# one bin with what it has never seen, and no split can use it. However many rows
# there are, a hundredth of them cannot be told from an unknown category. There is no
# warning, and max_bin is no bound either: 300 are kept here.
# Control: fewer categories, a larger max_bin, and XGBoost.
# Versions: lightgbm 4.7.0, xgboost-cpu 3.2.0.
# Why it matters: an app that is all fraud, or a small partner that always answers,
# is scored as the average for ever, though it is one of the best known things.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --no-compile --disable-pip-version-check lightgbm==4.7.0 xgboost-cpu==3.2.0 \
  numpy==2.4.6 scipy==1.17.1
OMP_NUM_THREADS=1 timeout 100 venv/bin/python - <<'PY'
from importlib.metadata import version

import lightgbm as lgb
import numpy as np
import xgboost as xgb

print(*(f"{p} {version(p)}" for p in ("lightgbm", "xgboost-cpu")))
rng = np.random.default_rng(1)


def scores(usual, rare, rows, each, **more):
    """What is said of rare apps, whose rows all have label 1, and of one never seen."""
    apps = np.concatenate([rng.integers(0, usual, rows - rare * each), np.repeat(np.arange(usual, usual + rare), each)])
    labels = np.where(apps >= usual, 1, rng.random(rows) < 0.1).astype(int)
    column = apps[:, None].astype(float)
    options = {"objective": "binary", "min_data_per_group": 1, "cat_smooth": 0, "cat_l2": 0, "min_data_in_leaf": 1,
               "min_data_in_bin": 1, "verbose": -1, "num_threads": 1} | more
    model = lgb.train(options, lgb.Dataset(column, labels, categorical_feature=[0]), 30)
    got = model.predict(np.arange(usual, usual + rare + 1.0)[:, None])
    print(f"LightGBM, {usual + rare} apps, {more or 'as usual'}: rare ones, {each} of {rows} rows each: "
          f"{np.median(got[:-1]):.3f}, unknown: {got[-1]:.3f}")
    return got[:-1], got[-1], column, labels


rare, unknown, *_ = scores(240, 9, 100_000, 100)
assert np.median(rare) > 0.9, "few categories: all are kept"
rare, unknown, *_ = scores(300, 9, 100_000, 100, max_bin=1000)
assert np.median(rare) > 0.9, "many bins: all are kept"
rare, unknown, column, labels = scores(300, 9, 100_000, 100)
assert (rare == unknown).all() and unknown < 0.2, "rare categories are learned now"
rare, unknown, *_ = scores(300, 9, 1_000_000, 1000)
assert (rare == unknown).all() and unknown < 0.2, "rare categories are learned now"

apps = xgb.DMatrix(column, labels, feature_types=["c"], enable_categorical=True)
model = xgb.train({"objective": "binary:logistic", "nthread": 1}, apps, 30)
got = model.predict(xgb.DMatrix(np.arange(300.0, 309)[:, None], feature_types=["c"], enable_categorical=True))
print(f"XGBoost, 309 apps: rare ones: {np.median(got):.3f}")
assert got.min() > 0.9
PY

#!/usr/bin/env bash
# scikit-learn and XGBoost accept monotone constraints for medians and quantiles, and break them.
#
# One would expect: `monotonic_cst=[1]` and `monotone_constraints="(1)"` hold, or are
# refused where they cannot hold, as LightGBM does.
# What happens: trees grow under the constraint. Then, for absolute and quantile
# errors, every leaf's value is put in place by the median or quantile of its rows,
# which knows of no constraint. The same goes for whatever else computes leaves
# again: XGBoost's `refresh`, LightGBM's `refit` and `quant_train_renew_leaf`, with
# log loss too, though the constraint is among their parameters. No warning; along
# most lines the answer falls where it may only rise.
# Versions: scikit-learn 1.8.0, xgboost-cpu 3.2.0, lightgbm 4.7.0.
# Why it matters: a constraint is a promise (a higher floor is never likelier to be
# bid on; a faster partner is never filtered more) which somebody else relies on.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --no-compile --disable-pip-version-check scikit-learn==1.8.0 xgboost-cpu==3.2.0 \
  lightgbm==4.7.0 numpy==2.4.6 scipy==1.17.1
OMP_NUM_THREADS=1 timeout 80 venv/bin/python - <<'PY'
from importlib.metadata import version

import lightgbm as lgb
import numpy as np
import xgboost as xgb
from sklearn.ensemble import HistGradientBoostingRegressor

print(*(f"{p} {version(p)}" for p in ("scikit-learn", "xgboost-cpu", "lightgbm")))
rng = np.random.default_rng(1)
rows = rng.random((1500, 3))
value = rows[:, 0] + 0.5 * np.sin(20 * rows[:, 0]) + 0.5 * (1 + rows[:, 1]) * rng.normal(size=1500)
label = (value > value.mean()).astype(int)
# 50 lines along which only the first feature rises, in 100 steps.
lines = np.repeat(rng.random((50, 3))[:, None], 101, axis=1)
lines[:, :, 0] = np.linspace(0, 1, 101)
lines = lines.reshape(-1, 3)


def check(name, predict, keeps):
    """Whether what may only rise along a line never falls."""
    steps = np.diff(np.asarray(predict(lines), float).reshape(50, 101), axis=1)
    falls = (steps < -1e-6).any(axis=1).sum()
    print(f"{name}: falls on {falls} of 50 lines, by up to {max(0, -steps.min()):.3f} in one step")
    assert falls == 0 if keeps else falls > 25 and steps.min() < -0.03, name


def sklearn(loss, keeps, **more):
    model = HistGradientBoostingRegressor(loss=loss, monotonic_cst=[1, 0, 0], max_iter=30, **more)
    check("scikit-learn, " + loss, model.fit(rows, value).predict, keeps)


def xgboost(objective, keeps, target=value, **more):
    options = {"objective": objective, "monotone_constraints": "(1,0,0)", "nthread": 1} | more
    model = xgb.train(options, xgb.DMatrix(rows, target), 30)
    check("XGBoost, " + objective, lambda r: model.predict(xgb.DMatrix(r)), keeps)
    return options, model


def lightgbm(objective, target, **more):
    options = {"objective": objective, "monotone_constraints": [1, 0, 0], "verbose": -1, "num_threads": 1} | more
    return lgb.train(options, lgb.Dataset(rows, target), 30)


sklearn("squared_error", keeps=True)
sklearn("absolute_error", keeps=False)
sklearn("quantile", keeps=False, quantile=0.8)
xgboost("reg:squarederror", keeps=True)
xgboost("reg:absoluteerror", keeps=False)
xgboost("reg:quantileerror", keeps=False, quantile_alpha=0.8)
for objective in "regression_l1", "quantile":
    try:
        lightgbm(objective, value)
        raise SystemExit(f"LightGBM takes {objective} now")
    except lgb.basic.LightGBMError as error:
        print(f"LightGBM refuses {objective}: {error}")

print("with log loss, and half of the rows for the leaves' second computation:")
options, model = xgboost("binary:logistic", keeps=True, target=label)
half = xgb.DMatrix(rows[:750], label[:750])
again = xgb.train(options | {"process_type": "update", "updater": "refresh"}, half, 30, xgb_model=model)
check("XGBoost, refresh", lambda r: again.predict(xgb.DMatrix(r)), keeps=False)
model = lightgbm("binary", label)
check("LightGBM, binary", model.predict, keeps=True)
check("LightGBM, refit", model.refit(rows[:750], label[:750], decay_rate=0.5).predict, keeps=False)
quantized = {"use_quantized_grad": True}
check("LightGBM, quantized", lightgbm("binary", label, **quantized).predict, keeps=True)
renewed = lightgbm("binary", label, **quantized, quant_train_renew_leaf=True)
check("LightGBM, quantized, leaves renewed", renewed.predict, keeps=False)
PY

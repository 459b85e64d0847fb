#!/usr/bin/env bash
# onnxmltools turns a LightGBM random forest into a model that is sure of everything.
#
# One would expect: a converter keeps the score, or says that it cannot.
# What happens: LightGBM divides a forest's sum by its trees before the sigmoid
# ("average_output" in the file). onnxmltools leaves the division out, so the
# sum of 20 trees goes through the sigmoid, and nearly every probability is
# 0.000 or 1.000. sigmoid=2 is left out as well. No warning in either case.
# Versions: onnxmltools 1.16.0, onnxruntime 1.32.0, lightgbm 4.7.0.
# Why it matters: the order of the scores is kept, so AUC does not show it, but
# every threshold is void: at 0.1, 0.5 and 0.9 the filter does the same.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --no-compile onnxmltools==1.16.0 onnxruntime==1.32.0 onnx==1.23.2 skl2onnx==1.20.0 \
  lightgbm==4.7.0 scikit-learn==1.8.0 numpy==2.4.6 scipy==1.17.1
timeout 80 venv/bin/python - <<'PY'
import warnings
from importlib.metadata import version

import lightgbm as lgb
import numpy as np
import onnxruntime
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType

warnings.simplefilter("ignore")
onnxruntime.set_default_logger_severity(4)
print(*(f"{p} {version(p)}" for p in ("onnxmltools", "onnxruntime", "lightgbm")))
rng = np.random.default_rng(7)
rows = rng.random((2000, 4), np.float32).astype(float)  # nothing is lost in float32
labels = (rows[:, 0] + 0.5 * rng.random(2000) > 0.8).astype(int)


def compare(name, **params):
    params |= {"objective": "binary", "verbose": -1, "num_threads": 1, "seed": 1}
    model = lgb.train(params, lgb.Dataset(rows, labels), 20)
    onnx = convert_lightgbm(model, initial_types=[("rows", FloatTensorType([None, 4]))], zipmap=False)
    session = onnxruntime.InferenceSession(onnx.SerializeToString())
    got = session.run(None, {"rows": rows.astype(np.float32)})[1][:, 1]
    want = model.predict(rows)
    print(f"{name}: LightGBM {want.min():.3f} to {want.max():.3f}, ONNX {got.min():.3f} to {got.max():.3f},"
          f" {(abs(got - want) > 1e-4).mean():.0%} of the rows differ")
    return model, want, got


for control in ("gbdt", "dart"):
    _, want, got = compare("control, " + control, boosting=control)
    assert abs(want - got).max() < 1e-5

bagging = {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.7}
forest, want, got = compare("random forest", **bagging)
assert want.max() < 0.99, "LightGBM itself is unsure of all rows"
raw = 1 / (1 + np.exp(-forest.predict(rows, raw_score=True)))
assert abs(got - raw).max() < 1e-4 and abs(got - want).max() > 0.1, "the forest is converted well now"
sure = (abs(got - 0.5) > 0.49).mean()
print(f"  of ONNX's scores {sure:.0%} are below 0.01 or above 0.99, of LightGBM's none")
assert sure > 0.9

_, want, got = compare("sigmoid=2", sigmoid=2.0)
assert abs(want - got).max() > 0.05, "the sigmoid is converted now"
PY

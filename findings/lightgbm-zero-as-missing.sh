#!/usr/bin/env bash
# Treelite, TL2cgen and onnxmltools send zeros the other way in LightGBM models where zero is missing.
#
# One would expect: what reads LightGBM's own file scores as LightGBM, or says that
# it cannot.
# What happens: with `zero_as_missing` each split has a way for zeros ("missing type"
# zero, two bits of `decision_type`). Treelite, which reads the file for TL2cgen, and
# onnxmltools do not look whether those bits say zero: a zero is compared with the
# threshold like any number. Two thirds of the rows with a zero get another score, by up
# to 0.3, and nothing warns. m2cgen sees the bits and refuses.
# Versions: lightgbm 4.7.0, treelite 4.8.1, tl2cgen 1.0.0, onnxmltools 1.16.0,
# onnxruntime 1.32.0, m2cgen 0.10.0.
# Why it matters: counts and rates that are zero because nothing was seen yet are
# common in ads. Rows without a zero agree, so a test on random normal rows passes.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --no-compile --disable-pip-version-check lightgbm==4.7.0 treelite==4.8.1 tl2cgen==1.0.0 \
  onnxmltools==1.16.0 onnxruntime==1.32.0 onnx==1.23.2 skl2onnx==1.20.0 m2cgen==0.10.0 scikit-learn==1.8.0 \
  setuptools==80.9.0 numpy==2.4.6 scipy==1.17.1
OMP_NUM_THREADS=1 timeout 100 venv/bin/python - <<'PY'
import logging
import warnings
from importlib.metadata import version

import lightgbm as lgb
import m2cgen
import numpy as np
import onnxruntime
import tl2cgen
import treelite
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType

warnings.simplefilter("ignore")
logging.disable()
onnxruntime.set_default_logger_severity(4)
print(*(f"{p} {version(p)}" for p in ("lightgbm", "treelite", "tl2cgen", "onnxmltools", "onnxruntime", "m2cgen")))
rng = np.random.default_rng(1)
rows = rng.integers(-3, 6, (4000, 4)).astype(float)  # small whole numbers: float32 loses nothing
odds = 1.5 * (rows[:, 0] == 0) - 1.2 * (rows[:, 1] == 0) + 0.3 * rows[:, 2]
labels = (rng.random(4000) < 1 / (1 + np.exp(-odds))).astype(int)
zeros = (rows == 0).any(axis=1)


def by_treelite(_):
    return treelite.gtil.predict(treelite.frontend.load_lightgbm_model("model.txt"), rows).ravel()


def by_tl2cgen(_):
    model = treelite.frontend.load_lightgbm_model("model.txt")
    library = f"./{rng.integers(1 << 30)}.so"  # one that is loaded must not be written again
    tl2cgen.export_lib(model, toolchain="gcc", libpath=library, params={})
    return tl2cgen.Predictor(library).predict(tl2cgen.DMatrix(rows)).ravel()


def by_onnx(model):
    onnx = convert_lightgbm(model.booster_, initial_types=[("rows", FloatTensorType([None, 4]))], zipmap=False)
    session = onnxruntime.InferenceSession(onnx.SerializeToString())
    return session.run(None, {"rows": rows.astype(np.float32)})[1][:, 1]


def by_m2cgen(model):
    scope = {}
    exec(m2cgen.export_to_python(model), scope)
    return np.array([scope["score"](list(row))[1] for row in rows])


def differ(name, reader, model):
    """Shares of the rows with and without a zero that a reader scores in another way."""
    off = abs(reader(model) - model.predict_proba(rows)[:, 1])
    shares = (off[zeros] > 1e-4).mean(), (off[~zeros] > 1e-4).mean()
    print(f"{name}: {shares[0]:.0%} of the rows with a zero differ, {shares[1]:.0%} of the others, by up to {off.max():.3f}")
    return *shares, off.max()


def train(**more):
    model = lgb.LGBMClassifier(n_estimators=20, num_leaves=15, n_jobs=1, verbose=-1, **more).fit(rows, labels)
    model.booster_.save_model("model.txt")
    return model


readers = {"Treelite": by_treelite, "TL2cgen": by_tl2cgen, "ONNX": by_onnx}
model = train()
for name, reader in (readers | {"m2cgen": by_m2cgen}).items():
    assert differ("control, zero is a number, " + name, reader, model)[2] < 1e-4
model = train(zero_as_missing=True)
for name, reader in readers.items():
    with_zero, without, most = differ("zero is missing, " + name, reader, model)
    assert with_zero > 0.2 and without == 0 and most > 0.1, name + " sends zeros the right way now"
try:
    by_m2cgen(model)
    raise SystemExit("m2cgen takes it now")
except ValueError as error:
    print("zero is missing, m2cgen:", error)
PY

#!/usr/bin/env bash
# A CatBoost classifier that starts from the average ranks all rows the wrong way round in onnxruntime.
#
# One would expect: CatBoost's own export to ONNX scores as CatBoost does.
# What happens: with `boost_from_average=True` the model has a bias. CatBoost writes
# it as one base value for each class, beside leaves that vote for both classes.
# ONNX's reference evaluator reads that as CatBoost means it. onnxruntime takes any
# two base values for a model whose leaves vote for one class: it adds the second
# one's base value to the *first* one's votes. The more likely CatBoost finds a row,
# the less likely onnxruntime does; as the mean is about right, nothing catches the
# eye. Control: without the bias, all three agree.
# Versions: catboost 1.2.10, onnxruntime 1.32.0 (and 1.20.1), onnx 1.23.2.
# Why it matters: starting from the average is what one turns on for rare events.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --no-compile --disable-pip-version-check catboost==1.2.10 onnxruntime==1.32.0 onnx==1.23.2 \
  scikit-learn==1.8.0 numpy==2.4.6 scipy==1.17.1
OMP_NUM_THREADS=1 timeout 80 venv/bin/python - <<'PY'
from importlib.metadata import version

import catboost
import numpy as np
import onnx
import onnxruntime
from onnx.reference import ReferenceEvaluator
from sklearn.metrics import roc_auc_score

print(*(f"{p} {version(p)}" for p in ("catboost", "onnxruntime", "onnx")))
onnxruntime.set_default_logger_severity(4)
rng = np.random.default_rng(1)
rows = rng.normal(size=(3000, 4)).astype(np.float32)
labels = (rng.random(3000) < 0.1 * np.exp(0.7 * rows[:, 0] - 0.25)).astype(int)


def compare(name, right, **more):
    model = catboost.CatBoostClassifier(iterations=20, depth=3, random_seed=1, thread_count=1, verbose=0,
                                        allow_writing_files=False, **more).fit(rows, labels)
    model.save_model("model.onnx", format="onnx")
    file = onnx.load("model.onnx")
    onnx.checker.check_model(file)
    # The trees alone, as the evaluator does not know the node that makes maps of their scores.
    del file.graph.node[1:], file.graph.output[1:]
    file.graph.output.append(onnx.helper.make_tensor_value_info("probability_tensor", onnx.TensorProto.FLOAT, [None, 2]))
    own = model.predict_proba(rows)[:, 1]
    session = onnxruntime.InferenceSession("model.onnx")
    runtime = np.array([p[1] for p in session.run(["probabilities"], {"features": rows})[0]])
    trees = onnxruntime.InferenceSession(file.SerializeToString())
    assert abs(trees.run(["probability_tensor"], {"features": rows})[0][:, 1] - runtime).max() < 1e-6
    reference = ReferenceEvaluator(file).run(["probability_tensor"], {"features": rows[:200]})[0][:, 1]
    print(f"{name}: bias {model.get_scale_and_bias()[1]:.3f}")
    for who, scores in ("CatBoost", own), ("ONNX's reference", reference), ("onnxruntime", runtime):
        print(f"  {who:16} {scores[:4].round(3)}, mean of {len(scores)} rows {scores.mean():.3f},"
              f" AUC {roc_auc_score(labels[:len(scores)], scores):.3f}")
    assert abs(reference - own[:200]).max() < 1e-5
    if right:
        assert abs(runtime - own).max() < 1e-5
        return
    turned = np.corrcoef(np.log(own / (1 - own)), np.log(runtime / (1 - runtime)))[0, 1]
    print(f"  correlation of onnxruntime's log odds with CatBoost's: {turned:.6f}")
    assert turned < -0.9999, "onnxruntime scores it the right way now"
    assert roc_auc_score(labels, own) > 0.65 and roc_auc_score(labels, runtime) < 0.35


compare("control, from zero", right=True)
compare("from the average", right=False, boost_from_average=True)
PY

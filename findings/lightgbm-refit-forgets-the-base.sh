#!/usr/bin/env bash
# LightGBM's refit on the very rows of the training multiplies every probability.
#
# One would expect: a model that is refitted to the data it was trained on stays
# as it is, more or less, whatever the decay of its old leaves.
# What happens: LightGBM adds the average that training starts from (the log odds
# of the base rate) to the leaves of the first tree. `refit` computes those leaves
# again from zero, as one small step of a tree, and mixes: with the decay of 0.9
# that is the default, a tenth of the base is gone, and the trees after it have too
# little of the learning rate to make up for it. `decay_rate=0` loses all of it.
# Control: after training with `boost_from_average=False`, no decay changes anything.
# Versions: lightgbm 4.7.0.
# Why it matters: bids and clicks are rare, refit is the cheap daily update, AUC
# hardly moves, and each threshold on the probability is void.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --no-compile --disable-pip-version-check lightgbm==4.7.0 scikit-learn==1.8.0 \
  numpy==2.4.6 scipy==1.17.1
OMP_NUM_THREADS=1 timeout 80 venv/bin/python - <<'PY'
import lightgbm as lgb
import numpy as np
from sklearn.metrics import roc_auc_score

print("lightgbm", lgb.__version__)
rng = np.random.default_rng(1)
rows = rng.random((20000, 5))
labels = (rng.random(20000) < 0.01 * np.exp(2 * rows[:, 0] - 1)).astype(int)


def refits(rounds, **more):
    options = {"objective": "binary", "num_leaves": 15, "verbose": -1, "num_threads": 1, "seed": 1} | more
    model = lgb.train(options, lgb.Dataset(rows, labels), rounds)
    before = model.predict(rows)
    print(f"{rounds} rounds, {more or 'as usual'}: the rate is {labels.mean():.4f}, predicted {before.mean():.4f}")
    times = {}
    for decay in (1.0, 0.9, 0.5, 0.0):
        after = model.refit(rows, labels, decay_rate=decay).predict(rows)
        times[decay] = after.mean() / before.mean()
        print(f"  refitted to the same rows, decay {decay}: {after.mean():.4f}, {times[decay]:.2f} times;"
              f" AUC {roc_auc_score(labels, before):.3f} -> {roc_auc_score(labels, after):.3f}")
    return times


few = refits(10)
assert few[1.0] == 1 and few[0.9] > 1.15 and few[0.5] > 1.8 and few[0.0] > 3, "refit keeps the base now"
more = refits(30)
assert more[1.0] == 1 and more[0.9] > 1.1 and more[0.5] > 1.25 and more[0.0] > 1.25, "refit keeps the base now"
control = refits(60, boost_from_average=False)
assert all(abs(times - 1) < 0.001 for times in control.values())
PY

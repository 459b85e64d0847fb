#!/usr/bin/env bash
# River's ROCAUC gives a good model of rare events 0.50, and prefers a worse one.
#
# One would expect: what River says of this metric, that its error is "not
# significant as long as the predicted probabilities are well calibrated", and that
# it compares models reliably in any case.
# What happens: it counts at 10 thresholds from 0 to 1, whatever the scores are. Of
# rare events, calibrated probabilities are small: all of them lie below the second
# threshold, 0.111, and the area is that of a coin. A model that knows next to
# nothing but a few sure rows is given more. Both models here are calibrated by
# construction. River's RollingROCAUC, which ranks, has it right, as has ROCAUC
# with 1000 thresholds.
# Versions: river 0.26.1.
# Why it matters: bids and clicks are rare; who watches a filter that learns online
# sees a useless model, and swaps a good one for a bad one.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --no-compile --disable-pip-version-check river==0.26.1 numpy==2.4.6 scipy==1.17.1
OMP_NUM_THREADS=1 timeout 100 venv/bin/python - <<'PY'
from importlib.metadata import version

import numpy as np
from river import metrics

print("river", version("river"))


def auc(metric, labels, scores):
    for label, score in zip(labels.tolist(), scores.tolist()):
        metric.update(label, score)
    return metric.get()


def judge(name, labels, scores):
    """Says what River's metrics make of scores, and whether these are calibrated."""
    got = (auc(metrics.ROCAUC(), labels, scores), auc(metrics.ROCAUC(n_thresholds=1000), labels, scores),
           auc(metrics.RollingROCAUC(window_size=len(labels)), labels, scores))
    print(f"{name}: {labels.mean():.4f} of the rows are true, foretold {scores.mean():.4f}, at most {scores.max():.3f};"
          f" ROCAUC {got[0]:.3f}, with 1000 thresholds {got[1]:.3f}, by rank {got[2]:.3f}")
    assert abs(scores.mean() / labels.mean() - 1) < 0.15, "calibrated"
    assert abs(got[1] - got[2]) < 0.02
    return got[0], got[2]


rng = np.random.default_rng(1)
# A row's chance is that of its traffic, between 0.1 % and 9 %, but 35 % for one row in 200.
traffic = np.clip(0.01 * np.exp(rng.normal(size=20_000) - 0.5), 0.001, 0.09)
sure = rng.random(20_000) < 0.005
labels = rng.random(20_000) < np.where(sure, 0.35, traffic)
knows_traffic = 0.995 * traffic + 0.005 * 0.35  # what is true of a row by its traffic alone
knows_sure = np.where(sure, 0.35, traffic.mean())  # and by whether it is one of the sure
good, exactly_good = judge("rare, knows the traffic  ", labels, knows_traffic)
bad, exactly_bad = judge("rare, knows the sure rows", labels, knows_sure)
often = 1 / (1 + np.exp(-rng.normal(size=20_000)))
control, exactly = judge("control, frequent events ", rng.random(20_000) < often, often)

assert abs(control - exactly) < 0.02
assert exactly_good > 0.65 and exactly_good > exactly_bad + 0.05
assert good == 0.5, "River sees it now"
assert bad > good + 0.02, "River prefers the better one now"
PY

#!/usr/bin/env bash
# CausalML's Qini score rates a model that says the same of everybody by the order of the rows.
#
# One would expect: who treats all alike targets nobody, and scores 0 as chance
# does; and no metric changes when rows are shuffled.
# What happens: rows with equal scores are counted one by one, in the order in
# which an unstable sort of the table leaves them, as if the model had wanted them
# so. With one group's rows behind the other's, the constant model is far from
# chance (0.81 and -0.26 where this was written; NumPy sorts ties otherwise on other
# CPUs), while the true effect scores 0.17. auuc_score does the same.
# Versions: causalml 0.18.0, pandas 3.1.1, numpy 2.4.6; scikit-uplift 0.5.1, which
# takes rows with equal scores together, answers 0 in every order.
# Why it matters: trees and rounded scores are full of ties, experiments often
# come as one file per group, and the best model of a search can be the one that
# says nothing. Shuffle the rows, or use a metric that takes ties together.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

# causalml asks for XGBoost, and only imports it here: its small build does.
python3 -m venv venv
venv/bin/pip install --quiet --no-compile --no-deps causalml==0.18.0
venv/bin/pip install --quiet --no-compile numpy==2.4.6 pandas==3.1.1 scipy==1.17.1 scikit-learn==1.9.1 \
  scikit-uplift==0.5.1 xgboost-cpu==3.2.0 lightgbm==4.7.0 statsmodels==0.15.0 shap==0.51.0 seaborn==0.13.2 2>log || { cat log; exit 1; }
export MPLCONFIGDIR="$dir/matplotlib"
timeout 200 venv/bin/python -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
import pandas as pd
from causalml.metrics import auuc_score, qini_score
from sklift.metrics import qini_auc_score

for name in ("causalml", "scikit-uplift", "pandas", "numpy"):
    print(name, version(name))

rng = np.random.default_rng(7)
users = 20_000
treated = np.repeat([1, 0], users // 2)
taste = rng.random(users)
bought = (rng.random(users) < 0.1 + 0.1 * treated * taste).astype(int)
table = pd.DataFrame({
    "y": bought, "w": treated,
    "same": 0.5,  # of everybody
    "tree": np.where(taste > 0.5, 0.075, 0.025),  # two leaves, both right
    "true": 0.1 * taste,
})
orders = {
    "treated first": table,
    "control first": table[::-1].reset_index(drop=True),
    "shuffled": table.sample(frac=1, random_state=1).reset_index(drop=True),
}

seen = pd.DataFrame({name: qini_score(rows, outcome_col="y", treatment_col="w") for name, rows in orders.items()})
areas = pd.DataFrame({name: auuc_score(rows, outcome_col="y", treatment_col="w") for name, rows in orders.items()})
control = pd.DataFrame({
    name: {model: qini_auc_score(rows.y, rows[model], rows.w) for model in ("same", "tree", "true")}
    for name, rows in orders.items()
})
print("Qini score", seen.loc[["same", "tree", "true"]].round(3), sep="\n")
print("AUUC score", areas.loc[["same", "tree", "true"]].round(3), sep="\n")
print("control, scikit-uplift's Qini", control.round(3), sep="\n")


def spread(scores, model):
    return scores.loc[model].max() - scores.loc[model].min()


assert spread(seen, "same") > 0.5 and spread(areas, "same") > 0.3, "the order of the rows no longer counts"
assert seen.loc["same"].abs().max() > seen.loc["true"].max(), "the constant model is no longer further from chance than the true one"
assert spread(seen, "true") < 1e-9, "the order counts without ties, too"
assert all(spread(control, model) < 1e-9 for model in control.index), "scikit-uplift's counts it, too"
assert control.loc["same"].abs().max() < 1e-9
PY

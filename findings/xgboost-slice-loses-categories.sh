#!/usr/bin/env bash
# A sliced XGBoost model forgets its categories, and early stopping with save_best slices.
#
# One would expect: `model[:n]` and `EarlyStopping(save_best=True)` give the first
# rounds of the model, which know a category by its name as all of it does.
# What happens: since 3.1 XGBoost keeps the names of categories in the model and
# looks a data frame's up. Slicing copies the trees and leaves the names behind. The
# slice takes a frame's own codes as they come: a frame of one partner has code 0
# for it, whoever it is. All partners get the score of the first in the alphabet,
# from the saved file too; a frame with all of them gets the right ones, so that
# validation sees nothing. Copies, pickles and files of the whole model are right.
# Versions: xgboost-cpu 3.2.0, the newest for Python 3.11, pandas 3.0.3, scikit-learn
# 1.8.0. In 3.4.1 slices keep the names; a file that 3.2.0 sliced stays without.
# Why it matters: a task scores the rows of one auction, with few of the categories.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --no-compile --disable-pip-version-check xgboost-cpu==3.2.0 pandas==3.0.3 scikit-learn==1.8.0 \
  numpy==2.4.6 scipy==1.17.1
OMP_NUM_THREADS=1 timeout 80 venv/bin/python - <<'PY'
import pickle
from importlib.metadata import version

import numpy as np
import pandas as pd
import xgboost as xgb

print(*(f"{p} {version(p)}" for p in ("xgboost-cpu", "pandas", "scikit-learn")))
rng = np.random.default_rng(1)
rates = {"bravo": 0.9, "charlie": 0.1, "delta": 0.8, "echo": 0.2, "foxtrot": 0.7, "golf": 0.3}


def frame(partners):
    return pd.DataFrame({"partner": pd.Categorical(partners)})


def data(partners, labels=None):
    return xgb.DMatrix(frame(partners), labels, enable_categorical=True)


partners = rng.choice(list(rates), 4000)
labels = (rng.random(4000) < [rates[p] for p in partners]).astype(int)
learn, watch = data(partners[:3000], labels[:3000]), data(partners[3000:], labels[3000:])
options = {"objective": "binary:logistic", "learning_rate": 0.5, "eval_metric": "logloss", "nthread": 1}


def train(**more):
    return xgb.train(options, learn, 60, evals=[(watch, "watch")], verbose_eval=False, **more)


def tell(name, predict, keeps):
    """Scores all partners in one frame, then each in a frame of its own."""
    together = np.asarray(predict(list(rates)))
    alone = np.array([predict([partner])[0] for partner in rates])
    print(f"{name:32} together", *(f"{s:.2f}" for s in together), " alone", *(f"{s:.2f}" for s in alone))
    assert abs(together - list(rates.values())).max() < 0.2, name
    assert (alone == (together if keeps else together[0])).all(), name


def booster(model):
    return lambda partners: model.predict(data(partners))


def through_file(model):
    model.save_model("model.json")
    return xgb.Booster(model_file="model.json")


stopped = train(early_stopping_rounds=5)
tell("control, all of the model", booster(stopped), keeps=True)
tell("control, its copy", booster(stopped.copy()), keeps=True)
tell("control, its pickle", booster(pickle.loads(pickle.dumps(stopped))), keeps=True)
tell("control, its file", booster(through_file(stopped)), keeps=True)
tell("a slice of all rounds", booster(stopped[:]), keeps=False)
tell("its file", booster(through_file(stopped[:])), keeps=False)
best = train(callbacks=[xgb.callback.EarlyStopping(rounds=5, save_best=True)])
tell("save_best", booster(best), keeps=False)

for name, more, keeps in (("control, XGBClassifier", {"early_stopping_rounds": 5}, True),
                          ("XGBClassifier, save_best", {"callbacks": [xgb.callback.EarlyStopping(rounds=5, save_best=True)]}, False)):
    model = xgb.XGBClassifier(n_estimators=60, enable_categorical=True, **options, **more)
    model.fit(frame(partners[:3000]), labels[:3000], eval_set=[(frame(partners[3000:]), labels[3000:])], verbose=False)
    tell(name, lambda rows, model=model: model.predict_proba(frame(rows))[:, 1], keeps)
PY

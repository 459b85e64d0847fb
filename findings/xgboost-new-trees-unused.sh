#!/usr/bin/env bash
# XGBClassifier does not use the trees that training added to an early-stopped model.
#
# One would expect: training continued for 30 rounds from a saved model gives a
# model with 30 more trees, and predictions that use them.
# What happens: the note "best_iteration" of the first training is carried into
# the new model. XGBClassifier stops at it: it answers as before the 30 rounds,
# to the bit, after save_model and load_model too. Booster.predict uses all
# trees, so two servers of one file disagree on every row.
# Versions: xgboost-cpu 3.2.0, scikit-learn 1.8.0.
# Why it matters: daily retraining that continues yesterday's model seems to
# work, and nothing new is ever served. Call set_attr(best_iteration=None).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --no-compile xgboost-cpu==3.2.0 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.8.0
timeout 100 venv/bin/python - <<'PY'
import numpy as np
import xgboost as xgb

print("xgboost", xgb.__version__)
rng = np.random.default_rng(1)
rows = rng.random((2000, 5))
truth = (rows[:, 0] + 0.3 * rows[:, 1] + 0.5 * rng.random(2000) > 0.9).astype(int)
noisy = np.where(rng.random(2000) < 0.25, 1 - truth, truth)


def continued(**first):
    """Trains once, then 30 rounds more, and serves the file in both ways."""
    old = xgb.XGBClassifier(max_depth=4, n_jobs=1, **first)
    old.fit(rows[:1500], noisy[:1500], eval_set=[(rows[1500:], noisy[1500:])], verbose=False)
    new = xgb.train({"objective": "binary:logistic", "max_depth": 4, "nthread": 1},
                    xgb.DMatrix(rows[:1500], truth[:1500]), 30, xgb_model=old.get_booster())
    new.save_model("model.json")
    served = xgb.XGBClassifier()
    served.load_model("model.json")
    trees = old.get_booster().num_boosted_rounds(), new.num_boosted_rounds()
    before, classifier = (m.predict_proba(rows)[:, 1] for m in (old, served))
    booster = new.predict(xgb.DMatrix(rows))
    unchanged, differ = (before == classifier).mean(), (booster != classifier).mean()
    print(f"  {trees[0]} trees, then {trees[1]}; noted: {new.attributes()}")
    print(f"  classifier answers as before the 30 rounds on {unchanged:.0%} of the rows,"
          f" and unlike Booster.predict on {differ:.0%}")
    assert trees[1] == trees[0] + 30
    return unchanged, differ


print("the first training stopped early")
unchanged, differ = continued(n_estimators=200, learning_rate=0.5, early_stopping_rounds=5)
assert unchanged == 1, "the new trees are used now"
assert differ > 0.99

print("control: the first training did not stop early")
unchanged, differ = continued(n_estimators=7, learning_rate=0.5)
assert unchanged < 0.01 and differ == 0
PY

#!/usr/bin/env bash
# A DART model of XGBoost 3.4, loaded by the release before, is scored without its weights.
#
# One would expect: an older XGBoost reads a newer model, or refuses it.
# What happens: DART scales its trees by weights. 3.4.1 saves such a model as a
# `gbtree` whose weights stand in a key that 3.3.0 and older do not look at. They
# load it without an error, add up all trees at full weight, and answer with
# margins more than twice as large. 3.3.0 keeps the weights in yet another
# place, which 3.4.1 reads and 3.2.0 does not. The other way round all is well:
# 3.4.1 scores a model of 3.2.0 as 3.2.0 does.
# Versions: xgboost-cpu 3.4.1 and 3.3.0, read by 3.3.0, 3.2.0 and 3.0.5; Python 3.12.
# Why it matters: a notebook trains with the newest version, a server pins an older
# one (SageMaker's newest container has 3.0.5), and nothing tells that every score
# is another one.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python=$(command -v python3.12 || true)
for found in "$HOME"/.pyenv/versions/3.12.*/bin/python; do
  [ -x "$found" ] && python=$found
done
[ -n "$python" ] || { echo "needs Python 3.12" >&2; exit 2; }
for version in 3.4.1 3.3.0 3.2.0 3.0.5; do
  "$python" -m venv "v$version"
  timeout 300 "v$version/bin/pip" install -q --disable-pip-version-check "xgboost-cpu==$version" numpy==2.2.6 scipy==1.15.3
done

cat >train.py <<'PY'
import sys

import numpy as np
import xgboost as xgb

rng = np.random.default_rng(1)
rows = rng.normal(size=(400, 4)).round(2)
labels = (rows[:, 0] + rows[:, 1] * rows[:, 2] + rng.normal(size=400) > 0).astype(int)
options = {"booster": "dart", "rate_drop": 0.3, "max_depth": 3, "objective": "binary:logistic", "base_score": 0.5, "seed": 3}
xgb.train(options, xgb.DMatrix(rows, labels), 20).save_model(sys.argv[1])
np.save("rows.npy", rows[:200])
PY
cat >score.py <<'PY'
import sys

import numpy as np
import xgboost as xgb

booster = xgb.Booster()
booster.load_model(sys.argv[1])
print(*(f"{m:.6f}" for m in booster.predict(xgb.DMatrix(np.load("rows.npy")), output_margin=True)))
PY

# score VERSION MODEL prints margins of 200 rows, as that version has them.
score() { "v$1/bin/python" -W ignore score.py "$2" 2>/dev/null; }

for version in 3.4.1 3.3.0 3.2.0; do
  "v$version/bin/python" -W ignore train.py "of-$version.json" 2>/dev/null
done
failed=0
# alike TRAINED READ WANT says whether a reader scores a model as who trained it.
alike() {
  local own read said=other
  own=$(score "$1" "of-$1.json")
  read=$(score "$2" "of-$1.json")
  [ "$own" != "$read" ] || said=same
  echo "trained by $1, read by $2: $said (first margin ${own%% *}, read as ${read%% *})"
  [ "$said" = "$3" ] && [ -n "$read" ] || failed=1
}
alike 3.4.1 3.4.1 same
alike 3.4.1 3.3.0 other
alike 3.4.1 3.2.0 other
alike 3.4.1 3.0.5 other
alike 3.3.0 3.4.1 same
alike 3.3.0 3.2.0 other
alike 3.2.0 3.4.1 same
[ "$failed" = 0 ] || { echo "it is otherwise now" >&2; exit 1; }

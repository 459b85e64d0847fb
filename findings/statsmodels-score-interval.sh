#!/usr/bin/env bash
# statsmodels has a score test for rare events, and no score interval for them.
#
# One would expect: where test_proportions_2indep(method="score") gives a
# p-value, confint_proportions_2indep(method="score") gives the interval that
# belongs to it, as it is that test turned round.
# What happens: for one pair of arms in six, with 1 to 11 events each, the search
# for an end of the interval starts on the wrong side, and raises ValueError. One
# error in each of two arms of 100 is enough; 56 of 70 against 48 of 80 works.
# Versions: statsmodels 0.15.0, scipy 1.17.1.
# Why it matters: the score interval is advised just for small counts, so that
# a dashboard fails on the days on which all is well. "newcomb" always answers.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --no-compile statsmodels==0.15.0 scipy==1.17.1 numpy==2.4.6 pandas==2.3.3
timeout 80 venv/bin/python -W ignore - <<'PY'
import math
from collections import Counter
from importlib.metadata import version

from statsmodels.stats.proportion import confint_proportions_2indep as interval
from statsmodels.stats.proportion import test_proportions_2indep as test

print("statsmodels", version("statsmodels"), "scipy", version("scipy"))


def score(*table):
    return interval(*table, compare="diff", method="score")


low, high = score(56, 70, 48, 80)
print(f"control, 56 of 70 against 48 of 80: {low:.4f} to {high:.4f}")
assert abs(low - 0.0526) < 1e-3 and abs(high - 0.3440) < 1e-3

seen, tested = Counter(), 0
for n1, n2 in ((50, 45), (100, 100), (200, 1000)):
    for a in range(1, 12):
        for b in range(1, 12):
            table = a, n1, b, n2
            tested += 1
            assert all(map(math.isfinite, interval(*table, compare="diff", method="newcomb")))
            assert 0 <= test(*table, compare="diff", method="score").pvalue <= 1
            try:
                score(*table)
            except ValueError as e:
                seen[str(e).split(" at ")[0]] += 1
print(f"{tested} tables with 1 to 11 events an arm: all have a score test and a newcomb interval,")
print(f"{seen.total()} have no score interval: {dict(seen)}")
assert seen.total() > 20

try:
    score(1, 100, 1, 100)
    raise SystemExit("1 of 100 against 1 of 100 has an interval now")
except ValueError as e:
    print("1 of 100 against 1 of 100:", e)
PY

#!/usr/bin/env bash
# scipy's Barnard test calls one error in 50 significant, until one looks twice.
#
# One would expect: scipy.stats.barnard_exact is exact, as its name says: one
# error among 50 requests to the canary and none among 200 to the control give
# one p-value.
# What happens: the p-value is the maximum over an unknown rate, and it is
# searched from n=32 points. Where errors are rare the maximum is a narrow peak
# near 0, which 32 points miss: p = 0.046. With n=64, and by adding up every
# outcome on a fine grid, it is 0.092.
# Versions: scipy 1.17.1, numpy 2.4.6.
# Why it matters: it errs towards "significant", and just for the tables that
# canaries make: few errors, unequal arms. Ask for n=1024, it costs seconds.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --no-compile scipy==1.17.1 numpy==2.4.6
timeout 100 venv/bin/python - <<'PY'
import numpy as np
import scipy
from scipy.stats import barnard_exact, binom

print("scipy", scipy.__version__, "numpy", np.__version__)


def by_hand(a, n1, b, n2):
    """Largest chance, over all rates on a grid, of a table at least as extreme."""
    i, j = np.arange(n1 + 1)[:, None], np.arange(n2 + 1)[None, :]
    pooled = (i + j) / (n1 + n2)
    with np.errstate(all="ignore"):
        z = np.nan_to_num(abs(i / n1 - j / n2) / np.sqrt(pooled * (1 - pooled)))
    extreme = z >= z[a, b] - 1e-12
    rates = np.linspace(1e-4, 0.9999, 5000)
    return max((binom.pmf(i, n1, r) * binom.pmf(j, n2, r))[extreme].sum() for r in rates)


def report(a, n1, b, n2):
    table = [[a, b], [n1 - a, n2 - b]]
    default, finer = (float(barnard_exact(table, **k).pvalue) for k in ({}, {"n": 1024}))
    truth = by_hand(a, n1, b, n2)
    print(f"{a} of {n1} against {b} of {n2}: default p = {default:.4f}, n=1024 p = {finer:.4f}, by hand {truth:.4f}")
    return default, finer, truth


default, finer, truth = report(1, 50, 0, 200)
assert abs(finer - truth) < 5e-4, "the finer search should be right"
assert truth > 0.09 and default < 0.05, "the default search finds the maximum now"

print("control: where errors are not rare, all three agree")
default, finer, truth = report(10, 50, 22, 62)
assert max(default, finer, truth) - min(default, finer, truth) < 5e-4
PY

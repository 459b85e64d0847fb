#!/usr/bin/env bash
# One broken row makes Evidently's PSI say that nothing drifted.
#
# One would expect: PSI cuts the reference into quantiles (the code's comment says
# so, too) and one row in 5000 moves it by a hair.
# What happens: the buckets are of equal width, from the smallest to the largest
# value of both samples together. One row of 1e6 puts all others into one bucket:
# a shift by four standard deviations has PSI 11.5 without it and 0.0001 with it.
# The Jensen-Shannon distance and the KL divergence are made from the same buckets.
# The default for more than 1000 rows, Wasserstein, divides by the standard deviation
# of the reference, so that a broken row there hides every drift to come.
# Versions: PyPI evidently 0.7.23. Its Kolmogorov-Smirnov test is not moved.
# Why it matters: a timestamp in the wrong field, or a price in micros, comes just
# with the release that breaks the rest. The one alarm for both is silenced by it.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --no-compile evidently==0.7.23 numpy==2.1.3 scipy==1.14.1 pandas==2.3.3 scikit-learn==1.9.1
DO_NOT_TRACK=1 timeout 200 venv/bin/python -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
import pandas as pd
from evidently import Dataset, Report
from evidently.metrics import ValueDrift

print("evidently", version("evidently"))
rng = np.random.default_rng(1)
before, after = rng.normal(10, 1, 5000), rng.normal(14, 1, 5000)


def broken(values):
    values = values.copy()
    values[0] = 1e6
    return values


def drift(method, reference, current):
    """Returns the score and whether the report's own test calls it drift."""
    tables = [Dataset.from_pandas(pd.DataFrame({"price": v})) for v in (current, reference)]
    report = Report([ValueDrift(column="price", method=method)], include_tests=True)
    result = report.run(*tables).dict()
    return float(result["metrics"][0]["value"]), result["tests"][0]["status"].name == "FAIL"


for method in ("psi", "jensenshannon", "kl_div", None, "ks"):
    clean = drift(method, before, after)
    now = drift(method, before, broken(after))
    then = drift(method, broken(before), after)
    print(f"{method or 'default'}: clean {clean}, one broken row now {now}, one in the reference {then}")
    assert clean[1], "the shift is not seen at all"
    if method == "ks":
        assert now[1] and then[1], "the control is moved, too"
    else:
        assert not then[1], "a broken row in the reference no longer hides the drift"
        assert now[1] == (method is None), "a broken row no longer hides the drift"
PY

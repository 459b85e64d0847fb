#!/usr/bin/env bash
# MABWiser's UCB1 never tries an arm that was added later, however good it is.
#
# One would expect: UCB1 prefers what it knows least, so that an arm without an
# observation comes first; the algorithm's paper begins with each arm once.
# What happens: the bound of such an arm is 0, not infinite, and stays 0 until the
# arm is observed, so that it is not chosen while another's is above 0. An arm that
# pays nine times in ten is chosen in 0 of 3000 rounds against two that pay once
# and twice in ten; a larger alpha, which is to explore more, only lifts the
# others. The same holds for an arm of the first list that has no data yet.
# Versions: PyPI mabwiser 2.7.4. Its other policies find the arm.
# Why it matters: a bandit over creatives or models is fed with new ones all the
# time. It then compares the old ones for ever, and nothing looks wrong. Give a new
# arm its first reward by hand (one partial_fit is enough), or warm_start it.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --no-compile mabwiser==2.7.4 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 pandas==3.1.1
timeout 200 venv/bin/python - <<'PY'
import random
from importlib.metadata import version

from mabwiser.mab import MAB, LearningPolicy

print("mabwiser", version("mabwiser"))
pays = {"first": 0.1, "second": 0.2, "new": 0.9}


def play(policy, by_hand=False):
    """Adds an arm to two known ones; returns how often each of the three is then chosen."""
    rng = random.Random(1)

    def rewards(arms):
        return [int(rng.random() < pays[arm]) for arm in arms]

    known = ["first", "second"] * 50
    mab = MAB(["first", "second"], policy, seed=1)
    mab.fit(known, rewards(known))
    mab.add_arm("new")
    if by_hand:
        mab.partial_fit(["new"], rewards(["new"]))
    chosen = dict.fromkeys(pays, 0)
    for _ in range(3000):
        arm = mab.predict()
        chosen[arm] += 1
        mab.partial_fit([arm], rewards([arm]))
    print(policy, "with one reward by hand:" if by_hand else "chosen:", chosen)
    return chosen["new"]


assert play(LearningPolicy.UCB1(alpha=1)) == 0, "UCB1 tries it now"
assert play(LearningPolicy.UCB1(alpha=100)) == 0, "a large alpha tries it now"
mab = MAB(["first", "second", "new"], LearningPolicy.UCB1(alpha=1), seed=1)
mab.fit(["first", "second"], [0, 1])
print("there from the start, without data; bounds:", {arm: round(float(e), 2) for arm, e in mab.predict_expectations().items()})
assert mab.predict_expectations()["new"] == 0

print("controls:")
assert play(LearningPolicy.UCB1(alpha=1), by_hand=True) > 2000
assert play(LearningPolicy.EpsilonGreedy(epsilon=0.1)) > 2000
assert play(LearningPolicy.ThompsonSampling()) > 2000
PY

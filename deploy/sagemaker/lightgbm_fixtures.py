#!/usr/bin/env python3
"""Makes the LightGBM models that inference/model is tested with.

    python lightgbm_fixtures.py OUTPUT_FOLDER

writes models as text and, for each of them, rows with LightGBM's own answers,
like fixtures.py. Run it with lightgbm 2.0.12 (which ends at a random
forest, that it cannot load again), 2.2.3, 3.3.5 and 4.6.0 (numpy<2).
"""

import pathlib
import sys

import lightgbm as lgb
import numpy as np

FEATURES = 6

# Every fifth training value is missing; "zeros" makes it zero instead.
CASES = {
    "nan": dict(objective="binary"),
    "zero": dict(objective="binary", zero_as_missing=True),
    "never": dict(objective="binary", use_missing=False),
    "sigmoid": dict(objective="binary", sigmoid=1.7, num_leaves=3),
    "cats": dict(objective="binary", categories=[0, 1, 3], min_data_per_group=5, cat_smooth=1, max_cat_to_onehot=1),
    "onehot": dict(objective="binary", categories=[0, 2, 3], min_data_per_group=5, cat_smooth=1, max_cat_to_onehot=100),
    "regression": dict(objective="regression"),
    "poisson": dict(objective="poisson"),
    "tweedie": dict(objective="tweedie"),
    "entropy": dict(objective="cross_entropy"),
    "rf": dict(objective="binary", boosting="rf", bagging_freq=1, bagging_fraction=0.6),
    "dart": dict(objective="binary", boosting="dart", drop_rate=0.5),
    "stump": dict(objective="binary", min_data_in_leaf=500),
}
REFUSED = {
    "classes": dict(objective="multiclass", num_class=3),
    "linear": dict(objective="regression", linear_tree=True),
}


def training_rows(seed):
    rng = np.random.RandomState(seed)
    x = np.stack(
        [
            rng.randint(0, 24, 600),
            rng.randint(0, 80, 600) / 8,
            rng.randint(-3, 4, 600),
            rng.randint(0, 3, 600),
            np.round(rng.randn(600), 1),
            rng.rand(600),
        ],
        axis=1,
    ).astype(np.float32)
    x[rng.rand(*x.shape) < 0.2] = np.nan
    logit = np.nan_to_num(x[:, 2], nan=1.5) + np.sin(np.nan_to_num(x[:, 0])) + np.nan_to_num(x[:, 4]) - 0.5
    return x, (rng.rand(600) < 1 / (1 + np.exp(-logit))).astype(np.float32)


def thresholds_of(booster):
    found = [[] for _ in range(booster.num_feature())]
    for tree in booster.dump_model()["tree_info"]:
        stack = [tree["tree_structure"]]
        while stack:
            node = stack.pop()
            if "split_feature" in node:
                stack += [node["left_child"], node["right_child"]]
                if node["decision_type"] == "<=":
                    found[node["split_feature"]].append(node["threshold"])
    return found


def questions(x, thresholds):
    rng = np.random.RandomState(99)
    exact = x[30:70].copy()
    for row in exact:
        for f in range(FEATURES):
            if thresholds[f]:
                at = np.float32(thresholds[f][rng.randint(len(thresholds[f]))])
                beside = [at, np.nextafter(at, np.float32(np.inf)), np.nextafter(at, np.float32(-np.inf)), np.float32(np.nan)]
                row[f] = beside[rng.randint(4)]
    odd = np.float32([0, -0.0, np.inf, -np.inf, np.nan, 3.4028235e38, -3.4028235e38, 1e-45, 1e-35, 1.1e-35, -1e-35, -1.1e-35,
                      1, -1, -0.5, 0.5, 2.999, 23, 24, 31, 32, 64, 1e6, 2147483648, 3e9])
    extremes = odd[rng.randint(0, len(odd), (50, FEATURES))]
    return np.concatenate([x[:10], exact, extremes, np.full((1, FEATURES), np.nan)]).astype(np.float32)


def train(params, x, y):
    params = dict(params)
    categories = params.pop("categories", "auto")
    if categories != "auto":
        x = np.where(np.isnan(x), x, np.abs(np.floor(x)))
    if params["objective"] in ("poisson", "tweedie", "regression"):
        y = (np.abs(np.nan_to_num(x[:, 2])) + np.nan_to_num(x[:, 5]) + 0.1).astype(np.float32)
    if params["objective"] == "multiclass":
        y = np.arange(len(y)) % 3
    given = {"num_leaves": 8, "min_data_in_leaf": 5, "num_threads": 1, "verbosity": -1, "seed": 7, "deterministic": True, **params}
    data = lgb.Dataset(x, label=y, categorical_feature=categories, params=given, free_raw_data=False)
    return lgb.train(given, data, 5)


def hexes(values):
    return np.asarray(values, dtype=">f4").tobytes().hex()


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    x, y = training_rows(5)
    for name, params in CASES.items():
        stem = "vlightgbm%s-%s" % (lgb.__version__, name)
        train(params, x, y).save_model(str(out / (stem + ".txt")))
        booster = lgb.Booster(model_file=str(out / (stem + ".txt")))
        rows = questions(x, thresholds_of(booster))
        answers = zip(rows, booster.predict(rows, raw_score=True), booster.predict(rows))
        lines = [" ".join([hexes(row), hexes([margin]), hexes([score])]) for row, margin, score in answers]
        (out / (stem + ".rows")).write_text("\n".join(lines) + "\n")
    for name, params in REFUSED.items():
        train(params, x, y).save_model(str(out / ("refused-lightgbm%s-v%s.txt" % (name, lgb.__version__))))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Makes models of objectives whose scores are no probabilities, for inference/model.

    python objective_fixtures.py OUTPUT_FOLDER

like fixtures.py, with xgboost 0.90, 1.0.2, 1.7.6, 3.2.0 and 3.4.1 and with lightgbm
2.2.3, 2.3.1, 3.3.5, 4.6.0 and 4.7.0.
"""

import pathlib
import sys

import numpy as np

try:
    import fixtures
    import xgboost as xgb
except ImportError:
    import lightgbm as lgb
    import lightgbm_fixtures as fixtures

    xgb = None

RANKING = ("rank:pairwise", "rank:ndcg", "rank:map", "lambdarank", "rank_xendcg")


def labels(objective, x, y):
    if objective in RANKING or objective.startswith("cross"):
        return y
    if objective == "regression":
        return np.nan_to_num(x[:, 2])  # of both signs
    return (np.abs(np.nan_to_num(x[:, 2])) + np.nan_to_num(x[:, 5]) + 0.1).astype(np.float32)


# ---- XGBoost

XGBOOST = {
    "pairwise": dict(objective="rank:pairwise"),
    "ndcg": dict(objective="rank:ndcg"),
    "map": dict(objective="rank:map", base_score=0.2),
    "cox": dict(objective="survival:cox"),
    "coxbase": dict(objective="survival:cox", base_score=0.3),
    "aft": dict(objective="survival:aft", base_score=0.7),
    "expectile": dict(objective="reg:expectileerror", expectile_alpha=0.3),
}
SINCE = {"aft": (1, 2), "expectile": (3, 3)}


def xgboost_model(params, x, y):
    data = xgb.DMatrix(x, label=labels(params["objective"], x, y))
    if params["objective"] in RANKING:
        data.set_group([100] * 6)
    if params["objective"] == "survival:aft":
        data.set_float_info("label_lower_bound", data.get_label())
        data.set_float_info("label_upper_bound", data.get_label() + 1)
    return xgb.train({"max_depth": 3, "nthread": 1, "seed": 7, "tree_method": "hist", **params}, data, 4)


def write_xgboost(out):
    x, y = fixtures.training_rows(seed=5)
    for name, params in XGBOOST.items():
        if fixtures.VERSION < SINCE.get(name, (0, 0)):
            continue
        booster = xgboost_model(params, x, y)
        stem = "v%s-%s" % (xgb.__version__, name)
        for ending in fixtures.formats():
            booster.save_model(str(out / (stem + "." + ending)))
        for path in out.glob(stem + ".deprecated"):
            path.rename(path.with_suffix(".bin"))
        rows = fixtures.questions(x, fixtures.thresholds_of(booster), seed=99)[::3]
        rows = np.clip(rows, -3.4028235e38, 3.4028235e38)
        loaded = xgb.Booster()
        loaded.load_model(str(next(p for p in sorted(out.glob(stem + ".*")) if p.suffix in (".bin", ".json"))))
        fixtures.write_rows(out / (stem + ".rows"), rows, *fixtures.served(loaded, rows))


# ---- LightGBM

LIGHTGBM = {
    "lambdarank": dict(objective="lambdarank"),
    "xendcg": dict(objective="rank_xendcg"),
    "lambda": dict(objective="cross_entropy_lambda"),
    "sqrt": dict(objective="regression", reg_sqrt=True),
    "custom": {},
}


def logistic(margin, data):
    p = 1 / (1 + np.exp(-margin))
    return p - data.get_label(), p * (1 - p)


def lightgbm_model(params, x, y):
    objective = params.get("objective", "custom")
    given = {"num_leaves": 8, "min_data_in_leaf": 5, "num_threads": 1, "verbosity": -1, "seed": 7, "deterministic": True, **params}
    label = y if objective == "custom" else labels(objective, x, y)
    data = lgb.Dataset(x, label=label, group=[100] * 6 if objective in RANKING else None, free_raw_data=False)
    if objective != "custom":
        return lgb.train(given, data, 5)
    if int(lgb.__version__.split(".")[0]) < 4:
        return lgb.train(given, data, 5, fobj=logistic)
    return lgb.train({**given, "objective": logistic}, data, 5)


def write_lightgbm(out):
    x, y = fixtures.training_rows(5)
    for name, params in LIGHTGBM.items():
        if name == "xendcg" and lgb.__version__ < "3":
            continue
        stem = "vlightgbm%s-%s" % (lgb.__version__, name)
        lightgbm_model(params, x, y).save_model(str(out / (stem + ".txt")))
        booster = lgb.Booster(model_file=str(out / (stem + ".txt")))
        rows = fixtures.questions(x, fixtures.thresholds_of(booster))[::2]
        answers = zip(rows, booster.predict(rows, raw_score=True), booster.predict(rows))
        lines = [" ".join(fixtures.hexes(np.atleast_1d(part)) for part in answer) for answer in answers]
        (out / (stem + ".rows")).write_text("\n".join(lines) + "\n")
        if name == "custom":  # LightGBM reads it without its last line, too
            whole = (out / (stem + ".txt")).read_text()
            (out / (stem + "cut.txt")).write_text(whole[: whole.index("end of trees")])
            cut = lgb.Booster(model_file=str(out / (stem + "cut.txt")))
            assert np.array_equal(cut.predict(rows), booster.predict(rows))
            (out / (stem + "cut.rows")).write_text("\n".join(lines) + "\n")


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    (write_xgboost if xgb else write_lightgbm)(out)


if __name__ == "__main__":
    main()

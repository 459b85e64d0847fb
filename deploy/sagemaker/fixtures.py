#!/usr/bin/env python3
"""Makes the models that inference/model is tested with.

    python fixtures.py OUTPUT_FOLDER

writes models of the installed XGBoost in every format that it can save, and
for each of them rows with XGBoost's own answers. Run it once per version, each
in a virtual environment of its own:

    xgboost==0.90, 1.0.2, 1.1.1, 1.2.1, 1.3.3, 1.5.2, 1.7.6, 2.0.3 (numpy<2), 2.1.4, 3.0.5, 3.2.0,
    3.3.0 and 3.4.1 (Python 3.12)
    (lightgbm_fixtures.py does the same for LightGBM, pickle_fixtures.py for what people pickle,
    jvm/JvmFixtures.java for XGBoost's JVM package)

`python fixtures.py OUTPUT_FOLDER NAME ...` writes only those of these names.

The rows sit where mistakes hide: on thresholds, beside them, on integers, on
zeros of both signs, at infinities, and nowhere (missing). Numbers are written
as the eight hex digits of a float32, so that no parser can round them.
"""

import json
import pathlib
import pickle
import struct
import sys

import numpy as np
import xgboost as xgb

FEATURES = 6
VERSION = tuple(int(part) for part in xgb.__version__.split(".")[:2])

# Parameters of the models that must be read. Each asks something different.
CASES = {
    "ties": dict(max_depth=4, rounds=6),
    "base": dict(max_depth=3, rounds=7, base_score=0.0371),
    "deep": dict(max_depth=0, rounds=5, grow_policy="lossguide", max_leaves=24, tree_method="hist", min_child_weight=0),
    "forest": dict(max_depth=3, rounds=2, num_parallel_tree=3, subsample=0.6),
    "stump": dict(max_depth=3, rounds=1, min_child_weight=1e6),
    "extreme": dict(max_depth=2, rounds=6, eta=40.0, **{"lambda": 0.0}),
    "named": dict(max_depth=2, rounds=4, names=["hour", "floor", "geo|country", "größe", "a b", "partner"]),
}

# Every version trains the first three of them, these versions train all.
THOROUGH = ((0, 90), (1, 0), (1, 7), (3, 2), (3, 3), (3, 4))

# What else must be read, and is asked as SageMaker's server asks it: through a
# DMatrix, before 2.0 with the trees up to the best iteration, then with all.
SERVED = {
    "dart": dict(max_depth=3, rounds=6, booster="dart", rate_drop=0.5, one_drop=1, base_score=0.3),
    "best": dict(max_depth=3, rounds=30, eta=1.0, num_parallel_tree=2, subsample=0.5, early=2),
    "raw": dict(max_depth=2, rounds=4, objective="binary:logitraw", base_score=0.3),
    "poisson": dict(max_depth=3, rounds=4, objective="count:poisson"),
    "hinge": dict(max_depth=3, rounds=4, objective="binary:hinge"),
    "squared": dict(max_depth=2, rounds=4, objective="reg:squarederror"),
    "logreg": dict(max_depth=2, rounds=4, objective="reg:logistic"),
    "gamma": dict(max_depth=2, rounds=4, objective="reg:gamma"),
    "tweedie": dict(max_depth=2, rounds=4, objective="reg:tweedie", base_score=0.7),
    "squaredlog": dict(max_depth=2, rounds=4, objective="reg:squaredlogerror"),
    "huber": dict(max_depth=2, rounds=4, objective="reg:pseudohubererror"),
    "absolute": dict(max_depth=2, rounds=4, objective="reg:absoluteerror", tree_method="hist"),
    "quantile": dict(max_depth=2, rounds=4, objective="reg:quantileerror", quantile_alpha=0.7, tree_method="hist"),
    "onehot": dict(max_depth=3, rounds=4, tree_method="hist", max_cat_to_onehot=100, categories=True),
    "partition": dict(max_depth=3, rounds=4, tree_method="hist", max_cat_to_onehot=1, categories=True),
    "rated": dict(max_depth=3, rounds=6, rate_drop=0.5, one_drop=1),
    "continued": dict(max_depth=3, rounds=30, eta=1.0, early=2, more=5),
    "metrics": dict(max_depth=3, rounds=4, eval_metric=["auc", "logloss"], watched=True),
    "during": dict(max_depth=3, rounds=4, eval_metric=["auc", "logloss"], during=True),
}
SINCE = {"dart": (1, 0), "squaredlog": (1, 0), "huber": (1, 2), "absolute": (1, 7), "quantile": (2, 0), "onehot": (1, 5), "partition": (1, 6)}

# Those that only these versions train.
ONLY = {
    "rated": ((3, 3), (3, 4)),
    "continued": ((1, 7), (2, 1), (3, 2), (3, 3), (3, 4)),
    "metrics": ((1, 0), (1, 1), (1, 2), (1, 7), (3, 4)),
    "during": ((1, 0), (1, 1), (1, 2), (1, 7), (3, 4)),
}

# Parameters of the models that must be refused.
REFUSED = {
    "linear": dict(rounds=2, booster="gblinear"),
    "classes": dict(max_depth=2, rounds=2, objective="multi:softprob", num_class=3),
}


def training_rows(seed):
    """Few distinct values per column, a fifth of them missing."""
    rng = np.random.RandomState(seed)
    x = np.stack(
        [
            rng.randint(0, 24, 600),
            rng.randint(0, 40, 600) / np.float32(8),
            rng.randint(-3, 4, 600),
            rng.randint(0, 2, 600),
            np.round(rng.randn(600), 1),
            rng.rand(600),
        ],
        axis=1,
    ).astype(np.float32)
    x[rng.rand(*x.shape) < 0.2] = np.nan
    logit = np.nan_to_num(x[:, 2], nan=1.5) + np.sin(np.nan_to_num(x[:, 0])) + np.nan_to_num(x[:, 4]) - 0.5
    return x, (rng.rand(600) < 1 / (1 + np.exp(-logit))).astype(np.float32)


def questions(x, thresholds, seed):
    """Rows to ask: known ones, thresholds and their neighbours, and extremes."""
    rng = np.random.RandomState(seed)
    rows = x[:30].copy()
    exact = x[30:70].copy()
    for row in exact:
        for f in range(FEATURES):
            if thresholds[f]:
                at = np.float32(thresholds[f][rng.randint(len(thresholds[f]))])
                beside = [at, np.nextafter(at, np.float32(np.inf)), np.nextafter(at, np.float32(-np.inf)), np.float32(np.nan)]
                row[f] = beside[rng.randint(4)]
    odd = np.float32([0.0, -0.0, np.inf, -np.inf, np.nan, 3.4028235e38, -3.4028235e38, 1e-45, 1, -1])
    extremes = odd[rng.randint(0, len(odd), (30, FEATURES))]
    return np.concatenate([rows, exact, extremes, np.full((1, FEATURES), np.nan)]).astype(np.float32)


def thresholds_of(booster):
    found = [[] for _ in range(FEATURES)]
    for tree in booster.get_dump(dump_format="json"):
        stack = [json.loads(tree)]
        while stack:
            node = stack.pop()
            if "split" in node:
                found[column(node["split"], booster.feature_names)].append(float(node["split_condition"]))
                stack += node["children"]
    return found


def column(name, names):
    return names.index(name) if names and name in names else int(str(name).lstrip("f"))


def train(params, x, y):
    params = dict(params)
    rounds, names, early = params.pop("rounds"), params.pop("names", None), params.pop("early", None)
    more, watched, during = params.pop("more", 0), params.pop("watched", False), params.pop("during", False)
    if params.get("objective", "").startswith("multi"):
        y = np.arange(len(y)) % 3
    kind = {}
    if params.pop("categories", False):
        kind = dict(feature_types=["c", "c", "c", "c", "q", "q"], enable_categorical=True)
    given = {"objective": "binary:logistic", "nthread": 1, "seed": 7, "verbosity": 0, **params}
    if given.get("booster") != "gblinear":
        given.setdefault("tree_method", "exact")
    data = xgb.DMatrix(x, label=y, feature_names=names, **kind)
    held_back = xgb.DMatrix(x[:200], label=1 - y[:200])
    if during:  # as a callback that saves
        metrics = [("eval_metric", m) for m in given.pop("eval_metric")]
        booster = xgb.Booster(list(given.items()) + metrics, [data, held_back])
        for i in range(rounds):
            booster.update(data, i)
            booster.eval_set([(held_back, "v")], i)
        return booster
    if early:
        booster = xgb.train(given, data, rounds, evals=[(held_back, "v")], early_stopping_rounds=early, verbose_eval=False)
        return xgb.train(given, data, more, xgb_model=booster) if more else booster
    return xgb.train(given, data, rounds, evals=[(held_back, "v")] if watched else [], verbose_eval=False)


def answers(booster, rows):
    """XGBoost's margins and probabilities. From 1.4 on a DMatrix takes no
    infinities; predicting in place does."""
    if VERSION >= (1, 4):
        kind = dict(validate_features=False)
        return (
            booster.inplace_predict(rows, predict_type="margin", **kind),
            booster.inplace_predict(rows, predict_type="value", **kind),
        )
    data = xgb.DMatrix(rows, feature_names=booster.feature_names)
    return booster.predict(data, output_margin=True), booster.predict(data)


def hexes(values):
    return "".join(struct.pack(">f", v).hex() for v in np.asarray(values, dtype=np.float32).ravel())


def formats():
    """File endings by which this version saves in another format."""
    if VERSION < (1, 0):
        return ["bin"]
    if VERSION < (1, 6):
        return ["bin", "json"]
    if VERSION < (3, 1):
        return ["deprecated", "json", "ubj"]
    return ["json", "ubj"]


def write_answered(out, name, params):
    x, y = training_rows(seed=len(name))
    booster = train(params, x, y)
    stem = "v%s-%s" % (xgb.__version__, name)
    endings = formats()
    for ending in endings:
        booster.save_model(str(out / (stem + "." + ending)))
    for path in out.glob(stem + ".deprecated"):
        path.rename(path.with_suffix(".bin"))
    # What is served is what was saved, so that is what answers.
    loaded = xgb.Booster()
    loaded.load_model(str(next(p for p in sorted(out.glob(stem + ".*")) if p.suffix in (".bin", ".json"))))
    loaded.feature_names = booster.feature_names
    rows = questions(x, thresholds_of(booster), seed=99)
    margin, score = answers(loaded, rows)
    if not np.array_equal(margin, answers(booster, rows)[0]):
        print("note: %s answers otherwise once it is loaded" % stem)
    write_rows(out / (stem + ".rows"), rows, margin, score)


def write_rows(path, rows, margin, score):
    lines = [" ".join([hexes(row), hexes([m]), hexes([s])]) for row, m, s in zip(rows, margin, score)]
    path.write_text("\n".join(lines) + "\n")


def served(booster, rows, best=False):
    """Margins and scores as SageMaker's server asks for them, or of the trees
    up to the best iteration."""
    data = xgb.DMatrix(rows)
    kind = dict(validate_features=False)
    if VERSION < (2, 0):
        kind["ntree_limit"] = getattr(booster, "best_ntree_limit", 0)
    elif best:
        kind["iteration_range"] = (0, booster.best_iteration + 1)
    return booster.predict(data, output_margin=True, **kind), booster.predict(data, **kind)


def write_served(out, name, params):
    x, y = training_rows(seed=len(name))
    if params.get("categories"):
        x = np.where(np.isnan(x), x, np.abs(np.floor(x)))
    objective = params.get("objective", "binary")
    if not objective.startswith(("binary", "reg:logistic")):
        y = (np.abs(np.nan_to_num(x[:, 2])) + np.nan_to_num(x[:, 5]) + 0.1).astype(np.float32)
    booster = train(params, x, y)
    stem = "v%s-%s" % (xgb.__version__, name)
    rows = questions(x, [[]] * FEATURES if params.get("categories") else thresholds_of(booster), seed=99)[::2]
    if VERSION >= (1, 4):  # a DMatrix takes no infinities
        rows = np.clip(rows, -3.4028235e38, 3.4028235e38)
    if params.get("categories"):
        odd = np.float32([-1, -0.5, 0.5, 3.999, 4.5, 23, 24, 31, 32, 63, 64, 1000, 16777215, 16777216, 3e9])
        rows[20:40] = odd[np.random.RandomState(3).randint(0, len(odd), (20, FEATURES))]
    for ending in formats():
        if not (params.get("categories") and ending in ("bin", "deprecated")):
            booster.save_model(str(out / (stem + "." + ending)))
    for path in out.glob(stem + ".deprecated"):
        path.rename(path.with_suffix(".bin"))
    loaded = xgb.Booster()
    loaded.load_model(str(next(p for p in sorted(out.glob(stem + ".*")) if p.suffix in (".bin", ".json"))))
    write_rows(out / (stem + ".rows"), rows, *served(loaded, rows))
    if params.get("early") and VERSION >= (2, 0):
        write_rows(out / (stem + ".best"), rows, *served(loaded, rows, best=True))


def write_pickled(out):
    """What the containers 0.90 to 1.2 leave, and what scripts still do."""
    x, y = training_rows(seed=4)
    named = [("pickled", CASES["named"]), ("pickledbest", SERVED["best"]), ("pickleddart", SERVED["dart"])]
    if VERSION in ONLY["metrics"]:
        named.append(("pickledmetrics", SERVED["metrics"]))
    if sys.version_info < (3, 8) and VERSION == (0, 90):
        named.append(("pickledlatin", CASES["named"]))  # bytes as text, as these versions spell them
    for name, params in chosen(named):
        booster = train(params, x, y)
        stem = "v%s-%s" % (xgb.__version__, name)
        for protocol in {"pickled": (0, 1, 2, 3, 4, 5) if VERSION in ((1, 7), (3, 4)) else (2, 3, 4, 5), "pickledlatin": (2,)}.get(name, (4,)):
            (out / ("%s.pkl%d" % (stem, protocol))).write_bytes(pickle.dumps(booster, protocol=protocol))
        rows = questions(x, thresholds_of(booster), seed=99)[::2]
        rows = np.clip(rows, -3.4028235e38, 3.4028235e38)
        loaded = pickle.loads((out / ("%s.pkl%d" % (stem, protocol))).read_bytes())
        write_rows(out / (stem + ".rows"), rows, *served(loaded, rows))
        if params.get("early") and VERSION >= (2, 0):
            write_rows(out / (stem + ".best"), rows, *served(loaded, rows, best=True))


def write_refused(out):
    x, y = training_rows(seed=1)
    for name, params in REFUSED.items():
        booster = train(params, x, y)
        for ending in formats():
            booster.save_model(str(out / ("refused-%s-v%s.%s" % (name, xgb.__version__, ending))))
    for path in out.glob("refused-*.deprecated"):
        path.rename(path.with_suffix(".bin"))


def chosen(cases):
    """Those that the command line names, or all."""
    return [(name, params) for name, params in cases if not sys.argv[2:] or name in sys.argv[2:]]


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for name, params in chosen(list(CASES.items())[: None if VERSION in THOROUGH else 3]):
        write_answered(out, name, params)
    for place, (name, params) in enumerate(SERVED.items()):
        since = SINCE.get(name, VERSION)
        categories = name in ("onehot", "partition") and VERSION < (1, 7)
        wanted = VERSION in ONLY.get(name, ((1, 7), (3, 2), (3, 3), (3, 4))) or place < 5 or categories
        if wanted and VERSION >= since and chosen([(name, params)]):
            write_served(out, name, params)
    if VERSION in ((0, 90), (1, 0), (1, 1), (1, 2), (1, 3), (1, 7), (3, 2), (3, 4)):
        write_pickled(out)
    if VERSION in ((1, 7), (3, 2)) and not sys.argv[2:]:
        write_refused(out)


if __name__ == "__main__":
    main()

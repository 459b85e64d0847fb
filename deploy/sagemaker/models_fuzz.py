#!/usr/bin/env python3
"""Trains random models and compares Sluice's margins with the library's own.

    python models_fuzz.py --sluice bin/sluice --seconds 60 [--seed N] [--models N] --out FOLDER

It works with whatever is installed, xgboost or lightgbm, of any version that
SageMaker's containers have had. Parameters are drawn from all over the space,
those among them that leave nothing but a mark in the file: metrics, attributes,
early stopping, training that goes on. Each model is saved in every format that
the version knows. What differs, or is refused, is kept in FOLDER with the
parameters that made it, and the exit status is 1. One seed makes one model.
"""

import argparse
import json
import os
import pathlib
import pickle
import struct
import subprocess
import sys
import time
import warnings

import numpy as np

try:
    import xgboost as xgb
except ImportError:
    xgb = None
    import lightgbm as lgb
    import lightgbm_fixtures

LIBRARY = xgb or lgb
VERSION = tuple(int(part) for part in LIBRARY.__version__.split(".")[:2])


class Draw:
    """Random choices, some of which are made only now and then."""

    def __init__(self, seed):
        self.rng = np.random.RandomState(seed)

    def of(self, *values):
        return values[self.rng.randint(len(values))]

    def sometimes(self, chance=0.3):
        return self.rng.rand() < chance

    def between(self, low, high):
        return float(low + (high - low) * self.rng.rand())


def rows_of(d, features, n):
    """Columns of every kind: few values, integers, wide ones, zeros, gaps."""
    columns = []
    for _ in range(features):
        kind = d.rng.randint(6)
        columns.append(
            [
                lambda: d.rng.randint(0, 24, n),
                lambda: d.rng.randint(-3, 4, n) / np.float32(8),
                lambda: d.rng.randn(n) * 10.0 ** d.rng.randint(-6, 7),
                lambda: d.rng.rand(n),
                lambda: d.rng.randint(0, 2, n),
                lambda: np.round(d.rng.randn(n), 1),
            ][kind]()
        )
    x = np.stack(columns, axis=1).astype(np.float32)
    x[d.rng.rand(*x.shape) < d.of(0.0, 0.1, 0.4)] = np.nan
    return x


def labels_of(d, x, positive, binary):
    signal = np.nan_to_num(x[:, 0]) / (1 + np.abs(np.nan_to_num(x[:, 0]))) + d.rng.randn(len(x)) * 0.5
    if x.shape[1] > 1:
        signal = signal + np.sign(np.nan_to_num(x[:, 1]))
    if binary:
        return (signal > 0).astype(np.float32)
    return (np.abs(signal) + 0.1 if positive else signal * d.of(1, 100)).astype(np.float32)


def questions(d, x, thresholds):
    """Known rows, rows on and beside thresholds, and extremes."""
    known, exact = x[:10].copy(), x[10:40].copy()
    for row in exact:
        for f in range(x.shape[1]):
            if thresholds.get(f):
                at = np.float32(d.of(*thresholds[f]))
                row[f] = d.of(at, np.nextafter(at, np.float32(np.inf)), np.nextafter(at, np.float32(-np.inf)), np.float32(np.nan))
    odd = np.float32([0, -0.0, np.nan, 3e38, -3e38, 1e-45, 1, -1, 16777216])
    extremes = odd[d.rng.randint(0, len(odd), (10, x.shape[1]))]
    return np.concatenate([known, exact, extremes]).astype(np.float32)


# --- XGBoost

OBJECTIVES = [  # name, since, labels: b binary, p positive, r any
    ("binary:logistic", (0, 0), "b"), ("reg:logistic", (0, 0), "b"), ("binary:logitraw", (0, 0), "b"), ("binary:hinge", (0, 0), "b"),
    ("reg:squarederror", (0, 90), "r"), ("count:poisson", (0, 0), "p"), ("reg:gamma", (0, 0), "p"), ("reg:tweedie", (0, 0), "p"),
    ("reg:squaredlogerror", (1, 0), "p"), ("reg:pseudohubererror", (1, 2), "r"), ("reg:absoluteerror", (1, 7), "r"), ("reg:quantileerror", (2, 0), "r"),
]


def parameters(d):
    objective, since, kind = d.of(*OBJECTIVES)
    while VERSION < since:
        objective, since, kind = d.of(*OBJECTIVES)
    p = {"objective": objective, "nthread": 1, "seed": int(d.rng.randint(1 << 30)), "verbosity": 0}
    if objective == "reg:quantileerror":
        p["quantile_alpha"] = d.between(0.1, 0.9)
    newer = ("reg:absoluteerror", "reg:quantileerror")
    p["tree_method"] = "hist" if objective in newer else d.of("exact", "hist", "approx", "hist")
    p["max_depth"] = int(d.of(1, 2, 3, 5, 8))
    optional = {
        "eta": lambda: d.of(0.01, 0.3, 1.0), "lambda": lambda: d.of(0.0, 1.0, 10.0), "alpha": lambda: d.of(0.0, 0.5), "gamma": lambda: d.of(0.0, 0.2),
        "min_child_weight": lambda: d.of(0, 1, 20), "subsample": lambda: d.of(0.5, 0.9), "colsample_bytree": lambda: d.of(0.5, 0.9),
        "colsample_bynode": lambda: d.of(0.5, 0.9), "num_parallel_tree": lambda: d.of(1, 2, 3), "max_delta_step": lambda: d.of(0, 1),
        "scale_pos_weight": lambda: d.of(0.5, 3.0), "tweedie_variance_power": lambda: d.of(1.2, 1.8),
        "base_score": lambda: d.between(0.05, 0.95), "eval_metric": lambda: d.of(["auc"], ["logloss", "error@0.3"], ["rmse", "mae"]),
    }
    for name, value in optional.items():
        if d.sometimes() and (name != "tweedie_variance_power" or objective == "reg:tweedie"):
            p[name] = value()
    if p["tree_method"] == "hist" and d.sometimes():
        p.update(grow_policy="lossguide", max_leaves=int(d.of(2, 7, 31)), max_depth=int(d.of(0, 4)))
    if p["tree_method"] == "exact":
        p.pop("colsample_bynode", None)
    if "eval_metric" in p and kind != "b":
        p["eval_metric"] = ["rmse", "mae"]
    if d.sometimes():
        p.update(booster="dart", rate_drop=d.of(0.0, 0.3, 0.7), skip_drop=d.of(0.0, 0.5), one_drop=int(d.of(0, 1)))
        p.update(sample_type=d.of("uniform", "weighted"), normalize_type=d.of("tree", "forest"))
        if VERSION >= (3, 3) and d.sometimes():
            p.pop("booster")
    return p, kind


def train_xgboost(d, x, p, y):
    names = None
    if d.sometimes():
        names = ["a%d|b c" % i for i in range(x.shape[1])]
    types, kind = None, {}
    if VERSION >= (1, 7) and p["tree_method"] in ("hist", "approx") and d.sometimes(0.2):
        types = ["c" if f % 2 == 0 else "q" for f in range(x.shape[1])]
        x[:, ::2] = np.where(np.isnan(x[:, ::2]), x[:, ::2], np.minimum(np.abs(np.floor(x[:, ::2])), 40))
        p["max_cat_to_onehot"] = int(d.of(1, 5, 100))
        kind = dict(feature_types=types, enable_categorical=True)
    if names:
        kind["feature_names"] = names
    if d.sometimes(0.2) and not types:
        p["monotone_constraints"] = "(" + ",".join(str(d.of(-1, 0, 1)) for _ in range(x.shape[1])) + ")"
    data = xgb.DMatrix(x, label=y, **kind)
    held = xgb.DMatrix(x[:100], label=y[:100][::-1].copy(), **kind)
    if d.sometimes(0.2):
        data.set_weight(d.rng.rand(len(y)) + 0.1)
    rounds = int(d.of(1, 2, 5, 12))
    given = dict(p)
    if d.sometimes(0.25):  # saved while training goes on
        metrics = [("eval_metric", m) for m in given.pop("eval_metric", [])]
        booster = xgb.Booster(list(given.items()) + metrics, [data, held])
        for i in range(rounds):
            booster.update(data, i)
            booster.eval_set([(held, "v")], i)
    else:
        early = dict(early_stopping_rounds=int(d.of(1, 2, 4))) if d.sometimes() and p.get("booster") != "dart" else {}
        booster = xgb.train(given, data, 20 if early else rounds, evals=[(held, "v")], verbose_eval=False, **early)
    if d.sometimes(0.25):
        booster = xgb.train(p, data, int(d.of(1, 4)), xgb_model=booster)
    if d.sometimes(0.15) and p["tree_method"] != "exact" and "booster" not in p and "rate_drop" not in p and not types:
        refresh = dict(p, process_type="update", updater="refresh", refresh_leaf=True)
        refresh.pop("tree_method", None)
        refresh.pop("grow_policy", None)
        rounds_there = len(booster.get_dump()) // int(p.get("num_parallel_tree", 1))
        booster = xgb.train(refresh, data, int(d.of(1, rounds_there)), xgb_model=booster)
    if VERSION >= (1, 3) and d.sometimes(0.15) and "booster" not in p and "rate_drop" not in p:
        booster = booster[0 : max(1, len(booster.get_dump()) // (2 * int(p.get("num_parallel_tree", 1))))]
    if d.sometimes():
        booster.set_attr(note="one", best="x")
    return booster, types


def thresholds_xgboost(booster):
    found, names = {}, booster.feature_names
    for tree in booster.get_dump(dump_format="json"):
        try:
            stack = [json.loads(tree)]
        except ValueError:  # a threshold that JSON has no word for
            continue
        while stack:
            node = stack.pop()
            stack += node.get("children", [])
            at = node.get("split_condition")
            if isinstance(at, (int, float)):
                name = node["split"]
                f = names.index(name) if names and name in names else int(str(name).lstrip("f"))
                found.setdefault(f, []).append(at)
    return found


def files_xgboost(booster, stem, categorical, protocol):
    if VERSION < (1, 0):
        endings = ["bin"]
    elif VERSION < (1, 6):
        endings = ["bin", "json"]
    elif VERSION < (3, 1):
        endings = ["deprecated", "json", "ubj"]
    else:
        endings = ["json", "ubj"]
    for ending in endings:
        if not (categorical and ending in ("bin", "deprecated")):
            path = "%s.%s" % (stem, ending)
            booster.save_model(path)
            loaded = xgb.Booster()
            loaded.load_model(path)
            yield path, loaded
    path = stem + ".pkl"
    with open(path, "wb") as f:
        pickle.dump(booster, f, protocol=protocol)
    with open(path, "rb") as f:
        loaded = pickle.load(f)
    if loaded.get_dump():  # after a refresh, versions before 1.3 forget all trees when they load a pickle
        yield path, loaded
    else:
        os.remove(path)


def margins_xgboost(booster, rows, types):
    """As SageMaker's server asks."""
    kind = dict(feature_types=types, enable_categorical=True) if types else {}
    ask = dict(output_margin=True)
    if VERSION >= (1, 0):
        ask["validate_features"] = False
    if VERSION < (2, 0):
        ask["ntree_limit"] = getattr(booster, "best_ntree_limit", 0) or 0
    if VERSION < (1, 0):
        kind["feature_names"] = booster.feature_names
        ask["ntree_limit"] = ask["ntree_limit"] or 1 << 20  # asked for all, dart drops trees at random
    return booster.predict(xgb.DMatrix(rows, **kind), **ask)


def one_xgboost(d, stem):
    p, kind = parameters(d)
    x = rows_of(d, int(d.of(1, 3, 6, 12)), 300)
    y = labels_of(d, x, kind == "p", kind == "b")
    booster, types = train_xgboost(d, x, p, y)
    rows = questions(d, x, {} if types else thresholds_xgboost(booster))
    return p, rows, ((path, margins_xgboost(loaded, rows, types)) for path, loaded in files_xgboost(booster, stem, bool(types), int(d.of(2, 3, 4))))


# --- LightGBM


def one_lightgbm(d, stem):
    objective, kind = d.of(("binary", "b"), ("regression", "r"), ("regression_l1", "r"), ("huber", "r"), ("fair", "r"), ("poisson", "p"),
                           ("tweedie", "p"), ("gamma", "p"), ("cross_entropy", "b"), ("quantile", "r"), ("mape", "p"))
    p = {"objective": objective, "num_threads": 1, "verbosity": -1, "seed": int(d.rng.randint(1 << 30)), "deterministic": True,
         "num_leaves": int(d.of(2, 5, 15, 40)), "min_data_in_leaf": int(d.of(1, 5, 50))}
    for name, value in {
        "learning_rate": lambda: d.of(0.01, 0.3), "lambda_l1": lambda: 0.5, "lambda_l2": lambda: 3.0, "max_bin": lambda: int(d.of(4, 63)),
        "feature_fraction": lambda: 0.6, "zero_as_missing": lambda: True, "use_missing": lambda: False, "max_depth": lambda: int(d.of(1, 4)),
        "boost_from_average": lambda: False, "extra_trees": lambda: True, "path_smooth": lambda: 1.0, "metric": lambda: ["auc", "l2"],
    }.items():
        if d.sometimes(0.25):
            p[name] = value()
    if objective == "binary" and d.sometimes():
        p["sigmoid"] = d.between(0.3, 3)
    boosting = d.of("gbdt", "gbdt", "dart", "rf")
    p["boosting"] = boosting
    if boosting == "rf" or d.sometimes():
        p.update(bagging_freq=1, bagging_fraction=0.6)
    x = rows_of(d, int(d.of(1, 3, 6, 12)), 400)
    categories = "auto"
    if d.sometimes(0.25):
        categories = [0]
        x[:, 0] = np.where(np.isnan(x[:, 0]), x[:, 0], np.minimum(np.abs(np.floor(x[:, 0])), 60))
    y = labels_of(d, x, kind == "p", kind == "b")
    data = lgb.Dataset(x, label=y, categorical_feature=categories, params=p, free_raw_data=False)
    booster = lgb.train(p, data, int(d.of(1, 3, 8)))
    if boosting == "gbdt" and d.sometimes(0.25):
        booster = lgb.train(p, data, 3, init_model=booster)
    booster.save_model(stem + ".txt")
    loaded = lgb.Booster(model_file=stem + ".txt")
    rows = questions(d, x, dict(enumerate(lightgbm_fixtures.thresholds_of(loaded))))
    return p, rows, [(stem + ".txt", loaded.predict(rows, raw_score=True).astype(np.float32))]


# --- what compares


def ask(sluice, path, rows):
    """Sluice's margins, or why there are none."""
    text = "\n".join(",".join("" if np.isnan(v) else repr(float(v)) for v in row) for row in rows) + "\n"
    done = subprocess.run([sluice, "score", "--raw", "--model", path], input=text.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        return None, done.stderr.decode().strip()
    return np.array([float(line) for line in done.stdout.split()], dtype=np.float32), ""


def bits(values):
    return np.asarray(values, dtype=np.float32).view(np.uint32)


def wrong(sluice, path, rows, margins):
    got, why = ask(sluice, path, rows)
    if got is None:
        return why
    if got.shape != np.asarray(margins).shape:
        return "%d answers for %d rows" % (len(got), len(rows))
    apart = np.flatnonzero(bits(got) != bits(margins))
    if len(apart) == 0:
        return ""
    at = apart[0]
    return "%d of %d margins differ, at row %d: %r, the library says %r" % (len(apart), len(rows), at, float(got[at]), float(margins[at]))


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--sluice", default="bin/sluice")
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--models", type=int, default=1 << 30)
    options.add_argument("--seed", type=int, default=int(time.time()))
    options.add_argument("--out", required=True)
    given = options.parse_args()
    warnings.simplefilter("ignore")
    out = pathlib.Path(given.out)
    out.mkdir(parents=True, exist_ok=True)
    name = "%s-%s" % (LIBRARY.__name__, LIBRARY.__version__)
    counts = dict(models=0, files=0, margins=0, untrained=0, differing=0)
    until = time.time() + given.seconds
    seed = given.seed
    while time.time() < until and counts["models"] < given.models:
        seed += 1
        stem = str(out / ("%s-%d" % (name, seed)))
        one(given.sluice, stem, seed, counts)
    print("%s: %s, seeds from %d on" % (name, ", ".join("%d %s" % (n, what) for what, n in counts.items()), given.seed + 1), flush=True)
    sys.exit(1 if counts["differing"] or not counts["models"] else 0)


def one(sluice, stem, seed, counts):
    d = Draw(seed)
    p = {}
    try:
        p, rows, files = (one_xgboost if xgb else one_lightgbm)(d, stem)
        files = list(files)
    except (getattr(LIBRARY, "core", LIBRARY).XGBoostError if xgb else lgb.basic.LightGBMError, ValueError) as error:
        counts["untrained"] += 1  # the library does not take these together
        if os.environ.get("VERBOSE"):
            print("%s: not trained: %s" % (stem, str(error).split("\n")[0][:200]))
        return
    counts["models"] += 1
    kept = False
    for path, margins in files:
        counts["files"] += 1
        counts["margins"] += len(rows)
        why = wrong(sluice, path, rows, margins)
        if why:
            kept = True
            counts["differing"] += 1
            print("%s: %s\n  %s" % (path, why, json.dumps(p)), flush=True)
            lines = [" ".join([np.asarray(r, ">f4").tobytes().hex(), struct.pack(">f", m).hex()]) for r, m in zip(rows, margins)]
            pathlib.Path(path + ".margins").write_text("\n".join(lines) + "\n")
        else:
            os.remove(path)
    if kept:
        pathlib.Path(stem + ".params").write_text(json.dumps(p))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Makes the pickles and joblib files that models are tested with.

    python pickle_fixtures.py OUTPUT_FOLDER

pickles what the installed XGBoost or LightGBM calls an estimator, and some of
what people wrap it in, and writes for each of them rows with the library's own
answers, as its estimator gives them once it is loaded. The folder "packed" in
it goes to inference/release/testdata, the rest to inference/model/testdata. Run
it once per version, with the scikit-learn and joblib of its day:

    xgboost 0.90 (scikit-learn 0.21.3, joblib 0.13.2), 1.0.2 (0.22.2, 0.14.1), 1.3.3 (0.24.2, 1.0.1),
        1.7.6 (1.0.2, 1.1.0), 2.1.4 (1.3.2, 1.3.2), 3.2.0 (1.6.1), 3.4.1 (newest)
    lightgbm 2.3.1 (0.21.3, 0.13.2), 3.3.5 (1.0.2, 1.1.0), 4.6.0 (1.5.2), 4.7.0 (newest)
"""

import pathlib
import pickle
import sys

import joblib
import numpy as np

try:
    import xgboost as library
except ImportError:
    import lightgbm as library

FEATURES = 6
XGBOOST = library.__name__ == "xgboost"
VERSION = tuple(int(part) for part in library.__version__.split(".")[:2])
STEM = "v%s%s-" % ("" if XGBOOST else "lightgbm", library.__version__)
THOROUGH = VERSION in ((0, 90), (1, 7), (3, 2)) if XGBOOST else VERSION in ((3, 3), (4, 6))
NAN = float("nan")


def training_rows():
    """Few distinct values per column, zeros among them, a fifth of them missing."""
    rng = np.random.RandomState(5)
    columns = [rng.randint(0, 24, 600), rng.randint(0, 80, 600) / 8, rng.randint(-3, 4, 600), rng.randint(0, 3, 600), np.round(rng.randn(600), 1), rng.rand(600)]
    x = np.stack(columns, axis=1).astype(np.float32)
    x[rng.rand(*x.shape) < 0.2] = np.nan
    logit = np.nan_to_num(x[:, 2], nan=1.5) + np.sin(np.nan_to_num(x[:, 0])) + np.nan_to_num(x[:, 4]) - 0.5
    return x, (rng.rand(600) < 1 / (1 + np.exp(-logit))).astype(int)


def questions(x, missing):
    """Known rows, rows beside them, and rows of what may count as missing."""
    rng = np.random.RandomState(99)
    rows = x[:36].copy()
    for row in rows[18:]:
        f = rng.randint(FEATURES)
        row[f] = np.nextafter(row[f], np.float32([-np.inf, np.inf][rng.randint(2)]))
    odd = np.float32([0, -0.0, np.nan, missing, missing, np.nextafter(np.float32(missing), np.float32(1e9)), 1e-45, -1e-45, -998, 3e38, -3e38, 1, -1])
    extremes = odd[rng.randint(0, len(odd), (30, FEATURES))]
    return np.concatenate([rows, extremes, np.full((1, FEATURES), np.nan)]).astype(np.float32)


def hexes(values):
    return np.asarray(values, dtype=">f4").tobytes().hex()


def write(out, name, saved, estimator_of, rows, compressed=False):
    """Writes saved in some ways, and what its estimator answers once it is loaded."""
    stem = STEM + name
    (out / (stem + ".pkl")).write_bytes(pickle.dumps(saved))
    loaded = pickle.loads((out / (stem + ".pkl")).read_bytes())
    if compressed or name == "dict":
        joblib.dump(saved, str(out / (stem + ".joblib")))
        loaded = joblib.load(str(out / (stem + ".joblib")))
    if compressed and THOROUGH:
        (out / (stem + ".pkl2")).write_bytes(pickle.dumps(saved, protocol=2))
        if sys.version_info >= (3, 8):
            (out / (stem + ".pkl5")).write_bytes(pickle.dumps(saved, protocol=5))
        packed = out / "packed"
        packed.mkdir(exist_ok=True)
        for way in ("zlib", "gzip", "bz2", "xz", "lzma"):
            joblib.dump(saved, str(packed / (stem + "." + way)), compress=(way, 3))
    lines = [" ".join(hexes(part) for part in answer) for answer in zip(rows, *answers(estimator_of(loaded), rows))]
    (out / (stem + ".rows")).write_text("\n".join(lines) + "\n")


def answers(estimator, rows):
    """Margins and scores, as the estimator itself gives them."""
    if isinstance(estimator, library.Booster):
        if XGBOOST:
            data = library.DMatrix(rows)
            kind = {} if VERSION < (1, 0) else dict(validate_features=False)
            return estimator.predict(data, output_margin=True, **kind), estimator.predict(data, **kind)
        return estimator.predict(rows, raw_score=True), estimator.predict(rows)
    margin = estimator.predict(rows, **{"output_margin" if XGBOOST else "raw_score": True})
    if hasattr(estimator, "predict_proba"):
        score = estimator.predict_proba(rows)
        return margin, score if score.ndim == 1 else score[:, 1]
    return margin, estimator.predict(rows)


def itself(loaded):
    return loaded


def xgboost_cases(out, x, y):
    given = dict(n_estimators=5, max_depth=3, learning_rate=0.7, random_state=7, n_jobs=1)
    labels = np.array(["no", "yes"])[y] if VERSION < (1, 6) else y
    for name, missing in (("classifier", NAN), ("zeromissing", 0.0), ("farmissing", -999)):
        told = np.where(np.isnan(x), np.float32(missing), x) if missing == missing else x
        model = library.XGBClassifier(missing=missing, **given).fit(told, labels)
        rows = questions(told, 0 if missing != missing else missing)
        if VERSION < (1, 0) and missing == missing:  # which takes no NaN then
            rows = np.where(np.isnan(rows), np.float32(missing), rows)
        write(out, name, model, itself, rows, compressed=name == "classifier")
    rows = questions(x, 0)
    if THOROUGH:
        write(out, "regressor", library.XGBRegressor(**given).fit(x, np.nan_to_num(x[:, 5]) + y), itself, np.where(rows == rows, rows, 0))
    early = dict(given, n_estimators=40, learning_rate=1.0)
    kind, more = ({}, dict(early_stopping_rounds=3)) if VERSION < (2, 0) else (dict(early_stopping_rounds=3), {})
    model = library.XGBClassifier(**kind, **early).fit(x[200:], y[200:], eval_set=[(x[:200], 1 - y[:200])], verbose=False, **more)
    write(out, "earlyclassifier", model, itself, rows)
    if not THOROUGH:
        return
    write(out, "forestclassifier", library.XGBRFClassifier(**dict(given, subsample=0.6)).fit(x, y), itself, rows)
    booster = library.train({"objective": "binary:logistic", "max_depth": 2, "nthread": 1}, library.DMatrix(x, label=y), 4)
    held = {"model": booster, "features": ["a", "b"], "threshold": np.float64(0.3), "importance": np.arange(6.0), "metrics": {"auc": 0.7, "n": (1, None)}}
    write(out, "dict", held, lambda d: d["model"], rows)


def lightgbm_cases(out, x, y):
    given = dict(n_estimators=5, num_leaves=6, min_child_samples=5, learning_rate=0.5, random_state=7, n_jobs=1)
    rows = questions(x, 0)
    write(out, "classifier", library.LGBMClassifier(**given).fit(x, np.array(["no", "yes"])[y]), itself, rows, compressed=True)
    if THOROUGH:
        write(out, "regressor", library.LGBMRegressor(**given).fit(x, y + np.nan_to_num(x[:, 5])), itself, rows)
    forest = dict(given, boosting_type="rf", subsample=0.6, subsample_freq=1)
    held_back = dict(eval_set=[(x[:200], 1 - y[:200])], eval_metric="auc")
    stop = dict(early_stopping_rounds=3, verbose=False) if VERSION < (4, 0) else dict(callbacks=[library.early_stopping(3, verbose=False)])
    for name, params in (("earlyclassifier", dict(given, n_estimators=40)), ("forestclassifier", forest)):
        write(out, name, library.LGBMClassifier(**params).fit(x[200:], y[200:], **held_back, **stop), itself, rows)
    model = library.LGBMClassifier(objective=logistic, **given).fit(x, y)
    write(out, "customclassifier", model, itself, rows)
    data = library.Dataset(x, label=y, free_raw_data=False)
    booster = library.train({"objective": "binary", "num_leaves": 5, "verbosity": -1, "num_threads": 1}, data, 4)
    write(out, "booster", booster, itself, rows)
    if THOROUGH:  # only such a booster keeps the trees behind the best iteration
        stop = dict(early_stopping_rounds=3, verbose_eval=False) if VERSION < (4, 0) else dict(callbacks=[library.early_stopping(3, verbose=False)])
        kept = {"objective": "binary", "num_leaves": 5, "verbosity": -1, "num_threads": 1, "learning_rate": 0.9, "boosting": "gbdt"}
        held_back = library.Dataset(x[:200], label=1 - y[:200], reference=data)
        kept = library.train(kept, data, 40, valid_sets=[held_back], keep_training_booster=True, **stop)
        kept.free_dataset()
        write(out, "keptbooster", kept, itself, rows)
    held = {"model": booster, "features": ["a", "b"], "threshold": np.float64(0.3), "importance": np.arange(6.0), "metrics": {"auc": 0.7, "n": (1, None)}}
    write(out, "dict", held, lambda d: d["model"], rows)


def logistic(truth, margin):
    """A custom objective, which is pickled by its name."""
    p = 1 / (1 + np.exp(-margin))
    return p - truth, p * (1 - p)


def write_refused(out, x, y):
    """What changes rows before the model, or scores after it."""
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = (library.XGBClassifier if XGBOOST else library.LGBMClassifier)(n_estimators=2, max_depth=2, n_jobs=1)
    for name, estimator in (
        ("pipeline", make_pipeline(StandardScaler(), model)),
        ("calibrator", CalibratedClassifierCV(model, cv=2)),
        ("search", GridSearchCV(model, {"max_depth": [2]}, cv=2)),
        ("otherforest", RandomForestClassifier(n_estimators=1, max_depth=2)),
    ):
        estimator.fit(np.nan_to_num(x[:60]), y[:60])
        (out / ("refused-%s-%s.pkl" % (name, STEM[:-1]))).write_bytes(pickle.dumps(estimator))
    model.fit(x, y)
    scaled = {"scaler": StandardScaler().fit(x), "model": model}
    joblib.dump(scaled, str(out / ("refused-scaled-%s.joblib" % STEM[:-1])))
    joblib.dump({"a": model, "b": model}, str(out / ("refused-two-%s.joblib" % STEM[:-1])))


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    x, y = training_rows()
    (xgboost_cases if XGBOOST else lightgbm_cases)(out, x, y)
    if VERSION in ((3, 2), (4, 6)):
        write_refused(out, x, y)


if __name__ == "__main__":
    main()

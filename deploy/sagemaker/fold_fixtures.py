#!/usr/bin/env python3
"""Makes archives with the folds of k-fold trainings, for inference/release.

    python fold_fixtures.py OUTPUT_FOLDER

trains five folds with the installed XGBoost, packs them as SageMaker's XGBoost
container does, and writes rows with the answers of its server beside them, as
those files are answered: every file of the model directory is loaded, and the
mean of what they predict is the answer, for binary:hinge what most of them
predict. Put what it writes into inference/release/testdata/folds. Run it with
xgboost 1.7.6 and 3.4.1.
"""

import os
import pathlib
import pickle
import sys
import tarfile
import tempfile

import fixtures
import numpy as np
import xgboost as xgb

FOLDS = 5
OLD = int(xgb.__version__.split(".")[0]) < 2

CASES = {
    "raw": dict(objective="binary:logitraw"),
    "logistic": dict(objective="binary:logistic"),
    "hinge": dict(objective="binary:hinge"),
    "best": dict(objective="binary:logitraw", eval_metric="auc", early_stopping_rounds=2, num_boost_round=40),
}


def train(params, x, y, fold):
    held = np.arange(len(x)) % FOLDS == fold
    params = {"max_depth": 3, "eta": 0.9, "nthread": 1, "seed": 7, **params}
    rounds, early = params.pop("num_boost_round", 4), params.pop("early_stopping_rounds", None)
    watched = [(xgb.DMatrix(x[held], label=y[held]), "validation")] if early else []
    data = xgb.DMatrix(x[~held], label=y[~held])
    return xgb.train(params, data, rounds, evals=watched, early_stopping_rounds=early, verbose_eval=False)


def loaded(folder):
    """The boosters of a model directory, as SageMaker's server loads them, in the order of their names, on which the last bit of the mean depends."""
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if os.path.isfile(path) and not name.startswith("."):
            try:
                with open(path, "rb") as file:
                    yield pickle.load(file)
            except Exception:
                yield xgb.Booster(model_file=path)


def answers(boosters, objective, rows):
    data = xgb.DMatrix(rows)
    of = [b.predict(data, **(dict(ntree_limit=getattr(b, "best_ntree_limit", 0)) if OLD else {})) for b in boosters]
    if objective == "binary:hinge":  # of as many votes the smaller, as scipy.stats.mode
        return np.float32([np.bincount(votes.astype(int)).argmax() for votes in np.stack(of, axis=1)])
    return np.mean(of, axis=0)


def hexes(values):
    return np.asarray(values, dtype=">f4").tobytes().hex()


def write(out, case, params):
    x, y = fixtures.training_rows(seed=11)
    boosters = [train(params, x, y, fold) for fold in range(FOLDS)]
    rows = fixtures.questions(x, fixtures.thresholds_of(boosters[0]), seed=12)
    rows[np.isinf(rows)] = np.nan  # which a DMatrix refuses
    stem = out / ("v%s-%s" % (xgb.__version__, case))
    with tempfile.TemporaryDirectory() as folder:
        for i, booster in enumerate(boosters):
            path = os.path.join(folder, "xgboost-model-%d" % i)
            if i % 2:  # containers before 1.2-1 left pickles
                with open(path, "wb") as file:
                    pickle.dump(booster, file)
            else:
                booster.save_model(path if OLD else path + ".ubj")
                if not OLD:
                    os.rename(path + ".ubj", path)
        with tarfile.open(str(stem) + ".tar.gz", "w:gz") as archive:
            archive.add(folder, arcname=".")
        got = answers(list(loaded(folder)), params["objective"], rows)
    stem.with_suffix(stem.suffix + ".rows").write_text("".join("%s %s\n" % (hexes(r), hexes([s])) for r, s in zip(rows, got)))


def main(out):
    out.mkdir(parents=True, exist_ok=True)
    for case, params in CASES.items():
        write(out, case, params)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))

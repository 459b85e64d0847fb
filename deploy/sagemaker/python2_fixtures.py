#!/usr/bin/env python2.7
"""Makes pickles as Python 2 wrote them, which inference/model is tested with.

    python2.7 python2_fixtures.py OUTPUT_FOLDER

pickles a Booster of xgboost 0.82, the last for Python 2, by both of its pickle
modules, whose protocol is 0 where nobody asks for another, and an XGBClassifier
(scikit-learn 0.20). The rows and answers are written as by fixtures.py.
"""

import cPickle
import os.path
import pickle
import struct
import sys

import numpy as np
import xgboost as xgb


def hexes(values):
    return "".join(struct.pack(">f", v).encode("hex") for v in np.asarray(values, dtype=np.float32).ravel())


def write(stem, asked, pickles):
    for ending, content in pickles.items():
        with open(stem + ending, "wb") as out:
            out.write(content)
    booster, rows = asked
    data = xgb.DMatrix(rows)
    answers = zip(rows, booster.predict(data, output_margin=True), booster.predict(data))
    with open(stem + ".rows", "wb") as out:
        out.write("".join("%s %s %s\n" % (hexes(row), hexes([margin]), hexes([score])) for row, margin, score in answers))


def main():
    rng = np.random.RandomState(5)
    x = np.round(rng.randn(600, 6), 1).astype(np.float32)
    x[rng.rand(*x.shape) < 0.2] = np.nan
    y = (rng.rand(600) < 1 / (1 + np.exp(-np.nan_to_num(x[:, 2]) - np.nan_to_num(x[:, 4])))).astype(np.float32)
    booster = xgb.train({"objective": "binary:logistic", "max_depth": 3, "nthread": 1, "silent": 1}, xgb.DMatrix(x, label=y), 4)
    stem = os.path.join(sys.argv[1], "v%s-" % xgb.__version__)
    write(stem + "pickled", (booster, x[:60]), {".pkl0": pickle.dumps(booster), ".pkl1": pickle.dumps(booster, 1), ".pkl2": pickle.dumps(booster, 2)})
    write(stem + "cpickled", (booster, x[:60]), {".pkl0": cPickle.dumps(booster), ".pkl1": cPickle.dumps(booster, 1), ".pkl2": cPickle.dumps(booster, 2)})
    model = xgb.XGBClassifier(n_estimators=4, max_depth=3).fit(x, y)
    write(stem + "classifier", (model.get_booster(), x[:60]), {".pkl0": pickle.dumps(model), ".pkl2": cPickle.dumps(model, 2)})
    held = {"model": booster, "features": ["a", u"b"], "threshold": np.float64(0.3), "metrics": {"auc": 0.7, "n": (1, None, True, 1 << 70)}}
    write(stem + "dict", (booster, x[:60]), {".pkl0": pickle.dumps(held), ".pkl1": cPickle.dumps(held, 1)})


if __name__ == "__main__":
    main()

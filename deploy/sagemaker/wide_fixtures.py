#!/usr/bin/env python3
"""Makes the models of hashed features that inference/model is tested with.

    python wide_fixtures.py OUTPUT_FOLDER

trains the installed XGBoost (3.4.1 and 1.7.6, with SciPy) on sparse rows of
200,000 columns, as one column for each bucket gives them, and writes the model
in every format with XGBoost's own answers. A row is written as its few cells,
COLUMN:VALUE; all other columns are missing. Numbers are the eight hex digits of
a float32.
"""

import pathlib
import sys

import numpy as np
import scipy.sparse
import xgboost as xgb

from fixtures import formats, hexes

COLUMNS = 200_000
TEXTS = 8  # hashed ones of a row


def hashed(values):
    """The buckets of texts, here of numbers: one per text, with the last column used, too."""
    return (values.astype(np.uint64) * np.uint64(2654435761) % np.uint64(2**32)).astype(np.int64) % COLUMNS


def training_rows(rng, count):
    """Rows of hashed texts, some common and most rare, whose cells are ones, and one count."""
    texts = np.minimum(rng.zipf(1.4, (count, TEXTS)), 50_000) + 60_000 * np.arange(TEXTS)
    columns = hashed(texts)
    columns[:, -1] = COLUMNS - 1
    cells = np.ones(columns.shape, dtype=np.float32)
    cells[:, -1] = rng.randint(-2, 3, count)
    at = np.repeat(np.arange(count), TEXTS)
    columns, cells = columns.ravel(), cells.ravel()
    _, first = np.unique(at * COLUMNS + columns, return_index=True)  # a bucket that is hit twice counts once
    rows = scipy.sparse.csr_matrix((cells[first], (at[first], columns[first])), shape=(count, COLUMNS))
    weight = rng.randn(COLUMNS) * (rng.rand(COLUMNS) < 0.5)
    logit = (rows @ weight) - 0.5
    return rows, (rng.rand(count) < 1 / (1 + np.exp(-logit))).astype(np.float32)


def main():
    out = pathlib.Path(sys.argv[1])
    x, y = training_rows(np.random.RandomState(5), 6000)
    data = xgb.DMatrix(x, label=y)
    booster = xgb.train({"objective": "binary:logistic", "max_depth": 5, "eta": 0.5, "nthread": 1, "seed": 7, "tree_method": "exact"}, data, 30)
    stem = "v%s-hashed" % xgb.__version__
    for ending in formats():
        booster.save_model(str(out / (stem + "." + ending)))
    for path in out.glob(stem + ".deprecated"):
        path.rename(path.with_suffix(".bin"))
    asked, _ = training_rows(np.random.RandomState(6), 60)
    rows = xgb.DMatrix(asked)
    lines = []
    for i, (margin, score) in enumerate(zip(booster.predict(rows, output_margin=True), booster.predict(rows))):
        row = asked[i]
        cells = ",".join("%d:%s" % (column, hexes([cell])) for column, cell in zip(row.indices, row.data))
        lines.append("%s %s %s\n" % (cells, hexes([margin]), hexes([score])))
    (out / (stem + ".cells")).write_text("".join(lines))


if __name__ == "__main__":
    main()

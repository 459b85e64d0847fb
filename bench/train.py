# Trains the model that the benchmarks score, where they do not draw one:
#
#   pip install xgboost numpy && python train.py testdata/trained.gz
#
# 1,000 trees of depth 6 over 25 features, of which a cut after 200 is the model
# of 200. 20 features are of the request, each a table of 7 to 200 values as a
# contract has them, and five of 1,000 partners. What a partner bids on depends on
# both together. The file holds no more than that: trees, tables and partners, in
# the order in which trained.go reads them.
import gzip, json, sys
import numpy as np, xgboost as xgb

AUCTIONS, PARTNERS, TREES = 20000, 1000, 1000
rng = np.random.default_rng(7)


def missing(values):
    values[rng.random(values.shape) < 0.1] = np.nan
    return values


sizes = [8, 8, 16, 32, 64, 8, 16, 200, 24, 7] * 2
tables = [rng.normal(size=k).astype("<f4") for k in sizes]
partners = missing(rng.normal(size=(PARTNERS, 5)).astype("<f4"))
requests = missing(np.stack([t[rng.integers(0, len(t), AUCTIONS)] for t in tables], axis=1))
rows = np.concatenate([requests, partners[rng.integers(0, PARTNERS, AUCTIONS)]], axis=1)
z = np.nan_to_num(rows)
margin = 0.7 * z[:, 0] * z[:, 20] + np.sin(2 * z[:, 3]) * z[:, 21] + 0.5 * z[:, 5] * z[:, 6] + 0.4 * z[:, 22] * z[:, 8] + 0.1 * z[:, 9:19].sum(1) + 0.5 * z[:, 23]
bids = (rng.random(AUCTIONS) < 1 / (1 + np.exp(-margin))).astype(int)
parameters = {"objective": "binary:logistic", "max_depth": 6, "eta": 0.1, "nthread": 1, "tree_method": "hist"}
booster = xgb.train(parameters, xgb.DMatrix(rows, bids), TREES)
trees = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]["model"]["trees"]

out = []
put = lambda values, kind: out.append(np.asarray(values, dtype=kind).tobytes())
put([len(trees), len(tables), PARTNERS, partners.shape[1]], "<u4")
put([len(t) for t in tables], "<u4")
for t in tables:
    put(t, "<f4")
put(partners, "<f4")
column = lambda name: [v for t in trees for v in t[name]]
left = column("left_children")
put([len(t["left_children"]) for t in trees], "<u4")
put([-1 if l < 0 else f for l, f in zip(left, column("split_indices"))], "<i2")
put(left, "<i2")
put(column("right_children"), "<i2")
put(column("default_left"), "<i2")
put(column("split_conditions"), "<f4")
with open(sys.argv[1], "wb") as f, gzip.GzipFile(fileobj=f, mode="wb", compresslevel=9, mtime=0, filename="") as z:
    z.write(b"".join(out))
print(f"XGBoost {xgb.__version__}: {len(trees)} trees, {len(left)} nodes")

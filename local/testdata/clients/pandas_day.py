"""An ordinary day's work of pandas: frames to S3 and back."""

import os

import pandas as pd
import s3fs

s3fs.S3FileSystem(endpoint_url=os.environ["AWS_ENDPOINT_URL"]).mkdir("pandas")
there = {"client_kwargs": {"endpoint_url": os.environ["AWS_ENDPOINT_URL"]}}
frame = pd.DataFrame({"partner": ["a", "b", "c"] * 1000, "bids": range(3000), "floor": [0.5] * 3000})
for name, write, read in [
    ("f.parquet", frame.to_parquet, pd.read_parquet),
    ("f.csv.gz", lambda *a, **k: frame.to_csv(*a, index=False, **k), pd.read_csv),
    ("f.json", frame.to_json, pd.read_json),
]:
    write("s3://pandas/" + name, storage_options=there)
    pd.testing.assert_frame_equal(read("s3://pandas/" + name, storage_options=there), frame)
frame.to_parquet("s3://pandas/by", partition_cols=["partner"], storage_options=there)
some = pd.read_parquet("s3://pandas/by", filters=[("partner", "==", "b")], storage_options=there)
assert len(some) == 1000, some
print("pandas", pd.__version__)

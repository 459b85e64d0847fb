"""An ordinary day's work of DuckDB: tables in S3. Its extension comes as a
package, so that nothing is fetched when it runs."""

import os
import pathlib

import boto3
import duckdb
import duckdb_ext

boto3.client("s3").create_bucket(Bucket="duckdb")
extension = next(pathlib.Path(next(iter(duckdb_ext.__path__))).rglob("httpfs.duckdb_extension"))
db = duckdb.connect()
db.execute(f"LOAD '{extension}'")
db.execute(
    f"""CREATE SECRET (TYPE s3, KEY_ID '{os.environ["AWS_ACCESS_KEY_ID"]}', SECRET '{os.environ["AWS_SECRET_ACCESS_KEY"]}',
    REGION '{os.environ["AWS_REGION"]}', ENDPOINT '{os.environ["AWS_ENDPOINT_URL"].split("://")[1]}', USE_SSL false, URL_STYLE 'path')"""
)
db.execute("CREATE TABLE t AS SELECT i AS bids, i % 3 AS partner, random() AS noise FROM range(2_000_000) r(i)")
db.execute("COPY t TO 's3://duckdb/t.parquet'")  # large enough for parts
db.execute("COPY t TO 's3://duckdb/t.csv.gz'")
db.execute("COPY (SELECT * FROM t LIMIT 30000) TO 's3://duckdb/by' (FORMAT parquet, PARTITION_BY partner)")
for f in ("t.parquet", "t.csv.gz"):
    assert db.sql(f"SELECT count(*), sum(bids) FROM 's3://duckdb/{f}'").fetchone() == (2_000_000, 1999999000000), f
assert db.sql("SELECT max(bids) FROM 's3://duckdb/t.parquet' WHERE bids < 1000").fetchone() == (999,)
assert db.sql("SELECT count(*) FROM read_parquet('s3://duckdb/by/*/*.parquet', hive_partitioning = true) WHERE partner = 1").fetchone() == (10000,)
assert len(db.sql("FROM glob('s3://duckdb/by/**')").fetchall()) == 3
try:
    db.sql("FROM 's3://duckdb/nothing.parquet'").fetchall()
    raise SystemExit("read what is not there")
except duckdb.Error as err:
    assert "404" in str(err), err
print("DuckDB", duckdb.__version__)

"""An ordinary day's work of pyarrow, whose client is the SDK for C++."""

import os

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow import fs

address = os.environ["AWS_ENDPOINT_URL"].split("://")[1]
s3 = fs.S3FileSystem(endpoint_override=address, scheme="http", region=os.environ["AWS_REGION"], allow_bucket_creation=True)
s3.create_dir("pyarrow/day")
for size in (0, 1 << 10, 12 << 20):  # all of them are multipart uploads, in chunks
    content = os.urandom(size)
    with s3.open_output_stream("pyarrow/day/%d" % size, metadata={"Content-Type": "application/x-day"}) as f:
        f.write(content)
    with s3.open_input_file("pyarrow/day/%d" % size) as f:
        assert f.size() == size and f.read() == content
        if size:
            f.seek(size - 10)
            assert f.read(10) == content[-10:]
table = pa.table({"partner": ["a", "b"] * 50000, "bids": range(100000)})
pq.write_table(table, "pyarrow/day/t.parquet", filesystem=s3)
assert pq.read_table("pyarrow/day/t.parquet", filesystem=s3, columns=["bids"]).num_rows == 100000
ds.write_dataset(table, "pyarrow/by", filesystem=s3, format="parquet", partitioning=["partner"], partitioning_flavor="hive")
read = ds.dataset("pyarrow/by", filesystem=s3, partitioning="hive").to_table(filter=ds.field("partner") == "a")
assert read.num_rows == 50000, read
s3.copy_file("pyarrow/day/1024", "pyarrow/day/copy")
s3.move("pyarrow/day/copy", "pyarrow/day/moved")
names = sorted(i.base_name for i in s3.get_file_info(fs.FileSelector("pyarrow/day")))
assert names == ["0", "1024", "12582912", "moved", "t.parquet"], names
assert s3.get_file_info("pyarrow/nothing").type == fs.FileType.NotFound
s3.delete_file("pyarrow/day/0")
s3.delete_dir("pyarrow/day")
s3.delete_dir("pyarrow/by")
print("pyarrow", pa.__version__)

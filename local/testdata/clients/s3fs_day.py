"""An ordinary day's work of s3fs, whose client is asyncio's."""

import os

import s3fs

fs = s3fs.S3FileSystem(endpoint_url=os.environ["AWS_ENDPOINT_URL"])
fs.mkdir("s3fs")
with fs.open("s3fs/a/one.txt", "wb") as f:
    f.write(b"one")
assert fs.cat("s3fs/a/one.txt") == b"one"
large = os.urandom(12 << 20)
with fs.open("s3fs/large", "wb", block_size=5 << 20) as f:
    f.write(large)
with fs.open("s3fs/large") as f:
    f.seek(6 << 20)
    assert f.read(100) == large[6 << 20:(6 << 20) + 100]
assert fs.cat("s3fs/large") == large
fs.copy("s3fs/large", "s3fs/b/copy")
fs.mv("s3fs/b/copy", "s3fs/b/moved")
fs.pipe({"s3fs/many/%02d" % n: b"x" * n for n in range(40)})
assert len(fs.ls("s3fs/many")) == 40 and fs.du("s3fs/many") == 780
assert sorted(fs.find("s3fs/a") + fs.glob("s3fs/b/*")) == ["s3fs/a/one.txt", "s3fs/b/moved"]
assert fs.info("s3fs/large")["size"] == len(large) and not fs.exists("s3fs/nothing")
fs.invalidate_cache()
try:  # the refusal comes before the body, for which it would wait for ever
    fs.call_s3("put_object", Bucket="s3fs", Key="large", Body=b"x" * 100000, IfNoneMatch="*")
    raise SystemExit("overwritten")
except (OSError, FileExistsError):
    pass
fs.put_tags("s3fs/a/one.txt", {"k": "v"})
assert fs.get_tags("s3fs/a/one.txt") == {"k": "v"}
fs.setxattr("s3fs/a/one.txt", copy_kwargs={}, by="s3fs")
assert fs.metadata("s3fs/a/one.txt")["by"] == "s3fs"
with fs.open(fs.url("s3fs/a/one.txt").replace(os.environ["AWS_ENDPOINT_URL"] + "/", "").split("?")[0]) as f:
    assert f.read() == b"one"
fs.rm("s3fs", recursive=True)
assert not fs.exists("s3fs")
print("s3fs", s3fs.__version__)

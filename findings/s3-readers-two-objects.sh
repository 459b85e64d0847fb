#!/usr/bin/env bash
# A file opened with PyArrow or obstore is half the old model and half the new one.
#
# One would expect: an object of S3 is replaced as a whole, so that an open file
# either goes on with what it began, or fails; boto3 and the AWS SDK for Go ask for
# each further part "if it is still this ETag".
# What happens: a read asks for the next range of the name, whatever is there by then.
# A megabyte is read, the object is replaced, and the rest is the new one's, cut
# to the old one's length. That is so for open_input_file and open_input_stream
# of PyArrow, open_reader of obstore, and smart_open once it has a range_chunk_size.
# Versions: PyPI pyarrow 26.0.1, obstore 0.12.1, smart_open 9.0.2; boto3 1.44.8 and
# moto 5.2.5. smart_open without that option keeps one answer open, and is right.
# Why it matters: a text of boosted trees parses with the first trees of one model and
# the last of another, and no library says so. Never write to the same key twice.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --no-compile pyarrow==26.0.1 obstore==0.12.1 smart_open==9.0.2 \
  boto3==1.44.8 botocore==1.44.8 s3transfer==0.19.3 'moto[s3]==5.2.5' flask==3.1.2 flask-cors==6.0.1
export AWS_ACCESS_KEY_ID=finding AWS_SECRET_ACCESS_KEY=finding AWS_DEFAULT_REGION=us-east-1
export AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
timeout 200 venv/bin/python -W ignore - <<'PY'
import logging
from importlib.metadata import version

import boto3
import obstore
import smart_open
from boto3.s3.transfer import TransferConfig
from moto.server import ThreadedMotoServer
from obstore.store import S3Store
from pyarrow import fs
from s3transfer.exceptions import S3DownloadFailedError

print(*(f"{p} {version(p)}" for p in ("pyarrow", "obstore", "smart_open", "boto3", "moto")))
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
url = "http://{}:{}".format(*server.get_host_and_port())
s3 = boto3.client("s3", endpoint_url=url)
s3.create_bucket(Bucket="models")
lines, MB = 3 << 20, 1 << 20


def put(line):
    s3.put_object(Bucket="models", Key="trees", Body=line * lines)


def read(name, open_file):
    """Reads a megabyte, replaces the object, reads the rest; returns the lines of the old and the new."""
    put(b"old\n")
    file = open_file()
    content = bytes(file.read(MB))
    put(b"new\n")
    content += bytes(file.read())
    seen = content.count(b"old\n"), content.count(b"new\n")
    print(f"{name}: {seen[0]} lines of the old, {seen[1]} of the new")
    assert sum(seen) == lines
    return seen


arrow = fs.S3FileSystem(endpoint_override=url)
store = S3Store("models", endpoint=url, virtual_hosted_style_request=False, client_options={"allow_http": True})
chunked = {"client": s3, "range_chunk_size": MB}
for name, open_file in (
    ("pyarrow open_input_file", lambda: arrow.open_input_file("models/trees")),
    ("pyarrow open_input_stream", lambda: arrow.open_input_stream("models/trees")),
    ("obstore open_reader", lambda: obstore.open_reader(store, "trees")),
    ("smart_open, range_chunk_size", lambda: smart_open.open("s3://models/trees", "rb", transport_params=chunked)),
):
    old, new = read(name, open_file)
    assert old >= MB // 4 and new > lines // 2, f"{name} no longer mixes them"

print("controls:")
one_answer = {"client": s3}
assert read("smart_open", lambda: smart_open.open("s3://models/trees", "rb", transport_params=one_answer)) == (lines, 0)

put(b"old\n")
parts = 0


def replace(**_):
    """Replaces the object before the second part is asked for."""
    global parts
    parts += 1
    if parts == 2:
        put(b"new\n")


s3.meta.events.register("before-send.s3.GetObject", replace)
try:
    s3.download_file("models", "trees", "trees", Config=TransferConfig(MB, max_concurrency=1, multipart_chunksize=MB))
    raise SystemExit("boto3 takes it now")
except S3DownloadFailedError as e:
    print("boto3 download_file:", e)
server.stop()
PY

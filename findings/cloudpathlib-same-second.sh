#!/usr/bin/env bash
# cloudpathlib goes on reading a replaced object for ever if it was replaced quickly.
#
# One would expect: a path that fetches an object when the cached copy is out
# of date looks at ETag or size, which differ here.
# What happens: only the times are compared, and S3 tells whole seconds. If an
# object is read and then replaced within the second of its first writing, the
# copy counts as current on every later read, however long one waits.
# Versions: cloudpathlib 0.26.0, boto3 1.44.8; the bucket is moto 5.2.5's.
# Why it matters: "write, check, write the corrected one" by a pipeline leaves
# the reader with the first: here a manifest of another length.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --no-compile 'cloudpathlib[s3]==0.26.0' boto3==1.44.8 'moto[s3]==5.2.5' flask==3.1.2 flask-cors==6.0.1
export AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b AWS_DEFAULT_REGION=us-east-1
timeout 60 venv/bin/python - <<'PY'
import logging
import time
from importlib.metadata import version

import boto3
from cloudpathlib import S3Client
from moto.server import ThreadedMotoServer

logging.disable()
server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
server.start()
address = "http://%s:%d" % server.get_host_and_port()
print("cloudpathlib", version("cloudpathlib"))

writer = boto3.client("s3", endpoint_url=address)
writer.create_bucket(Bucket="training")
reader = S3Client(endpoint_url=address)


def write(key, content):
    writer.put_object(Bucket="training", Key=key, Body=content)
    return writer.head_object(Bucket="training", Key=key)["LastModified"]


def read(key):
    return reader.CloudPath(f"s3://training/{key}").read_bytes()


def replaced(key, pause):
    """Writes, reads, replaces after pause; returns both times and a read 3 s later."""
    first = write(key, b"version 1")
    assert read(key) == b"version 1"
    time.sleep(pause)
    second = write(key, b"version 2, corrected")
    time.sleep(3)
    return first == second, read(key)


for attempt in range(10):  # until both writes fall into one second
    same_second, got = replaced(f"quick-{attempt}", 0)
    if same_second:
        break
assert same_second, "this machine is too slow to write twice within a second"
print("replaced within the second, read 3 s later:", got)
assert got == b"version 1", "the replacement is seen now"

same_second, got = replaced("slow", 1.5)
print("control, replaced 1.5 s later:             ", got)
assert not same_second and got == b"version 2, corrected"
server.stop()
PY

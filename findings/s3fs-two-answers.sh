#!/usr/bin/env bash
# One s3fs object says in the same moment that a model is there, and that it is not.
#
# One would expect: two ways to list a prefix see the same objects.
# What happens: what ls has listed once is remembered for as long as the
# process lives. ls and glob never show what is written later; find and exists
# do. A new S3FileSystem with the same arguments is the old object, memory
# included. info gives the size of the old object while cat reads the new one.
# Versions: s3fs 2026.9.0, boto3 1.43.117; the bucket is moto 5.2.5's.
# Why it matters: a job that polls jobs/*/model.tar.gz works in a notebook and
# waits for ever in a service. Call invalidate_cache() before each look.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --no-compile s3fs==2026.9.0 aiobotocore==3.10.0 boto3==1.43.117 'moto[s3]==5.2.5' flask==3.1.2 flask-cors==6.0.1
export AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b AWS_DEFAULT_REGION=us-east-1
timeout 60 venv/bin/python - <<'PY'
import logging
from importlib.metadata import version

import boto3
import s3fs
from moto.server import ThreadedMotoServer

logging.disable()
server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
server.start()
address = "http://%s:%d" % server.get_host_and_port()
print("s3fs", version("s3fs"))

writer = boto3.client("s3", endpoint_url=address)  # another process, say
writer.create_bucket(Bucket="training")
writer.put_object(Bucket="training", Key="jobs/a/model.tar.gz", Body=b"old")


def open_filesystem():
    return s3fs.S3FileSystem(client_kwargs={"endpoint_url": address})


fs = open_filesystem()
first = fs.ls("training/jobs"), fs.ls("training/jobs/a")
writer.put_object(Bucket="training", Key="jobs/b/model.tar.gz", Body=b"new")
writer.put_object(Bucket="training", Key="jobs/a/model.tar.gz", Body=b"a longer model")

again = open_filesystem()
answers = {"ls": again.ls("training/jobs"), "glob": again.glob("training/jobs/*/model.tar.gz"),
           "find": again.find("training/jobs"), "exists": again.exists("training/jobs/b/model.tar.gz")}
for name, answer in answers.items():
    print(f"  {name:7}{answer}")
size, content = again.info("training/jobs/a/model.tar.gz")["size"], again.cat("training/jobs/a/model.tar.gz")
print(f"  info says {size} bytes, cat reads {len(content)}; the new filesystem is the old one: {again is fs}")
assert again is fs
assert answers["ls"] == first[0] and len(answers["glob"]) == 1, "ls and glob see new objects now"
assert len(answers["find"]) == 2 and answers["exists"]
assert (size, len(content)) == (3, 14)

again.invalidate_cache()
found = again.glob("training/jobs/*/model.tar.gz")
print("control, after invalidate_cache: glob", found)
assert found == answers["find"]
server.stop()
PY

#!/usr/bin/env bash
# SageMaker's Python SDK asks AWS who one is, though every endpoint is set to another one.
#
# One would expect: AWS_ENDPOINT_URL, and AWS_ENDPOINT_URL_STS before it, say where
# boto3's clients go, those that a library makes as well.
# What happens: Session() sends its calls of SageMaker and S3 there, but for its
# account (default_bucket, and so every estimator without an output path) it
# makes a client of STS with an endpoint of its own, sts.<region>.amazonaws.com,
# which goes before both variables.
# Versions: sagemaker 2.257.7, boto3 1.44.8.
# Why it matters: against a private endpoint, a stand-in in tests or a network
# without a way out, training stops at its first line, or asks the real AWS
# with whatever credentials there are.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install -q sagemaker==2.257.7 boto3==1.44.8 2>log || { cat log; exit 1; }

env -i PATH="$PATH" HOME="$dir" AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b AWS_DEFAULT_REGION=eu-central-1 \
  AWS_ENDPOINT_URL=http://elsewhere.test AWS_ENDPOINT_URL_STS=http://sts-elsewhere.test venv/bin/python -W ignore - <<'PY'
import logging

import boto3
from botocore.awsrequest import AWSResponse
import sagemaker

logging.disable(logging.CRITICAL)
print("sagemaker", sagemaker.__version__, "boto3", boto3.__version__)

WHO = b"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::123456789012:user/a</Arn><UserId>a</UserId><Account>123456789012</Account>
</GetCallerIdentityResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetCallerIdentityResponse>"""


class Raw:
    def __init__(self, body):
        self.body = body

    def stream(self, *_, **__):
        yield self.body


hosts = []


def answer(request, **_):
    """Notes where a request would go, and answers in its place."""
    hosts.append(request.url.split("/")[2])
    return AWSResponse(request.url, 200, {}, Raw(WHO if "sts" in hosts[-1] else b""))


def session():
    s = boto3.session.Session()
    s.events.register("before-send", answer)
    return s


session().client("sts").get_caller_identity()
boto3s = hosts.pop()
sdk = sagemaker.Session(boto_session=session())
del hosts[:]
sdk.account_id()
print("boto3 asks", boto3s, "- the SDK asks", hosts)
print("the SDK's own client of SageMaker goes to", sdk.sagemaker_client.meta.endpoint_url)
assert boto3s == "sts-elsewhere.test", "changed: boto3 asks another host"
assert sdk.sagemaker_client.meta.endpoint_url == "http://elsewhere.test", "changed: SageMaker is asked elsewhere"
assert hosts == ["sts.eu-central-1.amazonaws.com"], "changed: the SDK asks another host"
PY

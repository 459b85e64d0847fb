"""An ordinary day's work of boto3."""

import io
import sys
import time
import urllib.request

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError


def refused(code, f, **arguments):
    try:
        f(**arguments)
    except ClientError as err:
        assert err.response["Error"]["Code"] == code, (code, err)
        return err
    raise SystemExit("should have been refused with " + code)


s3 = boto3.client("s3")
b = dict(Bucket="boto3")
s3.create_bucket(**b)
refused("BucketAlreadyOwnedByYou", s3.create_bucket, **b)
refused("404", s3.head_bucket, Bucket="nothing")

# Many objects: written, listed in pages, deleted together.
for n in range(120):
    s3.put_object(**b, Key="many/%03d" % n, Body=b"%d" % n)
pages = list(s3.get_paginator("list_objects_v2").paginate(**b, Prefix="many/", PaginationConfig={"PageSize": 50}))
assert [len(p["Contents"]) for p in pages] == [50, 50, 20], [len(p["Contents"]) for p in pages]
refused("InvalidArgument", s3.list_objects_v2, **b, ContinuationToken="nonsense")
folded = s3.list_objects_v2(**b, Delimiter="/")
assert [p["Prefix"] for p in folded["CommonPrefixes"]] == ["many/"], folded
assert s3.list_objects(**b, MaxKeys=1)["Contents"][0]["Key"] == "many/000"
gone = s3.delete_objects(**b, Delete={"Objects": [{"Key": "many/%03d" % n} for n in range(120)]})
assert len(gone["Deleted"]) == 120 and "Errors" not in gone, gone
assert s3.list_objects_v2(**b)["KeyCount"] == 0

# A refused write is told before its body: without waiting for one second each.
s3.put_object(**b, Key="once", Body=b"1", IfNoneMatch="*")
begun = time.monotonic()
for _ in range(20):
    refused("PreconditionFailed", s3.put_object, **b, Key="once", Body=b"2" * 100000, IfNoneMatch="*")
assert time.monotonic() - begun < 15, "each refusal was waited for"
refused("NotImplemented", s3.put_object, **b, Key="once", Body=b"2", IfNoneMatch='"etag"')
etag = s3.get_object(**b, Key="once")["ETag"]
refused("304", s3.get_object, **b, Key="once", IfNoneMatch=etag)

# A large one goes in parts, and comes back the same.
large = bytes(range(256)) * (4096 * 11 + 3)
parts = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)
s3.upload_fileobj(io.BytesIO(large), "boto3", "large", Config=parts, ExtraArgs={"Metadata": {"by": "boto3"}})
head = s3.head_object(**b, Key="large", ChecksumMode="ENABLED")
assert head["ETag"].endswith('-3"') and head["Metadata"] == {"by": "boto3"} and head["ChecksumType"] in ("COMPOSITE", "FULL_OBJECT"), head
back = io.BytesIO()
s3.download_fileobj("boto3", "large", back, Config=parts)
assert back.getvalue() == large
s3.copy({"Bucket": "boto3", "Key": "large"}, "boto3", "large copy", Config=parts)
assert s3.get_object(**b, Key="large copy")["Body"].read() == large
attributes = s3.get_object_attributes(**b, Key="large", ObjectAttributes=["ETag", "ObjectParts", "Checksum", "ObjectSize"])
assert attributes["ObjectSize"] == len(large) and attributes["ObjectParts"]["TotalPartsCount"] == 3, attributes
upload = s3.create_multipart_upload(**b, Key="given up")["UploadId"]
s3.upload_part(**b, Key="given up", UploadId=upload, PartNumber=1, Body=b"x")
assert [u["Key"] for u in s3.list_multipart_uploads(**b)["Uploads"]] == ["given up"]
s3.abort_multipart_upload(**b, Key="given up", UploadId=upload)
assert "Uploads" not in s3.list_multipart_uploads(**b)

# Versions: damage is undone by copying the one of before.
s3.put_bucket_versioning(**b, VersioningConfiguration={"Status": "Enabled"})
good = s3.put_object(**b, Key="model", Body=b"good")["VersionId"]
s3.put_object(**b, Key="model", Body=b"damaged")
s3.copy_object(**b, Key="model", CopySource={"Bucket": "boto3", "Key": "model", "VersionId": good})
assert s3.get_object(**b, Key="model")["Body"].read() == b"good"
s3.delete_object(**b, Key="model")
refused("NoSuchKey", s3.get_object, **b, Key="model")
listed = s3.list_object_versions(**b, Prefix="model")
assert len(listed["Versions"]) == 3 and listed["DeleteMarkers"][0]["IsLatest"], listed
assert s3.get_object(**b, Key="model", VersionId=good)["Body"].read() == b"good"
refused("PreconditionFailed", s3.copy_object, **b, Key="copy", CopySource="boto3/once", CopySourceIfMatch='"else"')

# Tags, and what a bucket is told.
s3.put_object(**b, Key="tagged", Body=b"x", Tagging="team=ads&stage=a%20b")
assert s3.get_object_tagging(**b, Key="tagged")["TagSet"] == [{"Key": "stage", "Value": "a b"}, {"Key": "team", "Value": "ads"}]
s3.put_object_tagging(**b, Key="tagged", Tagging={"TagSet": [{"Key": "k", "Value": "v"}]})
assert s3.head_object(**b, Key="tagged")["TagCount"] == 1
rules = [{"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "looks/"}, "Expiration": {"Days": 30}}]
s3.put_bucket_lifecycle_configuration(**b, LifecycleConfiguration={"Rules": rules})
assert s3.get_bucket_lifecycle_configuration(**b)["Rules"] == rules
s3.put_bucket_tagging(**b, Tagging={"TagSet": [{"Key": "team", "Value": "ads"}]})
assert s3.get_bucket_tagging(**b)["TagSet"] == [{"Key": "team", "Value": "ads"}]
assert s3.get_bucket_encryption(**b)["ServerSideEncryptionConfiguration"]["Rules"]
assert s3.get_public_access_block(**b)["PublicAccessBlockConfiguration"]["BlockPublicPolicy"]
refused("NoSuchCORSConfiguration", s3.get_bucket_cors, **b)
refused("NotImplemented", s3.put_bucket_cors, **b, CORSConfiguration={"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]})

# A presigned URL is all that a stranger needs.
url = s3.generate_presigned_url("get_object", Params=dict(b, Key="once"), ExpiresIn=60)
assert urllib.request.urlopen(url).read() == b"1"
url = s3.generate_presigned_url("put_object", Params=dict(b, Key="by url"))
urllib.request.urlopen(urllib.request.Request(url, data=b"2", method="PUT", headers={"Content-Type": ""})).close()
assert s3.get_object(**b, Key="by url")["Body"].read() == b"2"

# And nothing is left.
bucket = boto3.resource("s3").Bucket("boto3")
bucket.object_versions.delete()
bucket.delete()
print("boto3", boto3.__version__, "on Python", sys.version.split()[0])

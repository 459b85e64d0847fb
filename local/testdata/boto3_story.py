"""boto3 drives sluice local: a bucket, a training job, a service and its tasks."""

import os
import time

import boto3
from botocore.exceptions import ClientError


def until(what, f):
    deadline = time.time() + 20
    while time.time() < deadline:
        found = f()
        if found:
            return found
        time.sleep(0.02)
    raise SystemExit("never came true: " + what)


def refused(status, f):
    try:
        f()
    except ClientError as err:
        got = err.response["ResponseMetadata"]["HTTPStatusCode"]
        assert got == status, (got, err)
        return err
    raise SystemExit("should have been refused with %d" % status)


s3 = boto3.client("s3")
s3.create_bucket(Bucket="models")
s3.put_object(Bucket="models", Key="given/model.tar.gz", Body=b"the model")
s3.put_object(Bucket="models", Key="once", Body=b"1", IfNoneMatch="*")
refused(412, lambda: s3.put_object(Bucket="models", Key="once", Body=b"2", IfNoneMatch="*"))
assert s3.get_object(Bucket="models", Key="once")["Body"].read() == b"1"
keys = [o["Key"] for o in s3.list_objects_v2(Bucket="models")["Contents"]]
assert keys == ["given/model.tar.gz", "once"], keys
s3.copy_object(Bucket="models", Key="copy ä+ 1", CopySource={"Bucket": "models", "Key": "once"})
url = s3.generate_presigned_url("get_object", Params={"Bucket": "models", "Key": "copy ä+ 1"})
assert url.startswith(os.environ["AWS_ENDPOINT_URL"]), url

sagemaker = boto3.client("sagemaker")
sagemaker.create_training_job(
    TrainingJobName="better",
    RoleArn="arn:aws:iam::000000000000:role/training",
    AlgorithmSpecification={"TrainingImage": "xgboost:3.0-5", "TrainingInputMode": "File"},
    HyperParameters={"sluice_artifact": "s3://models/given/model.tar.gz", "sluice_metrics": '{"auc": 0.75}'},
    OutputDataConfig={"S3OutputPath": "s3://models/artifacts"},
    ResourceConfig={"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
    StoppingCondition={"MaxRuntimeInSeconds": 60},
    Tags=[{"Key": "fleet", "Value": "ads"}],
)
sagemaker.get_waiter("training_job_completed_or_stopped").wait(
    TrainingJobName="better", WaiterConfig={"Delay": 1, "MaxAttempts": 20})
job = sagemaker.describe_training_job(TrainingJobName="better")
assert job["FinalMetricDataList"][0]["Value"] == 0.75, job
bucket, key = job["ModelArtifacts"]["S3ModelArtifacts"][len("s3://"):].split("/", 1)
assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"the model"
assert sagemaker.list_tags(ResourceArn=job["TrainingJobArn"])["Tags"] == [{"Key": "fleet", "Value": "ads"}]
names = [j["TrainingJobName"] for p in sagemaker.get_paginator("list_training_jobs").paginate() for j in p["TrainingJobSummaries"]]
assert names == ["better"], names
refused(400, lambda: sagemaker.describe_training_job(TrainingJobName="absent"))

ecs = boto3.client("ecs")
ecs.create_cluster(clusterName="ads")
ecs.register_task_definition(
    family="filter", networkMode="awsvpc",
    containerDefinitions=[{
        "name": "filter", "image": "ignored", "command": [os.environ["TASK_PROGRAM"]],
        "environment": [{"name": "SLUICE_TEST_ROLE", "value": "task"}],
        "portMappings": [{"containerPort": 9090}],
    }],
)
made = ecs.create_service(cluster="ads", serviceName="filter", taskDefinition="filter", desiredCount=2)["service"]
assert made["runningCount"] == 0 and made["desiredCount"] == 2, made  # zeros are there
ecs.get_waiter("services_stable").wait(cluster="ads", services=["filter"], WaiterConfig={"Delay": 1, "MaxAttempts": 20})
arns = ecs.list_tasks(cluster="ads", serviceName="filter")["taskArns"]
tasks = ecs.describe_tasks(cluster="ads", tasks=arns)["tasks"]
assert [t["lastStatus"] for t in tasks] == ["RUNNING", "RUNNING"], tasks
addresses = {d["value"] for t in tasks for a in t["attachments"] for d in a["details"] if d["name"] == "privateIPv4Address"}
assert len(addresses) == 2 and all(a.startswith("127.") for a in addresses), addresses
ecs.stop_task(cluster="ads", task=arns[0], reason="to see it replaced")
until("the stopped task is replaced", lambda: len(
    set(ecs.list_tasks(cluster="ads", serviceName="filter")["taskArns"]) - set(arns)) == 1)
ecs.update_service(cluster="ads", service="filter", desiredCount=0)
until("no task is left", lambda: not ecs.list_tasks(cluster="ads", serviceName="filter")["taskArns"])
ecs.delete_service(cluster="ads", service="filter")

wrong = dict(aws_access_key_id="test", aws_secret_access_key="wrong")
refused(403, lambda: boto3.client("s3", **wrong).list_buckets())
refused(403, lambda: boto3.client("ecs", **wrong).list_clusters())
refused(403, lambda: boto3.client("sagemaker", **wrong).list_training_jobs())

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

assert boto3.client("sts").get_caller_identity()["Account"] == "000000000000"
courses = ['{"metrics": {"auc": %s}}' % auc for auc in (0.5, 0.75, 0.625)]
sagemaker.create_hyper_parameter_tuning_job(
    HyperParameterTuningJobName="grid",
    HyperParameterTuningJobConfig={
        "Strategy": "Grid",
        "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "auc"},
        "ResourceLimits": {"MaxParallelTrainingJobs": 2},
        "ParameterRanges": {"CategoricalParameterRanges": [{"Name": "sluice_job", "Values": courses}]},
    },
    TrainingJobDefinition={
        "AlgorithmSpecification": {"TrainingImage": "xgboost:3.0-5", "TrainingInputMode": "File"},
        "RoleArn": "arn:aws:iam::000000000000:role/training",
        "OutputDataConfig": {"S3OutputPath": "s3://models/artifacts"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    },
)
tuned = until("the tuning job completes", lambda: (lambda t: t["HyperParameterTuningJobStatus"] == "Completed" and t)(
    sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="grid")))
best = tuned["BestTrainingJob"]
assert best["FinalHyperParameterTuningJobObjectiveMetric"] == {"MetricName": "auc", "Value": 0.75, "Type": "Maximize"}, best
assert tuned["TrainingJobStatusCounters"]["Completed"] == 3 and tuned["TrainingJobStatusCounters"]["InProgress"] == 0, tuned
logs = boto3.client("logs")
group = "/aws/sagemaker/TrainingJobs"
stream = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=best["TrainingJobName"] + "/")["logStreams"][0]["logStreamName"]
lines = [e["message"] for e in logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)["events"]]
assert lines == ["auc=0.75"], lines
found = [e["message"] for p in logs.get_paginator("filter_log_events").paginate(logGroupName=group, filterPattern="auc") for e in p["events"]]
assert sorted(found) == ["auc=0.5", "auc=0.625", "auc=0.75", "auc=0.75"], found

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
ecs.deregister_task_definition(taskDefinition="filter:1")
assert ecs.list_task_definition_families(status="ACTIVE")["families"] == []
until("the service is gone", lambda: not ecs.describe_clusters(clusters=["ads"])["clusters"][0]["activeServicesCount"])
assert ecs.delete_cluster(cluster="ads")["cluster"]["status"] == "INACTIVE"

# What stands around a service, field by field as AWS's own model names them.
ecs.create_cluster(clusterName="far", capacityProviders=["machines", "FARGATE"])
ecs.register_task_definition(family="far", networkMode="awsvpc", containerDefinitions=[
    {"name": "far", "image": "none", "memory": 64, "command": ["true"]}])
elb = "arn:aws:elasticloadbalancing:us-east-1:000000000000:"
group, balancer, listener = elb + "targetgroup/far/1", elb + "loadbalancer/net/far/1", elb + "listener/net/far/1/1"
ecs.create_service(
    cluster="far", serviceName="far", taskDefinition="far", desiredCount=0,
    capacityProviderStrategy=[{"capacityProvider": "machines", "weight": 1}],
    loadBalancers=[{"containerName": "far", "containerPort": 9090, "targetGroupArn": group}],
    networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-local"]}})
elbv2 = boto3.client("elbv2")
assert elbv2.describe_target_groups(TargetGroupArns=[group])["TargetGroups"] == [{
    "TargetGroupArn": group, "TargetGroupName": "far", "Protocol": "TCP", "Port": 9090, "VpcId": "vpc-local",
    "HealthCheckProtocol": "HTTP", "HealthCheckPort": "9092", "HealthCheckEnabled": True, "HealthCheckIntervalSeconds": 10,
    "HealthCheckTimeoutSeconds": 5, "HealthyThresholdCount": 2, "UnhealthyThresholdCount": 2, "HealthCheckPath": "/readyz",
    "Matcher": {"HttpCode": "200"}, "LoadBalancerArns": [balancer], "TargetType": "ip", "IpAddressType": "ipv4"}]
assert elbv2.describe_listeners(LoadBalancerArn=balancer)["Listeners"] == [{
    "ListenerArn": listener, "LoadBalancerArn": balancer, "Port": 9090, "Protocol": "TCP",
    "DefaultActions": [{"Type": "forward", "TargetGroupArn": group}]}]
attributes = lambda answer: {a["Key"]: a["Value"] for a in answer["Attributes"]}
assert attributes(elbv2.describe_target_group_attributes(TargetGroupArn=group)) == {
    "deregistration_delay.timeout_seconds": "30", "deregistration_delay.connection_termination.enabled": "false",
    "target_health_state.unhealthy.connection_termination.enabled": "false", "proxy_protocol_v2.enabled": "false",
    "load_balancing.cross_zone.enabled": "use_load_balancer_configuration"}
assert attributes(elbv2.describe_load_balancer_attributes(LoadBalancerArn=balancer)) == {
    "load_balancing.cross_zone.enabled": "true", "deletion_protection.enabled": "false"}
assert attributes(elbv2.describe_listener_attributes(ListenerArn=listener)) == {"tcp.idle_timeout.seconds": "900"}
for error, ask in {
    elbv2.exceptions.TargetGroupNotFoundException: lambda: elbv2.describe_target_groups(TargetGroupArns=[group + "2"]),
    elbv2.exceptions.LoadBalancerNotFoundException: lambda: elbv2.describe_listeners(LoadBalancerArn=group),
    elbv2.exceptions.ListenerNotFoundException: lambda: elbv2.describe_listener_attributes(ListenerArn=balancer),
}.items():
    assert isinstance(refused(400, ask), error), error
scaling = boto3.client("autoscaling")
found = ecs.describe_capacity_providers(capacityProviders=["machines", "FARGATE", "absent"])
assert found["failures"] == [{"arn": "arn:aws:ecs:us-east-1:000000000000:capacity-provider/absent", "reason": "MISSING"}], found
scaling_group = found["capacityProviders"][0]["autoScalingGroupProvider"].pop("autoScalingGroupArn")
assert found["capacityProviders"] == [
    {"capacityProviderArn": "arn:aws:ecs:us-east-1:000000000000:capacity-provider/machines", "name": "machines", "status": "ACTIVE",
     "type": "EC2_AUTOSCALING", "autoScalingGroupProvider": {
         "managedScaling": {"status": "ENABLED", "targetCapacity": 100}, "managedTerminationProtection": "ENABLED", "managedDraining": "ENABLED"}},
    {"capacityProviderArn": "arn:aws:ecs:us-east-1:000000000000:capacity-provider/FARGATE", "name": "FARGATE", "status": "ACTIVE", "type": "FARGATE"}], found
assert scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["machines"])["AutoScalingGroups"] == [{
    "AutoScalingGroupName": "machines", "AutoScalingGroupARN": scaling_group, "MinSize": 0, "MaxSize": 1, "DesiredCapacity": 1,
    "NewInstancesProtectedFromScaleIn": True, "Instances": [{
        "InstanceId": "i-us-east-1a", "AvailabilityZone": "us-east-1a", "LifecycleState": "InService", "HealthStatus": "Healthy",
        "ProtectedFromScaleIn": True}]}]
assert scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["absent"])["AutoScalingGroups"] == []

wrong = dict(aws_access_key_id="test", aws_secret_access_key="wrong")
refused(403, lambda: boto3.client("s3", **wrong).list_buckets())
refused(403, lambda: boto3.client("ecs", **wrong).list_clusters())
refused(403, lambda: boto3.client("elbv2", **wrong).describe_target_groups())
refused(403, lambda: boto3.client("sagemaker", **wrong).list_training_jobs())

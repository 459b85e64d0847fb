# awscli drives sluice local: a bucket, a training job, a service and its tasks.
set -eu
aws s3 mb s3://models
echo "the model" >model
aws s3 cp model s3://models/given/model.tar.gz
aws s3 ls s3://models/given/ | grep -q model.tar.gz

aws sagemaker create-training-job --training-job-name better \
	--role-arn arn:aws:iam::000000000000:role/training \
	--algorithm-specification TrainingImage=xgboost:3.0-5,TrainingInputMode=File \
	--hyper-parameters sluice_artifact=s3://models/given/model.tar.gz \
	--output-data-config S3OutputPath=s3://models/artifacts \
	--resource-config InstanceCount=1,InstanceType=ml.m5.large,VolumeSizeInGB=1 \
	--stopping-condition MaxRuntimeInSeconds=60
aws sagemaker list-training-jobs --query 'TrainingJobSummaries[].TrainingJobName' --output text | grep -qx better
aws sagemaker wait training-job-completed-or-stopped --training-job-name better
aws s3 cp s3://models/artifacts/better/output/model.tar.gz copy
cmp model copy

[ "$(aws sts get-caller-identity --query Account --output text)" = 000000000000 ]
aws sagemaker create-hyper-parameter-tuning-job --hyper-parameter-tuning-job-name grid \
	--hyper-parameter-tuning-job-config '{"Strategy": "Grid", "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
		"ResourceLimits": {"MaxParallelTrainingJobs": 1}, "ParameterRanges": {"CategoricalParameterRanges": [{"Name": "sluice_metrics",
		"Values": ["{\"loss\": 0.5}", "{\"loss\": 0.25}"]}]}}' \
	--training-job-definition '{"AlgorithmSpecification": {"TrainingImage": "xgboost:3.0-5", "TrainingInputMode": "File"},
		"RoleArn": "arn:aws:iam::000000000000:role/training", "OutputDataConfig": {"S3OutputPath": "s3://models/artifacts"},
		"ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}, "StoppingCondition": {"MaxRuntimeInSeconds": 60}}'
n=0
until [ "$(aws sagemaker describe-hyper-parameter-tuning-job --hyper-parameter-tuning-job-name grid --query HyperParameterTuningJobStatus --output text)" = Completed ]; do
	n=$((n + 1))
	[ "$n" -lt 20 ]
done
[ "$(aws sagemaker describe-hyper-parameter-tuning-job --hyper-parameter-tuning-job-name grid \
	--query BestTrainingJob.FinalHyperParameterTuningJobObjectiveMetric.Value --output text)" = 0.25 ]
aws logs filter-log-events --log-group-name /aws/sagemaker/TrainingJobs --log-stream-name-prefix grid-002 --query 'events[].message' --output text | grep -q 'loss=0.25'

aws ecs create-cluster --cluster-name ads
aws ecs register-task-definition --family filter --network-mode awsvpc --container-definitions \
	"[{\"name\":\"filter\",\"image\":\"ignored\",\"command\":[\"$TASK_PROGRAM\"],\"environment\":[{\"name\":\"SLUICE_TEST_ROLE\",\"value\":\"task\"}]}]"
aws ecs create-service --cluster ads --service-name filter --task-definition filter --desired-count 2
# The waiter looks every 15 seconds, so ask ourselves.
n=0
until [ "$(aws ecs describe-services --cluster ads --services filter --query 'services[0].runningCount')" = 2 ]; do
	n=$((n + 1))
	[ "$n" -lt 20 ]
done
[ "$(aws ecs list-tasks --cluster ads --service-name filter --query 'length(taskArns)')" = 2 ]
aws ecs delete-service --cluster ads --service filter --force
n=0
until aws ecs delete-cluster --cluster ads; do
	n=$((n + 1))
	[ "$n" -lt 20 ]
done
aws ecs deregister-task-definition --task-definition filter:1

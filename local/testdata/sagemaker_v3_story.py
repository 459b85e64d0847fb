"""SageMaker's Python SDK v3 trains and tunes on sluice local."""

import json
import os

import boto3
import sagemaker.core.helper.session_helper as helper
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.parameter import CategoricalParameter
from sagemaker.core.shapes import OutputDataConfig, StoppingCondition
from sagemaker.core.training.configs import Compute
from sagemaker.train import ModelTrainer
from sagemaker.train.tuner import HyperparameterTuner

# It names the host of STS itself, whatever AWS_ENDPOINT_URL says.
helper.sts_regional_endpoint = lambda region: os.environ["AWS_ENDPOINT_URL"]
session = Session()
assert session.account_id() == "000000000000", session.account_id()
bucket = session.default_bucket()
boto3.client("s3").put_object(Bucket=bucket, Key="given/model.tar.gz", Body=b"the model")


def trainer(name, hyperparameters):
    return ModelTrainer(
        sagemaker_session=session, training_image="xgboost:3.0-5", role="arn:aws:iam::000000000000:role/trainer", base_job_name=name,
        compute=Compute(instance_type="ml.m5.large", instance_count=1, volume_size_in_gb=1),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=60),
        output_data_config=OutputDataConfig(s3_output_path="s3://%s/out" % bucket), hyperparameters=hyperparameters,
    )


one = trainer("one", {"sluice_artifact": "s3://%s/given/model.tar.gz" % bucket, "sluice_metrics": '{"auc": 0.5}'})
one.train(wait=True, logs=True)
job = one._latest_training_job
job.refresh()
assert job.training_job_status == "Completed", job
where = job.model_artifacts.s3_model_artifacts
assert boto3.client("s3").get_object(Bucket=bucket, Key=where.split("/", 3)[3])["Body"].read() == b"the model", where

courses = [json.dumps({"artifact": "s3://%s/given/model.tar.gz" % bucket, "metrics": {"auc": a}}) for a in (0.5, 0.75, 0.625)]
tuner = HyperparameterTuner(
    trainer("many", {"eta": "1"}), objective_metric_name="auc", metric_definitions=[{"Name": "auc", "Regex": "auc=([0-9.]+)"}],
    hyperparameter_ranges={"sluice_job": CategoricalParameter(courses)}, strategy="Grid", max_jobs=3, max_parallel_jobs=2, base_tuning_job_name="many",
)
tuner.tune(wait=True)
best = tuner.best_training_job()
name = best if isinstance(best, str) else best.training_job_name
d = boto3.client("sagemaker").describe_training_job(TrainingJobName=name)
assert d["FinalMetricDataList"][0]["Value"] == 0.75, d

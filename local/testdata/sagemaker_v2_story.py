"""SageMaker's Python SDK v2 trains and tunes on sluice local."""

import os
import tempfile

import sagemaker
from sagemaker.estimator import Estimator
from sagemaker.tuner import ContinuousParameter, HyperparameterTuner, IntegerParameter

# It names the host of STS itself, whatever AWS_ENDPOINT_URL says.
sagemaker.session.sts_regional_endpoint = lambda region: os.environ["AWS_ENDPOINT_URL"]
session = sagemaker.Session()
assert session.account_id() == "000000000000", session.account_id()
bucket = session.default_bucket()
assert bucket == "sagemaker-us-east-1-000000000000", bucket

code = tempfile.mkdtemp()
with open(os.path.join(code, "train.py"), "w") as f:
    f.write('''import argparse, os
p = argparse.ArgumentParser()
p.add_argument("--depth", type=int)
p.add_argument("--eta", type=float)
a = p.parse_args()
open(os.path.join(os.environ["SM_MODEL_DIR"], "xgboost-model"), "w").write(open(os.path.join(os.environ["SM_CHANNEL_TRAIN"], "rows")).read())
print("training with depth", a.depth)
print("validation-auc:%.2f" % (0.5 + a.depth / 100))
''')
session.upload_string_as_file_body("some rows", bucket, "data/rows")

common = dict(
    image_uri="xgboost:3.0-5", role="arn:aws:iam::000000000000:role/trainer", instance_count=1, instance_type="ml.m5.large",
    entry_point="train.py", source_dir=code, sagemaker_session=session, output_path="s3://%s/out" % bucket,
    metric_definitions=[{"Name": "auc", "Regex": "validation-auc:([0-9.]+)"}],
)
estimator = Estimator(hyperparameters={"depth": 7, "eta": 0.25}, base_job_name="one", **common)
estimator.fit({"train": "s3://%s/data" % bucket}, logs="All")
job = estimator.latest_training_job.describe()
assert job["TrainingJobStatus"] == "Completed" and round(job["FinalMetricDataList"][0]["Value"], 2) == 0.57, job
assert estimator.model_data.startswith("s3://%s/out/one-" % bucket), estimator.model_data

tuner = HyperparameterTuner(
    Estimator(hyperparameters={}, **common), objective_metric_name="auc", base_tuning_job_name="many",
    metric_definitions=common["metric_definitions"],
    hyperparameter_ranges={"depth": IntegerParameter(3, 12), "eta": ContinuousParameter(0.01, 0.5)},
    max_jobs=4, max_parallel_jobs=2,
)
tuner.fit({"train": "s3://%s/data" % bucket})
tuner.wait()
jobs = tuner.analytics().training_job_summaries()
assert len(jobs) == 4, jobs
best = max(jobs, key=lambda j: j["FinalHyperParameterTuningJobObjectiveMetric"]["Value"])
got = tuner.best_training_job()
value = {j["TrainingJobName"]: j["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for j in jobs}
assert value[got] == value[best["TrainingJobName"]], (got, value)
assert tuner.best_estimator().model_data.endswith("/%s/output/model.tar.gz" % got)

"""Holds commands of the AWS CLI, a line each on standard input, against the
service models of botocore, and a training job against its shape. Prints what
is wrong."""

import json
import shlex
import sys

import botocore.loaders
import botocore.session
import botocore.validate
from botocore import xform_name

# What the CLI adds to the services, and the options that it has.
OWN = {
    ("s3", "cp"): set(),
    ("s3", "mb"): set(),
    ("logs", "tail"): {"follow"},
    ("ecr", "get-login-password"): set(),
    ("cloudformation", "deploy"): {"stack-name", "template-file", "parameter-overrides", "capabilities"},
}
EVERYWHERE = {"query", "output", "region", "cli-input-json", "max-items"}

session = botocore.session.get_session()


def options(words):
    return {w[2:].split("=")[0] for w in words if w.startswith("--")}


def wrong(line):
    words = shlex.split(line)
    service, command, rest = words[1].removesuffix("api"), words[2], words[3:]
    if (service, command) in OWN:
        return options(rest) - OWN[service, command] - EVERYWHERE
    model = session.get_service_model(service)
    if command == "wait":
        client = session.create_client(service, region_name="us-east-1")
        waiter = rest[0].replace("-", "_")
        if waiter not in client.waiter_names:
            return {"there is no waiter " + rest[0]}
        waiters = botocore.loaders.Loader().load_service_model(service, "waiters-2")["waiters"]
        operation = next(w["operation"] for name, w in waiters.items() if xform_name(name) == waiter)
    else:
        named = {xform_name(n, "-"): n for n in model.operation_names}
        if command not in named:
            return {"there is no such command"}
        operation = named[command]
    shape = model.operation_model(operation).input_shape
    known = {xform_name(m, "-") for m in shape.members} if shape else set()
    booleans = {m[3:] for m in options(rest) if m.startswith("no-") and m[3:] in known}
    return options(rest) - known - EVERYWHERE - {"no-" + b for b in booleans}


for line in sys.stdin:
    if line.startswith("{"):
        shape = session.get_service_model("sagemaker").operation_model("CreateTrainingJob").input_shape
        report = botocore.validate.ParamValidator().validate(json.loads(line), shape)
        if report.has_errors():
            print("training-job.json:", report.generate_report())
        continue
    if faults := wrong(line):
        print(line.strip(), faults)

"""boto3 clients of the principals in the credentials file, against the endpoint of the environment.

`AWS_ENDPOINT_URL_KMS` is the server, `KMS_TEST_CREDENTIALS` its credentials file, `AWS_CA_BUNDLE` the CA of its
certificate if it has one. Every answer that comes back is compared with botocore's model of the service.
"""

import base64
import binascii
import collections
import json
import os
import pathlib
import tomllib

import boto3
import botocore.session
from botocore.config import Config

REGION = "eu-central-1"
OTHER_REGION = "us-east-1"
ACCOUNT = "111122223333"
OTHER_ACCOUNT = "444455556666"

MODEL = botocore.session.get_session().get_service_model("kms")

#: How often each operation was answered, by operation and exception (`None`: it was done).
ANSWERS = collections.Counter()
#: What was wrong with answers that came back.
MISFITS = []


def principals():
    """The principals of the credentials file, by the end of their ARN."""
    text = pathlib.Path(os.environ["KMS_TEST_CREDENTIALS"]).read_text(encoding="utf-8")
    return {entry["arn"].split(":", 5)[4] + ":" + entry["arn"].split(":", 5)[5]: entry for entry in tomllib.loads(text)["principal"]}


PRINCIPALS = principals()
ADMIN = PRINCIPALS[f"{ACCOUNT}:user/admin"]
ALICE = PRINCIPALS[f"{ACCOUNT}:user/alice"]
WORKER = PRINCIPALS[f"{ACCOUNT}:assumed-role/worker/session"]
ROOT = PRINCIPALS[f"{ACCOUNT}:root"]
BOB = PRINCIPALS[f"{OTHER_ACCOUNT}:user/bob"]


def client(principal=None, region=REGION, **config):
    """A client of `principal`; of the administrator when nobody is named."""
    principal = principal or ADMIN
    made = boto3.session.Session(
        aws_access_key_id=principal["access_key_id"],
        aws_secret_access_key=principal["secret_access_key"],
        aws_session_token=principal.get("session_token"),
        region_name=region,
    ).client("kms", config=Config(**config))
    made.meta.events.register("before-parse.kms", _compare)
    made.meta.events.register("after-call.kms", _count)
    return made


def _count(model, parsed, **_):
    ANSWERS[model.name, parsed.get("Error", {}).get("Code")] += 1


def _compare(operation_model, response_dict, **_):
    """That an answer has what the model says that it has, and nothing else."""
    name, body = operation_model.name, response_dict["body"]
    if not response_dict["headers"].get("x-amzn-requestid"):
        MISFITS.append(f"{name}: no x-amzn-RequestId")
    if response_dict["status_code"] != 200:
        return
    shape = operation_model.output_shape
    if shape is None:
        if body:
            MISFITS.append(f"{name}: a body, where AWS sends none: {body!r}")
        return
    if response_dict["headers"].get("content-type") != "application/x-amz-json-1.1":
        MISFITS.append(f"{name}: content type {response_dict['headers'].get('content-type')}")
    _compare_with(shape, json.loads(body), name)


def _compare_with(shape, value, at):
    fits = {
        "structure": lambda: isinstance(value, dict),
        "map": lambda: isinstance(value, dict),
        "list": lambda: isinstance(value, list),
        "string": lambda: isinstance(value, str) and (not shape.enum or value in shape.enum),
        "blob": lambda: isinstance(value, str) and _is_base64(value),
        "boolean": lambda: isinstance(value, bool),
        "integer": lambda: isinstance(value, int) and not isinstance(value, bool),
        "timestamp": lambda: isinstance(value, int | float) and not isinstance(value, bool) and 1e9 < value < 1e11,
    }[shape.type_name]()
    if not fits:
        MISFITS.append(f"{at}: {value!r} is no {shape.type_name} {shape.name}")
        return
    if shape.type_name == "structure":
        for member in shape.required_members:
            if member not in value:
                MISFITS.append(f"{at}: no {member}")
        for member, inner in value.items():
            if member in shape.members:
                _compare_with(shape.members[member], inner, f"{at}.{member}")
            else:
                MISFITS.append(f"{at}: {member} is not in the model")
    elif shape.type_name == "list":
        for inner in value:
            _compare_with(shape.member, inner, f"{at}[]")


def _is_base64(text):
    try:
        base64.b64decode(text, validate=True)
        return True
    except binascii.Error:
        return False


def check_answers(report):
    """A group of its own: that no answer was unlike botocore's model."""
    with report.group("answers like the model"):
        report.check("answers were seen", ANSWERS)
        for misfit in sorted(set(MISFITS)):
            report.check("like the model", False, misfit)

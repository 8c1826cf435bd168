"""Throttling, and the clients' own retry modes recovering from it.

The server is started with a quota of two UpdateKeyDescription a second.
"""

import itertools

from botocore.exceptions import ClientError

from clients import check_answers, client
from report import Report

MOST = 500
TEXT = "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls."

report = Report("retries")
check, equal = report.check, report.equal
key = client().create_key()["KeyMetadata"]["KeyId"]
once = client(retries={"mode": "standard", "total_max_attempts": 1})


def use_up():
    """Asks until a request is refused, and answers the refusal."""
    for number in range(MOST):
        try:
            once.update_key_description(KeyId=key, Description=f"number {number}")
        except ClientError as error:
            return error
    return None


with report.group("throttled"):
    error = use_up()
    if check("refused", error, f"{MOST} requests were answered"):
        code, text = error.response["Error"]["Code"], error.response["Error"]["Message"]
        equal("code", code, "ThrottlingException")
        equal("status", error.response["ResponseMetadata"]["HTTPStatusCode"], 400)
        check("text", text.startswith("You have exceeded the rate at which you may call KMS."), text)
    check("other operations go on", once.describe_key(KeyId=key))

for mode in ("legacy", "standard", "adaptive"):
    with report.group(mode):
        patient = client(retries={"mode": mode, "total_max_attempts": 12})
        use_up()
        retried = 0
        for number in itertools.count():
            answer = patient.update_key_description(KeyId=key, Description=f"{mode} {number}")
            retried += answer["ResponseMetadata"]["RetryAttempts"]
            if number >= 3 and retried or number >= MOST:
                break
        check("tried again", retried > 0, f"{number} requests, none of them throttled")
        equal("done", client().describe_key(KeyId=key)["KeyMetadata"]["Description"], f"{mode} {number}")

check_answers(report)
report.finish()

"""The AWS command line as people use it: files in, files out, errors and exit statuses."""

import base64
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from clients import ADMIN, ALICE, REGION, client
from report import Report
from subjects import fresh_name

report = Report("aws cli")
check, equal = report.check, report.equal
AWS = str(pathlib.Path(sys.executable).with_name("aws"))
UNKNOWN = "1234abcd-12ab-34cd-56ef-1234567890ab"


def aws(*arguments, principal=ADMIN, directory=None):
    """Runs `aws kms …`; answers exit status, standard output and standard error."""
    environment = {
        **os.environ,
        "AWS_ACCESS_KEY_ID": principal["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": principal["secret_access_key"],
        "AWS_DEFAULT_REGION": REGION,
        "AWS_PAGER": "",
    }
    done = subprocess.run([AWS, "kms", *arguments], env=environment, cwd=directory, capture_output=True, text=True,
                          timeout=300, check=False)
    return done.returncode, done.stdout, done.stderr


def done(*arguments, **more):
    """The JSON that a command prints, which has to succeed."""
    status, out, err = aws(*arguments, **more)
    equal(" ".join(arguments[:1]), (status, err), (0, ""))
    return json.loads(out) if out else {}


with report.group("keys"):
    made = done("create-key", "--description", "from the command line", "--tags", "TagKey=team,TagValue=blue")
    key = made["KeyMetadata"]["KeyId"]
    equal("described", done("describe-key", "--key-id", key), made)
    name = fresh_name()
    equal("silent", aws("create-alias", "--alias-name", name, "--target-key-id", key), (0, "", ""))
    listed = done("list-aliases", "--key-id", key, "--query", "Aliases[].AliasName")
    equal("a query", listed, [name])
    check("all pages", {"KeyId": key, "KeyArn": made["KeyMetadata"]["Arn"]} in done("list-keys", "--page-size", "1")["Keys"])

with report.group("files"):
    with tempfile.TemporaryDirectory() as directory:
        text = os.urandom(1000)
        pathlib.Path(directory, "plain").write_bytes(text)
        sealed = done("encrypt", "--key-id", name, "--plaintext", "fileb://plain", "--encryption-context", "a=b,c=d",
                      directory=directory)
        pathlib.Path(directory, "sealed").write_bytes(base64.b64decode(sealed["CiphertextBlob"]))
        opened = done("decrypt", "--ciphertext-blob", "fileb://sealed", "--encryption-context", "c=d,a=b", directory=directory)
        equal("and back", base64.b64decode(opened["Plaintext"]), text)
        status, out, _ = aws("decrypt", "--ciphertext-blob", "fileb://sealed", "--encryption-context", "c=d,a=b",
                             "--output", "text", "--query", "Plaintext", directory=directory)
        equal("as text", (status, base64.b64decode(out)), (0, text))
        equal("by boto3", client().decrypt(CiphertextBlob=pathlib.Path(directory, "sealed").read_bytes(),
                                           EncryptionContext={"a": "b", "c": "d"})["Plaintext"], text)
        status, out, err = aws("decrypt", "--ciphertext-blob", "fileb://sealed", directory=directory)
        equal("without its context", (status, out), (255, ""))
        # AWS sends this exception without a text.
        check("what it prints", "(InvalidCiphertextException) when calling the Decrypt operation" in err, err)

with report.group("errors"):
    for arguments, principal, status, text in [
        (["describe-key", "--key-id", UNKNOWN], ADMIN, 255,
         "An error occurred (NotFoundException) when calling the DescribeKey operation: Key "
         f"'arn:aws:kms:{REGION}:111122223333:key/{UNKNOWN}' does not exist"),
        (["describe-key", "--key-id", "no-key"], ADMIN, 255,
         "An error occurred (NotFoundException) when calling the DescribeKey operation: Invalid keyId 'no-key'"),
        (["generate-random", "--number-of-bytes", "1025"], ADMIN, 255,
         "An error occurred (ValidationException) when calling the GenerateRandom operation: 1 validation error detected: "
         "Value '1025' at 'numberOfBytes' failed to satisfy constraint: Member must have value less than or equal to 1024"),
        (["create-key"], ALICE, 255,
         f"An error occurred (AccessDeniedException) when calling the CreateKey operation: User: {ALICE['arn']} is not "
         "authorized to perform: kms:CreateKey on resource: * because no identity-based policy allows the kms:CreateKey action"),
        (["list-keys"], {**ADMIN, "access_key_id": "AKIANOBODYNOBODY0001"}, 255,
         "An error occurred (UnrecognizedClientException) when calling the ListKeys operation: The security token included "
         "in the request is invalid."),
    ]:
        code, out, err = aws(*arguments, principal=principal)
        equal(f"{arguments}: status and output", (code, out), (status, ""))
        check(f"{arguments}: text", text in err, err)

report.finish()

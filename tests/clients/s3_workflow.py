"""Client-side encryption of objects in a bucket: data key from our service, data in an S3-compatible store.

moto's S3 is the store. `s3_workflow.py` keeps the wrapped data key in the object's metadata; `s3_workflow.py BINARY`
puts what `kms encrypt` writes, by boto3 and by the AWS command line.
"""

import base64
import logging
import os
import pathlib
import subprocess
import sys
import tempfile

import boto3
from botocore.config import Config
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from moto.server import ThreadedMotoServer

from clients import ADMIN, REGION, check_answers, client
from report import Report
from subjects import Subject

BUCKET = "a-bucket"
CONTEXT = {"bucket": BUCKET}
# moto's server would tell of each request.
logging.getLogger("werkzeug").setLevel(logging.ERROR)
DATA = os.urandom(1 << 20)

report = Report("s3 workflow")
check, equal, refused = report.check, report.equal, report.refused
KEYS = {"aws_access_key_id": ADMIN["access_key_id"], "aws_secret_access_key": ADMIN["secret_access_key"]}


def in_metadata(s3, kms, subject):
    """The wrapped data key travels with the object."""
    with report.group("data key in the metadata"):
        data_key = kms.generate_data_key(KeyId=subject.alias, KeySpec="AES_256", EncryptionContext=CONTEXT)
        nonce = os.urandom(12)
        sealed = AESGCM(data_key["Plaintext"]).encrypt(nonce, DATA, None)
        s3.put_object(Bucket=BUCKET, Key="one", Body=sealed, Metadata={
            "key": base64.b64encode(data_key["CiphertextBlob"]).decode(), "nonce": nonce.hex(),
        })
        found = s3.get_object(Bucket=BUCKET, Key="one")
        wrapped = base64.b64decode(found["Metadata"]["key"])
        opened = kms.decrypt(CiphertextBlob=wrapped, EncryptionContext=CONTEXT)
        plain = AESGCM(opened["Plaintext"]).decrypt(bytes.fromhex(found["Metadata"]["nonce"]), found["Body"].read(), None)
        equal("and back", plain, DATA)
        refused("as of another bucket", "InvalidCiphertextException", kms.decrypt, CiphertextBlob=wrapped,
                EncryptionContext={"bucket": "another"})
        # Moved to another key, the object stays as it is.
        moved = kms.re_encrypt(CiphertextBlob=wrapped, SourceEncryptionContext=CONTEXT,
                               DestinationKeyId=Subject("symmetric").arn, DestinationEncryptionContext=CONTEXT)
        equal("rewrapped", kms.decrypt(CiphertextBlob=moved["CiphertextBlob"], EncryptionContext=CONTEXT)["Plaintext"],
              opened["Plaintext"])
        try:
            AESGCM(opened["Plaintext"]).decrypt(nonce, sealed[:-1] + bytes([sealed[-1] ^ 1]), None)
            check("damaged", False, "decrypted")
        except InvalidTag:
            check("damaged", True)


def through(binary, endpoint, s3, subject):
    """Messages of `kms encrypt`, in the bucket."""
    environment = {
        **os.environ, "AWS_ACCESS_KEY_ID": ADMIN["access_key_id"], "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION,
        "AWS_SECRET_ACCESS_KEY": ADMIN["secret_access_key"], "AWS_ENDPOINT_URL_S3": endpoint,
    }
    aws = str(pathlib.Path(sys.executable).with_name("aws"))

    def run(*command):
        done = subprocess.run(command, env=environment, capture_output=True, timeout=300, check=False)
        return check(" ".join(command[:2]), done.returncode == 0, f"exit status {done.returncode}: {done.stderr!r}")

    with report.group("kms encrypt, boto3 and the command line"), tempfile.TemporaryDirectory() as directory:
        plain, sealed, found, back = (str(pathlib.Path(directory, name)) for name in ("plain", "sealed", "found", "back"))
        pathlib.Path(plain).write_bytes(DATA)
        context = [f"--context=bucket={BUCKET}"]
        if not run(binary, "encrypt", "--key", subject.arn, *context, "-o", sealed, plain):
            return
        s3.put_object(Bucket=BUCKET, Key="two", Body=pathlib.Path(sealed).read_bytes(), Metadata={"cipher": "esdk"})
        object_ = s3.get_object(Bucket=BUCKET, Key="two")
        equal("metadata", object_["Metadata"], {"cipher": "esdk"})
        pathlib.Path(found).write_bytes(object_["Body"].read())
        run(binary, "decrypt", "--key", subject.arn, *context, "-o", back, found)
        equal("by boto3", pathlib.Path(back).read_bytes(), DATA)
        pathlib.Path(back).unlink()
        run(aws, "s3", "cp", "--quiet", "--metadata", "cipher=esdk", sealed, f"s3://{BUCKET}/three")
        run(aws, "s3", "cp", "--quiet", f"s3://{BUCKET}/three", found)
        run(binary, "decrypt", "--key", subject.arn, *context, "-o", back, found)
        equal("by the command line", pathlib.Path(back).read_bytes(), DATA)


def main():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        endpoint = "http://{}:{}".format(*server.get_host_and_port())
        s3 = boto3.client("s3", endpoint_url=endpoint, region_name=REGION, config=Config(), **KEYS)
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        subject = Subject("symmetric")
        if sys.argv[1:]:
            through(sys.argv[1], endpoint, s3, subject)
        else:
            in_metadata(s3, client(), subject)
    finally:
        server.stop()


main()
check_answers(report)
report.finish()

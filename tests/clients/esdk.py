"""The AWS Encryption SDK for Python with its KMS keyrings; both ways with `kms encrypt` and `kms decrypt`.

`esdk.py here` is the SDK alone; `esdk.py kms BINARY` goes through the command, too; `esdk.py write DIRECTORY` and
`esdk.py read DIRECTORY` exchange messages with other languages.
"""

import base64
import json
import logging
import os
import pathlib
import subprocess
import sys

import aws_encryption_sdk
from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
from aws_cryptographic_material_providers.mpl.models import (
    CreateAwsKmsDiscoveryKeyringInput,
    CreateAwsKmsKeyringInput,
    CreateAwsKmsMrkKeyringInput,
    CreateAwsKmsMultiKeyringInput,
    CreateAwsKmsRsaKeyringInput,
    DiscoveryFilter,
)

from clients import ACCOUNT, ADMIN, OTHER_REGION, REGION, check_answers, client
from report import Report
from subjects import Subject

CONTEXT = {"department": "finance", "ä": "ö"}
TEXT = b"A message of more than one frame. " * 1000

# Each failure that a check expects would be told with its trace.
logging.disable()

providers = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())
sdk = aws_encryption_sdk.EncryptionSDKClient()
report = Report("encryption sdk for python")
check, equal = report.check, report.equal


def keyring(arn, kms):
    return providers.create_aws_kms_keyring(input=CreateAwsKmsKeyringInput(kms_key_id=arn, kms_client=kms))


def encrypt(ring, text=TEXT):
    return sdk.encrypt(source=text, keyring=ring, encryption_context=CONTEXT)[0]


def decrypt(ring, message):
    return sdk.decrypt(source=message, keyring=ring, encryption_context=CONTEXT)[0]


def fails(what, call, *arguments):
    """That it fails, with whatever the SDK makes of it."""
    try:
        call(*arguments)
    except Exception:
        return check(what, True)
    return check(what, False, "done")


def discovery(kms, account):
    return providers.create_aws_kms_discovery_keyring(input=CreateAwsKmsDiscoveryKeyringInput(
        kms_client=kms, discovery_filter=DiscoveryFilter(partition="aws", account_ids=[account])
    ))


def alone():
    """Its keyrings, against our service."""
    kms, there = client(), client(region=OTHER_REGION)
    one, other, primary = Subject("symmetric"), Subject("symmetric"), Subject("multi-region")
    with report.group("one key"):
        message = encrypt(keyring(one.arn, kms))
        equal("and back", decrypt(keyring(one.arn, kms), message), TEXT)
        fails("by another key", decrypt, keyring(other.arn, kms), message)
        one.kms.disable_key(KeyId=one.id)
        fails("while it is disabled", decrypt, keyring(one.arn, kms), message)
        one.kms.enable_key(KeyId=one.id)
        equal("and enabled again", decrypt(keyring(one.arn, kms), message), TEXT)
    with report.group("discovery"):
        equal("of the account", decrypt(discovery(kms, ACCOUNT), message), TEXT)
        fails("of another account", decrypt, discovery(kms, "999999999999"), message)
    with report.group("two keys"):
        os.environ.update(AWS_ACCESS_KEY_ID=ADMIN["access_key_id"], AWS_SECRET_ACCESS_KEY=ADMIN["secret_access_key"])
        both = providers.create_aws_kms_multi_keyring(input=CreateAwsKmsMultiKeyringInput(
            generator=one.arn, kms_key_ids=[other.arn]
        ))
        message = encrypt(both)
        for subject in (one, other):
            equal("by either", decrypt(keyring(subject.arn, kms), message), TEXT)
    with report.group("several regions"):
        replica = kms.replicate_key(KeyId=primary.id, ReplicaRegion=OTHER_REGION)["ReplicaKeyMetadata"]["Arn"]
        here, over_there = (providers.create_aws_kms_mrk_keyring(input=CreateAwsKmsMrkKeyringInput(
            kms_key_id=arn, kms_client=by)) for arn, by in ((primary.arn, kms), (replica, there)))
        equal("by the replica", decrypt(over_there, encrypt(here)), TEXT)
    with report.group("rsa"):
        rsa = Subject("encrypting")
        public = kms.get_public_key(KeyId=rsa.id)["PublicKey"]
        pem = b"-----BEGIN PUBLIC KEY-----\n" + base64.encodebytes(public) + b"-----END PUBLIC KEY-----\n"
        ring = providers.create_aws_kms_rsa_keyring(input=CreateAwsKmsRsaKeyringInput(
            public_key=pem, kms_key_id=rsa.arn, encryption_algorithm="RSAES_OAEP_SHA_256", kms_client=kms
        ))
        suite = aws_encryption_sdk.identifiers.AlgorithmSuite
        # A signed suite needs a key that can sign the context: RSA keyrings take none.
        message = encrypt_unsigned(ring, suite)
        equal("and back", decrypt(ring, message), TEXT)


def encrypt_unsigned(ring, suite):
    """A message without a signature, which keyrings of asymmetric keys need."""
    return sdk.encrypt(
        source=TEXT, keyring=ring, encryption_context=CONTEXT,
        algorithm=suite.AES_256_GCM_HKDF_SHA512_COMMIT_KEY,
    )[0]


def through(binary):
    """What `kms encrypt` writes, the SDK reads, and the other way round."""
    subject, kms = Subject("symmetric"), client()
    environment = {
        **os.environ, "AWS_ACCESS_KEY_ID": ADMIN["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": ADMIN["secret_access_key"], "AWS_REGION": REGION,
    }
    context = [part for name, value in CONTEXT.items() for part in ("--context", f"{name}={value}")]

    def command(*arguments, source):
        return subprocess.run([binary, *arguments, "-o", "-", "-"], input=source, env=environment, capture_output=True,
                              timeout=300, check=False)

    with report.group("through kms"):
        ours = command("encrypt", "--key", subject.arn, *context, source=TEXT)
        if check("kms encrypt", ours.returncode == 0, ours.stderr):
            check("and says under which key", subject.arn.encode() in ours.stderr, ours.stderr)
            equal("we write, Python reads", decrypt(keyring(subject.arn, kms), ours.stdout), TEXT)
        theirs = encrypt(keyring(subject.arn, kms))
        for allowed in (["--key", subject.arn], ["--discovery", "--discovery-account", ACCOUNT]):
            opened = command("decrypt", *allowed, *context, source=theirs)
            equal(f"Python writes, we read with {allowed[0]}", (opened.returncode, opened.stdout, opened.stderr),
                  (0, TEXT, b""))
        refused = command("decrypt", source=theirs)
        check("no key named, none used", refused.returncode != 0 and not refused.stdout, refused)


def exchange(way, directory):
    """Messages that another language reads, or that it wrote; `keys.json` says under which key."""
    directory = pathlib.Path(directory)
    kms = client()
    if way == "write":
        subject = Subject("symmetric")
        (directory / "keys.json").write_text(json.dumps({"arn": subject.arn, "context": CONTEXT}), encoding="utf-8")
        (directory / "plain").write_bytes(TEXT)
        (directory / "python").write_bytes(encrypt(keyring(subject.arn, kms)))
        check("written", True)
    else:
        with report.group("what JavaScript wrote"):
            arn = json.loads((directory / "keys.json").read_text(encoding="utf-8"))["arn"]
            equal("and back", decrypt(keyring(arn, kms), (directory / "javascript").read_bytes()), TEXT)


match sys.argv[1:]:
    case ["here"]:
        alone()
    case ["kms", binary]:
        through(binary)
    case ["write" | "read" as way, directory]:
        exchange(way, directory)
    case _:
        sys.exit(__doc__)
check_answers(report)
report.finish()

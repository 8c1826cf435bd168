"""Decrypts every message of a corpus with the AWS Encryption SDK for Python and compares.

usage: decrypt_all.py MANIFEST.json
"""

import pathlib
import sys

import aws_encryption_sdk
from aws_encryption_sdk.identifiers import CommitmentPolicy

import corpus


def check(client, keyrings, directory, entry):
    """What is wrong with a message; nothing if all is well."""
    message = (directory / entry["file"]).read_bytes()
    opened, header = client.decrypt(
        source=message,
        keyring=keyrings.one(entry["decrypt_with"]),
        encryption_context=entry.get("reproduced_context", {}),
    )
    if opened != corpus.plaintext(entry):
        return "another plaintext"
    if f"{header.algorithm.algorithm_id:04x}" != entry["suite"]:
        return f"suite {header.algorithm.algorithm_id:04x}"
    reproduced = entry.get("reproduced_context", {})
    expected = {key: value for key, value in entry["encryption_context"].items() if key not in reproduced}
    stored = {key: value for key, value in header.encryption_context.items() if not key.startswith("aws-crypto-")}
    if {key: value for key, value in stored.items() if key not in reproduced} != expected:
        return f"encryption context {stored}"
    return None


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    path = pathlib.Path(sys.argv[1])
    manifest = corpus.load(path)
    keyrings = corpus.Keyrings(manifest["keys"])
    client = aws_encryption_sdk.EncryptionSDKClient(commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_ALLOW_DECRYPT)
    passed = failed = 0
    for entry in manifest["messages"]:
        try:
            wrong = check(client, keyrings, path.parent, entry)
        except Exception as error:  # the SDK has no common class for its errors
            wrong = f"{type(error).__name__}: {error}"
        if wrong is None:
            passed += 1
        else:
            failed += 1
            print(f"FAILED {entry['file']} with {entry['decrypt_with']}: {wrong}")
    print(f"{passed} passed, {failed} failed")
    if failed or not passed:
        raise SystemExit(1)


main()

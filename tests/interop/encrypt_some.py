"""Writes a corpus of fresh messages with the AWS Encryption SDK for Python, under the keys of another manifest.

usage: encrypt_some.py KEYS-MANIFEST.json DIR
"""

import itertools
import json
import pathlib
import sys

import aws_encryption_sdk
from aws_cryptographic_material_providers.mpl.models import CreateRequiredEncryptionContextCMMInput
from aws_encryption_sdk.identifiers import AlgorithmSuite, CommitmentPolicy

import corpus

SUITES = [0x0014, 0x0046, 0x0078, 0x0114, 0x0146, 0x0178, 0x0214, 0x0346, 0x0378, 0x0478, 0x0578]
# This SDK writes frames of multiples of 128 bytes, and with 0 a message that is not framed.
FRAME_LENGTHS = [0, 128, 4096]
CONTEXTS = [
    {},
    {"purpose": "interop"},
    {"b": "2", "a": "1", "B": "3", "empty": ""},
    {"имя": "значение", "名前": "値", "emoji😀": "🔐", "z": "é", "Ünï": "ç"},
    {"\uffff": "above the surrogates in UTF-8", "\U00010000": "the other way round"},
]


def lengths(frame_length):
    """Plaintext lengths around the multiples of a frame."""
    if frame_length == 0:
        return [0, 1, 1000]
    return [0, 1, frame_length - 1, frame_length, frame_length + 1, 2 * frame_length, 3 * frame_length + 7]


def client_for(suite):
    """Non-committing suites are written under another policy only."""
    policy = (
        CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT
        if suite >= 0x0400
        else CommitmentPolicy.FORBID_ENCRYPT_ALLOW_DECRYPT
    )
    return aws_encryption_sdk.EncryptionSDKClient(commitment_policy=policy)


def write(directory, keyrings, suite, frame_length, length, context, uses, required=()):
    """Writes one message; returns its entries in the manifest, one for each recipient."""
    name = f"m/py-{suite:04x}-f{frame_length}-n{length}-k{len(uses)}-r{len(required)}"
    source, described = corpus.describe(f"python/{name}", length)
    if required:
        manager = corpus.PROVIDERS.create_required_encryption_context_cmm(
            input=CreateRequiredEncryptionContextCMMInput(
                required_encryption_context_keys=list(required),
                underlying_cmm=corpus.default_manager(keyrings.all(uses)),
            )
        )
        how = {"materials_manager": manager}
    else:
        how = {"keyring": keyrings.all(uses)}
    message, _ = client_for(suite).encrypt(
        source=source,
        encryption_context=dict(context),
        algorithm=AlgorithmSuite.get_by_id(suite),
        frame_length=frame_length,
        **how,
    )
    (directory / name).write_bytes(message)
    entry = {
        "file": name,
        "suite": f"{suite:04x}",
        "expect": "ok",
        "group": "positive",
        "plaintext": described,
        "encryption_context": context,
        "frame_length": frame_length,
        "required_context_keys": list(required),
        "reproduced_context": {key: context[key] for key in required},
    }
    return [{**entry, "decrypt_with": use} for use in uses]


def main():
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    keys = corpus.load(sys.argv[1])["keys"]
    directory = pathlib.Path(sys.argv[2])
    (directory / "m").mkdir(parents=True, exist_ok=True)
    keyrings = corpus.Keyrings(keys)
    uses = [
        {"key": name, "wrapping": wrapping}
        for name, key in sorted(keys.items())
        for wrapping in (["AES_GCM"] if key["type"] == "aes" else sorted(corpus.RSA))
    ]
    turns, contexts = itertools.cycle(uses), itertools.cycle(CONTEXTS)
    entries = []
    for suite in SUITES:
        for frame_length in FRAME_LENGTHS:
            for length in lengths(frame_length):
                entries += write(directory, keyrings, suite, frame_length, length, next(contexts), [next(turns)])
        entries += write(directory, keyrings, suite, 128, 300, next(contexts), uses)
        pairs = {"tenant": "42", "stored": "yes", "ünstored": "é"}
        entries += write(directory, keyrings, suite, 128, 300, pairs, [next(turns)], ["tenant", "ünstored"])
    manifest = {"format": corpus.FORMAT, "keys": keys, "messages": entries}
    (directory / "manifest.json").write_text(json.dumps(manifest, indent=1, ensure_ascii=False), encoding="utf-8")
    print(f"wrote {len(entries)} messages to {directory / 'manifest.json'}")


main()

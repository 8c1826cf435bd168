"""A corpus of messages (see tests/vectors/README.md), for the AWS Encryption SDK for Python.

Wrapping keys are the raw keyrings of the material providers library: the SDK's older master key providers try the
encrypted data keys of a message in an order that changes from run to run.
"""

import hashlib
import json
import pathlib

from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
from aws_cryptographic_material_providers.mpl.models import (
    AesWrappingAlg,
    CreateDefaultCryptographicMaterialsManagerInput,
    CreateMultiKeyringInput,
    CreateRawAesKeyringInput,
    CreateRawRsaKeyringInput,
    PaddingScheme,
)

FORMAT = "esdk-corpus/1"
PROVIDERS = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())

AES = {
    16: AesWrappingAlg.ALG_AES128_GCM_IV12_TAG16,
    24: AesWrappingAlg.ALG_AES192_GCM_IV12_TAG16,
    32: AesWrappingAlg.ALG_AES256_GCM_IV12_TAG16,
}
RSA = {
    "RSA_OAEP_SHA1": PaddingScheme.OAEP_SHA1_MGF1,
    "RSA_OAEP_SHA256": PaddingScheme.OAEP_SHA256_MGF1,
    "RSA_OAEP_SHA384": PaddingScheme.OAEP_SHA384_MGF1,
    "RSA_OAEP_SHA512": PaddingScheme.OAEP_SHA512_MGF1,
}


def load(path):
    """The manifest at `path`."""
    manifest = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    if manifest["format"] != FORMAT:
        raise SystemExit(f"{path}: format {manifest['format']}, not {FORMAT}")
    return manifest


class Keyrings:
    """The keyrings of a manifest's keys, each made once."""

    def __init__(self, keys):
        self.keys = keys
        self.made = {}

    def one(self, use):
        """The keyring for `{"key": …, "wrapping": …}`."""
        at = (use["key"], use["wrapping"])
        if at not in self.made:
            self.made[at] = self._make(self.keys[use["key"]], use["wrapping"])
        return self.made[at]

    def all(self, uses):
        """A keyring that wraps with every one of `uses`; the first generates."""
        if len(uses) == 1:
            return self.one(uses[0])
        return PROVIDERS.create_multi_keyring(
            input=CreateMultiKeyringInput(
                generator=self.one(uses[0]), child_keyrings=[self.one(use) for use in uses[1:]]
            )
        )

    @staticmethod
    def _make(key, wrapping):
        if key["type"] == "aes":
            secret = bytes.fromhex(key["hex"])
            return PROVIDERS.create_raw_aes_keyring(
                input=CreateRawAesKeyringInput(
                    key_namespace=key["namespace"],
                    key_name=key["name"],
                    wrapping_key=secret,
                    wrapping_alg=AES[len(secret)],
                )
            )
        return PROVIDERS.create_raw_rsa_keyring(
            input=CreateRawRsaKeyringInput(
                key_namespace=key["namespace"],
                key_name=key["name"],
                padding_scheme=RSA[wrapping],
                public_key=key["public_pem"].encode(),
                private_key=key["private_pem"].encode(),
            )
        )


def default_manager(keyring):
    """The materials manager that a keyring alone stands for."""
    return PROVIDERS.create_default_cryptographic_materials_manager(
        input=CreateDefaultCryptographicMaterialsManagerInput(keyring=keyring)
    )


def plaintext(entry):
    """The plaintext of a message, by the seed in its manifest."""
    wanted = entry["plaintext"]
    made = hashlib.shake_128(wanted["seed"].encode()).digest(wanted["len"])
    if hashlib.sha256(made).hexdigest() != wanted["sha256"]:
        raise SystemExit(f"{entry['file']}: the manifest's seed does not give the plaintext of its hash")
    return made


def describe(seed, length):
    """What `plaintext` undoes."""
    made = hashlib.shake_128(seed.encode()).digest(length)
    return made, {"len": length, "sha256": hashlib.sha256(made).hexdigest(), "seed": seed}

"""Keys to try operations on, and the requests that succeed with them."""

import os
import uuid

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding

from clients import ADMIN, OTHER_REGION, client

#: What CreateKey is asked for, to get a key of the kind.
KINDS = {
    "symmetric": {},
    "encrypting": {"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"},
    "signing": {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"},
    "mac": {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"},
    "agreeing": {"KeySpec": "ECC_NIST_P256", "KeyUsage": "KEY_AGREEMENT"},
    "external": {"Origin": "EXTERNAL"},
    "multi-region": {"MultiRegion": True},
}

#: The kind of key that an operation needs, where it is not "symmetric".
KIND_OF = {
    **dict.fromkeys(["Sign", "Verify", "GetPublicKey"], "signing"),
    **dict.fromkeys(["GenerateMac", "VerifyMac"], "mac"),
    "DeriveSharedSecret": "agreeing",
    **dict.fromkeys(["GetParametersForImport", "ImportKeyMaterial", "DeleteImportedKeyMaterial"], "external"),
    **dict.fromkeys(["ReplicateKey", "UpdatePrimaryRegion"], "multi-region"),
}

MESSAGE = b"The quick brown fox"
CONTEXT = {"department": "finance"}
OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


def public_der(curve=None):
    """The public half of a fresh key on a curve, as SubjectPublicKeyInfo."""
    key = ec.generate_private_key(curve or ec.SECP256R1()).public_key()
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def fresh_name():
    """An alias that nobody has."""
    return f"alias/{uuid.uuid4()}"


def parameters_for_import(kms, key_id):
    return kms.get_parameters_for_import(
        KeyId=key_id, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048"
    )


def import_request(kms, key_id, material, **more):
    """The request that imports `material` into a key without an end."""
    parameters = parameters_for_import(kms, key_id)
    wrapping = serialization.load_der_public_key(parameters["PublicKey"])
    return {
        "KeyId": key_id,
        "ImportToken": parameters["ImportToken"],
        "EncryptedKeyMaterial": wrapping.encrypt(material, OAEP),
        "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
        **more,
    }


def custom_key_store(kms, cluster):
    """The custom key store in front of the HSM `cluster`, connected; made if it is not there."""
    found = kms.describe_custom_key_stores()["CustomKeyStores"]
    if found:
        store = found[0]["CustomKeyStoreId"]
    else:
        store = kms.create_custom_key_store(
            CustomKeyStoreName=f"store-{uuid.uuid4()}", CloudHsmClusterId=cluster, KeyStorePassword="kmsPswd1",
            TrustAnchorCertificate="-----BEGIN CERTIFICATE-----",
        )["CustomKeyStoreId"]
    kms.connect_custom_key_store(CustomKeyStoreId=store)
    return kms.describe_custom_key_stores(CustomKeyStoreId=store)["CustomKeyStores"][0]


class Subject:
    """A key of a kind, in use: with a ciphertext, a signature, a grant and whatever else the kind can have."""

    def __init__(self, kind, kms=None):
        self.kind = kind
        self.kms = kms or client()
        metadata = self.kms.create_key(**KINDS[kind])["KeyMetadata"]
        self.id, self.arn = metadata["KeyId"], metadata["Arn"]
        self.material = os.urandom(32)
        self.alias = fresh_name()
        self.kms.create_alias(AliasName=self.alias, TargetKeyId=self.id)
        self.kms.tag_resource(KeyId=self.id, Tags=[{"TagKey": "old", "TagValue": ""}])
        if kind == "external":
            self.import_request = import_request(self.kms, self.id, self.material)
            self.kms.import_key_material(**self.import_request)
        self.ciphertext = self.signature = self.mac = None
        if kind in ("symmetric", "external", "multi-region"):
            answer = self.kms.encrypt(KeyId=self.id, Plaintext=MESSAGE, EncryptionContext=CONTEXT)
            self.ciphertext = answer["CiphertextBlob"]
        if kind == "signing":
            answer = self.kms.sign(KeyId=self.id, Message=MESSAGE, SigningAlgorithm="ECDSA_SHA_256")
            self.signature = answer["Signature"]
        if kind == "mac":
            self.mac = self.kms.generate_mac(KeyId=self.id, Message=MESSAGE, MacAlgorithm="HMAC_SHA_256")["Mac"]
        grant = self.kms.create_grant(
            KeyId=self.id, GranteePrincipal=ADMIN["arn"], RetiringPrincipal=ADMIN["arn"], Operations=["DescribeKey"]
        )
        self.grant, self.grant_token = grant["GrantId"], grant["GrantToken"]

    def disable(self):
        self.kms.disable_key(KeyId=self.id)
        return self

    def delete(self):
        self.kms.schedule_key_deletion(KeyId=self.id, PendingWindowInDays=7)
        return self

    def request(self, operation):
        """The members of a request that `operation` does on this key, if the key's state allows it."""
        key = {"KeyId": self.id}
        policy = self._policy
        requests = {
            "CreateAlias": lambda: {"AliasName": fresh_name(), "TargetKeyId": self.id},
            "CreateGrant": lambda: {**key, "GranteePrincipal": ADMIN["arn"], "Operations": ["DescribeKey"]},
            "CreateKey": dict,
            "Decrypt": lambda: {**key, "CiphertextBlob": self.ciphertext, "EncryptionContext": CONTEXT},
            "DeleteAlias": lambda: {"AliasName": self.alias},
            "DeriveSharedSecret": lambda: {**key, "KeyAgreementAlgorithm": "ECDH", "PublicKey": public_der()},
            "Encapsulate": lambda: {**key, "EncapsulationAlgorithm": "ML_KEM"},
            "Decapsulate": lambda: {
                **key, "EncapsulationAlgorithm": "ML_KEM", "SharedSecretCiphertextBlob": bytes(1088)
            },
            "Encrypt": lambda: {**key, "Plaintext": MESSAGE, "EncryptionContext": CONTEXT},
            "GenerateDataKey": lambda: {**key, "KeySpec": "AES_256", "EncryptionContext": CONTEXT},
            "GenerateDataKeyWithoutPlaintext": lambda: {**key, "KeySpec": "AES_128"},
            "GenerateDataKeyPair": lambda: {**key, "KeyPairSpec": "ECC_NIST_P256"},
            "GenerateDataKeyPairWithoutPlaintext": lambda: {**key, "KeyPairSpec": "ECC_NIST_P384"},
            "GenerateMac": lambda: {**key, "Message": MESSAGE, "MacAlgorithm": "HMAC_SHA_256"},
            "GenerateRandom": lambda: {"NumberOfBytes": 32},
            "GetParametersForImport": lambda: {
                **key, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"
            },
            "ImportKeyMaterial": lambda: {**self.import_request, **key},
            "ListAliases": lambda: key,
            "ListKeys": dict,
            "ListRetirableGrants": lambda: {"RetiringPrincipal": ADMIN["arn"]},
            "PutKeyPolicy": lambda: {**key, "Policy": policy()},
            "ReEncrypt": lambda: {
                "CiphertextBlob": self.ciphertext,
                "SourceEncryptionContext": CONTEXT,
                "SourceKeyId": self.id,
                "DestinationKeyId": self.id,
            },
            "ReplicateKey": lambda: {**key, "ReplicaRegion": OTHER_REGION},
            "RetireGrant": lambda: {**key, "GrantId": self.grant},
            "RevokeGrant": lambda: {**key, "GrantId": self.grant},
            "ScheduleKeyDeletion": lambda: {**key, "PendingWindowInDays": 7},
            "Sign": lambda: {**key, "Message": MESSAGE, "SigningAlgorithm": "ECDSA_SHA_256"},
            "TagResource": lambda: {**key, "Tags": [{"TagKey": "team", "TagValue": "blue"}]},
            "UntagResource": lambda: {**key, "TagKeys": ["old"]},
            "UpdateAlias": lambda: {"AliasName": self.alias, "TargetKeyId": self.id},
            "UpdateKeyDescription": lambda: {**key, "Description": "of another text"},
            "UpdatePrimaryRegion": lambda: {**key, "PrimaryRegion": OTHER_REGION},
            "Verify": lambda: {
                **key, "Message": MESSAGE, "Signature": self.signature, "SigningAlgorithm": "ECDSA_SHA_256"
            },
            "VerifyMac": lambda: {**key, "Message": MESSAGE, "Mac": self.mac, "MacAlgorithm": "HMAC_SHA_256"},
        }
        return requests.get(operation, lambda: dict(key))()

    def _policy(self):
        return self.kms.get_key_policy(KeyId=self.id)["Policy"]

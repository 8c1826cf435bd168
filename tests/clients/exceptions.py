"""Every exception that AWS documents for an operation, provoked; or the reason why a client cannot.

botocore's model says which exceptions an operation has. Each pair of operation and exception is either provoked here, or
stands in the table of what cannot be.
"""

import json
import os
import uuid

import botocore

from clients import ACCOUNT, ALICE, MODEL, OTHER_REGION, REGION, check_answers, client
from report import Report
from subjects import (
    CONTEXT, KIND_OF, MESSAGE, Subject, custom_key_store, fresh_name, import_request, public_der,
)

UNKNOWN = "1234abcd-12ab-34cd-56ef-1234567890ab"
CLUSTER = os.environ.get("KMS_TEST_CLUSTER")
ML_KEM = "the service has no ML-KEM: UnsupportedOperationException comes first"
FAULT = "a fault of the service or of what it depends on, which no client can cause"
XKS = "the service has no external key stores: UnsupportedOperationException"
ANY_STATE = "the operation is done in every state that a key can stay in (key state table of the developer guide)"
ONLY_CUSTOM_STORE = "only with a custom key store, and this server has no HSM"

#: What no client can provoke, by operation (`*`: by any) and exception.
UNPROVOKED = {
    ("*", "KMSInternalException"): FAULT,
    ("*", "DependencyTimeoutException"): FAULT,
    ("*", "KeyUnavailableException"): FAULT,
    **{(operation, exception.name): ML_KEM
       for operation in ("Encapsulate", "Decapsulate")
       for exception in MODEL.operation_model(operation).error_shapes},
    **{("*", exception): XKS for exception in (
        "XksKeyInvalidConfigurationException", "XksKeyAlreadyInUseException", "XksKeyNotFoundException",
        "XksProxyUriInUseException", "XksProxyUriEndpointInUseException", "XksProxyUriUnreachableException",
        "XksProxyIncorrectAuthenticationCredentialException", "XksProxyVpcEndpointServiceInUseException",
        "XksProxyVpcEndpointServiceNotFoundException", "XksProxyVpcEndpointServiceInvalidConfigurationException",
        "XksProxyInvalidResponseException", "XksProxyInvalidConfigurationException",
    )},
    **{(operation, "KMSInvalidStateException"): ANY_STATE for operation in (
        "DeleteAlias", "GetKeyPolicy", "ListGrants", "ListKeyPolicies", "ListKeyRotations", "PutKeyPolicy",
        "RetireGrant", "RevokeGrant", "DeleteImportedKeyMaterial", "GetKeyRotationStatus",
    )},
    ("*", "CloudHsmClusterNotActiveException"): "the operator's HSM would have to be switched off",
    ("ConnectCustomKeyStore", "CustomKeyStoreInvalidStateException"): "while it has failed to connect: the operator's HSM "
        "would have to be switched off",
    ("*", "CloudHsmClusterInvalidConfigurationException"): "said of AWS CloudHSM clusters only",
    ("*", "IncorrectTrustAnchorException"): "said of AWS CloudHSM clusters only; an operator configures HSMs here",
    ("*", "CloudHsmClusterNotRelatedException"): "needs two HSMs",
    ("RotateKeyOnDemand", "ConflictException"): "within twenty minutes of an automatic rotation, the first after ninety days",
    ("ImportKeyMaterial", "ExpiredImportTokenException"): "an import token is good for a day",
    ("CreateGrant", "LimitExceededException"): "the limit is 50,000 grants for each key",
    ("CreateKey", "LimitExceededException"): "the limit is 100,000 keys",
    ("CreateCustomKeyStore", "LimitExceededException"): "the limit is ten, of an HSM each",
    ("ReplicateKey", "LimitExceededException"): "the limit is 100,000 keys",
    ("EnableKey", "LimitExceededException"): "keys count whether they are enabled or not",
    ("TagResource", "LimitExceededException"): "too many tags are TagException, as recorded from AWS",
    ("CreateKey", "InvalidArnException"): "no member of the request is an ARN that could be read wrong",
    ("ListRetirableGrants", "NotFoundException"): "a principal without grants has an empty list",
    ("GenerateRandom", "UnsupportedOperationException"): "answered to an attested recipient, which botocore does not send",
    ("PutKeyPolicy", "UnsupportedOperationException"): "every key here has a policy that can be changed",
    ("GetPublicKey", "InvalidKeyUsageException"): "the public half of a key is told whatever the key is for",
    ("UntagResource", "TagException"): "a tag that the key has not is taken off all the same",
    ("UpdateCustomKeyStore", "CustomKeyStoreNameInUseException"): "needs two HSMs",
    **({
        ("DeleteCustomKeyStore", "CustomKeyStoreInvalidStateException"): "provoked by operations.py, while it has no keys",
        ("UpdateCustomKeyStore", "CloudHsmClusterNotFoundException"): "provoked by operations.py, while it has no keys",
    } if CLUSTER else {
        **{(operation, "CustomKeyStoreInvalidStateException"): ONLY_CUSTOM_STORE for operation in (
            "CreateKey", "DeleteCustomKeyStore", "DisconnectCustomKeyStore", "GenerateRandom", "UpdateCustomKeyStore",
        )},
        ("*", "CloudHsmClusterInUseException"): ONLY_CUSTOM_STORE,
        ("*", "CustomKeyStoreNameInUseException"): ONLY_CUSTOM_STORE,
        ("*", "CustomKeyStoreHasCMKsException"): ONLY_CUSTOM_STORE,
        ("UpdateCustomKeyStore", "CloudHsmClusterNotFoundException"): ONLY_CUSTOM_STORE,
    }),
}

report = Report("exceptions")
check, refused = report.check, report.refused
kms = client()
PROVOKED = set()

DOCUMENTED = {
    (operation, exception.name)
    for operation in MODEL.operation_names
    for exception in MODEL.operation_model(operation).error_shapes
}


def reason(operation, exception):
    """Why no client can provoke it, if none can."""
    return UNPROVOKED.get((operation, exception)) or UNPROVOKED.get(("*", exception))


def documented(exception):
    """The operations that have the exception, in the order of the alphabet, but for those where nobody can provoke it."""
    return sorted(op for op, name in DOCUMENTED if name == exception and not reason(op, exception))


def provoke(operation, exception, request, message=None, of=None):
    """Asks for something that has to be refused so, with the exception's own class on the client's side."""
    call = getattr(of or kms, botocore.xform_name(operation))
    error = refused(f"{operation}: {exception}", exception, call, message=message, **request)
    PROVOKED.add((operation, exception))
    if error and (operation, exception) in DOCUMENTED:
        check(f"{operation}: class of {exception}", isinstance(error, getattr(kms.exceptions, exception)))


class Keys:
    """One key of each kind in each state, made when it is asked for."""

    def __init__(self):
        self.made = {}

    def get(self, kind, state="enabled"):
        if (kind, state) not in self.made:
            subject = Subject(kind)
            if state == "disabled":
                subject.disable()
            if state == "pending deletion":
                subject.delete()
            self.made[kind, state] = subject
        return self.made[kind, state]

    def of(self, operation, state="enabled"):
        return self.get(KIND_OF.get(operation, "symmetric"), state)


keys = Keys()


def key_member(operation):
    """The member of a request that names its key."""
    members = MODEL.operation_model(operation).input_shape.members
    return next(name for name in ("KeyId", "TargetKeyId", "SourceKeyId", "DestinationKeyId") if name in members)


with report.group("NotFoundException"):
    arn = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{UNKNOWN}"
    message = f"Key '{arn}' does not exist"
    for operation in documented("NotFoundException"):
        if operation in ("DeleteAlias", "UpdateAlias"):
            name = fresh_name()
            request = {"AliasName": name, **({"TargetKeyId": keys.get("symmetric").id} if operation == "UpdateAlias" else {})}
            provoke(operation, "NotFoundException", request,
                    message=f"Alias arn:aws:kms:{REGION}:{ACCOUNT}:{name} is not found.")
            continue
        member = "DestinationKeyId" if operation == "ReEncrypt" else key_member(operation)
        request = keys.of(operation).request(operation)
        provoke(operation, "NotFoundException", {**request, member: UNKNOWN}, message=message)
        provoke(operation, "NotFoundException", {**request, member: arn}, message=message)
        provoke(operation, "NotFoundException", {**request, member: "no-key"}, message="Invalid keyId 'no-key'")
        elsewhere = keys.of(operation).arn.replace(REGION, OTHER_REGION)
        provoke(operation, "NotFoundException", {**request, member: elsewhere}, message=f"Invalid arn {OTHER_REGION}")
    missing = {"KeyId": keys.get("symmetric").id, "GrantId": "0" * 64}
    for operation in ("RevokeGrant", "RetireGrant"):
        provoke(operation, "NotFoundException", missing)

with report.group("InvalidArnException"):
    for operation in documented("InvalidArnException"):
        request = keys.of(operation).request(operation)
        if operation == "ListRetirableGrants":
            provoke(operation, "InvalidArnException", {"RetiringPrincipal": "nobody"})
            provoke(operation, "InvalidArnException", {"RetiringPrincipal": "arn:aws:iam::12:user/nobody"})
            continue
        member = key_member(operation)
        bad = f"arn:aws:kms:{REGION}:{ACCOUNT}:nothing/{UNKNOWN}"
        provoke(operation, "InvalidArnException", {**request, member: bad})

with report.group("DisabledException"):
    for operation in documented("DisabledException"):
        subject = keys.of(operation, "disabled")
        provoke(operation, "DisabledException", subject.request(operation), message=f"{subject.arn} is disabled.")

with report.group("KMSInvalidStateException"):
    for operation in documented("KMSInvalidStateException"):
        if operation == "CancelKeyDeletion":
            subject = keys.of(operation)
            text = f"{subject.arn} is not pending deletion."
        else:
            subject = keys.of(operation, "pending deletion")
            text = f"{subject.arn} is pending deletion."
        request = subject.request(operation)
        if operation == "UpdateAlias":
            request["AliasName"] = keys.of(operation).alias
        if operation == "ImportKeyMaterial":
            text = None
        provoke(operation, "KMSInvalidStateException", request, message=text)
    empty = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]
    for operation in ("Encrypt", "GenerateDataKey", "CreateGrant", "DisableKey", "EnableKey"):
        request = {**keys.get("symmetric").request(operation), "KeyId": empty["KeyId"]}
        provoke(operation, "KMSInvalidStateException", request, message=f"{empty['Arn']} is pending import.")
    provoke("RotateKeyOnDemand", "KMSInvalidStateException", {"KeyId": keys.get("external").id},
            message=f"No available key material pending rotation for the key: {keys.get('external').arn}.")

with report.group("DryRunOperationException"):
    for operation in documented("DryRunOperationException"):
        request = {**keys.of(operation).request(operation), "DryRun": True}
        provoke(operation, "DryRunOperationException", request,
                message="The request would have succeeded, but the DryRun option is set.")

with report.group("InvalidGrantTokenException"):
    for operation in documented("InvalidGrantTokenException"):
        request = keys.of(operation).request(operation)
        if operation == "RetireGrant":
            request = {"GrantToken": "no-token"}
        else:
            request["GrantTokens"] = ["no-token"]
        provoke(operation, "InvalidGrantTokenException", request)

with report.group("InvalidGrantIdException"):
    for operation in documented("InvalidGrantIdException"):
        for bad in ("no-grant", "0" * 63, "G" * 64):
            provoke(operation, "InvalidGrantIdException", {"KeyId": keys.get("symmetric").id, "GrantId": bad})

with report.group("InvalidKeyUsageException"):
    signing, mac, symmetric = (keys.get(kind) for kind in ("signing", "mac", "symmetric"))
    for operation in documented("InvalidKeyUsageException"):
        wrong, usage = (symmetric, "ENCRYPT_DECRYPT") if KIND_OF.get(operation) else (signing, "SIGN_VERIFY")
        message = f"{wrong.arn} key usage is {usage} which is not valid for {operation}."
        request = keys.of(operation).request(operation)
        if operation == "ReEncrypt":
            request["DestinationKeyId"] = wrong.id
            message = None
        elif operation == "Decrypt":
            # A ciphertext of the symmetric key would be one of another key, which is told first.
            request = {"KeyId": wrong.id, "CiphertextBlob": bytes(256), "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
        else:
            request["KeyId"] = wrong.id
        provoke(operation, "InvalidKeyUsageException", request, message=message)
    provoke("GenerateMac", "InvalidKeyUsageException", {
        "KeyId": mac.id, "Message": MESSAGE, "MacAlgorithm": "HMAC_SHA_512"
    }, message="Algorithm HMAC_SHA_512 is incompatible with key spec HMAC_256.")

with report.group("UnsupportedOperationException"):
    external, symmetric, multi = (keys.get(kind) for kind in ("external", "symmetric", "multi-region"))
    not_valid = "{0.arn} origin is {1} which is not valid for this operation."
    for operation in ("GetParametersForImport", "DeleteImportedKeyMaterial"):
        request = {**external.request(operation), "KeyId": symmetric.id}
        provoke(operation, "UnsupportedOperationException", request, message=not_valid.format(symmetric, "AWS_KMS"))
    provoke("ImportKeyMaterial", "UnsupportedOperationException", {
        **external.import_request, "KeyId": symmetric.id
    }, message=not_valid.format(symmetric, "AWS_KMS"))
    for kind in ("symmetric", "mac"):
        provoke("GetPublicKey", "UnsupportedOperationException", {"KeyId": keys.get(kind).id})
    for operation in ("EnableKeyRotation", "DisableKeyRotation"):
        provoke(operation, "UnsupportedOperationException", {"KeyId": external.id},
                message=not_valid.format(external, "EXTERNAL"))
    provoke("GetKeyRotationStatus", "UnsupportedOperationException", {"KeyId": external.id},
            message=not_valid.format(external, "EXTERNAL"))
    for operation in ("ListKeyRotations", "RotateKeyOnDemand"):
        provoke(operation, "UnsupportedOperationException", {"KeyId": keys.get("signing").id})
    for operation in ("ReplicateKey", "UpdatePrimaryRegion"):
        provoke(operation, "UnsupportedOperationException", {**multi.request(operation), "KeyId": symmetric.id},
                message=f"{symmetric.arn} is not a multi-region primary key.")
    for operation in ("GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"):
        provoke(operation, "UnsupportedOperationException", {"KeyId": symmetric.id, "KeyPairSpec": "SM2"})
    provoke("CreateKey", "UnsupportedOperationException", {"KeySpec": "SM2", "KeyUsage": "SIGN_VERIFY"})
    provoke("CreateKey", "UnsupportedOperationException", {"Origin": "EXTERNAL_KEY_STORE", "XksKeyId": "some-key"})

with report.group("pages"):
    for operation in documented("InvalidMarkerException"):
        provoke(operation, "InvalidMarkerException", {**keys.of(operation).request(operation), "Marker": "no-marker"}
                if operation != "DescribeCustomKeyStores" else {"Marker": "no-marker"})

with report.group("aliases"):
    subject = keys.get("symmetric")
    provoke("CreateAlias", "AlreadyExistsException", {"AliasName": subject.alias, "TargetKeyId": subject.id},
            message=f"An alias with the name arn:aws:kms:{REGION}:{ACCOUNT}:{subject.alias} already exists")
    provoke("CreateAlias", "InvalidAliasNameException", {"AliasName": "alias/", "TargetKeyId": subject.id})
    provoke("CreateAlias", "ValidationException", {"AliasName": "no-prefix", "TargetKeyId": subject.id},
            message='Alias must start with the prefix "alias/". Please see '
                    "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html")
    provoke("CreateAlias", "NotAuthorizedException", {"AliasName": "alias/aws/mine", "TargetKeyId": subject.id})
    full = Subject("symmetric")
    for _ in range(49):
        kms.create_alias(AliasName=fresh_name(), TargetKeyId=full.id)
    provoke("CreateAlias", "LimitExceededException", {"AliasName": fresh_name(), "TargetKeyId": full.id})
    provoke("UpdateAlias", "LimitExceededException", {"AliasName": subject.alias, "TargetKeyId": full.id})
    provoke("UpdateAlias", "KMSInvalidStateException", {"AliasName": subject.alias, "TargetKeyId": keys.get("mac").id})

with report.group("policies and tags"):
    multi = keys.get("multi-region")
    locked_out = json.dumps({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": ALICE["arn"]}, "Action": "kms:*", "Resource": "*"}],
    })
    for operation, key in [("CreateKey", {}), ("PutKeyPolicy", {"KeyId": subject.id}),
                           ("ReplicateKey", {"KeyId": multi.id, "ReplicaRegion": OTHER_REGION})]:
        for policy in ("my policy", "{}", locked_out):
            provoke(operation, "MalformedPolicyDocumentException", {**key, "Policy": policy})
        if operation == "PutKeyPolicy":
            continue
        for tags, text in [
            ([{"TagKey": "one", "TagValue": "1"}, {"TagKey": "one", "TagValue": "2"}], "Duplicate tag keys"),
            ([{"TagKey": f"tag{number}", "TagValue": ""} for number in range(51)], "Too many tags"),
            ([{"TagKey": "Aws:one", "TagValue": ""}], "Tags beginning with aws: are reserved"),
        ]:
            provoke(operation, "TagException", {**key, "Tags": tags}, message=text)
            provoke("TagResource", "TagException", {"KeyId": subject.id, "Tags": tags}, message=text)
    kms.create_key(Policy=locked_out, BypassPolicyLockoutSafetyCheck=True)
    long = json.loads(subject.request("PutKeyPolicy")["Policy"])
    long["Id"] = "x" * 33_000
    provoke("PutKeyPolicy", "LimitExceededException", {"KeyId": subject.id, "Policy": json.dumps(long)})

with report.group("ciphertexts"):
    subject, other = keys.get("symmetric"), Subject("symmetric")
    broken = bytearray(subject.ciphertext)
    broken[-1] ^= 1
    for operation, member in [("Decrypt", "EncryptionContext"), ("ReEncrypt", "SourceEncryptionContext")]:
        request = subject.request(operation)
        provoke(operation, "InvalidCiphertextException", {**request, "CiphertextBlob": bytes(broken)}, message="")
        provoke(operation, "InvalidCiphertextException", {**request, member: {}}, message="")
        provoke(operation, "InvalidCiphertextException", {**request, member: {"Department": "finance"}}, message="")
        named = "KeyId" if operation == "Decrypt" else "SourceKeyId"
        for wrong in (other, keys.get("signing")):
            provoke(operation, "IncorrectKeyException", {**request, named: wrong.id},
                    message="The key ID in the request does not identify a CMK that can perform this operation.")
    provoke("Verify", "KMSInvalidSignatureException", {
        **keys.get("signing").request("Verify"), "Message": b"another"
    }, message="")
    provoke("VerifyMac", "KMSInvalidMacException", {**keys.get("mac").request("VerifyMac"), "Mac": bytes(32)}, message="")

with report.group("imported material"):
    external = keys.get("external")
    provoke("ImportKeyMaterial", "IncorrectKeyMaterialException", import_request(kms, external.id, os.urandom(32)))
    wrong = import_request(kms, external.id, external.material)
    provoke("ImportKeyMaterial", "InvalidCiphertextException", {**wrong, "EncryptedKeyMaterial": bytes(256)})
    provoke("ImportKeyMaterial", "InvalidImportTokenException", {**wrong, "ImportToken": b"no token"})
    another = Subject("external")
    provoke("ImportKeyMaterial", "InvalidImportTokenException", {**wrong, "KeyId": another.id})
    forever = {**wrong, "ExpirationModel": "KEY_MATERIAL_EXPIRES"}
    provoke("ImportKeyMaterial", "ValidationException", forever,
            message="A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES")

with report.group("several regions"):
    multi = keys.get("multi-region")
    request = multi.request("ReplicateKey")
    kms.replicate_key(**request)
    provoke("ReplicateKey", "AlreadyExistsException", request)

with report.group("rotations"):
    subject = Subject("symmetric")
    for _ in range(25):
        kms.rotate_key_on_demand(KeyId=subject.id)
    provoke("RotateKeyOnDemand", "LimitExceededException", {"KeyId": subject.id}, message=(
        "The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can be "
        f"performed for this key: {subject.arn}"
    ))

with report.group("custom key stores"):
    no_store = {"CustomKeyStoreId": "cks-1234567890abcdef0"}
    for operation in documented("CustomKeyStoreNotFoundException"):
        request = {"CreateKey": {"Origin": "AWS_CLOUDHSM"}, "GenerateRandom": {"NumberOfBytes": 1}}.get(operation, {})
        provoke(operation, "CustomKeyStoreNotFoundException", {**request, **no_store})
    new = {"KeyStorePassword": "kmsPswd1", "TrustAnchorCertificate": "-----BEGIN CERTIFICATE-----"}
    nowhere = {"CloudHsmClusterId": "cluster-222222222222"}
    provoke("CreateCustomKeyStore", "CloudHsmClusterNotFoundException", {"CustomKeyStoreName": "none", **new, **nowhere})
    if CLUSTER:
        store = custom_key_store(kms, CLUSTER)
        existing = {"CustomKeyStoreId": store["CustomKeyStoreId"]}
        name = f"store-{uuid.uuid4()}"
        provoke("CreateCustomKeyStore", "CloudHsmClusterInUseException",
                {"CustomKeyStoreName": name, "CloudHsmClusterId": CLUSTER, **new})
        name = store["CustomKeyStoreName"]
        provoke("CreateCustomKeyStore", "CustomKeyStoreNameInUseException",
                {"CustomKeyStoreName": name, "CloudHsmClusterId": CLUSTER, **new})
        provoke("UpdateCustomKeyStore", "CustomKeyStoreInvalidStateException", existing)
        kms.create_key(Origin="AWS_CLOUDHSM", **existing)
        kms.disconnect_custom_key_store(**existing)
        provoke("DeleteCustomKeyStore", "CustomKeyStoreHasCMKsException", existing)
        provoke("DisconnectCustomKeyStore", "CustomKeyStoreInvalidStateException", existing)
        provoke("CreateKey", "CustomKeyStoreInvalidStateException", {"Origin": "AWS_CLOUDHSM", **existing})
        provoke("GenerateRandom", "CustomKeyStoreInvalidStateException", {"NumberOfBytes": 1, **existing})
        kms.connect_custom_key_store(**existing)

with report.group("ValidationException"):
    lax = client(parameter_validation=False)
    symmetric, rsa = keys.get("symmetric").id, keys.get("encrypting").id
    at_least = "1 validation error detected: Value '0' at 'numberOfBytes' failed to satisfy constraint: Member must have value greater than or equal to 1"
    at_most = "1 validation error detected: Value '1025' at 'numberOfBytes' failed to satisfy constraint: Member must have value less than or equal to 1024"
    for operation, request, text in [
        ("GenerateRandom", {}, "NumberOfBytes is required."),
        ("GenerateRandom", {"NumberOfBytes": 0}, at_least),
        ("GenerateRandom", {"NumberOfBytes": 1025}, at_most),
        ("Encrypt", {"KeyId": symmetric, "Plaintext": bytes(4097)},
         "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096"),
        ("Encrypt", {"KeyId": rsa, "Plaintext": bytes(191), "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"},
         "Algorithm RSAES_OAEP_SHA_256 and key spec RSA_2048 cannot encrypt data larger than 190 bytes."),
        ("Sign", {"KeyId": keys.get("signing").id, "Message": bytes(31), "MessageType": "DIGEST",
                  "SigningAlgorithm": "ECDSA_SHA_256"}, "Digest is invalid length for algorithm ECDSA_SHA_256."),
        ("CreateKey", {"KeySpec": "RSA_2048"},
         "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys."),
        ("CreateKey", {"KeySpec": "RSA_2048", "KeyUsage": "KEY_AGREEMENT"},
         "KeyUsage KEY_AGREEMENT is not compatible with KeySpec RSA_2048"),
        ("GenerateDataKey", {"KeyId": symmetric}, None),
        ("GenerateDataKey", {"KeyId": symmetric, "KeySpec": "AES_256", "NumberOfBytes": 32}, None),
        ("ScheduleKeyDeletion", {"KeyId": symmetric, "PendingWindowInDays": 6}, None),
        ("DeriveSharedSecret", {"KeyId": keys.get("agreeing").id, "KeyAgreementAlgorithm": "ECDH", "PublicKey": b"none"}, ""),
        ("DeriveSharedSecret", {"KeyId": keys.get("agreeing").id, "KeyAgreementAlgorithm": "INVALID",
                                "PublicKey": public_der()},
         "1 validation error detected: Value 'INVALID' at 'keyAgreementAlgorithm' failed to satisfy constraint: Member must satisfy enum value set: [ECDH]"),
        ("DescribeKey", {}, None),
        ("ListKeys", {"Limit": 1001}, None),
    ]:
        provoke(operation, "ValidationException", request, message=text, of=lax)

with report.group("every exception"):
    for operation, exception in sorted(DOCUMENTED - PROVOKED):
        check(f"{operation}: {exception}", reason(operation, exception), "neither provoked nor explained")
    known = {name for _, name in DOCUMENTED}
    for operation, exception in UNPROVOKED:
        is_needed = exception in known if operation == "*" else (operation, exception) in DOCUMENTED
        check(f"{operation}: {exception}", is_needed, "explained, but not in the model")
        check(f"{operation}: {exception}", (operation, exception) not in PROVOKED, "explained, and provoked all the same")

check_answers(report)
report.finish()

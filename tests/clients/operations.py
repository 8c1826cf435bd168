"""Every operation of the API, by boto3, with its answer looked at; and that none was left out."""

import datetime
import hashlib
import hmac
import json
import os
import uuid

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

from clients import (
    ACCOUNT, ADMIN, ANSWERS, MODEL, OTHER_REGION, REGION, ROOT, check_answers, client,
)
from report import Report
from subjects import CONTEXT, MESSAGE, Subject, fresh_name, import_request, parameters_for_import

#: What the service has not. Such an operation has to be refused with UnsupportedOperationException.
UNSUPPORTED = {"Encapsulate", "Decapsulate"}
#: What needs an HSM, and how it is refused without one.
NEEDS_CLUSTER = {
    "CreateCustomKeyStore": "CloudHsmClusterNotFoundException",
    "ConnectCustomKeyStore": "CustomKeyStoreNotFoundException",
    "DisconnectCustomKeyStore": "CustomKeyStoreNotFoundException",
    "UpdateCustomKeyStore": "CustomKeyStoreNotFoundException",
    "DeleteCustomKeyStore": "CustomKeyStoreNotFoundException",
}
#: What the operator calls an HSM that the server has, if it has one.
CLUSTER = os.environ.get("KMS_TEST_CLUSTER")

report = Report("operations")
check, equal, refused = report.check, report.equal, report.refused
kms = client()
there = client(region=OTHER_REGION)


def is_recent(when):
    now = datetime.datetime.now(tz=datetime.UTC)
    return abs(now - when) < datetime.timedelta(hours=1)


def key_arn(key_id, region=REGION):
    return f"arn:aws:kms:{region}:{ACCOUNT}:key/{key_id}"


with report.group("keys"):
    tags = [{"TagKey": "team", "TagValue": "blue"}, {"TagKey": "empty", "TagValue": ""}]
    made = kms.create_key(Description="a description", Tags=tags)["KeyMetadata"]
    key = made["KeyId"]
    equal("a key id is a UUID", str(uuid.UUID(key)), key)
    material_id = made.get("CurrentKeyMaterialId", "")
    check("a material id", len(material_id) == 64 and int(material_id, 16) >= 0, material_id)
    check("creation date", is_recent(made["CreationDate"]), made["CreationDate"])
    equal("metadata", {name: made[name] for name in made if name not in ("CreationDate", "CurrentKeyMaterialId")}, {
        "AWSAccountId": ACCOUNT,
        "KeyId": key,
        "Arn": key_arn(key),
        "Enabled": True,
        "Description": "a description",
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": "Enabled",
        "Origin": "AWS_KMS",
        "KeyManager": "CUSTOMER",
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "MultiRegion": False,
    })
    equal("described by its id", kms.describe_key(KeyId=key)["KeyMetadata"], made)
    equal("described by its ARN", kms.describe_key(KeyId=key_arn(key))["KeyMetadata"], made)
    kms.update_key_description(KeyId=key, Description="")
    equal("description", kms.describe_key(KeyId=key)["KeyMetadata"]["Description"], "")
    kms.disable_key(KeyId=key)
    disabled = kms.describe_key(KeyId=key)["KeyMetadata"]
    equal("disabled", (disabled["KeyState"], disabled["Enabled"]), ("Disabled", False))
    kms.enable_key(KeyId=key)
    equal("enabled", kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"], "Enabled")
    check("listed", {"KeyId": key, "KeyArn": key_arn(key)} in
          [one for page in kms.get_paginator("list_keys").paginate() for one in page["Keys"]])
    deletion = kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    equal("deletion", (deletion["KeyId"], deletion["KeyState"], deletion["PendingWindowInDays"]),
          (key_arn(key), "PendingDeletion", 7))
    days = deletion["DeletionDate"] - datetime.datetime.now(tz=datetime.UTC)
    check("deletion date", datetime.timedelta(days=6, hours=23) < days < datetime.timedelta(days=8), days)
    pending = kms.describe_key(KeyId=key)["KeyMetadata"]
    equal("pending", (pending["KeyState"], pending["DeletionDate"]), ("PendingDeletion", deletion["DeletionDate"]))
    equal("called off", kms.cancel_key_deletion(KeyId=key)["KeyId"], key_arn(key))
    equal("then disabled", kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"], "Disabled")

with report.group("kinds of keys"):
    for spec, usage, algorithms in [
        ("RSA_2048", "ENCRYPT_DECRYPT", "EncryptionAlgorithms"),
        ("RSA_3072", "SIGN_VERIFY", "SigningAlgorithms"),
        ("ECC_NIST_P256", "SIGN_VERIFY", "SigningAlgorithms"),
        ("ECC_NIST_P384", "KEY_AGREEMENT", "KeyAgreementAlgorithms"),
        ("ECC_NIST_P521", "SIGN_VERIFY", "SigningAlgorithms"),
        ("ECC_SECG_P256K1", "SIGN_VERIFY", "SigningAlgorithms"),
        ("HMAC_224", "GENERATE_VERIFY_MAC", "MacAlgorithms"),
        ("HMAC_512", "GENERATE_VERIFY_MAC", "MacAlgorithms"),
    ]:
        one = kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]
        equal(spec, (one["KeySpec"], one["CustomerMasterKeySpec"], one["KeyUsage"]), (spec, spec, usage))
        check(f"{spec}: {algorithms}", one[algorithms])

with report.group("symmetric encryption"):
    subject = Subject("symmetric")
    answer = kms.encrypt(KeyId=subject.alias, Plaintext=MESSAGE, EncryptionContext={**CONTEXT, "ä": "ö \U0001f511"})
    equal("encrypt", (answer["KeyId"], answer["EncryptionAlgorithm"]), (subject.arn, "SYMMETRIC_DEFAULT"))
    answer = kms.decrypt(
        CiphertextBlob=answer["CiphertextBlob"], EncryptionContext={"ä": "ö \U0001f511", **CONTEXT}
    )
    equal("decrypt", (answer["KeyId"], answer["Plaintext"], answer["EncryptionAlgorithm"]),
          (subject.arn, MESSAGE, "SYMMETRIC_DEFAULT"))
    equal("material", answer["KeyMaterialId"], kms.describe_key(KeyId=subject.id)["KeyMetadata"]["CurrentKeyMaterialId"])
    largest = kms.encrypt(KeyId=subject.id, Plaintext=bytes(4096))["CiphertextBlob"]
    check("4,096 bytes", len(largest) <= 6144, len(largest))
    equal("and back", kms.decrypt(CiphertextBlob=largest)["Plaintext"], bytes(4096))
    other = Subject("symmetric")
    moved = kms.re_encrypt(
        CiphertextBlob=subject.ciphertext, SourceEncryptionContext=CONTEXT, DestinationKeyId=other.alias
    )
    equal("re-encrypt", (moved["SourceKeyId"], moved["KeyId"], moved["SourceEncryptionAlgorithm"],
                         moved["DestinationEncryptionAlgorithm"]),
          (subject.arn, other.arn, "SYMMETRIC_DEFAULT", "SYMMETRIC_DEFAULT"))
    check("its materials", moved["SourceKeyMaterialId"] != moved["DestinationKeyMaterialId"])
    equal("and back", kms.decrypt(CiphertextBlob=moved["CiphertextBlob"])["Plaintext"], MESSAGE)

with report.group("asymmetric encryption"):
    rsa = Subject("encrypting")
    for algorithm, digest in [("RSAES_OAEP_SHA_1", hashes.SHA1()), ("RSAES_OAEP_SHA_256", hashes.SHA256())]:
        here = kms.encrypt(KeyId=rsa.id, Plaintext=MESSAGE, EncryptionAlgorithm=algorithm)
        equal(algorithm, here["EncryptionAlgorithm"], algorithm)
        public = kms.get_public_key(KeyId=rsa.alias)
        outside = serialization.load_der_public_key(public["PublicKey"]).encrypt(
            MESSAGE, padding.OAEP(padding.MGF1(digest), digest, None)
        )
        for ciphertext in (here["CiphertextBlob"], outside):
            back = kms.decrypt(KeyId=rsa.id, CiphertextBlob=ciphertext, EncryptionAlgorithm=algorithm)
            equal(f"{algorithm}: back", back["Plaintext"], MESSAGE)
    equal("public key", {name: public[name] for name in public if name not in ("ResponseMetadata", "PublicKey")}, {
        "KeyId": rsa.arn,
        "CustomerMasterKeySpec": "RSA_2048",
        "KeySpec": "RSA_2048",
        "KeyUsage": "ENCRYPT_DECRYPT",
        "EncryptionAlgorithms": ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"],
    })

with report.group("data keys"):
    for request, size in [({"KeySpec": "AES_256"}, 32), ({"KeySpec": "AES_128"}, 16), ({"NumberOfBytes": 1024}, 1024)]:
        data = kms.generate_data_key(KeyId=subject.id, EncryptionContext=CONTEXT, **request)
        equal(f"{request}", (data["KeyId"], len(data["Plaintext"])), (subject.arn, size))
        back = kms.decrypt(CiphertextBlob=data["CiphertextBlob"], EncryptionContext=CONTEXT)
        equal(f"{request}: back", back["Plaintext"], data["Plaintext"])
        sealed = kms.generate_data_key_without_plaintext(KeyId=subject.id, **request)
        check(f"{request}: no plaintext", "Plaintext" not in sealed and sealed["KeyMaterialId"])
        equal(f"{request}: its size", len(kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"])["Plaintext"]), size)
    for spec in ("RSA_2048", "ECC_NIST_P256", "ECC_NIST_P521", "ECC_SECG_P256K1"):
        pair = kms.generate_data_key_pair(KeyId=subject.id, KeyPairSpec=spec, EncryptionContext=CONTEXT)
        private = serialization.load_der_private_key(pair["PrivateKeyPlaintext"], None)
        public = private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        equal(f"{spec}: its halves", (pair["PublicKey"], pair["KeyPairSpec"], pair["KeyId"]), (public, spec, subject.arn))
        back = kms.decrypt(CiphertextBlob=pair["PrivateKeyCiphertextBlob"], EncryptionContext=CONTEXT)
        equal(f"{spec}: back", back["Plaintext"], pair["PrivateKeyPlaintext"])
    pair = kms.generate_data_key_pair_without_plaintext(KeyId=subject.id, KeyPairSpec="ECC_NIST_P384")
    check("no plaintext", "PrivateKeyPlaintext" not in pair)
    sealed = kms.decrypt(CiphertextBlob=pair["PrivateKeyCiphertextBlob"])["Plaintext"]
    equal("of 384 bits", serialization.load_der_private_key(sealed, None).key_size, 384)

with report.group("random"):
    equal("size", [len(kms.generate_random(NumberOfBytes=size)["Plaintext"]) for size in (1, 32, 1024)], [1, 32, 1024])
    check("random", kms.generate_random(NumberOfBytes=32)["Plaintext"] != kms.generate_random(NumberOfBytes=32)["Plaintext"])

with report.group("signatures"):
    signing = Subject("signing")
    public = serialization.load_der_public_key(kms.get_public_key(KeyId=signing.id)["PublicKey"])
    digest = hashlib.sha256(MESSAGE).digest()
    for kind, message in [("RAW", MESSAGE), ("DIGEST", digest)]:
        signed = kms.sign(KeyId=signing.id, Message=message, MessageType=kind, SigningAlgorithm="ECDSA_SHA_256")
        equal(f"sign {kind}", (signed["KeyId"], signed["SigningAlgorithm"]), (signing.arn, "ECDSA_SHA_256"))
        try:
            public.verify(signed["Signature"], digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
            check(f"verified outside {kind}", True)
        except InvalidSignature:
            check(f"verified outside {kind}", False)
        verified = kms.verify(KeyId=signing.id, Message=message, MessageType=kind, Signature=signed["Signature"],
                              SigningAlgorithm="ECDSA_SHA_256")
        equal(f"verify {kind}", (verified["KeyId"], verified["SignatureValid"]), (signing.arn, True))
    rsa_signing = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    for algorithm in ("RSASSA_PSS_SHA_256", "RSASSA_PSS_SHA_512", "RSASSA_PKCS1_V1_5_SHA_384"):
        signed = kms.sign(KeyId=rsa_signing, Message=MESSAGE, SigningAlgorithm=algorithm)
        equal(algorithm, kms.verify(KeyId=rsa_signing, Message=MESSAGE, Signature=signed["Signature"],
                                    SigningAlgorithm=algorithm)["SignatureValid"], True)

with report.group("message authentication"):
    mac_key = Subject("mac")
    mac = kms.generate_mac(KeyId=mac_key.id, Message=MESSAGE, MacAlgorithm="HMAC_SHA_256")
    equal("generate", (mac["KeyId"], mac["MacAlgorithm"], len(mac["Mac"])), (mac_key.arn, "HMAC_SHA_256", 32))
    valid = kms.verify_mac(KeyId=mac_key.id, Message=MESSAGE, MacAlgorithm="HMAC_SHA_256", Mac=mac["Mac"])
    equal("verify", (valid["KeyId"], valid["MacValid"], valid["MacAlgorithm"]), (mac_key.arn, True, "HMAC_SHA_256"))

with report.group("key agreement"):
    agreeing = Subject("agreeing")
    mine = ec.generate_private_key(ec.SECP256R1())
    der = mine.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    theirs = kms.derive_shared_secret(KeyId=agreeing.id, KeyAgreementAlgorithm="ECDH", PublicKey=der)
    public = kms.get_public_key(KeyId=agreeing.id)
    ours = mine.exchange(ec.ECDH(), serialization.load_der_public_key(public["PublicKey"]))
    equal("one secret", (theirs["KeyId"], theirs["SharedSecret"], theirs["KeyAgreementAlgorithm"], theirs["KeyOrigin"]),
          (agreeing.arn, ours, "ECDH", "AWS_KMS"))
    equal("algorithms", public["KeyAgreementAlgorithms"], ["ECDH"])

with report.group("aliases"):
    name = fresh_name()
    kms.create_alias(AliasName=name, TargetKeyId=subject.arn)
    arn = f"arn:aws:kms:{REGION}:{ACCOUNT}:{name}"
    for way in (name, arn):
        equal("describe by it", kms.describe_key(KeyId=way)["KeyMetadata"]["KeyId"], subject.id)
    entry = next(one for one in kms.list_aliases(KeyId=subject.id)["Aliases"] if one["AliasName"] == name)
    equal("listed", (entry["AliasArn"], entry["TargetKeyId"]), (arn, subject.id))
    check("dates", is_recent(entry["CreationDate"]) and is_recent(entry["LastUpdatedDate"]))
    kms.update_alias(AliasName=name, TargetKeyId=other.id)
    equal("moved", kms.describe_key(KeyId=name)["KeyMetadata"]["KeyId"], other.id)
    kms.delete_alias(AliasName=name)
    refused("deleted", "NotFoundException", kms.describe_key, KeyId=name, message=f"Alias {arn} is not found.")

with report.group("tags"):
    kms.tag_resource(KeyId=other.id, Tags=tags)
    kms.tag_resource(KeyId=other.id, Tags=[{"TagKey": "team", "TagValue": "red"}])
    kms.untag_resource(KeyId=other.id, TagKeys=["old", "not there"])
    listed = kms.list_resource_tags(KeyId=other.id)
    equal("tags", sorted((tag["TagKey"], tag["TagValue"]) for tag in listed["Tags"]), [("empty", ""), ("team", "red")])
    equal("not truncated", listed["Truncated"], False)

with report.group("policies"):
    default = {
        "Version": "2012-10-17",
        "Id": "key-default-1",
        "Statement": [{
            "Sid": "Enable IAM User Permissions",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            "Action": "kms:*",
            "Resource": "*",
        }],
    }
    answer = kms.get_key_policy(KeyId=other.id)
    equal("the default", (json.loads(answer["Policy"]), answer.get("PolicyName")), (default, "default"))
    policy = json.dumps({**default, "Id": "mine"})
    kms.put_key_policy(KeyId=other.id, PolicyName="default", Policy=policy)
    equal("as it was put", kms.get_key_policy(KeyId=other.id, PolicyName="default")["Policy"], policy)
    listed = kms.list_key_policies(KeyId=other.id)
    equal("listed", (listed["PolicyNames"], listed["Truncated"]), (["default"], False))

with report.group("grants"):
    request = {
        "KeyId": subject.id,
        "GranteePrincipal": ADMIN["arn"],
        "RetiringPrincipal": ROOT["arn"],
        "Operations": ["Decrypt", "RetireGrant"],
        "Constraints": {"EncryptionContextSubset": CONTEXT},
        "Name": "a-name",
    }
    grant = kms.create_grant(**request)
    check("a grant id", len(grant["GrantId"]) == 64 and int(grant["GrantId"], 16) >= 0, grant["GrantId"])
    again = kms.create_grant(**request)
    equal("by its name", again["GrantId"], grant["GrantId"])
    entry = kms.list_grants(KeyId=subject.id, GrantId=grant["GrantId"])["Grants"]
    equal("one", len(entry), 1)
    check("date", is_recent(entry[0].pop("CreationDate")))
    equal("listed", entry[0], {
        "KeyId": subject.arn,
        "GrantId": grant["GrantId"],
        "Name": "a-name",
        "GranteePrincipal": ADMIN["arn"],
        "RetiringPrincipal": ROOT["arn"],
        "IssuingAccount": f"arn:aws:iam::{ACCOUNT}:root",
        "Operations": ["Decrypt", "RetireGrant"],
        "Constraints": {"EncryptionContextSubset": CONTEXT},
    })
    retirable = client(ROOT).list_retirable_grants(RetiringPrincipal=ROOT["arn"])["Grants"]
    check("retirable", grant["GrantId"] in [one["GrantId"] for one in retirable], retirable)
    client(ROOT).retire_grant(GrantToken=grant["GrantToken"])
    equal("retired", kms.list_grants(KeyId=subject.id, GrantId=grant["GrantId"])["Grants"], [])
    kms.revoke_grant(KeyId=subject.id, GrantId=subject.grant)
    equal("revoked", kms.list_grants(KeyId=subject.id)["Grants"], [])

with report.group("imported material"):
    empty = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]
    equal("waits", (empty["KeyState"], empty["Enabled"], empty["Origin"]), ("PendingImport", False, "EXTERNAL"))
    parameters = parameters_for_import(kms, empty["KeyId"])
    equal("parameters", parameters["KeyId"], empty["Arn"])
    left = parameters["ParametersValidTo"] - datetime.datetime.now(tz=datetime.UTC)
    check("for a day", datetime.timedelta(hours=23) < left < datetime.timedelta(hours=25), left)
    material = os.urandom(32)
    until = datetime.datetime.now(tz=datetime.UTC) + datetime.timedelta(days=30)
    imported = kms.import_key_material(**import_request(
        kms, empty["KeyId"], material, ExpirationModel="KEY_MATERIAL_EXPIRES", ValidTo=until
    ))
    equal("imported", imported["KeyId"], empty["Arn"])
    known = kms.describe_key(KeyId=empty["KeyId"])["KeyMetadata"]
    equal("enabled", (known["KeyState"], known["ExpirationModel"], known["CurrentKeyMaterialId"]),
          ("Enabled", "KEY_MATERIAL_EXPIRES", imported["KeyMaterialId"]))
    check("its end", abs(known["ValidTo"] - until) < datetime.timedelta(seconds=2), known["ValidTo"])
    sealed = kms.encrypt(KeyId=empty["KeyId"], Plaintext=MESSAGE)["CiphertextBlob"]
    gone = kms.delete_imported_key_material(KeyId=empty["KeyId"])
    equal("deleted", (gone["KeyId"], gone["KeyMaterialId"]), (empty["Arn"], imported["KeyMaterialId"]))
    equal("waits again", kms.describe_key(KeyId=empty["KeyId"])["KeyMetadata"]["KeyState"], "PendingImport")
    kms.import_key_material(**import_request(kms, empty["KeyId"], material))
    equal("the same again", kms.decrypt(CiphertextBlob=sealed)["Plaintext"], MESSAGE)
    mac_external = kms.create_key(Origin="EXTERNAL", KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]
    kms.import_key_material(**import_request(kms, mac_external["KeyId"], material))
    mac = kms.generate_mac(KeyId=mac_external["KeyId"], Message=MESSAGE, MacAlgorithm="HMAC_SHA_256")["Mac"]
    equal("the material itself", mac, hmac.digest(material, MESSAGE, "sha256"))

with report.group("rotation"):
    kms.enable_key_rotation(KeyId=subject.id, RotationPeriodInDays=90)
    status = kms.get_key_rotation_status(KeyId=subject.id)
    equal("status", (status["KeyId"], status["KeyRotationEnabled"], status["RotationPeriodInDays"]),
          (subject.arn, True, 90))
    check("the next", status["NextRotationDate"] > datetime.datetime.now(tz=datetime.UTC) + datetime.timedelta(days=88))
    kms.disable_key_rotation(KeyId=subject.id)
    equal("off", kms.get_key_rotation_status(KeyId=subject.id)["KeyRotationEnabled"], False)
    status = kms.get_key_rotation_status(KeyId=rsa_signing)
    equal("off for good", {name: status[name] for name in status if name != "ResponseMetadata"},
          {"KeyId": key_arn(rsa_signing), "KeyRotationEnabled": False})
    before = kms.describe_key(KeyId=subject.id)["KeyMetadata"]["CurrentKeyMaterialId"]
    equal("on demand", kms.rotate_key_on_demand(KeyId=subject.id)["KeyId"], subject.arn)
    rotations = kms.list_key_rotations(KeyId=subject.id)["Rotations"]
    equal("one", [(one["KeyId"], one["RotationType"]) for one in rotations], [(subject.arn, "ON_DEMAND")])
    after = kms.describe_key(KeyId=subject.id)["KeyMetadata"]["CurrentKeyMaterialId"]
    check("new material", after != before)
    states = {one["KeyMaterialId"]: one["KeyMaterialState"] for one in
              kms.list_key_rotations(KeyId=subject.id, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]}
    equal("all material", states, {before: "NON_CURRENT", after: "CURRENT"})
    old = kms.decrypt(CiphertextBlob=subject.ciphertext, EncryptionContext=CONTEXT)
    equal("what was encrypted before", (old["Plaintext"], old["KeyMaterialId"]), (MESSAGE, before))

with report.group("last use"):
    used = kms.get_key_last_usage(KeyId=subject.id)
    equal("the key", used["KeyId"], subject.arn)
    check("an operation", used["KeyLastUsage"].get("Operation") in ("Decrypt", "GenerateDataKeyPairWithoutPlaintext", "Encrypt",
          "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair", "ReEncrypt"), used["KeyLastUsage"])
    check("when", is_recent(used["KeyLastUsage"]["Timestamp"]))

with report.group("several regions"):
    primary = Subject("multi-region")
    check("its id", primary.id.startswith("mrk-") and len(primary.id) == 36, primary.id)
    replicated = kms.replicate_key(
        KeyId=primary.id, ReplicaRegion=OTHER_REGION, Description="over there", Tags=tags
    )
    replica = replicated["ReplicaKeyMetadata"]
    equal("the replica", (replica["KeyId"], replica["Arn"], replica["Description"]),
          (primary.id, key_arn(primary.id, OTHER_REGION), "over there"))
    equal("its tags", sorted(tag["TagKey"] for tag in replicated["ReplicaTags"]), ["empty", "team"])
    equal("its policy", json.loads(replicated["ReplicaPolicy"]), default)
    equal("both know", kms.describe_key(KeyId=primary.id)["KeyMetadata"]["MultiRegionConfiguration"], {
        "MultiRegionKeyType": "PRIMARY",
        "PrimaryKey": {"Arn": primary.arn, "Region": REGION},
        "ReplicaKeys": [{"Arn": replica["Arn"], "Region": OTHER_REGION}],
    })
    equal("decrypted there", there.decrypt(CiphertextBlob=primary.ciphertext, EncryptionContext=CONTEXT)["KeyId"],
          replica["Arn"])
    kms.update_primary_region(KeyId=primary.id, PrimaryRegion=OTHER_REGION)
    equal("the other is primary",
          there.describe_key(KeyId=primary.id)["KeyMetadata"]["MultiRegionConfiguration"]["MultiRegionKeyType"], "PRIMARY")

with report.group("custom key stores"):
    if CLUSTER:
        request = {
            "CustomKeyStoreName": f"store-{uuid.uuid4()}", "CloudHsmClusterId": CLUSTER, "KeyStorePassword": "kmsPswd1",
            "TrustAnchorCertificate": "-----BEGIN CERTIFICATE-----",
        }
        store = kms.create_custom_key_store(**request)["CustomKeyStoreId"]
        refused("another HSM", "CloudHsmClusterNotFoundException", kms.update_custom_key_store, CustomKeyStoreId=store,
                CloudHsmClusterId="cluster-222222222222")
        kms.connect_custom_key_store(CustomKeyStoreId=store)
        refused("connected", "CustomKeyStoreInvalidStateException", kms.delete_custom_key_store, CustomKeyStoreId=store)
        kms.disconnect_custom_key_store(CustomKeyStoreId=store)
        kms.delete_custom_key_store(CustomKeyStoreId=store)
        equal("deleted", kms.describe_custom_key_stores()["CustomKeyStores"], [])
        store = kms.create_custom_key_store(**request)["CustomKeyStoreId"]
        kms.connect_custom_key_store(CustomKeyStoreId=store)
        entry = kms.describe_custom_key_stores(CustomKeyStoreId=store)["CustomKeyStores"][0]
        equal("connected", (entry["ConnectionState"], entry["CloudHsmClusterId"]), ("CONNECTED", CLUSTER))
        inside = kms.create_key(Origin="AWS_CLOUDHSM", CustomKeyStoreId=store)["KeyMetadata"]
        equal("inside", (inside["Origin"], inside["CustomKeyStoreId"], inside.get("CloudHsmClusterId")),
              ("AWS_CLOUDHSM", store, CLUSTER))
        equal("described", kms.describe_key(KeyId=inside["KeyId"])["KeyMetadata"].get("CloudHsmClusterId"), CLUSTER)
        sealed = kms.encrypt(KeyId=inside["KeyId"], Plaintext=MESSAGE)["CiphertextBlob"]
        equal("in and out", kms.decrypt(CiphertextBlob=sealed)["Plaintext"], MESSAGE)
        kms.disconnect_custom_key_store(CustomKeyStoreId=store)
        refused("out of reach", "KMSInvalidStateException", kms.decrypt, CiphertextBlob=sealed)
        refused("keys in it", "CustomKeyStoreHasCMKsException", kms.delete_custom_key_store, CustomKeyStoreId=store)
        kms.update_custom_key_store(CustomKeyStoreId=store, NewCustomKeyStoreName=f"store-{uuid.uuid4()}")
        kms.connect_custom_key_store(CustomKeyStoreId=store)
        equal("within reach", kms.decrypt(CiphertextBlob=sealed)["Plaintext"], MESSAGE)
    else:
        equal("none", kms.describe_custom_key_stores()["CustomKeyStores"], [])
        refused("no HSM", NEEDS_CLUSTER["CreateCustomKeyStore"], kms.create_custom_key_store,
                CustomKeyStoreName="store", CloudHsmClusterId="cluster-234567abcde", KeyStorePassword="kmsPswd1",
                TrustAnchorCertificate="-----BEGIN CERTIFICATE-----")
        for operation in ("connect", "disconnect", "update", "delete"):
            refused(operation, "CustomKeyStoreNotFoundException",
                    getattr(kms, f"{operation}_custom_key_store"), CustomKeyStoreId="cks-1234567890abcdef0")

with report.group("what is not there"):
    # Any key will do: the operation is refused before its key is looked at, or after.
    for operation in sorted(UNSUPPORTED):
        refused(operation, "UnsupportedOperationException", getattr(kms, operation.lower()), **subject.request(operation))
    refused("ML-KEM keys", "UnsupportedOperationException", kms.create_key, KeySpec="ML_KEM_768",
            KeyUsage="ENCAPSULATE_DECAPSULATE")

with report.group("every operation"):
    for operation in MODEL.operation_names:
        if operation in UNSUPPORTED:
            check(operation, ANSWERS[operation, "UnsupportedOperationException"], "not refused")
        elif operation in NEEDS_CLUSTER and not CLUSTER:
            check(operation, ANSWERS[operation, NEEDS_CLUSTER[operation]], "not refused")
        else:
            check(operation, ANSWERS[operation, None], "never done")
    equal("no more than we know", len(MODEL.operation_names), 56)

check_answers(report)
report.finish()

"""Who may do what: two accounts and four principals, by key policies, identity policies and grants."""

import json
import uuid

from clients import ACCOUNT, ADMIN, ALICE, BOB, OTHER_ACCOUNT, REGION, ROOT, WORKER, check_answers, client
from report import Report
from subjects import MESSAGE

FINANCE = {"department": "finance"}
SALES = {"department": "sales"}

report = Report("access")
check, equal, refused = report.check, report.equal, report.refused
admin, alice, worker, bob, root = (client(one) for one in (ADMIN, ALICE, WORKER, BOB, ROOT))
ROLE = f"arn:aws:iam::{ACCOUNT}:role/worker"
DELEGATES = {
    "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*",
}


def key(*statements):
    """A key with the default statement, and these."""
    policy = {"Version": "2012-10-17", "Statement": [DELEGATES, *statements]}
    return admin.create_key(Policy=json.dumps(policy))["KeyMetadata"]


def allow(principal, *actions, **more):
    return {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": list(actions), "Resource": "*", **more}


def denied(what, call, *, who, action, resource, **request):
    """That it is refused, with the text that AWS has."""
    error = refused(what, "AccessDeniedException", call, **request)
    if error:
        text = error.response["Error"]["Message"]
        begin = f"User: {who['arn']} is not authorized to perform: kms:{action} on resource: {resource} because "
        check(f"{what}: text", text.startswith(begin), text)


with report.group("identity policies"):
    plain = key()
    arn = plain["Arn"]
    sealed = alice.encrypt(KeyId=arn, Plaintext=MESSAGE, EncryptionContext=FINANCE)["CiphertextBlob"]
    equal("with her context", alice.decrypt(CiphertextBlob=sealed, EncryptionContext=FINANCE)["Plaintext"], MESSAGE)
    for context in (SALES, {}, {"department": "Finance"}):
        denied(f"with {context}", alice.encrypt, who=ALICE, action="Encrypt", resource=arn,
               KeyId=arn, Plaintext=MESSAGE, EncryptionContext=context)
    # The names of condition keys have no case, the values have.
    check("with another case", alice.encrypt(KeyId=arn, Plaintext=MESSAGE, EncryptionContext={"Department": "finance"}))
    denied("not her action", alice.disable_key, who=ALICE, action="DisableKey", resource=arn, KeyId=arn)
    denied("no keys", alice.create_key, who=ALICE, action="CreateKey", resource="*")
    name = f"alias/{uuid.uuid4()}"
    admin.create_alias(AliasName=name, TargetKeyId=plain["KeyId"])
    denied("denied by its alias", alice.describe_key, who=ALICE, action="DescribeKey", resource=arn, KeyId=name)
    check("by its id", alice.describe_key(KeyId=plain["KeyId"])["KeyMetadata"])
    denied("no policy at all", worker.describe_key, who=WORKER, action="DescribeKey", resource=arn, KeyId=arn)
    equal("root", root.describe_key(KeyId=arn)["KeyMetadata"]["Arn"], arn)
    refused("his own account's", "NotFoundException", bob.describe_key, KeyId=plain["KeyId"])

with report.group("key policies"):
    for principal in (ROLE, WORKER["arn"]):
        mine = key(allow(principal, "kms:Encrypt", "kms:Decrypt", Condition={
            "StringEquals": {"kms:EncryptionContext:department": "sales"}
        }))
        sealed = worker.encrypt(KeyId=mine["Arn"], Plaintext=MESSAGE, EncryptionContext=SALES)["CiphertextBlob"]
        equal(principal, worker.decrypt(CiphertextBlob=sealed, EncryptionContext=SALES)["Plaintext"], MESSAGE)
        denied("another context", worker.encrypt, who=WORKER, action="Encrypt", resource=mine["Arn"],
               KeyId=mine["Arn"], Plaintext=MESSAGE, EncryptionContext=FINANCE)
    denies = key({"Effect": "Deny", "Principal": "*", "Action": "kms:Encrypt", "Resource": "*", "Condition": {
        "Null": {"kms:EncryptionContext:department": "true"}
    }})
    denied("a deny is stronger", admin.encrypt, who=ADMIN, action="Encrypt", resource=denies["Arn"],
           KeyId=denies["Arn"], Plaintext=MESSAGE)
    check("and ends there", admin.encrypt(KeyId=denies["Arn"], Plaintext=MESSAGE, EncryptionContext=SALES))
    keys = key(allow(ROLE, "kms:GenerateDataKey", Condition={
        "ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["department"]},
        "Null": {"kms:EncryptionContextKeys": "false"},
    }))
    check("names of context", worker.generate_data_key(KeyId=keys["Arn"], KeySpec="AES_256", EncryptionContext=SALES))
    denied("another name", worker.generate_data_key, who=WORKER, action="GenerateDataKey", resource=keys["Arn"],
           KeyId=keys["Arn"], KeySpec="AES_256", EncryptionContext={**SALES, "more": ""})

with report.group("across accounts"):
    closed, shared = key(), key(allow(f"arn:aws:iam::{OTHER_ACCOUNT}:root", "kms:Encrypt", "kms:Decrypt", "kms:DescribeKey",
                                      "kms:CreateGrant", "kms:DisableKey", "kms:GetKeyPolicy"))
    denied("closed", bob.describe_key, who=BOB, action="DescribeKey", resource=closed["Arn"], KeyId=closed["Arn"])
    unknown = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    denied("absent, told alike", bob.describe_key, who=BOB, action="DescribeKey", resource=unknown, KeyId=unknown)
    sealed = bob.encrypt(KeyId=shared["Arn"], Plaintext=MESSAGE)
    equal("the key's account", sealed["KeyId"], shared["Arn"])
    equal("by the ciphertext", bob.decrypt(CiphertextBlob=sealed["CiphertextBlob"])["Plaintext"], MESSAGE)
    equal("and by its owner", admin.decrypt(CiphertextBlob=sealed["CiphertextBlob"])["Plaintext"], MESSAGE)
    equal("described", bob.describe_key(KeyId=shared["Arn"])["KeyMetadata"]["AWSAccountId"], ACCOUNT)
    refused("not across accounts", "AccessDeniedException", bob.disable_key, KeyId=shared["Arn"])
    refused("nor this", "AccessDeniedException", bob.get_key_policy, KeyId=shared["Arn"])
    for blob in (admin.encrypt(KeyId=closed["Arn"], Plaintext=MESSAGE)["CiphertextBlob"],):
        error = refused("another's ciphertext", "AccessDeniedException", bob.decrypt, CiphertextBlob=blob)
        text = error.response["Error"]["Message"] if error else ""
        check("says no more", "because the resource does not exist in this Region, no resource-based policies allow access, "
              "or a resource-based policy explicitly denies access" in text, text)
    equal("own keys apart", shared["KeyId"] in [
        one["KeyId"] for page in bob.get_paginator("list_keys").paginate() for one in page["Keys"]], False)

with report.group("grants"):
    granted = key()
    arn = granted["Arn"]
    grant = admin.create_grant(
        KeyId=arn, GranteePrincipal=ROLE, RetiringPrincipal=BOB["arn"],
        Operations=["Encrypt", "Decrypt", "CreateGrant"], Constraints={"EncryptionContextSubset": FINANCE},
    )
    context = {**FINANCE, "year": "2026"}
    # With its token, a grant holds at once.
    sealed = worker.encrypt(KeyId=arn, Plaintext=MESSAGE, EncryptionContext=context, GrantTokens=[grant["GrantToken"]])
    equal("within the grant", worker.decrypt(
        CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext=context, GrantTokens=[grant["GrantToken"]]
    )["Plaintext"], MESSAGE)
    refused("another context", "AccessDeniedException", worker.encrypt, KeyId=arn, Plaintext=MESSAGE,
            EncryptionContext=SALES, GrantTokens=[grant["GrantToken"]])
    refused("another operation", "AccessDeniedException", worker.generate_data_key, KeyId=arn, KeySpec="AES_256",
            EncryptionContext=context, GrantTokens=[grant["GrantToken"]])
    passed_on = worker.create_grant(
        KeyId=arn, GranteePrincipal=BOB["arn"], Operations=["Decrypt"], Constraints={"EncryptionContextSubset": context},
        GrantTokens=[grant["GrantToken"]],
    )
    equal("passed on to another account", bob.decrypt(
        CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext=context, GrantTokens=[passed_on["GrantToken"]]
    )["Plaintext"], MESSAGE)
    refused("no more than one has", "AccessDeniedException", worker.create_grant, KeyId=arn, GranteePrincipal=BOB["arn"],
            Operations=["GenerateDataKey"], Constraints={"EncryptionContextSubset": context},
            GrantTokens=[grant["GrantToken"]])
    refused("nor with weaker constraints", "AccessDeniedException", worker.create_grant, KeyId=arn,
            GranteePrincipal=BOB["arn"], Operations=["Decrypt"], GrantTokens=[grant["GrantToken"]])
    refused("not his to retire", "AccessDeniedException", worker.retire_grant, KeyId=arn, GrantId=grant["GrantId"])
    bob.retire_grant(KeyId=arn, GrantId=grant["GrantId"])
    refused("retired", ["AccessDeniedException", "InvalidGrantTokenException"], worker.encrypt, KeyId=arn,
            Plaintext=MESSAGE, EncryptionContext=context, GrantTokens=[grant["GrantToken"]])
    admin.revoke_grant(KeyId=arn, GrantId=passed_on["GrantId"])
    refused("revoked", ["AccessDeniedException", "InvalidGrantTokenException"], bob.decrypt,
            CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext=context, GrantTokens=[passed_on["GrantToken"]])
    equal("none left", admin.list_grants(KeyId=arn)["Grants"], [])

with report.group("who is nobody"):
    stranger = {**ADMIN, "access_key_id": "AKIANOBODYNOBODY0001"}
    refused("unknown access key", "UnrecognizedClientException", client(stranger).list_keys,
            message="The security token included in the request is invalid.")
    wrong = {**ADMIN, "secret_access_key": "x" * 40}
    error = refused("wrong secret", "InvalidSignatureException", client(wrong).list_keys)
    if error:
        text = error.response["Error"]["Message"]
        check("text", text.startswith("The request signature we calculated does not match the signature you provided."), text)
    for token in (None, "another"):
        refused(f"session token {token}", "UnrecognizedClientException", client({**WORKER, "session_token": token}).list_keys,
                message="The security token included in the request is invalid.")

check_answers(report)
report.finish()

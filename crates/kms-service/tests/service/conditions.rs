//! Every condition key, through real requests: one that it allows, and one that it does not.

use kms_service::api::{
    CreateAliasRequest, CreateKeyRequest, DataKeyPairSpec, DisableKeyRequest, KeySpec, KeyUsageType, OriginType, Tag,
};
use kms_service::{Caller, Exception, Perform};
use serde_json::{Value, json};

use crate::access::{key_policy, with_policy};
use crate::desk::{ACCOUNT, Desk, THERE, refused, user};

/// A user who may do anything under a condition.
fn under(condition: &str) -> Caller {
    user(ACCOUNT, "alice", &format!(r#"{{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{condition}}}"#))
}

/// Whether the request gets past the policies; what comes of it then is not the matter here. Looking at it says the same.
fn passes<R: Perform>(desk: &Desk, caller: &Caller, request: Value) -> bool {
    let request: R = serde_json::from_value(request).unwrap();
    let looked = desk.service.explain(caller, &request).unwrap().iter().all(|one| one.allowed);
    let passes = match desk.service.call(caller, &request) {
        Ok(_) => true,
        Err(error) => error.exception() != Exception::AccessDenied,
    };
    assert_eq!(looked, passes, "{request:?}");
    passes
}

fn only<R: Perform>(desk: &Desk, condition: &str, yes: Value, no: Value) {
    let caller = under(condition);
    assert!(passes::<R>(desk, &caller, yes.clone()), "{condition} {yes}");
    assert!(!passes::<R>(desk, &caller, no.clone()), "{condition} {no}");
}

fn made(desk: &Desk, spec: KeySpec, usage: KeyUsageType) -> String {
    let request = CreateKeyRequest { key_spec: Some(spec.into()), key_usage: Some(usage.into()), ..Default::default() };
    desk.create(request).key_id
}

fn equals(key: &str, value: &str) -> String {
    format!(r#"{{"StringEquals":{{"{key}":"{value}"}}}}"#)
}

#[test]
fn of_encryption() {
    use kms_service::api::{EncryptRequest, GenerateDataKeyPairRequest, ReEncryptRequest};
    let desk = Desk::new();
    let key = desk.key();
    let encrypt = |context: Value| json!({"KeyId": key, "Plaintext": "AAAA", "EncryptionContext": context});
    let (red, blue) = (encrypt(json!({"team": "red", "n": "1"})), encrypt(json!({"team": "blue"})));
    only::<EncryptRequest>(&desk, &equals("kms:EncryptionContext:team", "red"), red.clone(), blue.clone());
    let keys = r#"{"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["team"]},"Null":{"kms:EncryptionContextKeys":"false"}}"#;
    only::<EncryptRequest>(&desk, keys, blue.clone(), red);
    let aes = equals("kms:EncryptionAlgorithm", "SYMMETRIC_DEFAULT");
    let rsa = made(&desk, KeySpec::Rsa2048, KeyUsageType::EncryptDecrypt);
    let other = json!({"KeyId": rsa, "Plaintext": "AAAA", "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"});
    only::<EncryptRequest>(&desk, &aes, blue.clone(), other.clone());
    only::<EncryptRequest>(&desk, &equals("kms:KeySpec", "RSA_2048"), other.clone(), blue.clone());
    only::<EncryptRequest>(&desk, &equals("kms:CustomerMasterKeySpec", "RSA_2048"), other, blue.clone());
    let sealed = desk.encrypt(&key, b"x").unwrap().ciphertext_blob;
    let second = desk.key();
    let to = |key: &str| {
        let blob: Value = serde_json::to_value(kms_service::api::EncryptResponse {
            ciphertext_blob: sealed.clone(),
            ..Default::default()
        })
        .unwrap();
        json!({"CiphertextBlob": blob["CiphertextBlob"], "DestinationKeyId": key})
    };
    let same = r#"{"Bool":{"kms:ReEncryptOnSameKey":"true"}}"#;
    only::<ReEncryptRequest>(&desk, same, to(&key), to(&second));
    let pair = |spec: DataKeyPairSpec| json!({"KeyId": key, "KeyPairSpec": spec.as_str()});
    let spec = equals("kms:DataKeyPairSpec", "ECC_NIST_P256");
    let (p256, p384) = (pair(DataKeyPairSpec::EccNistP256), pair(DataKeyPairSpec::EccNistP384));
    only::<GenerateDataKeyPairRequest>(&desk, &spec, p256, p384);
}

#[test]
fn of_signatures_macs_and_agreement() {
    use kms_service::api::{DeriveSharedSecretRequest, GenerateMacRequest, SignRequest};
    let desk = Desk::new();
    let signer = made(&desk, KeySpec::EccNistP256, KeyUsageType::SignVerify);
    let sign = |kind: &str| json!({"KeyId": signer, "Message": "AAAA", "MessageType": kind, "SigningAlgorithm": "ECDSA_SHA_256"});
    let digest = json!({"KeyId": signer, "Message": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "MessageType": "DIGEST",
        "SigningAlgorithm": "ECDSA_SHA_256"});
    only::<SignRequest>(&desk, &equals("kms:MessageType", "RAW"), sign("RAW"), digest);
    let mut other = sign("RAW");
    other["SigningAlgorithm"] = "ECDSA_SHA_384".into();
    only::<SignRequest>(&desk, &equals("kms:SigningAlgorithm", "ECDSA_SHA_256"), sign("RAW"), other);
    let mac = |algorithm: &str| {
        let key = made(&desk, KeySpec::Hmac256, KeyUsageType::GenerateVerifyMac);
        json!({"KeyId": key, "Message": "AAAA", "MacAlgorithm": algorithm})
    };
    let (right, wrong) = (mac("HMAC_SHA_256"), mac("HMAC_SHA_512"));
    only::<GenerateMacRequest>(&desk, &equals("kms:MacAlgorithm", "HMAC_SHA_256"), right.clone(), wrong.clone());
    only::<GenerateMacRequest>(&desk, &equals("kms:KeyUsage", "GENERATE_VERIFY_MAC"), right, {
        json!({"KeyId": signer, "Message": "AAAA", "MacAlgorithm": "HMAC_SHA_256"})
    });
    let agreement = made(&desk, KeySpec::EccNistP256, KeyUsageType::KeyAgreement);
    let derive = json!({"KeyId": agreement, "KeyAgreementAlgorithm": "ECDH", "PublicKey": "AAAA"});
    let ecdh = under(&equals("kms:KeyAgreementAlgorithm", "ECDH"));
    assert!(passes::<DeriveSharedSecretRequest>(&desk, &ecdh, derive.clone()));
    let other = under(&equals("kms:KeyAgreementAlgorithm", "DH"));
    assert!(!passes::<DeriveSharedSecretRequest>(&desk, &other, derive));
}

#[test]
fn of_the_life_of_keys() {
    use kms_service::api::{
        EnableKeyRotationRequest, GetParametersForImportRequest, ImportKeyMaterialRequest, PutKeyPolicyRequest,
        ReplicateKeyRequest, ScheduleKeyDeletionRequest, UpdatePrimaryRegionRequest,
    };
    let desk = Desk::new();
    let key = desk.key();
    let days = r#"{"NumericLessThanEquals":{"kms:ScheduleKeyDeletionPendingWindowInDays":"10"}}"#;
    let delete = |days: u32| json!({"KeyId": desk.key(), "PendingWindowInDays": days});
    only::<ScheduleKeyDeletionRequest>(&desk, days, delete(10), delete(11));
    let period = r#"{"NumericEquals":{"kms:RotationPeriodInDays":"90"}}"#;
    let rotate = |days: u32| json!({"KeyId": key, "RotationPeriodInDays": days});
    only::<EnableKeyRotationRequest>(&desk, period, rotate(90), rotate(91));
    let bypass = r#"{"Bool":{"kms:BypassPolicyLockoutSafetyCheck":"false"}}"#;
    let put = |bypass: bool| json!({"KeyId": key, "Policy": key_policy(""), "BypassPolicyLockoutSafetyCheck": bypass});
    only::<PutKeyPolicyRequest>(&desk, bypass, put(false), put(true));
    let create = |bypass: bool| json!({"BypassPolicyLockoutSafetyCheck": bypass});
    only::<CreateKeyRequest>(&desk, bypass, create(false), create(true));
    let several = json!({"MultiRegion": true});
    only::<CreateKeyRequest>(&desk, r#"{"Bool":{"kms:MultiRegion":"true"}}"#, several, json!({}));
    only::<CreateKeyRequest>(&desk, &equals("kms:KeySpec", "SYMMETRIC_DEFAULT"), json!({}), {
        json!({"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"})
    });
    only::<CreateKeyRequest>(&desk, &equals("kms:KeyUsage", "ENCRYPT_DECRYPT"), json!({}), {
        json!({"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"})
    });
    only::<CreateKeyRequest>(&desk, &equals("kms:KeyOrigin", "EXTERNAL"), json!({"Origin": "EXTERNAL"}), json!({}));

    let primary = desk.create(CreateKeyRequest { multi_region: Some(true), ..Default::default() }).key_id;
    let replica = equals("kms:MultiRegionKeyType", "PRIMARY");
    let describe = |key: &str| json!({"KeyId": key});
    only::<DisableKeyRequest>(&desk, &replica, describe(&primary), describe(&key));
    desk.ask(kms_service::api::EnableKeyRequest { key_id: primary.as_str().into() }).unwrap();
    let primary_region = r#"{"StringEquals":{"kms:PrimaryRegion":"eu-central-1"}}"#;
    only::<kms_service::api::GetKeyRotationStatusRequest>(&desk, primary_region, describe(&primary), describe(&key));
    // A replica needs CreateKey besides, where there is no replica region to ask for.
    let there = format!(r#"{{"StringEqualsIfExists":{{"kms:ReplicaRegion":"{THERE}"}}}}"#);
    let replicate = |region: &str| json!({"KeyId": primary, "ReplicaRegion": region});
    only::<ReplicateKeyRequest>(&desk, &there, replicate(THERE), replicate("eu-west-1"));
    let update = |region: &str| json!({"KeyId": primary, "PrimaryRegion": region});
    only::<UpdatePrimaryRegionRequest>(&desk, &equals("kms:PrimaryRegion", THERE), update(THERE), update("eu-west-1"));

    let import =
        desk.create(CreateKeyRequest { origin: Some(OriginType::External.into()), ..Default::default() }).key_id;
    let parameters =
        |algorithm: &str, spec: &str| json!({"KeyId": import, "WrappingAlgorithm": algorithm, "WrappingKeySpec": spec});
    let sha = equals("kms:WrappingAlgorithm", "RSAES_OAEP_SHA_256");
    let (right, wrong) = (parameters("RSAES_OAEP_SHA_256", "RSA_2048"), parameters("RSAES_OAEP_SHA_1", "RSA_2048"));
    only::<GetParametersForImportRequest>(&desk, &sha, right.clone(), wrong);
    let spec = equals("kms:WrappingKeySpec", "RSA_2048");
    only::<GetParametersForImportRequest>(&desk, &spec, right, parameters("RSAES_OAEP_SHA_256", "RSA_3072"));
    let material = |valid_to: u64, model: &str| {
        let mut request =
            json!({"KeyId": import, "ImportToken": "AAAA", "EncryptedKeyMaterial": "AAAA", "ExpirationModel": model});
        if valid_to > 0 {
            request["ValidTo"] = valid_to.into();
        }
        request
    };
    let (early, late) =
        (material(1_800_086_400, "KEY_MATERIAL_EXPIRES"), material(1_900_000_000, "KEY_MATERIAL_EXPIRES"));
    let expires = equals("kms:ExpirationModel", "KEY_MATERIAL_EXPIRES");
    only::<ImportKeyMaterialRequest>(&desk, &expires, early.clone(), material(0, "KEY_MATERIAL_DOES_NOT_EXPIRE"));
    let until_date = r#"{"DateLessThan":{"kms:ValidTo":"2027-01-17T00:00:00Z"}}"#;
    only::<ImportKeyMaterialRequest>(&desk, until_date, early, late);
}

#[test]
fn of_aliases_and_tags() {
    use kms_service::api::{DescribeKeyRequest, EncryptRequest, TagResourceRequest, UntagResourceRequest};
    let desk = Desk::new();
    let (named, other) = (desk.key(), desk.key());
    desk.ask(CreateAliasRequest { alias_name: "alias/app".into(), target_key_id: named.as_str().into() }).unwrap();
    let encrypt = |key: &str| json!({"KeyId": key, "Plaintext": "AAAA"});
    only::<EncryptRequest>(&desk, &equals("kms:RequestAlias", "alias/app"), encrypt("alias/app"), encrypt(&named));
    let aliases = r#"{"ForAnyValue:StringLike":{"kms:ResourceAliases":"alias/a*"}}"#;
    only::<DescribeKeyRequest>(&desk, aliases, json!({"KeyId": named}), json!({"KeyId": other}));
    let tag = |key: &str, value: &str| json!({"KeyId": named, "Tags": [Tag::new(key, value)]});
    let red = equals("aws:RequestTag/Team", "red");
    only::<TagResourceRequest>(&desk, &red, tag("Team", "red"), tag("Team", "blue"));
    let keys = r#"{"ForAllValues:StringEquals":{"aws:TagKeys":["Team"]}}"#;
    only::<TagResourceRequest>(&desk, keys, tag("Team", "x"), tag("Cost", "x"));
    let untag = |key: &str| json!({"KeyId": named, "TagKeys": [key]});
    only::<UntagResourceRequest>(&desk, keys, untag("Team"), untag("Cost"));
}

#[test]
fn of_grants() {
    use kms_service::api::CreateGrantRequest;
    let desk = Desk::new();
    let key = desk.key();
    let alice = format!("arn:aws:iam::{ACCOUNT}:user/alice");
    let bob = format!("arn:aws:iam::{ACCOUNT}:user/bob");
    let grant = |grantee: &str, operations: Value, more: Value| {
        let mut request = json!({"KeyId": key, "GranteePrincipal": grantee, "Operations": operations});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        request
    };
    let plain = |grantee: &str| grant(grantee, json!(["Decrypt"]), json!({}));
    only::<CreateGrantRequest>(&desk, &equals("kms:GranteePrincipal", &alice), plain(&alice), plain(&bob));
    let retired = |by: &str| grant(&alice, json!(["Decrypt"]), json!({"RetiringPrincipal": by}));
    only::<CreateGrantRequest>(&desk, &equals("kms:RetiringPrincipal", &alice), retired(&alice), retired(&bob));
    let operations = r#"{"ForAllValues:StringEquals":{"kms:GrantOperations":["Decrypt","Encrypt"]}}"#;
    let several = |operations: Value| grant(&alice, operations, json!({}));
    only::<CreateGrantRequest>(
        &desk,
        operations,
        several(json!(["Encrypt"])),
        several(json!(["Encrypt", "DescribeKey"])),
    );
    let constrained = |kind: &str| grant(&alice, json!(["Decrypt"]), json!({"Constraints": {kind: {"a": "b"}}}));
    let (subset, equal) = (constrained("EncryptionContextSubset"), constrained("EncryptionContextEquals"));
    let kind = equals("kms:GrantConstraintType", "EncryptionContextEquals");
    only::<CreateGrantRequest>(&desk, &kind, equal, subset);
    let through = r#"{"Bool":{"kms:GrantIsForAWSResource":"true"}}"#;
    let mut caller = under(through);
    assert!(!passes::<CreateGrantRequest>(&desk, &caller, plain(&alice)));
    caller.via_service = Some("ebs.eu-central-1.amazonaws.com".into());
    assert!(passes::<CreateGrantRequest>(&desk, &caller, plain(&alice)));
}

#[test]
fn of_callers() {
    use kms_service::api::EncryptRequest;
    let desk = Desk::new();
    let key = with_policy(&desk, &key_policy(""));
    let encrypt = || json!({"KeyId": key, "Plaintext": "AAAA"});
    let check = |condition: &str, set: fn(&mut Caller, bool)| {
        for good in [true, false] {
            let mut caller = under(condition);
            set(&mut caller, good);
            assert_eq!(passes::<EncryptRequest>(&desk, &caller, encrypt()), good, "{condition}");
        }
    };
    check(r#"{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#, |caller, good| {
        caller.source_ip = Some(if good { "10.1.1.1" } else { "192.0.2.1" }.parse().unwrap());
    });
    check(r#"{"Bool":{"aws:SecureTransport":"true"}}"#, |caller, good| caller.secure_transport = Some(good));
    check(&equals("aws:UserAgent", "sdk"), |caller, good| {
        caller.user_agent = Some(if good { "sdk" } else { "curl" }.into());
    });
    check(&equals("kms:ViaService", "s3.eu-central-1.amazonaws.com"), |caller, good| {
        caller.via_service = good.then(|| "s3.eu-central-1.amazonaws.com".into());
    });
    check(r#"{"Bool":{"aws:ViaAWSService":"true"}}"#, |caller, good| {
        caller.via_service = good.then(|| "s3.eu-central-1.amazonaws.com".into());
    });
    check(r#"{"ArnLike":{"aws:SourceArn":"arn:aws:s3:::bucket*"}}"#, |caller, good| {
        caller.source_arn = Some(if good { "arn:aws:s3:::bucket1" } else { "arn:aws:s3:::other" }.into());
    });
    check(&equals("aws:SourceAccount", ACCOUNT), |caller, good| {
        let account = if good { ACCOUNT } else { "444455556666" };
        caller.source_arn = Some(format!("arn:aws:sns:eu-central-1:{account}:topic"));
    });
    let now = |condition: &str| passes::<EncryptRequest>(&desk, &under(condition), encrypt());
    assert!(now(&equals("kms:CallerAccount", ACCOUNT)));
    assert!(!now(&equals("kms:CallerAccount", "444455556666")));
    assert!(now(&equals("aws:RequestedRegion", "eu-central-1")));
    assert!(!now(&equals("aws:RequestedRegion", THERE)));
    assert!(now(&equals("aws:ResourceAccount", ACCOUNT)));
    assert!(!now(&equals("aws:ResourceAccount", "444455556666")));
    assert!(now(&equals("aws:PrincipalArn", &format!("arn:aws:iam::{ACCOUNT}:user/alice"))));
    assert!(now(&equals("aws:username", "alice")));
    assert!(!now(&equals("aws:username", "bob")));
    assert!(now(r#"{"DateLessThan":{"aws:CurrentTime":"2027-01-16T00:00:00Z"}}"#));
    assert!(!now(r#"{"DateGreaterThan":{"aws:CurrentTime":"2027-01-16T00:00:00Z"}}"#));
    assert!(now(r#"{"NumericLessThan":{"aws:EpochTime":"1800000001"}}"#));
    assert!(!now(r#"{"NumericLessThan":{"aws:EpochTime":"1800000000"}}"#));
    refused(
        desk.encrypt_as(&under(&equals("aws:username", "bob")), &key, b"x"),
        Exception::AccessDenied,
        "kms:Encrypt",
    );
}

/// Keys of an encryption context know case, the names of condition keys do not: a condition is about all that are meant.
#[test]
fn of_context_keys_that_differ_in_case() {
    use kms_service::api::EncryptRequest;
    let desk = Desk::new();
    let key = desk.key();
    let encrypt = |context: Value| json!({"KeyId": key, "Plaintext": "AAAA", "EncryptionContext": context});
    let condition = r#"{"StringNotEquals":{"kms:EncryptionContext:team":"red"}}"#;
    // Neither of the two hides the other.
    for both in [json!({"Team": "red", "team": "blue"}), json!({"Team": "blue", "team": "red"})] {
        only::<EncryptRequest>(&desk, condition, encrypt(json!({"Team": "blue", "team": "green"})), encrypt(both));
    }
}

//! Grants: what they allow, to whom, and until when.

use kms_core::EncryptionContext;
use kms_service::api::{
    CreateGrantRequest, CreateGrantResponse, CreateKeyRequest, DecryptRequest, DescribeKeyRequest, EncryptRequest,
    GenerateDataKeyRequest, GrantConstraints, GrantListEntry, GrantOperation, KeySpec, KeyUsageType, ListGrantsRequest,
    ListRetirableGrantsRequest, Named, PutKeyPolicyRequest, RetireGrantRequest, RevokeGrantRequest,
    ScheduleKeyDeletionRequest,
};
use kms_service::{Caller, Exception, KmsError, Limits, Perform, Principal};
use serde_json::{Value, json};

use crate::access::key_policy;
use crate::desk::{ACCOUNT, Desk, HERE, OTHER_ACCOUNT, refused, region, user};
use crate::hooks::over_hooked_store;

const NOTHING: &str = r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#;
const RETIRE: &str = r#"{"Effect":"Allow","Action":"kms:RetireGrant","Resource":"*"}"#;

fn bob() -> Caller {
    user(ACCOUNT, "bob", NOTHING)
}

fn arn(caller: &Caller) -> String {
    caller.principal.arn().unwrap().to_owned()
}

fn operations(operations: &[GrantOperation]) -> kms_service::api::Required<Vec<Named<GrantOperation>>> {
    operations.iter().map(|&operation| operation.into()).collect::<Vec<_>>().into()
}

fn to(caller: &Caller, key: &str, allowed: &[GrantOperation]) -> CreateGrantRequest {
    CreateGrantRequest {
        key_id: key.into(),
        grantee_principal: Some(arn(caller)),
        operations: operations(allowed),
        ..Default::default()
    }
}

fn grant(desk: &Desk, request: CreateGrantRequest) -> CreateGrantResponse {
    desk.ask(request).unwrap()
}

fn revoke(desk: &Desk, key: &str, id: &str) {
    desk.ask(RevokeGrantRequest { key_id: key.into(), grant_id: id.into(), ..Default::default() }).unwrap();
}

fn by_token(token: &str) -> RetireGrantRequest {
    RetireGrantRequest { grant_token: Some(token.into()), ..Default::default() }
}

fn listed(desk: &Desk, key: &str) -> Vec<GrantListEntry> {
    desk.ask(ListGrantsRequest { key_id: key.into(), ..Default::default() }).unwrap().grants.into_inner()
}

fn context(pairs: &[(&str, &str)]) -> EncryptionContext {
    EncryptionContext::new(pairs.iter().copied()).unwrap()
}

fn encrypt_with(desk: &Desk, caller: &Caller, key: &str, pairs: &[(&str, &str)]) -> Result<(), KmsError> {
    let request = EncryptRequest {
        key_id: key.into(),
        plaintext: kms_core::Secret::copy_from(b"x").into(),
        encryption_context: context(pairs),
        ..Default::default()
    };
    desk.service.call(caller, &request).map(drop)
}

/// Each operation that a grant can name, on a key that has it: refused, then done by the grant alone, then refused.
fn by_grant_alone<R: Perform>(desk: &Desk, key: &str, operation: &[GrantOperation], request: &Value) {
    let bob = bob();
    let ask = || {
        let outcome = desk.service.call(&bob, &serde_json::from_value::<R>(request.clone()).unwrap());
        outcome.map(drop).map_err(|error| error.exception())
    };
    assert_eq!(ask(), Err(Exception::AccessDenied), "{operation:?}");
    let other = [GrantOperation::DescribeKey, GrantOperation::RetireGrant];
    if !operation.contains(&GrantOperation::DescribeKey) {
        let other = grant(desk, to(&bob, key, &other));
        assert_eq!(ask(), Err(Exception::AccessDenied), "by a grant for something else: {operation:?}");
        revoke(desk, key, &other.grant_id);
    }
    let made = grant(desk, to(&bob, key, operation));
    assert_eq!(ask(), Ok(()), "{operation:?}");
    revoke(desk, key, &made.grant_id);
    assert_eq!(ask(), Err(Exception::AccessDenied), "after it was revoked: {operation:?}");
    let made = grant(desk, CreateGrantRequest { retiring_principal: Some(arn(&bob)), ..to(&bob, key, operation) });
    assert_eq!(ask(), Ok(()), "{operation:?}");
    desk.service.call(&bob, &by_token(&made.grant_token)).unwrap();
    assert_eq!(ask(), Err(Exception::AccessDenied), "after it was retired: {operation:?}");
}

#[test]
fn each_operation_works_by_grant_alone_until_it_is_taken_back() {
    use GrantOperation as G;
    use kms_service::api::{
        DeriveSharedSecretRequest, GenerateDataKeyPairRequest, GenerateDataKeyPairWithoutPlaintextRequest,
        GenerateDataKeyWithoutPlaintextRequest, GenerateMacRequest, GetPublicKeyRequest, ReEncryptRequest, SignRequest,
        VerifyMacRequest, VerifyRequest,
    };
    let desk = Desk::new();
    let key = desk.key();
    let sealed = serde_json::to_value(desk.encrypt(&key, b"x").unwrap()).unwrap()["CiphertextBlob"].clone();
    by_grant_alone::<EncryptRequest>(&desk, &key, &[G::Encrypt], &json!({"KeyId": key, "Plaintext": "AAAA"}));
    by_grant_alone::<DecryptRequest>(&desk, &key, &[G::Decrypt], &json!({"CiphertextBlob": sealed}));
    let again = json!({"CiphertextBlob": sealed, "DestinationKeyId": key});
    by_grant_alone::<ReEncryptRequest>(&desk, &key, &[G::ReEncryptFrom, G::ReEncryptTo], &again);
    let data_key = json!({"KeyId": key, "KeySpec": "AES_256"});
    by_grant_alone::<GenerateDataKeyRequest>(&desk, &key, &[G::GenerateDataKey], &data_key);
    let without = [G::GenerateDataKeyWithoutPlaintext];
    by_grant_alone::<GenerateDataKeyWithoutPlaintextRequest>(&desk, &key, &without, &data_key);
    let pair = json!({"KeyId": key, "KeyPairSpec": "ECC_NIST_P256"});
    by_grant_alone::<GenerateDataKeyPairRequest>(&desk, &key, &[G::GenerateDataKeyPair], &pair);
    let without = [G::GenerateDataKeyPairWithoutPlaintext];
    by_grant_alone::<GenerateDataKeyPairWithoutPlaintextRequest>(&desk, &key, &without, &pair);
    by_grant_alone::<DescribeKeyRequest>(&desk, &key, &[G::DescribeKey], &json!({"KeyId": key}));
    let passed_on =
        json!({"KeyId": key, "GranteePrincipal": arn(&user(ACCOUNT, "eve", NOTHING)), "Operations": ["CreateGrant"]});
    by_grant_alone::<CreateGrantRequest>(&desk, &key, &[G::CreateGrant], &passed_on);

    let make = |spec: KeySpec, usage: KeyUsageType| {
        let request =
            CreateKeyRequest { key_spec: Some(spec.into()), key_usage: Some(usage.into()), ..Default::default() };
        desk.create(request).key_id
    };
    let signer = make(KeySpec::EccNistP256, KeyUsageType::SignVerify);
    let sign = json!({"KeyId": signer, "Message": "AAAA", "SigningAlgorithm": "ECDSA_SHA_256"});
    by_grant_alone::<SignRequest>(&desk, &signer, &[G::Sign], &sign);
    let signed = desk.ask(serde_json::from_value::<SignRequest>(sign.clone()).unwrap()).unwrap();
    let mut verify = sign;
    verify["Signature"] = serde_json::to_value(signed).unwrap()["Signature"].clone();
    by_grant_alone::<VerifyRequest>(&desk, &signer, &[G::Verify], &verify);
    by_grant_alone::<GetPublicKeyRequest>(&desk, &signer, &[G::GetPublicKey], &json!({"KeyId": signer}));
    let mac_key = make(KeySpec::Hmac256, KeyUsageType::GenerateVerifyMac);
    let mac = json!({"KeyId": mac_key, "Message": "AAAA", "MacAlgorithm": "HMAC_SHA_256"});
    by_grant_alone::<GenerateMacRequest>(&desk, &mac_key, &[G::GenerateMac], &mac);
    let made = desk.ask(serde_json::from_value::<GenerateMacRequest>(mac.clone()).unwrap()).unwrap();
    let mut verify = mac;
    verify["Mac"] = serde_json::to_value(made).unwrap()["Mac"].clone();
    by_grant_alone::<VerifyMacRequest>(&desk, &mac_key, &[G::VerifyMac], &verify);
    let agreement = make(KeySpec::EccNistP256, KeyUsageType::KeyAgreement);
    let public = desk.ask(GetPublicKeyRequest { key_id: agreement.as_str().into(), ..Default::default() }).unwrap();
    let public = serde_json::to_value(public).unwrap()["PublicKey"].clone();
    let derive = json!({"KeyId": agreement, "KeyAgreementAlgorithm": "ECDH", "PublicKey": public});
    by_grant_alone::<DeriveSharedSecretRequest>(&desk, &agreement, &[G::DeriveSharedSecret], &derive);
}

#[test]
fn operations_fit_the_key() {
    let desk = Desk::new();
    let key = desk.key();
    let request = to(&bob(), &key, &[GrantOperation::Sign]);
    refused(desk.ask(request), Exception::Validation, "Sign is not valid");
    assert!(listed(&desk, &key).is_empty());
}

#[test]
fn constraints_bind_the_encryption_context() {
    let desk = Desk::new();
    let (key, bob) = (desk.key(), bob());
    let made = |constraints: GrantConstraints| {
        let request = to(&bob, &key, &[GrantOperation::Encrypt]);
        grant(&desk, CreateGrantRequest { constraints: Some(constraints), ..request }).grant_id
    };
    let pairs = context(&[("team", "red")]);
    let subset = made(GrantConstraints { encryption_context_subset: Some(pairs.clone()), ..Default::default() });
    encrypt_with(&desk, &bob, &key, &[("team", "red")]).unwrap();
    encrypt_with(&desk, &bob, &key, &[("team", "red"), ("n", "1")]).unwrap();
    for others in [&[][..], &[("team", "blue")], &[("Team", "red")]] {
        refused(encrypt_with(&desk, &bob, &key, others), Exception::AccessDenied, "kms:Encrypt");
    }
    revoke(&desk, &key, &subset);
    made(GrantConstraints { encryption_context_equals: Some(pairs), ..Default::default() });
    encrypt_with(&desk, &bob, &key, &[("team", "red")]).unwrap();
    for others in [&[][..], &[("team", "red"), ("n", "1")]] {
        refused(encrypt_with(&desk, &bob, &key, others), Exception::AccessDenied, "kms:Encrypt");
    }
}

#[test]
fn grantees_are_sessions_roles_services_and_other_accounts() {
    let desk = Desk::new();
    let key = desk.key();
    let role = format!("arn:aws:iam::{ACCOUNT}:role/app");
    let session = |name: &str| Caller::new(Principal::role_session(&role, name).unwrap(), region(HERE));
    let (one, two) = (session("one"), session("two"));
    let to_session = grant(&desk, to(&one, &key, &[GrantOperation::Encrypt]));
    encrypt_with(&desk, &one, &key, &[]).unwrap();
    refused(encrypt_with(&desk, &two, &key, &[]), Exception::AccessDenied, "kms:Encrypt");
    revoke(&desk, &key, &to_session.grant_id);
    let to_role =
        CreateGrantRequest { grantee_principal: Some(role.clone()), ..to(&one, &key, &[GrantOperation::Encrypt]) };
    grant(&desk, to_role);
    encrypt_with(&desk, &one, &key, &[]).unwrap();
    encrypt_with(&desk, &two, &key, &[]).unwrap();

    let service = Caller::new("backup.amazonaws.com".parse().unwrap(), region(HERE));
    let arn = format!("arn:aws:kms:{HERE}:{ACCOUNT}:key/{key}");
    refused(encrypt_with(&desk, &service, &arn, &[]), Exception::AccessDenied, "kms:Encrypt");
    grant(
        &desk,
        CreateGrantRequest {
            key_id: key.as_str().into(),
            grantee_service_principal: Some("backup.amazonaws.com".into()),
            operations: operations(&[GrantOperation::Encrypt]),
            ..Default::default()
        },
    );
    encrypt_with(&desk, &service, &arn, &[]).unwrap();

    let theirs = user(OTHER_ACCOUNT, "dan", NOTHING);
    grant(&desk, to(&theirs, &key, &[GrantOperation::Encrypt]));
    encrypt_with(&desk, &theirs, &arn, &[]).unwrap();
}

#[test]
fn tokens_are_ours_or_refused() {
    let desk = Desk::new();
    let (key, bob) = (desk.key(), bob());
    let made = grant(&desk, to(&bob, &key, &[GrantOperation::Encrypt]));
    let with = |token: &str| {
        let request = EncryptRequest {
            key_id: key.as_str().into(),
            plaintext: kms_core::Secret::copy_from(b"x").into(),
            grant_tokens: vec![token.to_owned()],
            ..Default::default()
        };
        desk.service.call(&bob, &request)
    };
    with(&made.grant_token).unwrap();
    let mut other = made.grant_token.clone().into_bytes();
    other[20] = if other[20] == b'A' { b'B' } else { b'A' };
    for bogus in ["bogus", "AAAA", &String::from_utf8(other).unwrap()] {
        refused(with(bogus), Exception::InvalidGrantToken, "");
        refused(desk.service.call(&bob, &by_token(bogus)), Exception::InvalidGrantToken, "");
    }
    refused(desk.service.call(&bob, &by_token(&made.grant_token)), Exception::AccessDenied, "kms:RetireGrant");
}

#[test]
fn a_name_makes_asking_again_safe() {
    let desk = Desk::new();
    let (key, bob) = (desk.key(), bob());
    let named = |name: Option<&str>, allowed: &[GrantOperation]| {
        grant(&desk, CreateGrantRequest { name: name.map(str::to_owned), ..to(&bob, &key, allowed) })
    };
    let first = named(Some("app"), &[GrantOperation::Encrypt]);
    let again = named(Some("app"), &[GrantOperation::Encrypt]);
    assert_eq!(first.grant_id, again.grant_id);
    assert_ne!(first.grant_token, again.grant_token);
    assert_eq!(first.grant_id.len(), 64);
    assert!(first.grant_id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let other = named(Some("app"), &[GrantOperation::Decrypt]);
    assert_ne!(first.grant_id, other.grant_id);
    let (one, two) = (named(None, &[GrantOperation::Encrypt]), named(None, &[GrantOperation::Encrypt]));
    assert_ne!(one.grant_id, two.grant_id);
    assert_eq!(listed(&desk, &key).len(), 4);
    // At the same time, too.
    let ids: Vec<String> = std::thread::scope(|scope| {
        let ask = || named(Some("many"), &[GrantOperation::Encrypt]).grant_id;
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]));
    assert_eq!(listed(&desk, &key).len(), 5);
}

#[test]
fn a_grantee_passes_on_no_more_than_they_have() {
    use GrantOperation as G;
    let desk = Desk::new();
    let (key, bob, eve) = (desk.key(), bob(), user(ACCOUNT, "eve", NOTHING));
    let red =
        || GrantConstraints { encryption_context_subset: Some(context(&[("team", "red")])), ..Default::default() };
    let first = to(&bob, &key, &[G::Encrypt, G::Decrypt, G::CreateGrant]);
    grant(&desk, CreateGrantRequest { constraints: Some(red()), ..first });
    let pass_on = |allowed: &[G], constraints: Option<GrantConstraints>| {
        desk.service.call(&bob, &CreateGrantRequest { constraints, ..to(&eve, &key, allowed) })
    };
    pass_on(&[G::Encrypt], Some(red())).unwrap();
    let equals =
        GrantConstraints { encryption_context_equals: Some(context(&[("team", "red")])), ..Default::default() };
    pass_on(&[G::Encrypt, G::Decrypt, G::CreateGrant], Some(equals)).unwrap();
    let blue = GrantConstraints { encryption_context_subset: Some(context(&[("team", "blue")])), ..Default::default() };
    refused(pass_on(&[G::Encrypt], None), Exception::AccessDenied, "kms:CreateGrant");
    refused(pass_on(&[G::Encrypt], Some(blue)), Exception::AccessDenied, "kms:CreateGrant");
    refused(pass_on(&[G::GenerateDataKey], Some(red())), Exception::AccessDenied, "kms:CreateGrant");
    encrypt_with(&desk, &eve, &key, &[("team", "red")]).unwrap();
    refused(encrypt_with(&desk, &eve, &key, &[]), Exception::AccessDenied, "kms:Encrypt");
    // Who may make grants by a policy is not limited by a grant that they have besides.
    let admin = user(ACCOUNT, "bob", r#"{"Effect":"Allow","Action":"kms:CreateGrant","Resource":"*"}"#);
    desk.service.call(&admin, &to(&eve, &key, &[G::GenerateDataKey])).unwrap();
}

#[test]
fn grants_are_retired_by_all_who_may_and_by_no_other() {
    use GrantOperation as G;
    let desk = Desk::new();
    let (key, bob, rita) = (desk.key(), bob(), user(ACCOUNT, "rita", NOTHING));
    let arn_of_key = format!("arn:aws:kms:{HERE}:{ACCOUNT}:key/{key}");
    let made = |allowed: &[G]| {
        grant(&desk, CreateGrantRequest { retiring_principal: Some(arn(&rita)), ..to(&bob, &key, allowed) })
    };
    let by_id = |made: &CreateGrantResponse| RetireGrantRequest {
        key_id: Some(arn_of_key.clone()),
        grant_id: Some(made.grant_id.clone()),
        ..Default::default()
    };
    // The retiring principal, by token and by id; a grantee with RetireGrant; the account that made it, and whom it lets.
    let (one, two) = (made(&[G::Encrypt]), made(&[G::Encrypt]));
    desk.service.call(&rita, &by_token(&one.grant_token)).unwrap();
    desk.service.call(&rita, &by_id(&two)).unwrap();
    let three = made(&[G::Encrypt, G::RetireGrant]);
    desk.service.call(&bob, &by_id(&three)).unwrap();
    desk.ask(by_id(&made(&[G::Encrypt]))).unwrap();
    desk.service.call(&user(ACCOUNT, "admin", RETIRE), &by_id(&made(&[G::Encrypt]))).unwrap();
    assert!(listed(&desk, &key).is_empty());

    let kept = made(&[G::Encrypt]);
    let stranger = user(OTHER_ACCOUNT, "eve", RETIRE);
    for other in [&bob, &user(ACCOUNT, "eve", NOTHING), &stranger] {
        refused(desk.service.call(other, &by_id(&kept)), Exception::AccessDenied, "kms:RetireGrant");
        refused(desk.service.call(other, &by_token(&kept.grant_token)), Exception::AccessDenied, "kms:RetireGrant");
    }
    // A key policy alone allows it to nobody, and denies it to anybody.
    let named = |effect: &str, name: &str| {
        let policy = format!(
            r#"{{"Effect":"{effect}","Principal":{{"AWS":"arn:aws:iam::{ACCOUNT}:user/{name}"}},"Action":"kms:RetireGrant","Resource":"*"}}"#
        );
        let policy = key_policy(&policy).into();
        desk.ask(PutKeyPolicyRequest { key_id: key.as_str().into(), policy, ..Default::default() }).unwrap();
    };
    named("Allow", "bob");
    refused(desk.service.call(&bob, &by_id(&kept)), Exception::AccessDenied, "kms:RetireGrant");
    named("Deny", "rita");
    refused(desk.service.call(&rita, &by_id(&kept)), Exception::AccessDenied, "explicit deny");
    let dry = RetireGrantRequest { dry_run: Some(true), ..by_id(&kept) };
    refused(desk.ask(dry), Exception::DryRunOperation, "would have succeeded");
    assert_eq!(listed(&desk, &key).len(), 1);
    desk.ask(by_id(&kept)).unwrap();
    refused(desk.ask(by_id(&kept)), Exception::NotFound, "does not exist");
    let unknown =
        RevokeGrantRequest { key_id: key.as_str().into(), grant_id: kept.grant_id.into(), ..Default::default() };
    refused(desk.ask(unknown), Exception::NotFound, "does not exist");
}

#[test]
fn a_grant_id_and_a_principal_have_their_forms() {
    let desk = Desk::new();
    let key = desk.key();
    for id in ["0".repeat(63), "0".repeat(65), "A".repeat(64), "a grant".into()] {
        let listed =
            ListGrantsRequest { key_id: key.as_str().into(), grant_id: Some(id.clone()), ..Default::default() };
        refused(desk.ask(listed), Exception::InvalidGrantId, "64 hexadecimal digits");
        let retired =
            RetireGrantRequest { key_id: Some(key.clone()), grant_id: Some(id.clone()), ..Default::default() };
        refused(desk.ask(retired), Exception::InvalidGrantId, "64 hexadecimal digits");
        let revoked = RevokeGrantRequest { key_id: key.as_str().into(), grant_id: id.into(), ..Default::default() };
        refused(desk.ask(revoked), Exception::InvalidGrantId, "64 hexadecimal digits");
    }
    for principal in ["nobody", "arn:aws:iam::12:user/short"] {
        let request = ListRetirableGrantsRequest { retiring_principal: Some(principal.into()), ..Default::default() };
        refused(desk.ask(request), Exception::InvalidArn, "is not a valid principal");
    }
}

#[test]
fn there_are_so_many_grants_and_no_more() {
    let mut limits = Limits::default();
    assert_eq!(limits.grants_of_key, 50_000);
    limits.grants_of_key = 3;
    let desk = Desk::with(|builder| builder.limits(limits));
    let key = desk.key();
    let made: Vec<_> = (0..3).map(|_| grant(&desk, to(&bob(), &key, &[GrantOperation::Encrypt])).grant_id).collect();
    refused(desk.ask(to(&bob(), &key, &[GrantOperation::Encrypt])), Exception::LimitExceeded, "3 grants");
    revoke(&desk, &key, &made[0]);
    grant(&desk, to(&bob(), &key, &[GrantOperation::Encrypt]));
}

#[test]
fn lists_are_filtered_and_come_in_pages() {
    let desk = Desk::new();
    let (key, bob, eve) = (desk.key(), bob(), user(ACCOUNT, "eve", NOTHING));
    let mut ids = Vec::new();
    for number in 0..7 {
        let grantee = if number % 2 == 0 { &bob } else { &eve };
        let retiring_principal = Some(arn(&eve));
        let request = CreateGrantRequest { retiring_principal, ..to(grantee, &key, &[GrantOperation::Encrypt]) };
        ids.push(grant(&desk, request).grant_id);
    }
    let mut pages = Vec::new();
    let mut marker = None;
    loop {
        let request = ListGrantsRequest {
            key_id: key.as_str().into(),
            limit: Some(3),
            marker: marker.take(),
            ..Default::default()
        };
        let page = desk.ask(request).unwrap();
        assert_eq!(page.truncated, page.next_marker.is_some());
        pages.push(page.grants.iter().map(|grant| grant.grant_id.clone()).collect::<Vec<_>>());
        match page.next_marker {
            Some(next) => marker = Some(next),
            None => break,
        }
    }
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 1]);
    let mut all = pages.concat();
    all.sort();
    let mut wanted = ids.clone();
    wanted.sort();
    assert_eq!(all, wanted);
    let of_bob = ListGrantsRequest {
        key_id: key.as_str().into(),
        grantee_principal: Some(arn(&bob)),
        limit: Some(4),
        ..Default::default()
    };
    let of_bob = desk.ask(of_bob).unwrap();
    assert_eq!((of_bob.grants.len(), of_bob.truncated), (4, false));
    assert!(of_bob.grants.iter().all(|grant| grant.grantee_principal == Some(arn(&bob))));
    let one = ListGrantsRequest { key_id: key.as_str().into(), grant_id: Some(ids[5].clone()), ..Default::default() };
    let one = desk.ask(one).unwrap().grants.into_inner();
    assert_eq!(one.len(), 1);
    assert_eq!(one[0].operations, [GrantOperation::Encrypt]);
    assert_eq!(one[0].issuing_account, Some(format!("arn:aws:iam::{ACCOUNT}:root")));
    let bogus = ListGrantsRequest { key_id: key.as_str().into(), marker: Some("bogus".into()), ..Default::default() };
    refused(desk.ask(bogus), Exception::InvalidMarker, "");

    let retirable = |limit: i32, marker: Option<String>| {
        let request = ListRetirableGrantsRequest {
            retiring_principal: Some(arn(&eve)),
            limit: Some(limit),
            marker,
            ..Default::default()
        };
        desk.ask(request).unwrap()
    };
    let first = retirable(5, None);
    let second = retirable(5, first.next_marker.clone());
    assert_eq!((first.grants.len(), second.grants.len(), second.truncated), (5, 2, false));
}

#[test]
fn those_who_may_retire_list_grants_on_the_keys_of_others() {
    let desk = Desk::new();
    let key = desk.key();
    let theirs = user(OTHER_ACCOUNT, "dan", r#"{"Effect":"Allow","Action":"kms:ListRetirableGrants","Resource":"*"}"#);
    let request =
        CreateGrantRequest { retiring_principal: Some(arn(&theirs)), ..to(&bob(), &key, &[GrantOperation::Encrypt]) };
    let made = grant(&desk, request);
    let list = || ListRetirableGrantsRequest { retiring_principal: Some(arn(&theirs)), ..Default::default() };
    let found = desk.service.call(&theirs, &list()).unwrap().grants.into_inner();
    assert_eq!(found.iter().map(|grant| grant.grant_id.as_str()).collect::<Vec<_>>(), [made.grant_id.as_str()]);
    refused(desk.ask(list()), Exception::AccessDenied, "kms:ListRetirableGrants");
    desk.service.call(&theirs, &by_token(&made.grant_token)).unwrap();
    assert!(desk.service.call(&theirs, &list()).unwrap().grants.is_empty());
}

#[test]
fn a_denial_beats_a_grant() {
    let desk = Desk::new();
    let (key, bob) = (desk.key(), bob());
    grant(&desk, to(&bob, &key, &[GrantOperation::Encrypt]));
    encrypt_with(&desk, &bob, &key, &[]).unwrap();
    let denied = user(ACCOUNT, "bob", r#"{"Effect":"Deny","Action":"kms:Encrypt","Resource":"*"}"#);
    refused(encrypt_with(&desk, &denied, &key, &[]), Exception::AccessDenied, "explicit deny in an identity-based");
    let deny = r#"{"Effect":"Deny","Principal":"*","Action":"kms:Encrypt","Resource":"*"}"#;
    let policy = key_policy(deny).into();
    desk.ask(PutKeyPolicyRequest { key_id: key.as_str().into(), policy, ..Default::default() }).unwrap();
    refused(encrypt_with(&desk, &bob, &key, &[]), Exception::AccessDenied, "explicit deny in a resource-based");
}

#[test]
fn the_grants_of_a_deleted_key_are_gone() {
    let desk = Desk::with(|builder| builder.deletion_grace(core::time::Duration::ZERO));
    let key = desk.key();
    let eve = user(ACCOUNT, "eve", NOTHING);
    let made: Vec<_> = (0..45)
        .map(|_| {
            grant(
                &desk,
                CreateGrantRequest {
                    retiring_principal: Some(arn(&eve)),
                    ..to(&bob(), &key, &[GrantOperation::Encrypt])
                },
            )
        })
        .collect();
    desk.ask(ScheduleKeyDeletionRequest { key_id: key.as_str().into(), pending_window_in_days: Some(7) }).unwrap();
    desk.clock.advance(core::time::Duration::from_secs(7 * 86_400));
    assert_eq!(desk.service.run_due().unwrap().deleted, 1);
    let retirable = ListRetirableGrantsRequest { retiring_principal: Some(arn(&eve)), ..Default::default() };
    assert!(desk.ask(retirable).unwrap().grants.is_empty());
    refused(desk.ask(by_token(&made[0].grant_token)), Exception::NotFound, "does not exist");
    for prefix in [&b"g/"[..], b"r/"] {
        assert!(desk.store.list(prefix, None, 10).unwrap().is_empty(), "nothing is left behind");
    }
}

#[test]
fn an_operation_is_granted_once() {
    use GrantOperation as G;
    let desk = Desk::new();
    let key = desk.key();
    grant(&desk, to(&bob(), &key, &[G::Encrypt, G::Decrypt, G::Encrypt, G::Encrypt]));
    assert_eq!(listed(&desk, &key)[0].operations, [G::Encrypt, G::Decrypt].map(Into::into));
}

/// Grants are listed as they are in memory, and there they are those that the key's record counts.
#[test]
fn lists_of_grants_do_not_read_them_again() {
    let (store, desk) = over_hooked_store(|builder| builder);
    let key = desk.key();
    let eve = user(ACCOUNT, "eve", NOTHING);
    let made: Vec<_> = (0..30)
        .map(|number| {
            let grantee = user(ACCOUNT, if number % 10 == 0 { "rare" } else { "often" }, NOTHING);
            let request = to(&grantee, &key, &[GrantOperation::Encrypt]);
            grant(&desk, CreateGrantRequest { retiring_principal: Some(arn(&eve)), ..request }).grant_id
        })
        .collect();
    let place = format!("g/{HERE}/{key}/{}", made[0]);
    let before = desk.store.get(&[place.as_bytes()]).unwrap().remove(0).unwrap().value;
    assert_eq!(listed(&desk, &key).len(), 30);
    store.reads_of(b"");
    let of = |name: &str| ListGrantsRequest {
        key_id: key.as_str().into(),
        grantee_principal: Some(format!("arn:aws:iam::{ACCOUNT}:user/{name}")),
        ..Default::default()
    };
    let page = desk.ask(ListGrantsRequest { limit: Some(2), ..of("rare") }).unwrap();
    assert_eq!((page.grants.len(), page.truncated), (2, true));
    let rest = desk.ask(ListGrantsRequest { limit: Some(2), marker: page.next_marker, ..of("rare") }).unwrap();
    assert_eq!((rest.grants.len(), rest.truncated), (1, false));
    let retirable = || ListRetirableGrantsRequest { retiring_principal: Some(arn(&eve)), ..Default::default() };
    assert_eq!(desk.ask(retirable()).unwrap().grants.len(), 30);
    assert_eq!(store.reads_of(b"g/"), 0);

    revoke(&desk, &key, &made[0]);
    let mut change = kms_service::store::Transaction::new([7; 16]);
    change.writes.push(kms_service::store::Write::Put(place.into_bytes(), before));
    desk.store.commit(&change).unwrap();
    desk.service.refresh();
    assert_eq!(desk.ask(of("often")).unwrap_err().exception(), Exception::KMSInternal);
    assert_eq!(desk.ask(retirable()).unwrap_err().exception(), Exception::KMSInternal);
}

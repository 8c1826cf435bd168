//! Asking what would be allowed, without doing it.

use kms_service::api::{
    CreateAliasRequest, CreateGrantRequest, CreateKeyRequest, EncryptRequest, GrantOperation, ListAliasesRequest,
    ListGrantsRequest, ListKeysRequest, Named, ReEncryptRequest, RetireGrantRequest, ScheduleKeyDeletionRequest, Tag,
};
use kms_service::policy::ContextMap;
use kms_service::{DecidedBy, Exception, Explanation, Reason, Simulation};

use crate::access::{key_policy, with_policy};
use crate::desk::{ACCOUNT, Desk, OTHER_ACCOUNT, refused, user};

const ALL: &str = r#"{"Sid":"All","Effect":"Allow","Action":"kms:*","Resource":"*"}"#;
const NOTHING: &str = r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#;

fn simulate(desk: &Desk, simulation: &Simulation) -> Explanation {
    desk.service.simulate(simulation).unwrap()
}

#[test]
fn an_explanation_names_the_policy_and_the_statement() {
    let desk = Desk::new();
    let alice = format!(r#"{{"AWS":"arn:aws:iam::{ACCOUNT}:user/alice"}}"#);
    let statements = format!(
        r#"{{"Sid":"Alice","Effect":"Allow","Principal":{alice},"Action":"kms:Encrypt","Resource":"*"}},
           {{"Sid":"Never","Effect":"Deny","Principal":"*","Action":"kms:DisableKey","Resource":"*"}}"#
    );
    let key = with_policy(&desk, &key_policy(&statements));
    let ask = |statements: &str, action: &str| {
        simulate(&desk, &Simulation::new(user(ACCOUNT, "alice", statements), action).on(&*key))
    };
    let named = ask(NOTHING, "kms:Encrypt");
    assert!(named.allowed);
    let Some(DecidedBy::KeyPolicy { statement }) = &named.decided_by else { panic!("{named:?}") };
    assert_eq!((statement.index, statement.sid.as_deref()), (1, Some("Alice")));
    assert_eq!(
        named.to_string(),
        format!(
            r#"kms:Encrypt on {key} by arn:aws:iam::{ACCOUNT}:user/alice: allowed by the key policy, Statement[1] "Alice""#
        )
    );
    let through = ask(ALL, "Decrypt");
    let Some(DecidedBy::IdentityPolicy { policy: 0, statement }) = &through.decided_by else { panic!("{through:?}") };
    assert_eq!(statement.sid.as_deref(), Some("All"));
    assert_eq!(through.delegated_by.as_ref().and_then(|one| one.sid.as_deref()), Some("Root"));
    assert_eq!(ask(NOTHING, "Decrypt").reason, Reason::NoIdentityPolicy);
    let denied = ask(ALL, "kms:DisableKey");
    assert_eq!((denied.allowed, denied.reason), (false, Reason::ExplicitDeny));
    let json = serde_json::to_value(&denied).unwrap();
    assert_eq!(json["reason"], "explicitDeny");
    assert_eq!(json["decidedBy"]["kind"], "keyPolicy");
    assert_eq!(json["decidedBy"]["statement"]["sid"], "Never");
    assert_eq!(json["allowed"], false);

    let stranger = user(OTHER_ACCOUNT, "dan", ALL);
    let across = |action: &str| simulate(&desk, &Simulation::new(stranger.clone(), action).on(&*key)).reason;
    assert_eq!(across("kms:Decrypt"), Reason::NotDelegated);
    assert_eq!(across("kms:EnableKey"), Reason::NotAcrossAccounts);
    let nowhere = |action: &str| desk.service.simulate(&Simulation::new(desk.caller.clone(), action));
    assert_eq!(nowhere("kms:ListKeys").unwrap().decided_by, Some(DecidedBy::Root));
    refused(nowhere("kms:Encypt"), Exception::Validation, "kms:Encypt is not an action");
}

#[test]
fn a_proposed_policy_is_tried_without_being_put() {
    let desk = Desk::new();
    let key = with_policy(&desk, &key_policy(""));
    let bob = user(ACCOUNT, "bob", NOTHING);
    let mut simulation = Simulation::new(bob.clone(), "kms:Encrypt").on(&*key);
    assert!(!simulate(&desk, &simulation).allowed);
    let named = format!(
        r#"{{"Sid":"Bob","Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{ACCOUNT}:user/bob"}},"Action":"kms:Encrypt","Resource":"*",
            "Condition":{{"StringEquals":{{"kms:EncryptionContext:team":"red","aws:SourceVpc":"vpc-1"}}}}}}"#
    );
    simulation.key_policy = Some(key_policy(&named));
    assert!(!simulate(&desk, &simulation).allowed);
    simulation.encryption_context = kms_core::EncryptionContext::new([("team", "red")]).unwrap();
    assert!(!simulate(&desk, &simulation).allowed);
    simulation.context = ContextMap::new().with("aws:SourceVpc", "vpc-1");
    assert!(simulate(&desk, &simulation).allowed);
    refused(desk.encrypt_as(&bob, &key, b"x"), Exception::AccessDenied, "kms:Encrypt");
    simulation.key_policy = Some("{}".into());
    refused(desk.service.simulate(&simulation), Exception::MalformedPolicyDocument, "Statement: is missing");
    simulation.key_policy = Some(" ".repeat(32_769));
    refused(desk.service.simulate(&simulation), Exception::LimitExceeded, "");
}

#[test]
fn grants_and_aliases_are_seen() {
    let desk = Desk::new();
    let key = desk.key();
    let bob = user(ACCOUNT, "bob", NOTHING);
    desk.ask(CreateAliasRequest { alias_name: "alias/app".into(), target_key_id: key.as_str().into() }).unwrap();
    let made = CreateGrantRequest {
        key_id: key.as_str().into(),
        grantee_principal: bob.principal.arn().map(str::to_owned),
        operations: vec![Named::from(GrantOperation::Decrypt)].into(),
        ..Default::default()
    };
    let id = desk.ask(made).unwrap().grant_id;
    let found = simulate(&desk, &Simulation::new(bob.clone(), "Decrypt").on("alias/app"));
    assert_eq!(found.decided_by, Some(DecidedBy::Grant { id }));
    assert!(!simulate(&desk, &Simulation::new(bob, "Encrypt").on("alias/app")).allowed);
    // A key of the service's own is not made by asking for it.
    let unmade = Simulation::new(desk.caller.clone(), "Encrypt").on("alias/aws/s3");
    refused(desk.service.simulate(&unmade), Exception::NotFound, "alias/aws/s3 is not found");
    assert_eq!(desk.ask(ListKeysRequest::default()).unwrap().keys.len(), 1);
}

#[test]
fn explaining_a_request_does_nothing() {
    let desk = Desk::new();
    let (one, two) = (desk.key(), desk.key());
    let sealed = desk.encrypt(&one, b"x").unwrap().ciphertext_blob;
    let explain = |allowed: usize, explanations: Vec<Explanation>| {
        assert_eq!(explanations.len(), allowed, "{explanations:?}");
        assert!(explanations.iter().all(|one| one.allowed));
        explanations.into_iter().map(|one| one.action).collect::<Vec<_>>()
    };
    let service = &desk.service;
    let re_encrypt = ReEncryptRequest {
        ciphertext_blob: Some(sealed),
        destination_key_id: two.as_str().into(),
        ..Default::default()
    };
    let actions = explain(2, service.explain(&desk.caller, &re_encrypt).unwrap());
    assert_eq!(actions, ["kms:ReEncryptFrom", "kms:ReEncryptTo"]);
    let create = CreateKeyRequest { tags: vec![Tag::new("a", "b")], ..Default::default() };
    let actions = explain(2, service.explain(&desk.caller, &create).unwrap());
    assert_eq!(actions, ["kms:TagResource", "kms:CreateKey"]);
    let alias = CreateAliasRequest { alias_name: "alias/app".into(), target_key_id: one.as_str().into() };
    let named = service.explain(&desk.caller, &alias).unwrap();
    assert!(named[1].resource.ends_with(":alias/app"));
    explain(2, named);
    let grant = CreateGrantRequest {
        key_id: one.as_str().into(),
        grantee_principal: Some(format!("arn:aws:iam::{ACCOUNT}:user/bob")),
        operations: vec![Named::from(GrantOperation::Decrypt)].into(),
        ..Default::default()
    };
    explain(1, service.explain(&desk.caller, &grant).unwrap());
    let delete = ScheduleKeyDeletionRequest { key_id: one.as_str().into(), ..Default::default() };
    explain(1, service.explain(&desk.caller, &delete).unwrap());
    let own = EncryptRequest {
        key_id: "alias/aws/s3".into(),
        plaintext: kms_core::Secret::copy_from(b"x").into(),
        ..Default::default()
    };
    refused(service.explain(&desk.caller, &own), Exception::NotFound, "alias/aws/s3 is not found");
    refused(service.explain(&desk.caller, &EncryptRequest::default()), Exception::Validation, "");

    assert_eq!(desk.ask(ListKeysRequest::default()).unwrap().keys.len(), 2);
    assert!(desk.ask(ListAliasesRequest::default()).unwrap().aliases.is_empty());
    let grants = ListGrantsRequest { key_id: one.as_str().into(), ..Default::default() };
    assert!(desk.ask(grants).unwrap().grants.is_empty());
    desk.encrypt(&one, b"x").unwrap();
    let made = desk.ask(grant).unwrap();
    let retire = RetireGrantRequest { grant_token: Some(made.grant_token), ..Default::default() };
    explain(1 + 1, service.explain(&desk.caller, &retire).unwrap());
    desk.ask(retire).unwrap();
    let denied = service.explain(&user(ACCOUNT, "bob", NOTHING), &re_encrypt).unwrap();
    assert_eq!((denied.len(), denied[0].reason), (1, Reason::NoIdentityPolicy));
}

//! Who may do what: key policies, identity policies, accounts.

use std::sync::Arc;

use kms_core::EncryptionContext;
use kms_service::api::{
    CreateAliasRequest, CreateKeyRequest, DecryptRequest, DeleteAliasRequest, DescribeKeyRequest, DisableKeyRequest,
    GetKeyPolicyRequest, ListAliasesRequest, ListKeysRequest, PutKeyPolicyRequest, ReEncryptRequest,
    ReplicateKeyRequest, Tag, TagResourceRequest, UpdateAliasRequest,
};
use kms_service::{Caller, Exception, Policy, PolicyKind, Principal};

use crate::desk::{ACCOUNT, Desk, HERE, OTHER_ACCOUNT, THERE, account, refused, region, user};

const ALL: &str = r#"{"Effect":"Allow","Action":"kms:*","Resource":"*"}"#;
const NOTHING: &str = r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#;

/// A key policy that leaves all to the account, and has these statements besides.
pub(crate) fn key_policy(statements: &str) -> String {
    let comma = if statements.is_empty() { "" } else { "," };
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"Root","Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{ACCOUNT}:root"}},"Action":"kms:*","Resource":"*"}}{comma}{statements}]}}"#
    )
}

pub(crate) fn with_policy(desk: &Desk, policy: &str) -> String {
    desk.create(CreateKeyRequest { policy: Some(policy.to_owned()), ..Default::default() }).arn
}

fn put_policy(desk: &Desk, key: &str, statements: &str) {
    let request =
        PutKeyPolicyRequest { key_id: key.into(), policy: key_policy(statements).into(), ..Default::default() };
    desk.ask(request).unwrap();
}

fn allow(principal: &str) -> String {
    format!(r#"{{"Sid":"Named","Effect":"Allow","Principal":{principal},"Action":"kms:*","Resource":"*"}}"#)
}

#[test]
fn the_default_policy_leaves_it_to_identity_policies() {
    let desk = Desk::new();
    let key = desk.key();
    let (alice, bob) = (user(ACCOUNT, "alice", ALL), user(ACCOUNT, "bob", NOTHING));
    let ciphertext = desk.encrypt_as(&alice, &key, b"x").unwrap();
    desk.decrypt_as(&alice, &ciphertext).unwrap();
    let arn = format!("arn:aws:kms:{HERE}:{ACCOUNT}:key/{key}");
    let text = format!(
        "User: arn:aws:iam::{ACCOUNT}:user/bob is not authorized to perform: kms:Encrypt on resource: {arn} because no \
         identity-based policy allows the kms:Encrypt action"
    );
    refused(desk.encrypt_as(&bob, &key, b"x"), Exception::AccessDenied, &text);
    refused(desk.decrypt_as(&bob, &ciphertext), Exception::AccessDenied, "no identity-based policy allows");
    let keys = user(ACCOUNT, "carol", r#"{"Effect":"Allow","Action":"kms:List*","Resource":"*"}"#);
    assert_eq!(desk.service.call(&keys, &ListKeysRequest::default()).unwrap().keys.len(), 1);
    let text = "is not authorized to perform: kms:CreateKey on resource: * because no identity-based policy allows the \
                kms:CreateKey action";
    refused(desk.service.call(&keys, &CreateKeyRequest::default()), Exception::AccessDenied, text);
}

#[test]
fn key_policies_name_users_roles_sessions_and_services() {
    let desk = Desk::new();
    let key = with_policy(&desk, &key_policy(""));
    let caller = |principal: &str| Caller::new(principal.parse().unwrap(), region(HERE));
    let role = format!("arn:aws:iam::{ACCOUNT}:role/ops/app");
    let session = |name: &str| Caller::new(Principal::role_session(&role, name).unwrap(), region(HERE));
    let one = format!("arn:aws:sts::{ACCOUNT}:assumed-role/app/one");
    let alice = format!("arn:aws:iam::{ACCOUNT}:user/alice");
    let cases: [(String, Vec<Caller>, Vec<Caller>); 4] = [
        (
            format!(r#"{{"AWS":"{alice}"}}"#),
            vec![caller(&alice)],
            vec![caller(&alice.replace("alice", "bob")), session("one")],
        ),
        (format!(r#"{{"AWS":"{role}"}}"#), vec![session("one"), session("two")], vec![caller(&alice)]),
        (format!(r#"{{"AWS":"{one}"}}"#), vec![session("one")], vec![session("two")]),
        (
            r#"{"Service":"s3.amazonaws.com"}"#.into(),
            vec![caller("s3.amazonaws.com")],
            vec![caller("ec2.amazonaws.com"), caller(&alice)],
        ),
    ];
    for (principal, may, may_not) in cases {
        put_policy(&desk, &key, &allow(&principal));
        for caller in may {
            desk.encrypt_as(&caller, &key, b"x").unwrap();
        }
        for caller in may_not {
            refused(desk.encrypt_as(&caller, &key, b"x"), Exception::AccessDenied, "is not authorized");
        }
    }
}

#[test]
fn an_explicit_deny_wins() {
    let desk = Desk::new();
    let key = with_policy(&desk, &key_policy(""));
    let deny = r#"{"Sid":"No","Effect":"Deny","Principal":"*","Action":"kms:Encrypt","Resource":"*"}"#;
    put_policy(&desk, &key, deny);
    refused(
        desk.encrypt(&key, b"x"),
        Exception::AccessDenied,
        "because there is an explicit deny in a resource-based policy for the kms:Encrypt action",
    );
    put_policy(&desk, &key, "");
    let statements = format!(r#"{ALL},{{"Effect":"Deny","Action":"kms:Encrypt","Resource":"*"}}"#);
    let alice = user(ACCOUNT, "alice", &statements);
    refused(
        desk.encrypt_as(&alice, &key, b"x"),
        Exception::AccessDenied,
        "because there is an explicit deny in an identity-based policy for the kms:Encrypt action",
    );
    put_policy(&desk, &key, &allow(&format!(r#"{{"AWS":"arn:aws:iam::{ACCOUNT}:user/alice"}}"#)));
    refused(desk.encrypt_as(&alice, &key, b"x"), Exception::AccessDenied, "an identity-based policy");
}

#[test]
fn other_accounts_need_both_sides_and_get_some_operations() {
    let desk = Desk::new();
    let key = with_policy(&desk, &key_policy(""));
    let mallory = user(OTHER_ACCOUNT, "mallory", ALL);
    refused(desk.encrypt_as(&mallory, &key, b"x"), Exception::AccessDenied, "no resource-based policy allows");
    put_policy(&desk, &key, &allow(&format!(r#"{{"AWS":"arn:aws:iam::{OTHER_ACCOUNT}:root"}}"#)));
    let ciphertext = desk.encrypt_as(&mallory, &key, b"x").unwrap();
    desk.decrypt_as(&mallory, &ciphertext).unwrap();
    let nobody = user(OTHER_ACCOUNT, "nobody", NOTHING);
    refused(desk.decrypt_as(&nobody, &ciphertext), Exception::AccessDenied, "no identity-based policy allows");
    // The user is named, and still their own account has to let them.
    put_policy(&desk, &key, &allow(&format!(r#"{{"AWS":"arn:aws:iam::{OTHER_ACCOUNT}:user/nobody"}}"#)));
    refused(desk.decrypt_as(&nobody, &ciphertext), Exception::AccessDenied, "no identity-based policy allows");
    put_policy(&desk, &key, &allow(&format!(r#"{{"AWS":"arn:aws:iam::{OTHER_ACCOUNT}:user/mallory"}}"#)));
    desk.decrypt_as(&mallory, &ciphertext).unwrap();
    let describe = || DescribeKeyRequest { key_id: key.as_str().into(), ..Default::default() };
    desk.service.call(&mallory, &describe()).unwrap();
    // What AWS keeps within the account, whatever the policy says.
    let text = "no resource-based policy allows the kms:DisableKey action";
    let disable = DisableKeyRequest { key_id: key.as_str().into() };
    refused(desk.service.call(&mallory, &disable), Exception::AccessDenied, text);
    let get = GetKeyPolicyRequest { key_id: key.as_str().into(), ..Default::default() };
    refused(desk.service.call(&mallory, &get), Exception::AccessDenied, "kms:GetKeyPolicy");
    let list = ListAliasesRequest { key_id: Some(key.clone()), ..Default::default() };
    refused(desk.service.call(&mallory, &list), Exception::AccessDenied, "kms:ListAliases");
    // A key that there is not is told apart only from within the account.
    let absent = format!("arn:aws:kms:{HERE}:{ACCOUNT}:key/00000000-0000-4000-8000-000000000000");
    refused(desk.encrypt_as(&mallory, &absent, b"x"), Exception::AccessDenied, "no resource-based policy allows");
    refused(desk.encrypt(&absent, b"x"), Exception::NotFound, "does not exist");
}

#[test]
fn nobody_locks_themselves_out_by_accident() {
    let desk = Desk::new();
    let alice = format!(
        r#"{{"Version":"2012-10-17","Statement":[{}]}}"#,
        allow(&format!(r#"{{"AWS":"arn:aws:iam::{ACCOUNT}:user/alice"}}"#))
    );
    const TEXT: &str = "The new key policy will not allow you to update the key policy in the future.";
    let create = |bypass| CreateKeyRequest {
        policy: Some(alice.clone()),
        bypass_policy_lockout_safety_check: bypass,
        ..Default::default()
    };
    refused(desk.ask(create(None)), Exception::MalformedPolicyDocument, TEXT);
    assert!(desk.ask(ListKeysRequest::default()).unwrap().keys.is_empty(), "no key was made");
    let locked = desk.ask(create(Some(true))).unwrap().key_metadata.key_id;
    refused(desk.encrypt(&locked, b"x"), Exception::AccessDenied, "no resource-based policy allows");

    let key = desk.key();
    let put = |bypass| PutKeyPolicyRequest {
        key_id: key.as_str().into(),
        policy: alice.as_str().into(),
        bypass_policy_lockout_safety_check: bypass,
        ..Default::default()
    };
    refused(desk.ask(put(Some(false))), Exception::MalformedPolicyDocument, TEXT);
    desk.encrypt(&key, b"x").unwrap();

    let primary = desk.create(CreateKeyRequest { multi_region: Some(true), ..Default::default() }).key_id;
    let replicate = |bypass| ReplicateKeyRequest {
        key_id: primary.as_str().into(),
        replica_region: THERE.to_owned().into(),
        policy: Some(alice.clone()),
        bypass_policy_lockout_safety_check: bypass,
        ..Default::default()
    };
    refused(desk.ask(replicate(None)), Exception::MalformedPolicyDocument, TEXT);
    desk.ask(replicate(Some(true))).unwrap();
    desk.ask(put(Some(true))).unwrap();
    refused(desk.encrypt(&key, b"x"), Exception::AccessDenied, "no resource-based policy allows");
}

#[test]
fn policies_that_are_none_are_refused_with_the_place() {
    let desk = Desk::new();
    let key = desk.key();
    let put = |policy: String| {
        desk.ask(PutKeyPolicyRequest { key_id: key.as_str().into(), policy: policy.into(), ..Default::default() })
    };
    for (text, path) in [
        ("{", "not JSON"),
        (r#"{"Version":"2012-10-17"}"#, "Statement: is missing"),
        (r#"{"Statement":[{"Effect":"Maybe","Principal":"*","Action":"*","Resource":"*"}]}"#, "Statement[0].Effect: "),
        (r#"{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#, "Statement[0]"),
        (
            r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"StringIs":{"a":"b"}}}]}"#,
            "Statement[0].Condition.StringIs",
        ),
    ] {
        refused(put(text.to_owned()), Exception::MalformedPolicyDocument, path);
    }
    // At the limit, and over it by one.
    let padded = |len: usize| {
        let policy = key_policy("");
        let padding = " ".repeat(len - policy.len());
        policy + &padding
    };
    put(padded(32_768)).unwrap();
    refused(put(padded(32_769)), Exception::LimitExceeded, "32768 is the limit");
    let large = CreateKeyRequest { policy: Some(padded(32_769)), ..Default::default() };
    refused(desk.ask(large), Exception::LimitExceeded, "32768 is the limit");
}

#[test]
fn re_encryption_needs_both_keys() {
    let desk = Desk::new();
    let (from, to) = (with_policy(&desk, &key_policy("")), with_policy(&desk, &key_policy("")));
    let ciphertext = desk.encrypt(&from, b"x").unwrap().ciphertext_blob;
    let re_encrypt = |statements: &str| {
        let request = ReEncryptRequest {
            ciphertext_blob: Some(ciphertext.clone()),
            destination_key_id: to.as_str().into(),
            ..Default::default()
        };
        desk.service.call(&user(ACCOUNT, "alice", statements), &request)
    };
    let on = |action: &str, key: &str| format!(r#"{{"Effect":"Allow","Action":"{action}","Resource":"{key}"}}"#);
    let (source, destination) = (on("kms:ReEncryptFrom", &from), on("kms:ReEncryptTo", &to));
    refused(re_encrypt(&source), Exception::AccessDenied, &format!("kms:ReEncryptTo on resource: {to}"));
    refused(re_encrypt(&destination), Exception::AccessDenied, &format!("kms:ReEncryptFrom on resource: {from}"));
    let answer = re_encrypt(&format!("{source},{destination}")).unwrap();
    assert_eq!((answer.source_key_id, answer.key_id), (from, to));
}

#[test]
fn aliases_need_both_permissions() {
    let desk = Desk::new();
    let (one, two) = (with_policy(&desk, &key_policy("")), with_policy(&desk, &key_policy("")));
    let alias = format!("arn:aws:kms:{HERE}:{ACCOUNT}:alias/app");
    let on = |action: &str, resource: &str| {
        format!(r#"{{"Effect":"Allow","Action":"kms:{action}Alias","Resource":"{resource}"}}"#)
    };
    let both = |action: &str| (user(ACCOUNT, "a", &on(action, &one)), user(ACCOUNT, "b", &on(action, &alias)));
    let all = user(ACCOUNT, "c", ALL);
    let create = CreateAliasRequest { alias_name: "alias/app".into(), target_key_id: one.as_str().into() };
    let (key_only, alias_only) = both("Create");
    refused(desk.service.call(&key_only, &create), Exception::AccessDenied, &format!("on resource: {alias} "));
    refused(desk.service.call(&alias_only, &create), Exception::AccessDenied, &format!("on resource: {one} "));
    desk.service.call(&all, &create).unwrap();
    let update = UpdateAliasRequest { alias_name: "alias/app".into(), target_key_id: two.as_str().into() };
    let (key_only, alias_only) = both("Update");
    refused(desk.service.call(&key_only, &update), Exception::AccessDenied, &format!("on resource: {two} "));
    refused(desk.service.call(&alias_only, &update), Exception::AccessDenied, &format!("on resource: {one} "));
    let without_alias = user(ACCOUNT, "d", &format!("{},{}", on("Update", &one), on("Update", &two)));
    refused(desk.service.call(&without_alias, &update), Exception::AccessDenied, &format!("on resource: {alias} "));
    let delete = DeleteAliasRequest { alias_name: "alias/app".into() };
    let (key_only, alias_only) = both("Delete");
    refused(desk.service.call(&key_only, &delete), Exception::AccessDenied, &format!("on resource: {alias} "));
    refused(desk.service.call(&alias_only, &delete), Exception::AccessDenied, &format!("on resource: {one} "));
    desk.service.call(&all, &delete).unwrap();
}

#[test]
fn tags_are_given_with_permission() {
    let desk = Desk::new();
    let tags = vec![Tag::new("team", "red"), Tag::new("cost", "7")];
    let create = CreateKeyRequest { tags, ..Default::default() };
    let may = |statements: &str| desk.service.call(&user(ACCOUNT, "alice", statements), &create);
    let (made, tagged) = (r#"{"Effect":"Allow","Action":"kms:CreateKey","Resource":"*"}"#, |condition: &str| {
        format!(r#"{{"Effect":"Allow","Action":"kms:TagResource","Resource":"*"{condition}}}"#)
    });
    refused(may(made), Exception::AccessDenied, "kms:TagResource");
    may(&format!("{made},{}", tagged(""))).unwrap();
    let red = r#","Condition":{"StringEquals":{"aws:RequestTag/team":"red"}}"#;
    may(&format!("{made},{}", tagged(red))).unwrap();
    let blue = red.replace("red", "blue");
    refused(may(&format!("{made},{}", tagged(&blue))), Exception::AccessDenied, "kms:TagResource");
    let names = |names: &str| format!(r#","Condition":{{"ForAllValues:StringEquals":{{"aws:TagKeys":[{names}]}}}}"#);
    may(&format!("{made},{}", tagged(&names(r#""team","cost""#)))).unwrap();
    refused(may(&format!("{made},{}", tagged(&names(r#""team""#)))), Exception::AccessDenied, "kms:TagResource");

    let key = desk.key();
    let owner = r#"{"Effect":"Allow","Action":"kms:*","Resource":"*",
        "Condition":{"StringEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/team}"}}}"#;
    let policy = format!(r#"{{"Version":"2012-10-17","Statement":[{owner}]}}"#);
    let policy = Arc::new(Policy::parse(PolicyKind::Identity, &policy).unwrap());
    let red: Principal = format!("arn:aws:iam::{ACCOUNT}:user/red").parse().unwrap();
    let red = Caller::new(red.with_tags([("team", "red")]), region(HERE)).with_policies([policy]);
    refused(desk.encrypt_as(&red, &key, b"x"), Exception::AccessDenied, "no identity-based policy allows");
    let tag =
        |value: &str| TagResourceRequest { key_id: key.as_str().into(), tags: vec![Tag::new("team", value)].into() };
    desk.ask(tag("red")).unwrap();
    desk.encrypt_as(&red, &key, b"x").unwrap();
    desk.ask(tag("blue")).unwrap();
    refused(desk.encrypt_as(&red, &key, b"x"), Exception::AccessDenied, "no identity-based policy allows");
}

#[test]
fn the_root_of_another_account_decides_for_itself_only_where_it_is_let() {
    let desk = Desk::new();
    let key = with_policy(&desk, &key_policy(""));
    let theirs = Caller::root(account(OTHER_ACCOUNT), region(HERE));
    let sealed = desk.encrypt(&key, b"x").unwrap().ciphertext_blob;
    let open = DecryptRequest {
        ciphertext_blob: Some(sealed),
        encryption_context: EncryptionContext::empty(),
        ..Default::default()
    };
    refused(desk.service.call(&theirs, &open), Exception::AccessDenied, "no resource-based policies allow access");
    put_policy(&desk, &key, &allow(&format!(r#"{{"AWS":"{OTHER_ACCOUNT}"}}"#)));
    desk.service.call(&theirs, &open).unwrap();
}

/// The check that nobody locks themselves out knows the key: its tags, its kind, its region.
#[test]
fn the_lock_out_check_asks_about_the_key_itself() {
    let desk = Desk::new();
    let root = format!("arn:aws:iam::{ACCOUNT}:root");
    let only = |condition: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{root}"}},"Action":"kms:*","Resource":"*","Condition":{condition}}}]}}"#
        )
    };
    let make = |condition: &str| {
        desk.ask(CreateKeyRequest {
            policy: Some(only(condition)),
            tags: vec![Tag::new("team", "red")],
            ..Default::default()
        })
    };
    let locks_out = "will not allow you to update the key policy";
    for condition in
        [r#"{"StringEquals":{"aws:ResourceTag/team":"blue"}}"#, r#"{"StringEquals":{"kms:KeySpec":"RSA_2048"}}"#]
    {
        refused(make(condition), Exception::MalformedPolicyDocument, locks_out);
    }
    let tagged = r#"{"StringEquals":{"aws:ResourceTag/team":"red","kms:KeySpec":"SYMMETRIC_DEFAULT"}}"#;
    let key = make(tagged).unwrap().key_metadata.key_id;
    let put = |condition: &str| {
        let policy = only(condition).as_str().into();
        desk.ask(PutKeyPolicyRequest { key_id: key.as_str().into(), policy, ..Default::default() })
    };
    put(tagged).unwrap();
    refused(put(r#"{"StringEquals":{"aws:ResourceTag/team":"blue"}}"#), Exception::MalformedPolicyDocument, locks_out);
}

/// Strangers are answered alike whether there is such a key or alias or not.
#[test]
fn strangers_do_not_learn_what_there_is() {
    let desk = Desk::new();
    let key = with_policy(&desk, &key_policy(""));
    let id = key.rsplit('/').next().unwrap();
    desk.ask(CreateAliasRequest { alias_name: "alias/there".into(), target_key_id: id.into() }).unwrap();
    let stranger = Caller::root(account(OTHER_ACCOUNT), region(HERE));
    let arn = |resource: &str| format!("arn:aws:kms:{HERE}:{ACCOUNT}:{resource}");
    let own = desk.service.call(&stranger, &CreateKeyRequest::default()).unwrap().key_metadata.key_id;
    let sealed = desk.encrypt_as(&stranger, &own, b"text").unwrap();
    let (there, not_there) = (arn(&format!("key/{id}")), arn("key/00000000-0000-4000-8000-000000000000"));
    for (one, other) in [(there, not_there), (arn("alias/there"), arn("alias/nowhere"))] {
        let answers = |name: &str| {
            let re_encrypt = ReEncryptRequest {
                ciphertext_blob: Some(sealed.clone()),
                destination_key_id: name.into(),
                ..Default::default()
            };
            let junk = DescribeKeyRequest { key_id: name.into(), grant_tokens: vec!["junk".into()] };
            [
                desk.service
                    .call(&stranger, &DescribeKeyRequest { key_id: name.into(), ..Default::default() })
                    .unwrap_err(),
                desk.service.call(&stranger, &junk).unwrap_err(),
                desk.service.call(&stranger, &re_encrypt).unwrap_err(),
            ]
            .map(|error| (error.exception(), error.to_string().replace(name, "NAME")))
        };
        assert_eq!(answers(&one), answers(&other));
        assert_eq!(answers(&one)[0].0, Exception::AccessDenied);
    }
}

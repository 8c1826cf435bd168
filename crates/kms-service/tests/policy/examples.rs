//! The situations that the AWS KMS Developer Guide writes policies for, each with who may do what under it.

use std::sync::Arc;

use kms_service::policy::{ContextMap, Principal, Request, decide};

use super::{ALICE, BOB, KEY, ROOT, context, identity_policy, key_policy, principal, request};

fn allowed(key: Option<&str>, identity: &[&str], who: &Principal, action: &str, context: &ContextMap) -> bool {
    let key = key.map(key_policy);
    let identity: Vec<_> = identity.iter().map(|text| Arc::new(identity_policy(text))).collect();
    decide(&request(who, action, context), key.as_ref(), &identity, None).is_allowed()
}

/// "Default key policy", of a key that the console made: administrators who cannot use the key, users who cannot
/// administer it, another account, and grants for services only.
const CONSOLE: &str = r#"{
    "Id": "key-consolepolicy-3",
    "Version": "2012-10-17",
    "Statement": [
        {"Sid": "Enable IAM User Permissions", "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"},
        {"Sid": "Allow access for Key Administrators", "Effect": "Allow",
            "Principal": {"AWS": ["arn:aws:iam::111122223333:user/Keeper", "arn:aws:iam::111122223333:role/Keepers"]},
            "Action": ["kms:Create*", "kms:Describe*", "kms:Put*", "kms:ScheduleKeyDeletion"], "Resource": "*"},
        {"Sid": "Allow use of the key", "Effect": "Allow",
            "Principal": {"AWS": ["arn:aws:iam::111122223333:user/Alice", "arn:aws:iam::444455556666:root"]},
            "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*"], "Resource": "*"},
        {"Sid": "Allow attachment of persistent resources", "Effect": "Allow",
            "Principal": {"AWS": ["arn:aws:iam::111122223333:user/Alice", "arn:aws:iam::444455556666:root"]},
            "Action": ["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"], "Resource": "*",
            "Condition": {"Bool": {"kms:GrantIsForAWSResource": true}}}
    ]}"#;

#[test]
fn the_console_s_key_policy() {
    let (none, for_service) = (context(&[]), context(&[("kms:GrantIsForAWSResource", "true")]));
    let not_for_service = context(&[("kms:GrantIsForAWSResource", "false")]);
    let keeper = principal("arn:aws:sts::111122223333:assumed-role/Keepers/one");
    for (who, action, context, wanted) in [
        (&principal(ROOT), "kms:ScheduleKeyDeletion", &none, true),
        (&keeper, "kms:PutKeyPolicy", &none, true),
        (&keeper, "kms:CreateGrant", &none, true),
        (&keeper, "kms:Decrypt", &none, false),
        (&principal(ALICE), "kms:GenerateDataKeyWithoutPlaintext", &none, true),
        (&principal(ALICE), "kms:ReEncryptFrom", &none, true),
        (&principal(ALICE), "kms:PutKeyPolicy", &none, false),
        (&principal(ALICE), "kms:CreateGrant", &for_service, true),
        (&principal(ALICE), "kms:CreateGrant", &not_for_service, false),
        (&principal(ALICE), "kms:CreateGrant", &none, false),
        (&principal("arn:aws:iam::111122223333:user/Mallory"), "kms:Decrypt", &none, false),
        (&principal(BOB), "kms:Decrypt", &none, false),
    ] {
        assert_eq!(allowed(Some(CONSOLE), &[], who, action, context), wanted, "{who} {action} {context:?}");
    }
}

#[test]
fn another_account_s_identity_policy_passes_on_what_it_was_given() {
    let one_key = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":["kms:Decrypt","kms:PutKeyPolicy"],"Resource":"{KEY}"}}}}"#
    );
    let another_key = one_key.replace("1234abcd-", "0987dcba-");
    let (bob, none) = (principal(BOB), context(&[]));
    assert!(allowed(Some(CONSOLE), &[&one_key], &bob, "kms:Decrypt", &none));
    assert!(!allowed(Some(CONSOLE), &[&one_key], &bob, "kms:Encrypt", &none));
    assert!(!allowed(Some(CONSOLE), &[&one_key], &bob, "kms:PutKeyPolicy", &none));
    assert!(!allowed(Some(CONSOLE), &[&another_key], &bob, "kms:Decrypt", &none));
}

/// As the policy of `alias/aws/ebs`: everyone of one account, through one service.
#[test]
fn everyone_of_the_account_through_one_service() {
    let policy = r#"{"Version":"2012-10-17","Statement":[
        {"Sid":"through EBS","Effect":"Allow","Principal":{"AWS":"*"},"Action":["kms:Decrypt","kms:CreateGrant"],"Resource":"*",
            "Condition":{"StringEquals":{"kms:CallerAccount":"111122223333","kms:ViaService":"ec2.us-west-2.amazonaws.com"}}},
        {"Sid":"look","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":["kms:Describe*"],"Resource":"*"}
    ]}"#;
    let via = context(&[("kms:ViaService", "ec2.us-west-2.amazonaws.com")]);
    let elsewhere = context(&[("kms:ViaService", "ec2.us-east-1.amazonaws.com")]);
    let all = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    for (who, action, context, wanted) in [
        (ALICE, "kms:Decrypt", &via, true),
        (ALICE, "kms:Decrypt", &elsewhere, false),
        (ALICE, "kms:Decrypt", &context(&[]), false),
        (ALICE, "kms:DescribeKey", &context(&[]), true),
        (ALICE, "kms:PutKeyPolicy", &via, false),
        (BOB, "kms:Decrypt", &via, false),
    ] {
        assert_eq!(
            allowed(Some(policy), &[all], &principal(who), action, context),
            wanted,
            "{who} {action} {context:?}"
        );
    }
}

/// "kms:EncryptionContext:context-key": one pair is required, and no other key is.
#[test]
fn an_encryption_context_is_required_and_no_other() {
    let policy = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/Alice"},"Action":"kms:GenerateDataKey","Resource":"*",
            "Condition":{"StringEquals":{"kms:EncryptionContext:AppName":"Ledger"},
                "ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["AppName"]}}},
        {"Effect":"Deny","Principal":"*","Action":"kms:GenerateDataKey","Resource":"*",
            "Condition":{"StringEquals":{"kms:EncryptionContext:Stage":["Restricted","Production"]}}}]}"#;
    let alice = principal(ALICE);
    for (pairs, wanted) in [
        (&[("kms:EncryptionContext:AppName", "Ledger"), ("kms:EncryptionContextKeys[]", "AppName")][..], true),
        (&[("kms:EncryptionContext:appname", "Ledger"), ("kms:EncryptionContextKeys[]", "appname")], false),
        (&[("kms:EncryptionContext:AppName", "ledger"), ("kms:EncryptionContextKeys[]", "AppName")], false),
        (&[("kms:EncryptionContext:AppName", "Ledger"), ("kms:EncryptionContextKeys[]", "AppName|Stage")], false),
        (
            &[
                ("kms:EncryptionContext:AppName", "Ledger"),
                ("kms:EncryptionContext:Stage", "Production"),
                ("kms:EncryptionContextKeys[]", "AppName"),
            ],
            false,
        ),
        (&[], false),
    ] {
        assert_eq!(allowed(Some(policy), &[], &alice, "kms:GenerateDataKey", &context(pairs)), wanted, "{pairs:?}");
    }
}

/// "Using ABAC for AWS KMS": tags and aliases of keys, in identity policies.
#[test]
fn tags_and_aliases() {
    let delegates =
        r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:*","Resource":"*"}}"#;
    let by_tag = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"arn:aws:kms:*:111122223333:key/*",
        "Condition":{"StringEquals":{"aws:ResourceTag/Project":"${aws:PrincipalTag/Project}"}}}}"#;
    let by_alias = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"arn:aws:kms:*:111122223333:key/*",
        "Condition":{"ForAnyValue:StringLike":{"kms:ResourceAliases":"alias/ProjectAlpha*"}}}}"#;
    let alpha = principal(ALICE).with_tags([("Project", "Alpha")]);
    let plain = principal(ALICE);
    for (identity, who, pairs, wanted) in [
        (by_tag, &alpha, &[("aws:ResourceTag/Project", "Alpha")][..], true),
        (by_tag, &alpha, &[("aws:ResourceTag/Project", "Beta")], false),
        (by_tag, &alpha, &[], false),
        (by_tag, &plain, &[("aws:ResourceTag/Project", "")], false),
        (by_tag, &plain, &[("aws:ResourceTag/Project", "Alpha")], false),
        (by_alias, &plain, &[("kms:ResourceAliases[]", "alias/x|alias/ProjectAlpha_Test")], true),
        (by_alias, &plain, &[("kms:ResourceAliases[]", "alias/x")], false),
        (by_alias, &plain, &[("kms:ResourceAliases[]", "")], false),
    ] {
        assert_eq!(
            allowed(Some(delegates), &[identity], who, "kms:Decrypt", &context(pairs)),
            wanted,
            "{identity} {pairs:?}"
        );
    }
}

/// "Prevent a user from disabling or deleting any KMS keys", and "kms:BypassPolicyLockoutSafetyCheck".
#[test]
fn denials_in_identity_policies() {
    let careful = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"kms:*","Resource":"*"},
        {"Effect":"Deny","Action":["kms:DisableKey","kms:ScheduleKeyDeletion"],"Resource":"*"},
        {"Effect":"Deny","Action":["kms:CreateKey","kms:PutKeyPolicy"],"Resource":"*",
            "Condition":{"Bool":{"kms:BypassPolicyLockoutSafetyCheck":true}}}]}"#;
    let (none, bypass) = (context(&[]), context(&[("kms:BypassPolicyLockoutSafetyCheck", "true")]));
    let alice = principal(ALICE);
    assert!(allowed(Some(CONSOLE), &[careful], &alice, "kms:EnableKey", &none));
    assert!(!allowed(Some(CONSOLE), &[careful], &alice, "kms:DisableKey", &none));
    assert!(allowed(None, &[careful], &alice, "kms:CreateKey", &none));
    assert!(!allowed(None, &[careful], &alice, "kms:CreateKey", &bypass));
    assert!(!allowed(Some(CONSOLE), &[careful], &alice, "kms:PutKeyPolicy", &bypass));
}

/// "UsePrincipalArnInsteadOfNotPrincipalWithDeny" of the IAM User Guide: a role, in all its sessions, and no one else.
#[test]
fn everyone_but_one_role_is_denied() {
    let policy = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"},
        {"Effect":"Deny","Principal":"*","Action":"kms:*","Resource":"*",
            "Condition":{"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/ops/Admin"}}}]}"#;
    let admin = Principal::role_session("arn:aws:iam::111122223333:role/ops/Admin", "x").unwrap();
    for (who, wanted) in [
        (&admin, true),
        (&principal("arn:aws:sts::111122223333:assumed-role/Admin/x"), false),
        (&principal(ALICE), false),
        (&principal(ROOT), false),
        (&principal("s3.amazonaws.com"), false),
        (&Principal::Anonymous, false),
    ] {
        assert_eq!(allowed(Some(policy), &[], who, "kms:Decrypt", &context(&[])), wanted, "{who}");
    }
}

#[test]
fn one_region_s_keys() {
    let policy = identity_policy(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["kms:Encrypt","kms:Decrypt"],
            "Resource":["arn:aws:kms:us-west-2:111122223333:key/*"]}}"#,
    );
    let (alice, policies) = (principal(ALICE), [Arc::new(policy)]);
    let delegates = key_policy(CONSOLE.replace("user/Alice", "user/Other").as_str());
    for (region, wanted) in [("us-west-2", true), ("us-west-1", false)] {
        let key = KEY.replace("us-west-2", region);
        let request = Request { resource: &key, ..request(&alice, "kms:Decrypt", &()) };
        assert_eq!(decide(&request, Some(&delegates), &policies, None).is_allowed(), wanted, "{region}");
    }
}

//! Aliases: other names of keys.

use kms_service::Exception;
use kms_service::api::*;
use kms_service::time::DAY;

use crate::desk::{ACCOUNT, Desk, HERE, THERE, refused, user};
use crate::hooks::over_hooked_store;

fn create(name: &str, key: &str) -> CreateAliasRequest {
    CreateAliasRequest { alias_name: name.into(), target_key_id: key.into() }
}

fn update(name: &str, key: &str) -> UpdateAliasRequest {
    UpdateAliasRequest { alias_name: name.into(), target_key_id: key.into() }
}

fn delete(name: &str) -> DeleteAliasRequest {
    DeleteAliasRequest { alias_name: name.into() }
}

fn list(desk: &Desk, key: Option<&str>) -> Vec<AliasListEntry> {
    let request = ListAliasesRequest { key_id: key.map(Into::into), ..Default::default() };
    desk.ask(request).unwrap().aliases.to_vec()
}

#[test]
fn an_alias_is_made_moved_and_deleted() {
    let desk = Desk::new();
    let (first, second) = (desk.key(), desk.key());
    let arn = format!("arn:aws:kms:{HERE}:{ACCOUNT}:alias/app");
    desk.ask(create("alias/app", &first)).unwrap();
    let sealed = desk.encrypt("alias/app", b"text").unwrap();
    assert!(sealed.key_id.ends_with(&first));
    refused(
        desk.ask(create("alias/app", &second)),
        Exception::AlreadyExists,
        &format!("An alias with the name {arn} already exists"),
    );
    let made = list(&desk, None);
    assert_eq!((made.len(), made[0].alias_arn.as_str()), (1, arn.as_str()));
    assert_eq!(made[0].creation_date, made[0].last_updated_date);
    desk.clock.advance(DAY);
    desk.ask(update("alias/app", &second)).unwrap();
    assert!(desk.encrypt("alias/app", b"text").unwrap().key_id.ends_with(&second), "at once");
    desk.decrypt(&sealed.ciphertext_blob).unwrap();
    let moved = list(&desk, Some(&second));
    assert_eq!(moved[0].creation_date, made[0].creation_date);
    assert!(moved[0].last_updated_date > made[0].last_updated_date);
    assert!(list(&desk, Some(&first)).is_empty());
    desk.ask(delete("alias/app")).unwrap();
    let gone = format!("Alias {arn} is not found.");
    refused(desk.ask(delete("alias/app")), Exception::NotFound, &gone);
    refused(desk.ask(update("alias/app", &first)), Exception::NotFound, &gone);
    refused(desk.encrypt("alias/app", b"text"), Exception::NotFound, &gone);
    desk.ask(create("alias/app", &first)).unwrap();
}

#[test]
fn names_that_are_no_aliases_are_refused() {
    let desk = Desk::new();
    let key = desk.key();
    let prefix = "Alias must start with the prefix \"alias/\". Please see \
                  https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html";
    refused(desk.ask(create("name", &key)), Exception::Validation, prefix);
    assert_eq!(desk.ask(create("alias/", &key)).unwrap_err().exception(), Exception::InvalidAliasName);
    refused(desk.ask(create("alias/ä", &key)), Exception::Validation, "regular expression");
    refused(desk.ask(create(&format!("alias/{}", "x".repeat(251)), &key)), Exception::Validation, "256");
    desk.ask(create(&format!("alias/{}", "x".repeat(250)), &key)).unwrap();
    for outcome in [
        desk.ask(create("alias/aws/mine", &key)),
        desk.ask(update("alias/aws/mine", &key)),
        desk.ask(delete("alias/aws/mine")),
    ] {
        assert_eq!(outcome.unwrap_err().exception(), Exception::NotAuthorized);
    }
    refused(desk.ask(create("alias/a", "alias/b")), Exception::NotFound, "Invalid keyId 'alias/b'");
}

#[test]
fn an_alias_moves_only_to_a_key_of_its_kind() {
    let desk = Desk::new();
    let symmetric = desk.key();
    let make = |spec, usage| desk.make(spec, usage).key_id;
    let p256 = make(KeySpec::EccNistP256, KeyUsageType::SignVerify);
    let p384 = make(KeySpec::EccNistP384, KeyUsageType::SignVerify);
    let agreement = make(KeySpec::EccNistP256, KeyUsageType::KeyAgreement);
    let hmac = make(KeySpec::Hmac256, KeyUsageType::GenerateVerifyMac);
    let rsa = make(KeySpec::Rsa2048, KeyUsageType::EncryptDecrypt);
    desk.ask(create("alias/signs", &p256)).unwrap();
    desk.ask(update("alias/signs", &p384)).unwrap();
    for other in [&symmetric, &agreement, &hmac, &rsa] {
        let error = desk.ask(update("alias/signs", other)).unwrap_err();
        assert_eq!(error.exception(), Exception::KMSInvalidState, "{error}");
    }
    desk.ask(create("alias/encrypts", &symmetric)).unwrap();
    assert!(desk.ask(update("alias/encrypts", &rsa)).is_err(), "the usage is the same, the type is not");
}

#[test]
fn a_key_has_fifty_aliases_and_takes_them_along() {
    let desk = Desk::new();
    let (key, other) = (desk.key(), desk.key());
    for number in 0..50 {
        desk.ask(create(&format!("alias/{number:02}"), &key)).unwrap();
    }
    assert_eq!(desk.ask(create("alias/more", &key)).unwrap_err().exception(), Exception::LimitExceeded);
    desk.ask(create("alias/more", &other)).unwrap();
    assert_eq!(desk.ask(update("alias/more", &key)).unwrap_err().exception(), Exception::LimitExceeded);
    desk.ask_in(THERE, ListAliasesRequest::default()).unwrap();
    let request = ScheduleKeyDeletionRequest { key_id: key.as_str().into(), pending_window_in_days: Some(7) };
    desk.ask(request).unwrap();
    assert_eq!(list(&desk, None).len(), 50, "a page");
    for _ in 0..2 {
        desk.clock.advance(DAY * 7);
        desk.service.run_due().unwrap();
    }
    let left = list(&desk, None);
    assert_eq!((left.len(), left[0].alias_name.as_str()), (1, "alias/more"));
    desk.ask(create("alias/00", &other)).unwrap();
}

#[test]
fn pages_of_aliases_follow_each_other() {
    let desk = Desk::new();
    let (key, other) = (desk.key(), desk.key());
    for number in 0..10 {
        desk.ask(create(&format!("alias/{number}"), if number % 2 == 0 { &key } else { &other })).unwrap();
    }
    for (of, wanted) in [(None, 10), (Some(&key), 5)] {
        let (mut names, mut marker) = (Vec::new(), None);
        loop {
            let request = ListAliasesRequest { key_id: of.cloned(), limit: Some(3), marker };
            let page = desk.ask(request).unwrap();
            names.extend(page.aliases.iter().map(|alias| alias.alias_name.clone()));
            let Some(next) = page.next_marker else { break };
            if of.is_none() && names.len() == 3 {
                // One that was seen goes, and one that was not.
                desk.ask(delete("alias/1")).unwrap();
                desk.ask(delete("alias/9")).unwrap();
                desk.ask(create("alias/9", &other)).unwrap();
            }
            marker = Some(next);
        }
        assert_eq!(names.len(), wanted);
        assert!(names.is_sorted());
    }
}

/// Who may take an alias from one key does not take it from another.
#[test]
fn an_alias_that_moves_meanwhile_is_asked_for_anew() {
    let (store, desk) = over_hooked_store(|builder| builder);
    let (mine, also_mine, other) = (desk.key(), desk.key(), desk.key());
    desk.ask(create("alias/app", &mine)).unwrap();
    let statements = [&mine, &also_mine].map(|key| {
        format!(
            r#"{{"Effect":"Allow","Action":"kms:UpdateAlias","Resource":["arn:aws:kms:{HERE}:{ACCOUNT}:key/{key}","arn:aws:kms:{HERE}:{ACCOUNT}:alias/*"]}}"#
        )
    });
    let alice = user(ACCOUNT, "alice", &statements.join(","));
    let (service, root, request) = (desk.service.clone(), desk.caller.clone(), update("alias/app", &other));
    store.before(b"a/", move || service.call(&root, &request).unwrap());
    refused(desk.service.call(&alice, &update("alias/app", &also_mine)), Exception::AccessDenied, "kms:UpdateAlias");
    assert_eq!(list(&desk, None)[0].target_key_id.as_ref(), Some(&other));
    // Where it is still hers, she gets it in the end.
    desk.ask(update("alias/app", &mine)).unwrap();
    let (service, root, request) = (desk.service.clone(), desk.caller.clone(), update("alias/app", &also_mine));
    store.before(b"a/", move || service.call(&root, &request).unwrap());
    desk.service.call(&alice, &update("alias/app", &also_mine)).unwrap();
}

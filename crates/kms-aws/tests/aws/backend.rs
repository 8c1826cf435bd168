//! Making, finding and destroying keys: what the conformance suite cannot know.

use kms_aws::AwsBackend;
use kms_core::{
    Backend, Call, EncryptionContext, ErrorKind, Key, KeyId, KeyMaterial, KeySpec, KeyUsage, Locator, MasterKey, Secret,
};

use crate::endpoint::{Endpoint, Fault};

const SYMMETRIC: (KeySpec, KeyUsage) = (KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);

fn at(address: &str) -> Locator {
    Locator::new(KeyId::from_bytes([3; 16]).into(), address)
}

#[test]
fn a_key_is_found_by_each_of_its_names() {
    let endpoint = Endpoint::start();
    let client = endpoint.client();
    let backend = AwsBackend::new(client.clone());
    let call = Call::default();
    let made = backend.create(&at("alias/names"), SYMMETRIC.0, SYMMETRIC.1, &call).unwrap();
    let sealed = made.seal(b"x", &EncryptionContext::empty(), &call).unwrap();
    let arn = client.key("alias/names", &call).unwrap().arn().to_string();
    let id = arn.rsplit('/').next().unwrap();
    let alias_arn = arn.replace(&format!("key/{id}"), "alias/names");
    for name in ["alias/names", &arn, id, &alias_arn] {
        let found = backend.open(&at(name), &call).unwrap();
        assert_eq!(found.open(sealed.as_bytes(), &EncryptionContext::empty(), &call).unwrap().expose(), b"x", "{name}");
        let found = client.key(name, &call).unwrap();
        assert_eq!(found.info().id.key.to_string(), id, "{name}");
    }
    // In other regions than the backend's, and where there is none.
    let elsewhere = arn.replace("eu-central-1", "us-east-1");
    assert_eq!(backend.open(&at(&elsewhere), &call).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(client.key(&elsewhere, &call).unwrap_err().kind(), ErrorKind::KeyUnavailable);
    assert_eq!(client.key("arn:aws:kms:nonsense", &call).unwrap_err().kind(), ErrorKind::InvalidInput);
    // A new key has no id of the caller's.
    let absent = at("1234abcd-12ab-34cd-56ef-1234567890ab");
    let refusal = backend.create(&absent, SYMMETRIC.0, SYMMETRIC.1, &call).unwrap_err();
    assert_eq!(refusal.kind(), ErrorKind::InvalidInput);
}

#[test]
fn an_answer_that_is_lost_makes_no_second_key() {
    let endpoint = Endpoint::start();
    let backend = AwsBackend::new(endpoint.client());
    let call = Call::default();
    // CreateAlias does its work, its answer is lost, and the second attempt finds the alias taken: by this very key.
    endpoint.fail([Fault::Served, Fault::Served, Fault::Lost]);
    let made = backend.create(&at("alias/lost"), SYMMETRIC.0, SYMMETRIC.1, &call).unwrap();
    assert_eq!(endpoint.asked(), ["DescribeKey", "CreateKey", "CreateAlias", "CreateAlias", "DescribeKey"]);
    let again = backend.create(&at("alias/lost"), SYMMETRIC.0, SYMMETRIC.1, &call).unwrap();
    let sealed = made.seal(b"x", &EncryptionContext::empty(), &call).unwrap();
    assert_eq!(again.open(sealed.as_bytes(), &EncryptionContext::empty(), &call).unwrap().expose(), b"x");
}

#[test]
fn whoever_loses_a_race_gets_the_winners_key() {
    let endpoint = Endpoint::start();
    let backend = AwsBackend::new(endpoint.client());
    let call = Call::default();
    let winners = backend.create(&at("alias/race"), SYMMETRIC.0, SYMMETRIC.1, &call).unwrap();
    endpoint.asked();
    // As if the winner had come between the look and the making.
    endpoint.fail([Fault::Exception(400, "NotFoundException")]);
    let losers = backend.create(&at("alias/race"), SYMMETRIC.0, SYMMETRIC.1, &call).unwrap();
    let asked = ["DescribeKey", "CreateKey", "CreateAlias", "DescribeKey", "ScheduleKeyDeletion"];
    assert_eq!(endpoint.asked(), asked, "the loser's own key is not left behind");
    let sealed = winners.seal(b"x", &EncryptionContext::empty(), &call).unwrap();
    assert_eq!(losers.open(sealed.as_bytes(), &EncryptionContext::empty(), &call).unwrap().expose(), b"x");
}

#[test]
fn a_destroyed_key_waits_for_its_end_and_imported_material_does_not() {
    let endpoint = Endpoint::start();
    let backend = AwsBackend::new(endpoint.client());
    let call = Call::default();
    backend.create(&at("alias/made"), SYMMETRIC.0, SYMMETRIC.1, &call).unwrap();
    endpoint.asked();
    backend.destroy(&at("alias/made"), &call).unwrap();
    assert_eq!(endpoint.asked(), ["DescribeKey", "ScheduleKeyDeletion"]);
    backend.destroy(&at("alias/made"), &call).unwrap();
    assert_eq!(endpoint.asked(), ["DescribeKey"]);

    let material = KeyMaterial::Raw(Secret::from(vec![7; 32]));
    let key = Key::new(backend.import(&at("alias/brought"), SYMMETRIC.0, SYMMETRIC.1, material, &call).unwrap());
    endpoint.asked();
    backend.destroy(&at("alias/brought"), &call).unwrap();
    assert_eq!(endpoint.asked(), ["DescribeKey", "DeleteImportedKeyMaterial", "ScheduleKeyDeletion"]);
    let refusal = key.encrypt(b"x", &EncryptionContext::empty(), &call).unwrap_err();
    assert_eq!(refusal.kind(), ErrorKind::KeyUnavailable);
    assert!(backend.with_pending_window_in_days(6).is_err());
}

#[test]
fn an_import_that_fails_leaves_no_key() {
    let endpoint = Endpoint::start();
    let backend = AwsBackend::new(endpoint.client());
    let call = Call::default();
    // DescribeKey finds nothing, CreateKey makes a key; then the parameters are refused.
    let absent = Fault::Exception(400, "NotFoundException");
    let key = r#"{"KeyMetadata":{"KeyId":"1234abcd-12ab-34cd-56ef-1234567890ab"}}"#;
    endpoint.fail([absent, Fault::Answer(key), Fault::Exception(400, "AccessDeniedException"), Fault::Answer("{}")]);
    endpoint.asked();
    let material = KeyMaterial::Raw(Secret::from(vec![7; 32]));
    let refusal = backend.import(&at("alias/fails"), SYMMETRIC.0, SYMMETRIC.1, material, &call).unwrap_err();
    assert_eq!(refusal.kind(), ErrorKind::Unauthorized);
    assert_eq!(endpoint.asked(), ["DescribeKey", "CreateKey", "GetParametersForImport", "ScheduleKeyDeletion"]);
}

#[test]
fn health_is_an_answer() {
    let endpoint = Endpoint::start();
    let backend = AwsBackend::new(endpoint.client());
    backend.health(&Call::default()).unwrap();
    endpoint.fail([Fault::Exception(400, "AccessDeniedException")]);
    backend.health(&Call::default()).unwrap();
    endpoint.fail([Fault::Exception(400, "UnrecognizedClientException")]);
    assert_eq!(backend.health(&Call::default()).unwrap_err().kind(), ErrorKind::Unauthorized);
}

//! Looking at everything in a store.

use kms_core::MaterialId;
use kms_service::api::{
    ConnectCustomKeyStoreRequest, CreateAliasRequest, CreateCustomKeyStoreRequest, CreateGrantRequest,
    CreateKeyRequest, GrantOperation, OriginType, RevokeGrantRequest, RotateKeyOnDemandRequest,
};
use kms_service::store::{Transaction, Write};

use crate::desk::Desk;

/// Puts a value into the engine, as somebody with write access to its file would; `None` deletes.
fn tamper(desk: &Desk, place: &[u8], value: Option<Vec<u8>>) {
    let mut change = Transaction::new(rand());
    let place = place.to_vec();
    change.writes.push(match value {
        Some(value) => Write::Put(place, value),
        None => Write::Delete(place),
    });
    desk.store.commit(&change).unwrap();
    desk.service.refresh();
}

fn rand() -> [u8; 16] {
    let mut id = [0; 16];
    kms_core::RandomSource::fill(&kms_core::SystemRandom, &mut id).unwrap();
    id
}

fn places(desk: &Desk, prefix: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let page = desk.store.list(prefix, None, 1000).unwrap();
    page.into_iter().map(|(place, stored)| (place, stored.value)).collect()
}

#[test]
fn a_whole_store_has_no_flaw_and_each_damage_is_named() {
    let desk = Desk::new();
    let (one, two) = (desk.key(), desk.key());
    let alias = |name: &str, key: &str| CreateAliasRequest { alias_name: name.into(), target_key_id: key.into() };
    desk.ask(alias("alias/one", &one)).unwrap();
    desk.ask(alias("alias/two", &two)).unwrap();
    let grant = |key: &str| CreateGrantRequest {
        key_id: key.into(),
        grantee_principal: Some("arn:aws:iam::111122223333:user/guest".into()),
        retiring_principal: Some("arn:aws:iam::111122223333:user/guest".into()),
        operations: vec![GrantOperation::Decrypt.into()].into(),
        ..Default::default()
    };
    let kept = desk.ask(grant(&one)).unwrap();
    let whole = desk.service.store().check().unwrap();
    assert_eq!(whole.flaws, []);
    assert_eq!((whole.keys, whole.aliases, whole.grants, whole.materials), (2, 2, 1, 2));

    // Every record, taken away or exchanged with another of its kind, is missed.
    for prefix in [b"k/".as_slice(), b"l/", b"a/", b"g/", b"q/", b"m/", b"r/"] {
        let records = places(&desk, prefix);
        for (place, value) in &records {
            tamper(&desk, place, None);
            let found = desk.service.store().check().unwrap().flaws;
            assert!(found.iter().any(|flaw| !flaw.harmless), "{} is missing", place.escape_ascii());
            tamper(&desk, place, Some(value.clone()));
        }
        if let [(first, a), (second, b)] = records.as_slice() {
            tamper(&desk, first, Some(b.clone()));
            tamper(&desk, second, Some(a.clone()));
            let found = desk.service.store().check().unwrap().flaws;
            assert!(found.iter().filter(|flaw| !flaw.harmless).count() >= 2, "{found:?}");
            tamper(&desk, first, Some(a.clone()));
            tamper(&desk, second, Some(b.clone()));
        }
    }
    assert_eq!(desk.service.store().check().unwrap().flaws, []);

    // What was put back is noticed, in the check and in use.
    let before = places(&desk, b"g/");
    desk.ask(RevokeGrantRequest { key_id: one.as_str().into(), grant_id: kept.grant_id.into(), ..Default::default() })
        .unwrap();
    tamper(&desk, &before[0].0, Some(before[0].1.clone()));
    assert!(!desk.service.store().check().unwrap().flaws.is_empty());
    assert!(desk.encrypt(&one, b"x").is_err());
    desk.encrypt(&two, b"x").unwrap();
    tamper(&desk, &before[0].0, None);
    desk.encrypt(&one, b"x").unwrap();

    // Material of a key that was never made is reported, and harms nobody.
    let orphan = MaterialId::from(kms_core::KeyId::from_bytes([9; 16]));
    desk.service.store().records().insert(orphan, b"sealed").unwrap();
    let found = desk.service.store().check().unwrap().flaws;
    assert!(found.len() == 1 && found[0].harmless, "{found:?}");
}

/// Material of each generation, both ways; and what custom key stores say of themselves.
#[test]
fn what_is_missing_and_what_is_too_much_is_named() {
    const CLUSTER: &str = "cluster-234567abcde";
    let hsm = std::sync::Arc::new(kms_soft::SoftBackend::new(kms_core::SystemRandom));
    let desk = Desk::with(|builder| builder.cluster(CLUSTER, hsm, core::time::Duration::from_secs(60)));
    let key = desk.key();
    desk.ask(RotateKeyOnDemandRequest { key_id: key.as_str().into() }).unwrap();
    let create = CreateCustomKeyStoreRequest {
        custom_key_store_name: "hsm".into(),
        cloud_hsm_cluster_id: Some(CLUSTER.into()),
        ..Default::default()
    };
    let store = desk.ask(create).unwrap().custom_key_store_id;
    let before = places(&desk, b"c/").remove(0);
    desk.ask(ConnectCustomKeyStoreRequest { custom_key_store_id: store.as_str().into() }).unwrap();
    let inside = CreateKeyRequest {
        origin: Some(OriginType::AwsCloudhsm.into()),
        custom_key_store_id: Some(store),
        ..Default::default()
    };
    desk.create(inside);
    assert_eq!(desk.service.store().check().unwrap().flaws, [], "that an HSM keeps its keys itself is no flaw");
    let materials = places(&desk, b"m/");
    assert_eq!(materials.len(), 2);
    tamper(&desk, &materials[1].0, None);
    let found = desk.service.store().check().unwrap().flaws;
    assert!(found.len() == 1 && !found[0].harmless && found[0].what.contains("generation 1"), "{found:?}");
    tamper(&desk, &materials[1].0, Some(materials[1].1.clone()));
    let id: kms_service::KmsKeyId = key.parse().unwrap();
    let more = MaterialId { key: id.id(), generation: 7 };
    desk.service.store().records().insert(more, b"sealed").unwrap();
    let found = desk.service.store().check().unwrap().flaws;
    assert!(found.len() == 1 && found[0].harmless && found[0].what.contains("no generation"), "{found:?}");
    desk.service.store().records().remove(more).unwrap();
    tamper(&desk, &before.0, Some(before.1));
    let found = desk.service.store().check().unwrap().flaws;
    assert!(found.len() == 1 && found[0].what.contains("says 0 keys, and there are 1"), "{found:?}");
}

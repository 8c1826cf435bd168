//! A store that this version of the service wrote, with keys of each kind. Every later version reads and uses it.

use std::collections::BTreeMap;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fs};

use base16ct::lower::{decode_vec, encode_string};
use kms_core::{
    Backend, Call, EncryptionAlgorithm, Key, KeyId, KeyMaterial, KeySpec, KeyUsage, PublicKey, Secret, SystemRandom,
};
use kms_service::api::{
    self, AlgorithmSpec, CreateAliasRequest, CreateGrantRequest, CreateKeyRequest, DecryptRequest, DescribeKeyRequest,
    DisableKeyRequest, EncryptRequest, ExpirationModelType, GenerateMacRequest, GetParametersForImportRequest,
    GetPublicKeyRequest, GrantOperation, ImportKeyMaterialRequest, KeyState, KeyUsageType, ListAliasesRequest,
    ListGrantsRequest, ListKeyRotationsRequest, ListResourceTagsRequest, MacAlgorithmSpec, OriginType,
    ReplicateKeyRequest, RevokeGrantRequest, RotateKeyOnDemandRequest, ScheduleKeyDeletionRequest, SignRequest,
    SigningAlgorithmSpec, Tag, TagResourceRequest, VerifyMacRequest, VerifyRequest, WrappingKeySpec,
};
use kms_service::{Caller, Exception};
use kms_soft::SoftBackend;
use kms_store::Sqlite;

use crate::desk::{ACCOUNT, Desk, HERE, OTHER_ACCOUNT, THERE, account, refused, region, user};

const TEXT: &[u8] = b"frozen";
const GUEST: &str = "arn:aws:iam::444455556666:user/guest";

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/store-v1")
}

/// The root key of the store: these bytes, under this id.
fn root() -> Key {
    let backend = SoftBackend::new(SystemRandom);
    let at = SoftBackend::locator(KeyId::from_bytes(*b"frozen root key!").into());
    let material = KeyMaterial::Raw(Secret::copy_from(b"the root key of a frozen store: "));
    Key::new(
        backend.import(&at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, material, &Call::default()).unwrap(),
    )
}

fn open(file: &Path) -> Desk {
    Desk::over(Arc::new(Sqlite::open(file).unwrap()), root(), |builder| builder)
}

fn message<T: From<Secret>>() -> T {
    Secret::copy_from(TEXT).into()
}

fn new(spec: api::KeySpec, usage: KeyUsageType) -> CreateKeyRequest {
    CreateKeyRequest { key_spec: Some(spec.into()), key_usage: Some(usage.into()), ..Default::default() }
}

/// What is frozen beside the store: ids in clear, everything else in hexadecimal.
struct Frozen(BTreeMap<String, String>);

impl Frozen {
    fn id(&self, name: &str) -> &str {
        &self.0[name]
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        decode_vec(&self.0[name]).unwrap()
    }
}

/// Writes the fixture. It was run once.
#[test]
#[ignore = "the fixture stays as it is"]
fn make_the_fixture() {
    assert!(!fixture().exists(), "the fixture is frozen");
    let home = tempfile::tempdir().unwrap();
    let desk = open(&home.path().join("keys").join("store.db"));
    let mut frozen = BTreeMap::new();
    let mut keep = |name: &str, bytes: &[u8]| frozen.insert(name.to_owned(), encode_string(bytes));

    let symmetric = desk.create(CreateKeyRequest {
        description: Some("frozen".into()),
        tags: vec![Tag::new("made", "by version 1")],
        ..Default::default()
    });
    let symmetric = symmetric.key_id;
    for generation in 0..3 {
        keep(&format!("generation {generation}"), &desk.encrypt(&symmetric, TEXT).unwrap().ciphertext_blob);
        if generation < 2 {
            desk.ask(RotateKeyOnDemandRequest { key_id: symmetric.as_str().into() }).unwrap();
        }
    }
    for name in ["alias/frozen", "alias/a-path/frozen"] {
        desk.ask(CreateAliasRequest { alias_name: name.into(), target_key_id: symmetric.as_str().into() }).unwrap();
    }
    let tags = vec![Tag::new("changed", "by version 1")];
    desk.ask(TagResourceRequest { key_id: symmetric.as_str().into(), tags: tags.into() }).unwrap();
    let grant = || CreateGrantRequest {
        key_id: symmetric.as_str().into(),
        grantee_principal: Some(GUEST.into()),
        retiring_principal: Some(GUEST.into()),
        operations: vec![GrantOperation::Decrypt.into()].into(),
        ..Default::default()
    };
    let revoked = desk.ask(grant()).unwrap().grant_id;
    desk.ask(grant()).unwrap();
    let revoke =
        RevokeGrantRequest { key_id: symmetric.as_str().into(), grant_id: revoked.into(), ..Default::default() };
    desk.ask(revoke).unwrap();

    let mac = desk.create(new(api::KeySpec::Hmac256, KeyUsageType::GenerateVerifyMac)).key_id;
    let request = GenerateMacRequest {
        key_id: mac.as_str().into(),
        message: message(),
        mac_algorithm: MacAlgorithmSpec::HmacSha256.into(),
        ..Default::default()
    };
    keep("mac", &desk.ask(request).unwrap().mac);

    let ecc = desk.create(new(api::KeySpec::EccNistP256, KeyUsageType::SignVerify)).key_id;
    let request = SignRequest {
        key_id: ecc.as_str().into(),
        message: message(),
        signing_algorithm: SigningAlgorithmSpec::EcdsaSha256.into(),
        ..Default::default()
    };
    keep("signature", &desk.ask(request).unwrap().signature);

    let rsa = desk.create(new(api::KeySpec::Rsa2048, KeyUsageType::EncryptDecrypt)).key_id;
    let request = EncryptRequest {
        key_id: rsa.as_str().into(),
        plaintext: message(),
        encryption_algorithm: Some(api::EncryptionAlgorithmSpec::RsaesOaepSha256.into()),
        ..Default::default()
    };
    keep("rsa", &desk.ask(request).unwrap().ciphertext_blob);

    let agreement = desk.create(new(api::KeySpec::EccNistP384, KeyUsageType::KeyAgreement)).key_id;
    let request = GetPublicKeyRequest { key_id: agreement.as_str().into(), ..Default::default() };
    keep("public key", &desk.ask(request).unwrap().public_key);

    let external = CreateKeyRequest { origin: Some(OriginType::External.into()), ..Default::default() };
    let imported = desk.create(external).key_id;
    import(&desk, &imported);
    keep("imported", &desk.encrypt(&imported, TEXT).unwrap().ciphertext_blob);

    let everywhere = desk.create(CreateKeyRequest { multi_region: Some(true), ..Default::default() }).key_id;
    let replicate =
        ReplicateKeyRequest { key_id: everywhere.as_str().into(), replica_region: THERE.into(), ..Default::default() };
    desk.ask(replicate).unwrap();
    keep("multi-region", &desk.encrypt(&everywhere, TEXT).unwrap().ciphertext_blob);
    keep("aws/s3", &desk.encrypt("alias/aws/s3", TEXT).unwrap().ciphertext_blob);

    let disabled = desk.key();
    desk.ask(DisableKeyRequest { key_id: disabled.as_str().into() }).unwrap();
    let doomed = desk.key();
    desk.ask(ScheduleKeyDeletionRequest { key_id: doomed.as_str().into(), pending_window_in_days: Some(30) }).unwrap();
    desk.service.run_due().unwrap();

    let ids = [
        ("symmetric key", symmetric),
        ("mac key", mac),
        ("ecc key", ecc),
        ("rsa key", rsa),
        ("agreement key", agreement),
        ("imported key", imported),
        ("multi-region key", everywhere),
        ("disabled key", disabled),
        ("doomed key", doomed),
    ];
    frozen.extend(ids.map(|(name, id)| (name.to_owned(), id)));
    assert_eq!(desk.service.store().check().unwrap().flaws, []);
    drop(desk);
    fs::create_dir_all(fixture()).unwrap();
    let store = Sqlite::open(home.path().join("keys").join("store.db")).unwrap();
    store.backup(&fixture().join("store.db")).unwrap();
    fs::write(fixture().join("frozen.json"), serde_json::to_string_pretty(&frozen).unwrap() + "\n").unwrap();
}

fn import(desk: &Desk, key: &str) {
    let parameters = desk
        .ask(GetParametersForImportRequest {
            key_id: key.into(),
            wrapping_algorithm: AlgorithmSpec::RsaesOaepSha256.into(),
            wrapping_key_spec: WrappingKeySpec::Rsa2048.into(),
        })
        .unwrap();
    let public = PublicKey::from_spki_der(&parameters.public_key).unwrap();
    let wrapped = public.encrypt(EncryptionAlgorithm::RsaesOaepSha256, &[9; 32], &SystemRandom).unwrap();
    let request = ImportKeyMaterialRequest {
        key_id: key.into(),
        import_token: parameters.import_token.into(),
        encrypted_key_material: api::Blob::from(wrapped).into(),
        expiration_model: Some(ExpirationModelType::KeyMaterialDoesNotExpire.into()),
        ..Default::default()
    };
    desk.ask(request).unwrap();
}

/// A copy with the rights of its owner alone, whatever a checkout gave it.
fn copy() -> (tempfile::TempDir, PathBuf, Frozen) {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("keys");
    fs::DirBuilder::new().mode(0o700).create(&directory).unwrap();
    let file = directory.join("store.db");
    fs::copy(fixture().join("store.db"), &file).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let frozen = fs::read_to_string(fixture().join("frozen.json")).unwrap();
    (home, file, Frozen(serde_json::from_str(&frozen).unwrap()))
}

#[test]
fn a_store_of_version_1_is_whole() {
    let (_home, file, _) = copy();
    let store = Sqlite::open(&file).unwrap();
    assert_eq!(store.check().unwrap(), []);
    drop(store);
    let checked = open(&file).service.store().check().unwrap();
    assert_eq!(checked.flaws, []);
    // Eleven keys: the nine that are named, the replica, and that of `alias/aws/s3`. Two of them share their material, and
    // one has three generations.
    assert_eq!((checked.keys, checked.aliases, checked.grants), (11, 3, 1));
}

#[test]
fn what_a_store_of_version_1_encrypted_is_decrypted() {
    let (_home, file, frozen) = copy();
    let desk = open(&file);
    let opens = |desk: &Desk, name: &str| {
        let opened = desk.decrypt(&frozen.bytes(name)).unwrap();
        assert_eq!(opened.plaintext.unwrap().expose(), TEXT, "{name}");
        opened.key_id
    };
    for name in ["generation 0", "generation 1", "generation 2"] {
        assert!(opens(&desk, name).ends_with(frozen.id("symmetric key")));
    }
    for name in ["imported", "multi-region", "aws/s3"] {
        let _key = opens(&desk, name);
    }
    let mut there = open(&file);
    there.caller = Caller::root(account(ACCOUNT), region(THERE));
    assert!(opens(&there, "multi-region").contains(THERE));

    let request = DecryptRequest {
        key_id: Some(frozen.id("rsa key").to_owned()),
        ciphertext_blob: Some(frozen.bytes("rsa").into()),
        encryption_algorithm: Some(api::EncryptionAlgorithmSpec::RsaesOaepSha256.into()),
        ..Default::default()
    };
    assert_eq!(desk.ask(request).unwrap().plaintext.unwrap().expose(), TEXT);
    let request = VerifyRequest {
        key_id: frozen.id("ecc key").into(),
        message: message(),
        signature: api::Blob::from(frozen.bytes("signature")).into(),
        signing_algorithm: SigningAlgorithmSpec::EcdsaSha256.into(),
        ..Default::default()
    };
    assert!(desk.ask(request).unwrap().signature_valid);
    let request = VerifyMacRequest {
        key_id: frozen.id("mac key").into(),
        message: message(),
        mac: api::Blob::from(frozen.bytes("mac")).into(),
        mac_algorithm: MacAlgorithmSpec::HmacSha256.into(),
        ..Default::default()
    };
    assert!(desk.ask(request).unwrap().mac_valid);
    let request = GetPublicKeyRequest { key_id: frozen.id("agreement key").into(), ..Default::default() };
    assert_eq!(*desk.ask(request).unwrap().public_key, *frozen.bytes("public key"));
}

#[test]
fn what_a_store_of_version_1_says_of_its_keys_is_understood() {
    let (_home, file, frozen) = copy();
    let desk = open(&file);
    let symmetric = || frozen.id("symmetric key");
    let describe = |name: &str| {
        desk.ask(DescribeKeyRequest { key_id: frozen.id(name).into(), ..Default::default() }).unwrap().key_metadata
    };
    assert_eq!(describe("symmetric key").description.as_deref(), Some("frozen"));
    assert_eq!(describe("disabled key").key_state, Some(KeyState::Disabled));
    assert_eq!(describe("doomed key").key_state, Some(KeyState::PendingDeletion));
    assert_eq!(describe("imported key").origin, Some(OriginType::External));
    let regions = describe("multi-region key").multi_region_configuration.unwrap();
    assert_eq!(regions.replica_keys.len(), 1);

    let aliases = ListAliasesRequest { key_id: Some(symmetric().to_owned()), ..Default::default() };
    assert_eq!(desk.ask(aliases).unwrap().aliases.len(), 2);
    let tags = ListResourceTagsRequest { key_id: symmetric().into(), ..Default::default() };
    assert_eq!(desk.ask(tags).unwrap().tags.len(), 2);
    let rotations = ListKeyRotationsRequest { key_id: symmetric().into(), ..Default::default() };
    assert_eq!(desk.ask(rotations).unwrap().rotations.len(), 2);
    let grants = desk.ask(ListGrantsRequest { key_id: symmetric().into(), ..Default::default() }).unwrap().grants;
    assert_eq!(grants.len(), 1);

    // The guest of another account, by the grant and their own policy.
    let mut guest = open(&file);
    let statement = r#"{"Effect":"Allow","Action":"kms:*","Resource":"*"}"#;
    guest.caller = user(OTHER_ACCOUNT, "guest", statement);
    assert_eq!(guest.caller.region, region(HERE));
    guest.decrypt(&frozen.bytes("generation 0")).unwrap();
    refused(guest.encrypt(&describe("symmetric key").arn, TEXT), Exception::AccessDenied, "");

    // And it goes on.
    desk.ask(RotateKeyOnDemandRequest { key_id: symmetric().into() }).unwrap();
    let sealed = desk.encrypt("alias/frozen", TEXT).unwrap();
    desk.decrypt(&sealed.ciphertext_blob).unwrap();
    assert_eq!(desk.service.store().check().unwrap().flaws, []);
}

//! The table of the AWS KMS developer guide, "Key states of AWS KMS keys": every operation in every state that a key can
//! be brought into.

#![expect(clippy::needless_update, reason = "some requests have no more members than are given")]

use std::sync::Arc;
use std::time::Duration;

use kms_core::{EncryptionContext, Secret, SystemRandom};
use kms_service::api::*;
use kms_service::{Exception, KmsError};
use kms_soft::SoftBackend;

use crate::desk::{ACCOUNT, Desk, THERE, user};
use crate::kinds::{external, multi_region, of};

const CLUSTER: &str = "cluster-234567abcde";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Enabled,
    Disabled,
    PendingDeletion,
    PendingReplicaDeletion,
    PendingImport,
    Unavailable,
}

use State::{Disabled, Enabled, PendingDeletion, PendingImport, PendingReplicaDeletion, Unavailable};

const STATES: [State; 6] = [Enabled, Disabled, PendingDeletion, PendingReplicaDeletion, PendingImport, Unavailable];

/// What an operation answers.
#[derive(Debug, Clone, Copy)]
enum Answer {
    Done,
    Refused(Exception, &'static str),
    /// The table has no such key.
    NoKey,
}

use Answer::{Done, NoKey, Refused};

const DISABLED: Answer = Refused(Exception::Disabled, "ARN is disabled.");
const DELETED: Answer = Refused(Exception::KMSInvalidState, "ARN is pending deletion.");
const NOT_DELETED: Answer = Refused(Exception::KMSInvalidState, "ARN is not pending deletion.");
const IMPORTED: Answer = Refused(Exception::KMSInvalidState, "ARN is pending import.");
const UNAVAILABLE: Answer = Refused(Exception::KMSInvalidState, "ARN is unavailable.");
const FROM_HERE: Answer =
    Refused(Exception::UnsupportedOperation, "ARN origin is AWS_KMS which is not valid for this operation.");
const FROM_OUTSIDE: Answer =
    Refused(Exception::UnsupportedOperation, "ARN origin is EXTERNAL which is not valid for this operation.");
const FROM_STORE: Answer =
    Refused(Exception::UnsupportedOperation, "ARN origin is AWS_CLOUDHSM which is not valid for this operation.");

const ALWAYS: [Answer; 6] = [Done; 6];
const USE: [Answer; 6] = [Done, DISABLED, DELETED, DELETED, IMPORTED, UNAVAILABLE];
/// The same for keys that no custom key store holds.
const USE_HERE: [Answer; 6] = [Done, DISABLED, DELETED, DELETED, IMPORTED, NoKey];
const NOT_WHEN_DELETED: [Answer; 6] = [Done, Done, DELETED, DELETED, Done, Done];
const ROTATION: [Answer; 6] = [Done, DISABLED, DELETED, DELETED, FROM_OUTSIDE, FROM_STORE];

/// A key in a state, and what it was given before.
struct Subject {
    desk: Desk,
    id: String,
    arn: String,
    ciphertext: Vec<u8>,
    signature: Vec<u8>,
    mac: Vec<u8>,
    grant: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Symmetric,
    Signs,
    Authenticates,
    Agrees,
    /// A primary key that has no replica unless its state needs one.
    Primary,
    /// A primary key with a replica.
    Replicated,
}

impl Kind {
    const fn spec(self) -> (KeySpec, KeyUsageType) {
        match self {
            Self::Symmetric | Self::Primary | Self::Replicated => {
                (KeySpec::SymmetricDefault, KeyUsageType::EncryptDecrypt)
            }
            Self::Signs => (KeySpec::EccNistP256, KeyUsageType::SignVerify),
            Self::Authenticates => (KeySpec::Hmac256, KeyUsageType::GenerateVerifyMac),
            Self::Agrees => (KeySpec::EccNistP256, KeyUsageType::KeyAgreement),
        }
    }
}

fn desk() -> Desk {
    Desk::with(|builder| builder.cluster(CLUSTER, Arc::new(SoftBackend::new(SystemRandom)), Duration::from_secs(5)))
}

fn custom_key_store(desk: &Desk) -> String {
    let store = CreateCustomKeyStoreRequest {
        custom_key_store_name: "hsm".into(),
        cloud_hsm_cluster_id: Some(CLUSTER.into()),
        ..Default::default()
    };
    let id = desk.ask(store).unwrap().custom_key_store_id;
    desk.ask(ConnectCustomKeyStoreRequest { custom_key_store_id: id.as_str().into() }).unwrap();
    id
}

impl Subject {
    fn new(kind: Kind, state: State) -> Self {
        let desk = desk();
        let (spec, usage) = kind.spec();
        let replicated = kind == Kind::Replicated || state == PendingReplicaDeletion;
        let mut request = match state {
            PendingImport => external(spec, usage),
            _ => of(spec, usage),
        };
        if replicated || kind == Kind::Primary {
            request.multi_region = multi_region(spec, usage).multi_region;
        }
        let store = (state == Unavailable).then(|| custom_key_store(&desk));
        if let Some(store) = &store {
            request.origin = Some(OriginType::AwsCloudhsm.into());
            request.custom_key_store_id = Some(store.clone());
        }
        let key = desk.create(request);
        let mut subject = Self {
            desk,
            id: key.key_id,
            arn: key.arn,
            ciphertext: Vec::new(),
            signature: Vec::new(),
            mac: Vec::new(),
            grant: String::new(),
        };
        let is_imported = state == PendingImport && spec == KeySpec::SymmetricDefault;
        if is_imported {
            subject.desk.import(&subject.id, &[7; 32]).unwrap();
        }
        if replicated {
            let replica = ReplicateKeyRequest {
                key_id: subject.id.as_str().into(),
                replica_region: THERE.into(),
                ..Default::default()
            };
            subject.desk.ask(replica).unwrap();
        }
        subject.give(kind, state != PendingImport || is_imported);
        subject.bring_to(state, store);
        subject
    }

    fn give(&mut self, kind: Kind, has_material: bool) {
        let alias = CreateAliasRequest { alias_name: "alias/old".into(), target_key_id: self.id.as_str().into() };
        self.desk.ask(alias).unwrap();
        if !has_material {
            return;
        }
        self.grant = create_grant(self).unwrap().grant_id;
        match kind {
            Kind::Signs => self.signature = sign(self).unwrap().signature.to_vec(),
            Kind::Authenticates => self.mac = generate_mac(self).unwrap().mac.to_vec(),
            Kind::Agrees => {}
            _ => self.ciphertext = self.desk.encrypt(&self.id, b"before").unwrap().ciphertext_blob.to_vec(),
        }
    }

    fn bring_to(&self, state: State, store: Option<String>) {
        let (desk, key_id) = (&self.desk, || self.id.as_str().into());
        match state {
            Enabled => {}
            Disabled => desk.ask(DisableKeyRequest { key_id: key_id() }).unwrap(),
            PendingDeletion | PendingReplicaDeletion => {
                desk.ask(ScheduleKeyDeletionRequest { key_id: key_id(), ..Default::default() }).unwrap();
            }
            PendingImport => {
                let request = DeleteImportedKeyMaterialRequest { key_id: key_id(), ..Default::default() };
                desk.ask(request).unwrap();
            }
            Unavailable => {
                let custom_key_store_id = store.unwrap().into();
                desk.ask(DisconnectCustomKeyStoreRequest { custom_key_store_id }).unwrap();
            }
        }
        assert_eq!(self.shown().as_str(), format!("{state:?}"));
    }

    fn shown(&self) -> KeyState {
        let request = DescribeKeyRequest { key_id: self.id.as_str().into(), ..Default::default() };
        let metadata = self.desk.ask(request).unwrap().key_metadata;
        assert_eq!(metadata.enabled, metadata.key_state == Some(KeyState::Enabled));
        metadata.key_state.unwrap()
    }

    fn key<T: From<String>>(&self) -> T {
        self.id.clone().into()
    }
}

fn create_grant(on: &Subject) -> Result<CreateGrantResponse, KmsError> {
    let usage = DescribeKeyRequest { key_id: on.key::<String>().into(), ..Default::default() };
    assert!(on.desk.ask(usage).is_ok());
    on.desk.ask(CreateGrantRequest {
        key_id: on.key::<String>().into(),
        grantee_principal: Some(format!("arn:aws:iam::{ACCOUNT}:user/grantee")),
        operations: vec![GrantOperation::DescribeKey.into()].into(),
        ..Default::default()
    })
}

fn text() -> Required<Secret> {
    Secret::copy_from(b"message").into()
}

fn sign(on: &Subject) -> Result<SignResponse, KmsError> {
    on.desk.ask(SignRequest {
        key_id: on.key::<String>().into(),
        message: text(),
        signing_algorithm: SigningAlgorithmSpec::EcdsaSha256.into(),
        ..Default::default()
    })
}

fn generate_mac(on: &Subject) -> Result<GenerateMacResponse, KmsError> {
    on.desk.ask(GenerateMacRequest {
        key_id: on.key::<String>().into(),
        message: text(),
        mac_algorithm: MacAlgorithmSpec::HmacSha256.into(),
        ..Default::default()
    })
}

/// Tries an operation on a fresh key in each state, and compares with what the table says.
fn table(kind: Kind, wanted: [Answer; 6], operation: impl Fn(&Subject) -> Result<(), KmsError>) {
    for (state, wanted) in STATES.into_iter().zip(wanted) {
        let (exception, text) = match wanted {
            NoKey => continue,
            Done => {
                let subject = Subject::new(kind, state);
                operation(&subject).unwrap_or_else(|error| panic!("{state:?}: {error}"));
                continue;
            }
            Refused(exception, text) => (exception, text),
        };
        let subject = Subject::new(kind, state);
        let error = operation(&subject).expect_err(&format!("{state:?}"));
        assert_eq!(error.exception(), exception, "{state:?}: {error}");
        assert_eq!(error.message().unwrap_or_default(), text.replace("ARN", &subject.arn), "{state:?}");
        assert_eq!(subject.shown().as_str(), format!("{state:?}"), "nothing has happened");
    }
}

macro_rules! ask {
    ($request:ident { $($member:ident: $value:expr),* $(,)? }) => {
        |on: &Subject| on.desk.ask($request { key_id: on.key::<String>().into(), $($member: $value,)* ..Default::default() }).map(drop)
    };
}

#[test]
fn cryptography() {
    table(Kind::Symmetric, USE, |on| on.desk.encrypt(&on.id, b"text").map(drop));
    table(Kind::Symmetric, USE, |on| on.desk.decrypt(&on.ciphertext).map(drop));
    table(Kind::Symmetric, USE, |on| {
        let destination = on.desk.key();
        on.desk
            .ask(ReEncryptRequest {
                ciphertext_blob: Some(on.ciphertext.as_slice().into()),
                destination_key_id: destination.into(),
                ..Default::default()
            })
            .map(drop)
    });
    table(Kind::Symmetric, USE, |on| {
        let sealed = on.desk.encrypt(&on.desk.key(), b"text").unwrap().ciphertext_blob;
        let destination = on.key::<String>().into();
        on.desk
            .ask(ReEncryptRequest {
                ciphertext_blob: Some(sealed),
                destination_key_id: destination,
                ..Default::default()
            })
            .map(drop)
    });
    table(Kind::Signs, USE_HERE, |on| sign(on).map(drop));
    table(Kind::Authenticates, USE_HERE, |on| generate_mac(on).map(drop));
}

#[test]
fn data_keys() {
    table(Kind::Symmetric, USE, ask!(GenerateDataKeyRequest { number_of_bytes: Some(32) }));
    table(Kind::Symmetric, USE, ask!(GenerateDataKeyWithoutPlaintextRequest { number_of_bytes: Some(32) }));
    let spec = DataKeyPairSpec::EccNistP256;
    table(Kind::Symmetric, USE, ask!(GenerateDataKeyPairRequest { key_pair_spec: spec.into() }));
    table(Kind::Symmetric, USE, ask!(GenerateDataKeyPairWithoutPlaintextRequest { key_pair_spec: spec.into() }));
}

#[test]
fn verification_agreement_and_public_keys() {
    let mut wanted = USE_HERE;
    // Without material there is nothing to verify, and the state is seen first.
    wanted[4] = IMPORTED;
    table(Kind::Signs, wanted, |on| {
        let signature = if on.signature.is_empty() { vec![1] } else { on.signature.clone() };
        on.desk
            .ask(VerifyRequest {
                key_id: on.key::<String>().into(),
                message: text(),
                signature: Blob::from(signature).into(),
                signing_algorithm: SigningAlgorithmSpec::EcdsaSha256.into(),
                ..Default::default()
            })
            .map(drop)
    });
    table(Kind::Authenticates, wanted, |on| {
        let mac = if on.mac.is_empty() { vec![1] } else { on.mac.clone() };
        on.desk
            .ask(VerifyMacRequest {
                key_id: on.key::<String>().into(),
                message: text(),
                mac: Blob::from(mac).into(),
                mac_algorithm: MacAlgorithmSpec::HmacSha256.into(),
                ..Default::default()
            })
            .map(drop)
    });
    table(Kind::Signs, wanted, ask!(GetPublicKeyRequest {}));
    table(Kind::Agrees, wanted, |on| {
        let peer = on.desk.make(KeySpec::EccNistP256, KeyUsageType::KeyAgreement).key_id;
        let peer = on.desk.ask(GetPublicKeyRequest { key_id: peer.into(), ..Default::default() }).unwrap();
        on.desk
            .ask(DeriveSharedSecretRequest {
                key_id: on.key::<String>().into(),
                key_agreement_algorithm: KeyAgreementAlgorithmSpec::Ecdh.into(),
                public_key: peer.public_key.into(),
                ..Default::default()
            })
            .map(drop)
    });
}

#[test]
fn looking() {
    table(Kind::Symmetric, ALWAYS, ask!(DescribeKeyRequest {}));
    table(Kind::Symmetric, ALWAYS, ask!(GetKeyPolicyRequest {}));
    table(Kind::Symmetric, ALWAYS, ask!(ListKeyPoliciesRequest {}));
    table(Kind::Symmetric, ALWAYS, ask!(ListGrantsRequest {}));
    table(Kind::Symmetric, ALWAYS, ask!(ListResourceTagsRequest {}));
    table(Kind::Symmetric, ALWAYS, |on| {
        let request = ListAliasesRequest { key_id: Some(on.key()), ..Default::default() };
        on.desk.ask(request).map(|listed| assert_eq!(listed.aliases.len(), 1))
    });
    let mut no_status = ALWAYS;
    (no_status[4], no_status[5]) = (FROM_OUTSIDE, FROM_STORE);
    table(Kind::Symmetric, no_status, ask!(GetKeyRotationStatusRequest {}));
    let mut no_rotations = ALWAYS;
    no_rotations[5] = FROM_STORE;
    table(Kind::Symmetric, no_rotations, ask!(ListKeyRotationsRequest {}));
}

#[test]
fn names_and_notes() {
    table(Kind::Symmetric, NOT_WHEN_DELETED, |on| {
        on.desk.ask(CreateAliasRequest { alias_name: "alias/new".into(), target_key_id: on.key::<String>().into() })
    });
    table(Kind::Symmetric, NOT_WHEN_DELETED, |on| {
        let target_key_id = on.desk.key().into();
        on.desk.ask(CreateAliasRequest { alias_name: "alias/moves".into(), target_key_id }).unwrap();
        on.desk.ask(UpdateAliasRequest { alias_name: "alias/moves".into(), target_key_id: on.key::<String>().into() })
    });
    // Away from a key that is pending deletion an alias may move.
    table(Kind::Symmetric, ALWAYS, |on| {
        on.desk.ask(UpdateAliasRequest { alias_name: "alias/old".into(), target_key_id: on.desk.key().into() })
    });
    table(Kind::Symmetric, ALWAYS, |on| on.desk.ask(DeleteAliasRequest { alias_name: "alias/old".into() }));
    table(Kind::Symmetric, NOT_WHEN_DELETED, ask!(TagResourceRequest { tags: vec![Tag::new("a", "b")].into() }));
    table(Kind::Symmetric, NOT_WHEN_DELETED, ask!(UntagResourceRequest { tag_keys: vec!["a".to_owned()].into() }));
    table(Kind::Symmetric, NOT_WHEN_DELETED, ask!(UpdateKeyDescriptionRequest { description: "text".into() }));
}

#[test]
fn policies_and_grants() {
    table(Kind::Symmetric, ALWAYS, |on| {
        let policy = on.desk.ask(GetKeyPolicyRequest { key_id: on.key::<String>().into(), ..Default::default() });
        let policy = policy.unwrap().policy.into();
        on.desk.ask(PutKeyPolicyRequest { key_id: on.key::<String>().into(), policy, ..Default::default() })
    });
    let wanted = [Done, DISABLED, DELETED, DELETED, IMPORTED, Done];
    table(Kind::Symmetric, wanted, |on| create_grant(on).map(drop));
    table(Kind::Symmetric, ALWAYS, |on| {
        let grant_id = on.grant.as_str().into();
        on.desk.ask(RevokeGrantRequest { key_id: on.key::<String>().into(), grant_id, ..Default::default() })
    });
    table(Kind::Symmetric, ALWAYS, |on| {
        on.desk.ask(RetireGrantRequest {
            key_id: Some(on.key()),
            grant_id: Some(on.grant.clone()),
            ..Default::default()
        })
    });
}

#[test]
fn states_of_states() {
    let wanted = [Done, Done, DELETED, DELETED, IMPORTED, Done];
    table(Kind::Symmetric, wanted, ask!(EnableKeyRequest {}));
    table(Kind::Symmetric, wanted, ask!(DisableKeyRequest {}));
    table(Kind::Symmetric, NOT_WHEN_DELETED, ask!(ScheduleKeyDeletionRequest {}));
    let wanted = [NOT_DELETED, NOT_DELETED, Done, Done, NOT_DELETED, NOT_DELETED];
    table(Kind::Symmetric, wanted, ask!(CancelKeyDeletionRequest {}));
}

#[test]
fn an_unavailable_key_is_enabled_and_disabled_but_stays_unavailable() {
    let subject = Subject::new(Kind::Symmetric, Unavailable);
    subject.desk.ask(DisableKeyRequest { key_id: subject.key::<String>().into() }).unwrap();
    assert_eq!(subject.shown(), KeyState::Unavailable);
    let stores = subject.desk.ask(DescribeCustomKeyStoresRequest::default()).unwrap();
    let id = stores.custom_key_stores[0].custom_key_store_id.as_str();
    subject.desk.ask(ConnectCustomKeyStoreRequest { custom_key_store_id: id.into() }).unwrap();
    assert_eq!(subject.shown(), KeyState::Disabled);
}

#[test]
fn rotation() {
    table(Kind::Symmetric, ROTATION, ask!(EnableKeyRotationRequest {}));
    table(Kind::Symmetric, ROTATION, ask!(DisableKeyRotationRequest {}));
    let mut on_demand = ROTATION;
    on_demand[4] = IMPORTED;
    table(Kind::Symmetric, on_demand, ask!(RotateKeyOnDemandRequest {}));
}

#[test]
fn import() {
    let wanted = [FROM_HERE, FROM_HERE, FROM_HERE, FROM_HERE, Done, FROM_STORE];
    let (algorithm, spec) = (AlgorithmSpec::RsaesOaepSha256, WrappingKeySpec::Rsa2048);
    table(Kind::Symmetric, wanted, |on| on.desk.parameters(&on.id, algorithm, spec).map(drop));
    table(Kind::Symmetric, wanted, ask!(DeleteImportedKeyMaterialRequest {}));
    table(Kind::Symmetric, wanted, |on| {
        let other = Subject::new(Kind::Symmetric, PendingImport);
        // The token is looked at last.
        let mut request = match on.desk.parameters(&on.id, algorithm, spec) {
            Ok(_) => on.desk.import_request(&on.id, &[7; 32]),
            Err(_) => other.desk.import_request(&other.id, &[7; 32]),
        };
        request.key_id = on.key::<String>().into();
        on.desk.ask(request).map(drop)
    });
}

/// Imported keys that wait for their deletion.
#[test]
fn nothing_is_imported_into_a_key_that_is_pending_deletion() {
    let subject = Subject::new(Kind::Symmetric, PendingImport);
    let request = subject.desk.import_request(&subject.id, &[7; 32]);
    let schedule = ScheduleKeyDeletionRequest { key_id: subject.key::<String>().into(), ..Default::default() };
    subject.desk.ask(schedule).unwrap();
    let text = format!("{} is pending deletion.", subject.arn);
    crate::desk::refused(subject.desk.ask(request), Exception::KMSInvalidState, &text);
    let parameters = subject.desk.parameters(&subject.id, AlgorithmSpec::RsaesOaepSha256, WrappingKeySpec::Rsa2048);
    crate::desk::refused(parameters, Exception::KMSInvalidState, &text);
    let delete = DeleteImportedKeyMaterialRequest { key_id: subject.key::<String>().into(), ..Default::default() };
    subject.desk.ask(delete).unwrap();
}

#[test]
fn regions() {
    let replicate = |on: &Subject| {
        on.desk
            .ask(ReplicateKeyRequest {
                key_id: on.key::<String>().into(),
                replica_region: THERE.into(),
                ..Default::default()
            })
            .map(drop)
    };
    table(Kind::Primary, USE_HERE, replicate);
    let mut wanted = USE_HERE;
    wanted[2] = NoKey;
    table(Kind::Replicated, wanted, |on| {
        on.desk
            .ask(UpdatePrimaryRegionRequest { key_id: on.key::<String>().into(), primary_region: THERE.into() })
            .map(drop)
    });
}

/// Whoever may do nothing learns nothing of the state.
#[test]
fn permission_comes_before_state() {
    let subject = Subject::new(Kind::Symmetric, Disabled);
    let caller = user(ACCOUNT, "nobody", r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#);
    let request = EncryptRequest {
        key_id: subject.key::<String>().into(),
        plaintext: text(),
        encryption_context: EncryptionContext::empty(),
        ..Default::default()
    };
    let refused = subject.desk.service.call(&caller, &request).unwrap_err();
    assert_eq!(refused.exception(), Exception::AccessDenied);
}

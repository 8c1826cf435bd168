//! A service on a directory: the store in `keys`, the audit log in `audit`.

use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use kms_core::{Backend, Call, Key, KeyId, KeyMaterial, KeySpec, KeyUsage, Secret, SystemRandom};
use kms_service::audit::{Log, Options};
use kms_service::{Caller, KmsError, Perform, Quotas, SealedStore, Service, ServiceBuilder};
use kms_soft::{SealedBackend, SoftBackend};
use kms_store::Sqlite;

pub(crate) struct House {
    pub(crate) service: Service,
    pub(crate) store: Arc<Sqlite>,
    caller: Caller,
}

/// The same in every process.
fn root_key() -> Key {
    let backend = SoftBackend::new(SystemRandom);
    let at = SoftBackend::locator(KeyId::from_bytes([3; 16]).into());
    let material = KeyMaterial::Raw(Secret::copy_from(&[5; 32]));
    Key::new(
        backend.import(&at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, material, &Call::default()).unwrap(),
    )
}

pub(crate) fn audit_of(directory: &Path) -> PathBuf {
    directory.join("audit")
}

impl House {
    pub(crate) fn open(directory: &Path) -> Self {
        Self::with(directory, |builder| builder)
    }

    pub(crate) fn with(directory: &Path, settings: impl FnOnce(ServiceBuilder) -> ServiceBuilder) -> Self {
        let store = Arc::new(Sqlite::open(directory.join("keys").join("store.db")).unwrap());
        // Small segments and a small reserve, so that both are made and given up often.
        let options = Options::new("crash").with_segment_len(200_000).with_reserve(20_000);
        let log = Log::open(&audit_of(directory), options).unwrap();
        let root = root_key();
        let sealed = SealedStore::open(store.clone(), &root).unwrap();
        let backend = SealedBackend::new(root, sealed.records(), SystemRandom).unwrap();
        let region: kms_service::Region = "eu-central-1".parse().unwrap();
        let builder = ServiceBuilder::new(sealed, Arc::new(backend))
            .regions([region.clone()])
            .quotas(Quotas::unlimited())
            .audit(Arc::new(log));
        let service = settings(builder).build().unwrap();
        Self { service, store, caller: Caller::root("111122223333".parse().unwrap(), region) }
    }

    pub(crate) fn ask<R: Perform>(&self, request: &R) -> Result<R::Response, KmsError> {
        self.service.call(&self.caller, request)
    }

    /// The same with a request id, by which the audit log knows the call.
    pub(crate) fn ask_as<R: Perform>(&self, id: &str, request: &R) -> Result<R::Response, KmsError> {
        let mut caller = self.caller.clone();
        caller.request_id = Some(id.to_owned());
        self.service.call(&caller, request)
    }
}

/// A program: `role` is the name of an ignored test of this binary, which works on `directory`.
pub(crate) fn program(role: &str, directory: &Path) -> Command {
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.args(["--exact", role, "--ignored", "--nocapture"]).env("KMS_SERVICE_DIRECTORY", directory);
    program
}

/// The directory that a program works on.
pub(crate) fn directory() -> PathBuf {
    std::env::var_os("KMS_SERVICE_DIRECTORY").unwrap().into()
}

/// Directories have the rights that the program gave them; those are not recorded.
pub(crate) fn make_private(directory: &Path) {
    for name in ["keys", "audit"] {
        let path = directory.join(name);
        if path.exists() {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).unwrap();
        } else {
            std::fs::DirBuilder::new().mode(0o700).create(path).unwrap();
        }
    }
}

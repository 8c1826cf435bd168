//! What a server is made of.

use std::sync::Arc;

use kms_core::{Backend, Call, Key, KeyId, KeySpec, KeyUsage, MaterialId, SystemRandom};
use kms_pkcs11::{PinSource, TokenOptions, Uri};
use kms_server::config::{Config, Hsm};
use kms_server::server::{Cluster, Parts};
use kms_service::SealedStore;
use kms_soft::{SealedBackend, SoftBackend};
use kms_store::Memory;

use super::late::LateHsm;
use crate::failure::{Failure, Status};
use crate::keyring::{KeyringArguments, Place};
use crate::report::Report;

/// The parts that a configuration names. A new store is made where there is none.
pub(crate) fn parts(config: &Config, report: Report) -> Result<Parts, Failure> {
    let (store, root) = if config.store.memory {
        let root = fleeting_root()?;
        (SealedStore::open(Arc::new(Memory::new()), &root)?, root)
    } else {
        let keyring = KeyringArguments::serving(&config.root);
        let (_, store, root) = keyring.unlock_or_create(&place(config), report)?;
        (store, root.key().clone())
    };
    let mut parts = with(store, root)?;
    for hsm in &config.hsm {
        parts.clusters.push(cluster(hsm, &parts.store)?);
    }
    Ok(parts)
}

/// The root key of the store that a configuration names, which is there.
pub(crate) fn root(config: &Config, report: Report) -> Result<Key, Failure> {
    if config.store.memory {
        return Err(Failure::usage("the root key of a store in memory is gone when its server ends")
            .hint("Seal nothing under it: leave --sealed out."));
    }
    let place = place(config);
    match KeyringArguments::serving(&config.root).unlock(&place, None, report)? {
        Some((_, _, root)) => Ok(root.key().clone()),
        None => Err(Failure::new(Status::Key, "there is no store yet, and so no root key")
            .about(place.store.display())
            .hint("`kms serve` makes it when it first starts, for which the file of credentials may be empty.")),
    }
}

fn place(config: &Config) -> Place {
    Place {
        // Where `kms --keyring` finds all of it, if the folders have their usual names.
        old: config.store.path.with_file_name("keyring"),
        store: config.store.path.clone(),
        audit: config.audit.directory.clone(),
    }
}

/// The parts of a server that keeps nothing.
pub(crate) fn in_memory() -> Result<Parts, Failure> {
    let root = fleeting_root()?;
    with(SealedStore::open(Arc::new(Memory::new()), &root)?, root)
}

/// A root key that is gone with the process.
fn fleeting_root() -> Result<Key, Failure> {
    let id = MaterialId::from(KeyId::random(&SystemRandom)?);
    let made = SoftBackend::new(SystemRandom).create(
        &SoftBackend::locator(id),
        KeySpec::SymmetricDefault,
        KeyUsage::EncryptDecrypt,
        &Call::default(),
    )?;
    Ok(Key::new(made))
}

fn with(store: SealedStore, root: Key) -> Result<Parts, Failure> {
    let backend = Arc::new(SealedBackend::new(root.clone(), store.records(), SystemRandom)?);
    // What signs the log has the id of the store.
    let signer = backend.create(
        &SealedBackend::locator(store.header().id.into()),
        KeySpec::EccNistP256,
        KeyUsage::SignVerify,
        &Call::default(),
    )?;
    Ok(Parts::new(store, root, backend, Key::new(signer)))
}

fn cluster(hsm: &Hsm, store: &SealedStore) -> Result<Cluster, Failure> {
    let mut uri = Uri::default();
    uri.token = Some(hsm.token.clone());
    uri.module_path = Some(hsm.module.clone());
    let pin: PinSource = hsm.pin.parse().map_err(|error| Failure::from(error).about(format!("hsm {}", hsm.id)))?;
    let mut options = TokenOptions::new(&uri).with_pin(pin);
    if let Some(sessions) = hsm.sessions {
        options = options.with_sessions(sessions);
    }
    let budget = hsm.budget.get();
    let backend = Arc::new(LateHsm::new(uri, options, budget, store.records()));
    Ok(Cluster { id: hsm.id.clone(), backend, budget })
}

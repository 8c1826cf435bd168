//! A key in an HSM as the root key of a keyring: the store is a file, and only who has the HSM can open it.

use std::path::Path;

use kms_core::{Key, KeyId, KeyUsage, Locator, MaterialId, SystemRandom};
use kms_pkcs11::Uri;
use kms_soft::keyring::RootKey;

use crate::failure::{Failure, Status};
use crate::hsm::HsmArguments;
use crate::keys::{NewKey, TokenKeys};
use crate::report::Report;

/// The key that a URI names, made if it is absent, and what the owner of the new keyring has to know.
pub(super) fn create(
    hsm: &HsmArguments,
    uri: &Uri,
    keyring: &Path,
    report: Report,
) -> Result<(RootKey, String), Failure> {
    if !uri.names_object() {
        return Err(Failure::usage("--root-hsm names no key").hint(
            "Add ;object=LABEL: 'pkcs11:token=NAME;object=LABEL?…'. A key of that label is made if there is none.",
        ));
    }
    let keys = TokenKeys::new(hsm.connect(uri)?, &hsm.wrapped_keys(uri, keyring), report);
    let address = uri.address().to_string();
    let there = keys.named_object(uri)?.and_then(|entry| entry.at.last().map(Locator::id));
    let at = match (there, &uri.object, &uri.id) {
        (Some(id), ..) => Locator::new(id, address),
        (None, Some(_), None) => {
            let at = Locator::new(KeyId::random(&SystemRandom)?.into(), address);
            keys.make(&at, &NewKey { alias: None, ..NewKey::default_key() }, None)?;
            at
        }
        _ => {
            return Err(Failure::new(Status::Key, format!("no key at {address}"))
                .hint("One that ;object=LABEL names is made; the ;id= of a new key is not for you to choose."));
        }
    };
    let notice = format!(
        "Its root key:   {}{}\n\
         Only who has the HSM can open it. Without the HSM, or without the store, everything\n\
         encrypted under its keys is lost: back both up.",
        at.address(),
        if there.is_some() { "" } else { ", made in the HSM" }
    );
    Ok((root(&keys, &at)?, notice))
}

/// The root key of a keyring that names an HSM's. `query` says how to reach that.
pub(super) fn open(
    hsm: &HsmArguments,
    query: Option<&Uri>,
    keyring: &Path,
    (id, address): (MaterialId, &str),
    report: Report,
) -> Result<RootKey, Failure> {
    let mut uri: Uri = address.parse()?;
    if let Some(query) = query {
        uri.module_path.clone_from(&query.module_path);
        uri.pin_source.clone_from(&query.pin_source);
    }
    let about = || format!("the keyring {} is sealed under {address}", keyring.display());
    let token = hsm.connect(&uri).map_err(|failure| failure.about(about()))?;
    let keys = TokenKeys::new(token, &hsm.wrapped_keys(&uri, keyring), report);
    root(&keys, &Locator::new(id, address)).map_err(|failure| failure.about(about()))
}

fn root(keys: &TokenKeys, at: &Locator) -> Result<RootKey, Failure> {
    let key: Key = keys.open_at(at, Some(KeyUsage::EncryptDecrypt))?;
    Ok(RootKey::from_master_key(key, at)?)
}

//! What opens a keyring: a key file, a passphrase, a key in an HSM.

use std::io::IsTerminal;
use std::path::Path;

use kms_core::{ErrorKind, Secret};
use kms_pkcs11::Uri;
use kms_soft::keyring::{PassphraseCost, RootInfo, RootKey, RootKind};

use super::place::Place;
use super::{KeyringArguments, hsm_root};
use crate::failure::{Failure, Status};
use crate::hsm;
use crate::input::Input;
use crate::report::Report;

impl KeyringArguments {
    /// What opens a keyring that does not exist yet, and what its owner has to know about it.
    pub(super) fn new_root(&self, place: &Place, report: Report) -> Result<(RootKey, String), Failure> {
        if let Some(uri) = self.root_hsm()? {
            return hsm_root::create(&self.hsm, &uri, &place.old, report);
        }
        if self.passphrase || self.passphrase_file.is_some() {
            let root = RootKey::from_new_passphrase(&self.new_passphrase()?, PassphraseCost::default())?;
            let notice = "The passphrase opens it. Without the passphrase, or without the store, everything\n\
                          encrypted under its keys is lost: back the store up (`kms store backup`)."
                .into();
            return Ok((root, notice));
        }
        let path = &self.root_key_path(&place.old);
        let root = match RootKey::create_key_file(path) {
            // An interrupted first use left a key file without a store.
            Err(_) if path.exists() => RootKey::open_key_file(path)?,
            made => made?,
        };
        let notice = format!(
            "Its root key:   {}\n\
             Whoever has both can decrypt. Without either of them, everything encrypted under the keys\n\
             in this keyring is lost: back both up (`kms store backup`), in different places.",
            path.display()
        );
        Ok((root, notice))
    }

    /// The root key that a keyring, or a store, says it is sealed under.
    pub(super) fn known_root(&self, info: &RootInfo, place: &Place, report: Report) -> Result<RootKey, Failure> {
        match &info.kind {
            RootKind::KeyFile => {
                let path = self.root_key_path(&place.old);
                let hint = "If the file is elsewhere, name it with --root-key FILE, or in KMS_ROOT_KEY.";
                RootKey::open_key_file(&path).map_err(|error| Failure::hinting(error, ErrorKind::KeyUnavailable, hint))
            }
            RootKind::Passphrase { .. } => {
                let passphrase = match &self.passphrase_file {
                    Some(path) => passphrase_from(path)?,
                    None => prompt(&format!("Passphrase for {}: ", place.store.display()))?,
                };
                RootKey::from_known_passphrase(&passphrase, info)
                    .map_err(|error| Failure::from(error).about(place.store.display()))
            }
            RootKind::MasterKey { address } => {
                hsm_root::open(&self.hsm, self.root_hsm()?.as_ref(), &place.old, (info.id, address), report)
            }
            _ => Err(Failure::usage(format!("this version does not know {info}"))),
        }
    }

    fn root_hsm(&self) -> Result<Option<Uri>, Failure> {
        self.root_hsm.as_deref().filter(|text| !text.is_empty()).map(|text| hsm::uri("--root-hsm", text)).transpose()
    }

    fn new_passphrase(&self) -> Result<Secret, Failure> {
        if let Some(path) = &self.passphrase_file {
            return passphrase_from(path);
        }
        let first = prompt("New passphrase for the keyring: ")?;
        if prompt("The same again: ")?.ct_eq(first.expose()) {
            return Ok(first);
        }
        Err(Failure::usage("the two passphrases differ; nothing was made"))
    }
}

fn prompt(text: &str) -> Result<Secret, Failure> {
    if !std::io::stdin().is_terminal() && !std::io::stderr().is_terminal() {
        return Err(Failure::new(Status::Key, "the keyring needs a passphrase, and there is no terminal to ask on")
            .hint("Put it on the first line of a file and name that with --passphrase-file FILE."));
    }
    Ok(Secret::from(rpassword::prompt_password(text)?.into_bytes()))
}

fn passphrase_from(path: &Path) -> Result<Secret, Failure> {
    let input = Input::open(path)?;
    if let Some(mode) = input.mode.filter(|mode| mode & 0o077 != 0) {
        return Err(Failure::new(Status::Key, format!("the passphrase file is open to others (mode {mode:04o})"))
            .about(path.display())
            .hint("Close it with chmod 600, and consider whether someone has read it."));
    }
    let bytes = input.read_small(4096)?;
    let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    Ok(Secret::copy_from(line.strip_suffix(b"\r").unwrap_or(line)))
}

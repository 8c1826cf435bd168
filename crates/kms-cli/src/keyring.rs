//! The keyring the command works with: where it is, what opens it, and how the first one comes to be.

mod hsm_root;
mod moving;
mod place;
mod root;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use etcetera::{AppStrategy, AppStrategyArgs, choose_app_strategy};
use kms_core::{Error, Key, MaterialId};
use kms_pkcs11::Uri;
use kms_server::config::Root;
use kms_service::SealedStore;
use kms_service::sealed::Header;
use kms_soft::keyring::{RootInfo, RootKey};
use kms_store::Sqlite;

use crate::aws::{self, AwsArguments};
use crate::failure::{Failure, Status};
use crate::hsm::HsmArguments;
use crate::keys::{DEFAULT_ALIAS, Entry, Keys, LocalKeys, NewKey, TokenKeys};
use crate::report::Report;

pub(crate) use place::{Place, create_folder};

/// A store, and the root key that opens it.
pub(crate) type Unlocked = (Arc<Sqlite>, SealedStore, RootKey);

/// Where the keyring is and what opens it.
#[derive(Debug, Clone, Args)]
pub(crate) struct KeyringArguments {
    /// The keyring [default: keyring in your data directory, ~/.local/share/kms on Linux]. Its keys are in the folder
    /// store beside it, the records of their use in audit; those of a keyring of another name in NAME.store and
    /// NAME.audit. A file of that name, from before there was a store, is moved into it
    #[arg(long, global = true, value_name = "PATH", env = "KMS_KEYRING", hide_env_values = true)]
    keyring: Option<PathBuf>,

    /// The key file that opens the keyring [default: root.key beside the keyring]
    #[arg(long, global = true, value_name = "FILE", env = "KMS_ROOT_KEY", hide_env_values = true)]
    root_key: Option<PathBuf>,

    /// Have a new keyring opened by a passphrase, asked for on the terminal, instead of a key file
    #[arg(long, global = true)]
    passphrase: bool,

    /// Read the passphrase of the keyring, or of a new one, from the first line of a file
    #[arg(long, global = true, value_name = "FILE", env = "KMS_PASSPHRASE_FILE", hide_env_values = true)]
    passphrase_file: Option<PathBuf>,

    /// Have a new keyring opened by a key in an HSM: its PKCS#11 URI, which names the key with ;object=LABEL. It is
    /// made if it is not there. Later, what the URI says of module and PIN serves to open the keyring
    // A text: see --backend.
    #[arg(
        long,
        global = true,
        value_name = "URI",
        env = "KMS_ROOT_HSM",
        hide_env_values = true,
        conflicts_with = "passphrase"
    )]
    root_hsm: Option<String>,

    #[command(flatten)]
    pub(crate) hsm: HsmArguments,

    #[command(flatten)]
    pub(crate) aws: AwsArguments,
}

impl KeyringArguments {
    /// What a server's configuration says of its root key.
    pub(crate) fn serving(root: &Root) -> Self {
        Self {
            keyring: None,
            root_key: root.key_file.clone(),
            passphrase: false,
            passphrase_file: root.passphrase_file.clone(),
            root_hsm: root.hsm.clone(),
            hsm: HsmArguments::default(),
            aws: AwsArguments::default(),
        }
    }

    /// The store and its root key; a new one if there is none.
    pub(crate) fn unlock_or_create(&self, place: &Place, report: Report) -> Result<Unlocked, Failure> {
        let _others_wait = place.lock()?;
        if let Some(there) = self.unlock(place, None, report)? {
            return Ok(there);
        }
        let (root, notice) = self.new_root(place, report)?;
        let engine = engine(place)?;
        let store = SealedStore::open_or_create(engine.clone(), root.key(), &root.info().kind.to_string())?;
        report.notice(&format!("Made a store:   {}\n{notice}", place.store.display()));
        Ok((engine, store, root))
    }

    fn path(&self) -> Result<PathBuf, Failure> {
        if let Some(path) = &self.keyring {
            return Ok(path.clone());
        }
        let names = AppStrategyArgs { top_level_domain: String::new(), author: String::new(), app_name: "kms".into() };
        match choose_app_strategy(names) {
            Ok(strategy) => Ok(strategy.in_data_dir("keyring")),
            Err(_) => Err(Failure::usage("there is no home directory to keep a keyring in")
                .hint("Name one with --keyring PATH, or in KMS_KEYRING.")),
        }
    }

    /// Where the parts of the keyring are.
    pub(crate) fn place(&self) -> Result<Place, Failure> {
        Ok(Place::new(self.path()?))
    }

    fn root_key_path(&self, keyring: &Path) -> PathBuf {
        self.root_key.clone().unwrap_or_else(|| keyring.with_file_name("root.key"))
    }

    /// The HSM, if its keys are used and not a keyring's.
    fn hsm_keys(&self, report: Report) -> Result<Option<(TokenKeys, Uri)>, Failure> {
        let Some(uri) = self.hsm.backend()? else { return Ok(None) };
        let folder = self.hsm.wrapped_keys(&uri, &self.path().unwrap_or_default());
        Ok(Some((TokenKeys::new(self.hsm.connect(&uri)?, &folder, report), uri)))
    }

    /// The keys.
    pub(crate) fn open(&self, report: Report) -> Result<Box<dyn Keys>, Failure> {
        if let Some((keys, _)) = self.hsm_keys(report)? {
            return Ok(Box::new(keys));
        }
        Ok(Box::new(self.local(report)?))
    }

    /// The keys among which `name` is: those at AWS KMS for an ARN of one.
    pub(crate) fn open_for(&self, name: &str, report: Report) -> Result<Box<dyn Keys>, Failure> {
        if aws::names_key(name) { self.aws.open(name) } else { self.open(report) }
    }

    /// The keys of the keyring, for what only they have.
    pub(crate) fn local(&self, report: Report) -> Result<LocalKeys, Failure> {
        if self.hsm.backend()?.is_some() {
            return Err(Failure::usage("this is for the keys of a keyring, not for those of an HSM")
                .hint("Leave --backend out, and KMS_BACKEND."));
        }
        self.local_if_there(report)?.ok_or_else(|| self.missing())
    }

    /// The keys, to add some; a new keyring if there is none.
    pub(crate) fn open_or_create(&self, report: Report) -> Result<Box<dyn Keys>, Failure> {
        match self.hsm_keys(report)? {
            Some((_, uri)) if uri.names_object() => {
                Err(Failure::usage("--backend names a key, and this makes another")
                    .hint("Leave ;object= and ;id= out. --alias NAME --token-object makes an object called NAME."))
            }
            Some((keys, _)) => Ok(Box::new(keys)),
            None => Ok(Box::new(self.local_or_new(report)?)),
        }
    }

    /// The keys, with the one to use where none is named; it is made if it is not there.
    pub(crate) fn default_key(&self, report: Report) -> Result<(Box<dyn Keys>, Entry), Failure> {
        if let Some((keys, uri)) = self.hsm_keys(report)? {
            let key = keys.default_key(&uri)?;
            return Ok((Box::new(keys), key));
        }
        let keys = self.local_or_new(report)?;
        if let Some(key) = keys.called(DEFAULT_ALIAS)? {
            return Ok((Box::new(keys), key));
        }
        let _others_wait = self.place()?.lock()?;
        // Another process may have made it meanwhile.
        if let Some(key) = keys.called(DEFAULT_ALIAS)? {
            return Ok((Box::new(keys), key));
        }
        let key = keys.add(&NewKey::default_key(), None)?;
        report.notice(&format!("Made a key:     {DEFAULT_ALIAS} ({})", key.id));
        Ok((Box::new(keys), key))
    }

    fn local_if_there(&self, report: Report) -> Result<Option<LocalKeys>, Failure> {
        let place = self.place()?;
        self.move_old(&place, report)?;
        self.open_store(&place, None, report)?.map(LocalKeys::ready).transpose()
    }

    /// The keyring with an audit log that the store does not know, to take it for the right one.
    pub(crate) fn local_with_any_log(&self, report: Report) -> Result<LocalKeys, Failure> {
        self.open_store(&self.place()?, None, report)?.ok_or_else(|| self.missing())
    }

    /// The keyring without its audit log, to look at what is there.
    pub(crate) fn local_unrecorded(&self, report: Report) -> Result<LocalKeys, Failure> {
        let place = self.place()?;
        let (engine, store, root) = self.unlock(&place, None, report)?.ok_or_else(|| self.missing())?;
        LocalKeys::unrecorded(place, engine, store, &root)
    }

    /// The root key of the store that is there.
    pub(crate) fn root(&self, report: Report) -> Result<Key, Failure> {
        let (_, _, root) = self.unlock(&self.place()?, None, report)?.ok_or_else(|| self.missing())?;
        Ok(root.key().clone())
    }

    fn missing(&self) -> Failure {
        let path = self.place().map(|place| place.store).unwrap_or_default();
        Failure::new(Status::Key, format!("there is no keyring at {}", path.display()))
            .hint("`kms encrypt FILE` and `kms key create` make one; --keyring PATH names another.")
    }

    /// The keyring; a new one if there is none.
    fn local_or_new(&self, report: Report) -> Result<LocalKeys, Failure> {
        if let Some(keys) = self.local_if_there(report)? {
            return Ok(keys);
        }
        let place = self.place()?;
        let _others_wait = place.lock()?;
        // Another process may have made it meanwhile.
        if let Some(keys) = self.open_store(&place, None, report)? {
            return keys.ready();
        }
        let (root, notice) = self.new_root(&place, report)?;
        let keys = self.create_store(&place, &root)?;
        report.notice(&format!("Made a keyring: {}\n{notice}", place.store.display()));
        Ok(keys)
    }

    /// The keys in the store, if it is there. `known`: a root key that is at hand already.
    fn open_store(&self, place: &Place, known: Option<&RootKey>, report: Report) -> Result<Option<LocalKeys>, Failure> {
        let Some((engine, store, root)) = self.unlock(place, known, report)? else { return Ok(None) };
        LocalKeys::new(place.clone(), engine, store, &root).map(Some)
    }

    /// The store, if it is there, and its root key.
    pub(crate) fn unlock(
        &self,
        place: &Place,
        known: Option<&RootKey>,
        report: Report,
    ) -> Result<Option<Unlocked>, Failure> {
        if !place.database().exists() {
            return Ok(None);
        }
        let engine = engine(place)?;
        // A first use that was interrupted leaves an empty one.
        let Some(header) = Header::read(&*engine)? else { return Ok(None) };
        let info = RootInfo::new(root_id(&header.root)?, header.root_at.parse()?);
        let root = match known.filter(|known| known.info().id == info.id) {
            Some(known) => known.clone(),
            None => self.known_root(&info, place, report)?,
        };
        let store = SealedStore::open(engine.clone(), root.key())?;
        Ok(Some((engine, store, root)))
    }

    fn create_store(&self, place: &Place, root: &RootKey) -> Result<LocalKeys, Failure> {
        let engine = engine(place)?;
        let store = SealedStore::open_or_create(engine.clone(), root.key(), &root.info().kind.to_string())?;
        LocalKeys::new(place.clone(), engine, store, root)
    }
}

fn engine(place: &Place) -> Result<Arc<Sqlite>, Failure> {
    Sqlite::open(place.database()).map(Arc::new).map_err(|error| Failure::from(error).about(place.store.display()))
}

/// `KEY-ID/GENERATION`.
fn root_id(text: &str) -> Result<MaterialId, Error> {
    let parts = || {
        let (key, generation) = text.split_once('/')?;
        Some(MaterialId { key: key.parse().ok()?, generation: generation.parse().ok()? })
    };
    parts().ok_or_else(|| Error::malformed("the store's header is damaged: it names no root key"))
}

//! The keyring the command works with: where it is, what opens it, and how the first one comes to be.

mod hsm_root;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use etcetera::{AppStrategy, AppStrategyArgs, choose_app_strategy};
use kms_core::{Call, Error, ErrorKind, Secret};
use kms_pkcs11::Uri;
use kms_soft::keyring::{Keyring, PassphraseCost, RootKey, RootKind, SealedKeyring};

use crate::failure::{Failure, Status};
use crate::hsm::{self, HsmArguments};
use crate::input::Input;
use crate::keys::{DEFAULT_ALIAS, Entry, Keys, LocalKeyring, NewKey, TokenKeys};
use crate::report::Report;

/// Where the keyring is and what opens it.
#[derive(Debug, Clone, Args)]
pub(crate) struct KeyringArguments {
    /// The keyring file [default: keyring in your data directory, ~/.local/share/kms on Linux]
    #[arg(long, global = true, value_name = "FILE", env = "KMS_KEYRING", hide_env_values = true)]
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
}

impl KeyringArguments {
    fn path(&self) -> Result<PathBuf, Failure> {
        if let Some(path) = &self.keyring {
            return Ok(path.clone());
        }
        let names = AppStrategyArgs { top_level_domain: String::new(), author: String::new(), app_name: "kms".into() };
        match choose_app_strategy(names) {
            Ok(strategy) => Ok(strategy.in_data_dir("keyring")),
            Err(_) => Err(Failure::usage("there is no home directory to keep a keyring in")
                .hint("Name one with --keyring FILE, or in KMS_KEYRING.")),
        }
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

    /// The keys, to use them.
    pub(crate) fn open(&self, report: Report) -> Result<Box<dyn Keys>, Failure> {
        if let Some((keys, _)) = self.hsm_keys(report)? {
            return Ok(Box::new(keys));
        }
        Ok(Box::new(self.open_if_there(report)?.ok_or_else(|| self.missing())?))
    }

    /// The keys, to delete some.
    pub(crate) fn open_for_writing(&self, report: Report) -> Result<Box<dyn Keys>, Failure> {
        if let Some((keys, _)) = self.hsm_keys(report)? {
            return Ok(Box::new(keys));
        }
        Ok(Box::new(self.keyring_for_writing(report)?))
    }

    /// The keys, to add some; a new keyring if there is none.
    pub(crate) fn open_or_create(&self, report: Report) -> Result<Box<dyn Keys>, Failure> {
        match self.hsm_keys(report)? {
            Some((_, uri)) if uri.names_object() => {
                Err(Failure::usage("--backend names a key, and this makes another")
                    .hint("Leave ;object= and ;id= out. --alias NAME --token-object makes an object called NAME."))
            }
            Some((keys, _)) => Ok(Box::new(keys)),
            None => Ok(Box::new(self.keyring_or_new(report)?)),
        }
    }

    /// The keys, with the one to use where none is named; it is made if it is not there.
    pub(crate) fn default_key(&self, report: Report) -> Result<(Box<dyn Keys>, Entry), Failure> {
        if let Some((keys, uri)) = self.hsm_keys(report)? {
            let key = keys.default_key(&uri)?;
            return Ok((Box::new(keys), key));
        }
        let keyring = match self.open_if_there(report)? {
            Some(keyring) => match keyring.find(DEFAULT_ALIAS) {
                Ok(key) => return Ok((Box::new(keyring), key)),
                Err(_) => keyring.into_writable()?,
            },
            None => self.keyring_or_new(report)?,
        };
        // Another process may have made it meanwhile.
        if let Ok(key) = keyring.find(DEFAULT_ALIAS) {
            return Ok((Box::new(keyring), key));
        }
        let key = keyring.add(&NewKey::default_key(), None)?;
        report.notice(&format!("Made a key:     {DEFAULT_ALIAS} ({})", key.id));
        Ok((Box::new(keyring), key))
    }

    fn open_if_there(&self, report: Report) -> Result<Option<LocalKeyring>, Failure> {
        let path = self.path()?;
        if path.exists() { self.unlock(Keyring::open(&path)?, report).map(Some) } else { Ok(None) }
    }

    fn keyring_for_writing(&self, report: Report) -> Result<LocalKeyring, Failure> {
        let path = self.path()?;
        if path.exists() {
            self.unlock(patiently(|| Keyring::open_for_writing(&path))?, report)
        } else {
            Err(self.missing())
        }
    }

    fn missing(&self) -> Failure {
        let path = self.path().unwrap_or_default();
        Failure::new(Status::Key, format!("there is no keyring at {}", path.display()))
            .hint("`kms encrypt FILE` and `kms key create` make one; --keyring FILE names another.")
    }

    /// The keyring, to change it; a new one if there is none.
    fn keyring_or_new(&self, report: Report) -> Result<LocalKeyring, Failure> {
        let path = self.path()?;
        if path.exists() {
            return self.keyring_for_writing(report);
        }
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
            create_folder(folder).map_err(|error| Failure::from(error).about(folder.display()))?;
        }
        let made = self.new_root(&path, report).and_then(|(root, notice)| {
            let keyring = patiently(|| Keyring::create(&path, &root, &Call::default()))?;
            report.notice(&format!("Made a keyring: {}\n{notice}", path.display()));
            Ok(LocalKeyring::new(keyring, root))
        });
        match made {
            // Another process was first.
            Err(_) if path.exists() => self.keyring_for_writing(report),
            made => made,
        }
    }

    /// What opens a keyring that does not exist yet, and what its owner has to know about it.
    fn new_root(&self, keyring: &Path, report: Report) -> Result<(RootKey, String), Failure> {
        if let Some(uri) = self.root_hsm()? {
            return hsm_root::create(&self.hsm, &uri, keyring, report);
        }
        if self.passphrase || self.passphrase_file.is_some() {
            let root = RootKey::from_new_passphrase(&self.new_passphrase()?, PassphraseCost::default())?;
            let notice = "The passphrase opens it. Without the passphrase, or without the keyring, everything\n\
                          encrypted under its keys is lost: back the keyring up."
                .into();
            return Ok((root, notice));
        }
        let path = &self.root_key_path(keyring);
        let root = match RootKey::create_key_file(path) {
            // Another process was first, or an interrupted first use left a key file without a keyring.
            Err(_) if path.exists() => RootKey::open_key_file(path)?,
            made => made?,
        };
        let notice = format!(
            "Its root key:   {}\n\
             Whoever has both files can decrypt. Without either of them, everything encrypted under\n\
             the keys in this keyring is lost: back both up, in different places.",
            path.display()
        );
        Ok((root, notice))
    }

    fn root_hsm(&self) -> Result<Option<Uri>, Failure> {
        self.root_hsm.as_deref().filter(|text| !text.is_empty()).map(|text| hsm::uri("--root-hsm", text)).transpose()
    }

    fn unlock(&self, sealed: SealedKeyring, report: Report) -> Result<LocalKeyring, Failure> {
        let root = match &sealed.root().kind {
            RootKind::KeyFile => {
                let path = self.root_key_path(sealed.path());
                let hint = "If the file is elsewhere, name it with --root-key FILE, or in KMS_ROOT_KEY.";
                RootKey::open_key_file(&path)
                    .map_err(|error| Failure::hinting(error, ErrorKind::KeyUnavailable, hint))?
            }
            RootKind::Passphrase { .. } => {
                let passphrase = self.existing_passphrase(sealed.path())?;
                sealed.root_from_passphrase(&passphrase)?
            }
            RootKind::MasterKey { address } => {
                hsm_root::open(&self.hsm, self.root_hsm()?.as_ref(), &sealed, address, report)?
            }
            _ => return Err(Failure::usage(format!("this version does not know {}", sealed.root()))),
        };
        Ok(LocalKeyring::new(sealed.unlock(&root, &Call::default())?, root))
    }

    fn existing_passphrase(&self, keyring: &Path) -> Result<Secret, Failure> {
        match &self.passphrase_file {
            Some(path) => passphrase_from(path),
            None => prompt(&format!("Passphrase for {}: ", keyring.display())),
        }
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

/// Waits a while for another process that is changing the keyring.
pub(crate) fn patiently<T>(mut attempt: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    const PATIENCE: Duration = Duration::from_secs(10);
    let start = Instant::now();
    loop {
        match attempt() {
            Err(error) if error.kind() == ErrorKind::Busy && start.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(20));
            }
            done => return done,
        }
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

pub(crate) fn create_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(folder)
}

//! The keyring the command works with: where it is, what opens it, and how the first one comes to be.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use etcetera::{AppStrategy, AppStrategyArgs, choose_app_strategy};
use kms_core::message::KmsWrappingKey;
use kms_core::{Backend, Call, Error, ErrorKind, Key, KeyId, KeySpec, KeyUsage, MaterialId, Secret, SystemRandom};
use kms_soft::keyring::{KeyRecord, Keyring, PassphraseCost, RootKey, RootKind, SealedKeyring};

use crate::failure::{Failure, Status};
use crate::input::Input;
use crate::report::Report;

/// The alias of the key that is used where none is named.
pub(crate) const DEFAULT_ALIAS: &str = "alias/default";
/// Keys of this keyring are in no region and no account of AWS.
pub(crate) const ARN_PREFIX: &str = "arn:aws:kms:local:000000000000:key/";

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
}

/// The ARN that stands for a key of the keyring in messages.
pub(crate) fn arn(key: KeyId) -> String {
    format!("{ARN_PREFIX}{key}")
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

    /// The keyring, to use its keys; `None` if there is none.
    pub(crate) fn open_if_there(&self) -> Result<Option<LocalKeyring>, Failure> {
        let path = self.path()?;
        if path.exists() { self.unlock(Keyring::open(&path)?).map(Some) } else { Ok(None) }
    }

    /// The keyring, to use its keys.
    pub(crate) fn open(&self) -> Result<LocalKeyring, Failure> {
        self.open_if_there()?.ok_or_else(|| self.missing())
    }

    /// The keyring, to change it.
    pub(crate) fn open_for_writing(&self) -> Result<LocalKeyring, Failure> {
        let path = self.path()?;
        if path.exists() { self.unlock(patiently(|| Keyring::open_for_writing(&path))?) } else { Err(self.missing()) }
    }

    fn missing(&self) -> Failure {
        let path = self.path().unwrap_or_default();
        Failure::new(Status::Key, format!("there is no keyring at {}", path.display()))
            .hint("`kms encrypt FILE` and `kms key create` make one; --keyring FILE names another.")
    }

    /// The keyring, to change it; a new one if there is none.
    pub(crate) fn open_or_create(&self, report: Report) -> Result<LocalKeyring, Failure> {
        let path = self.path()?;
        if path.exists() {
            return self.open_for_writing();
        }
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
            create_folder(folder).map_err(|error| Failure::from(error).about(folder.display()))?;
        }
        let root_path = self.root_key_path(&path);
        let made = self.new_root(&root_path).and_then(|(root, notice)| {
            let keyring = patiently(|| Keyring::create(&path, &root, &Call::default()))?;
            report.notice(&format!("Made a keyring: {}\n{notice}", path.display()));
            Ok(LocalKeyring { keyring, root })
        });
        match made {
            // Another process was first.
            Err(_) if path.exists() => self.open_for_writing(),
            made => made,
        }
    }

    /// The keyring with its default key; both are made if they are not there.
    pub(crate) fn default_key(&self, report: Report) -> Result<(LocalKeyring, KeyRecord), Failure> {
        let keyring = match self.open_if_there()? {
            Some(keyring) => match keyring.record(DEFAULT_ALIAS) {
                Ok(record) => return Ok((keyring, record)),
                Err(_) => keyring.into_writable()?,
            },
            None => self.open_or_create(report)?,
        };
        // Another process may have made it meanwhile.
        if let Ok(record) = keyring.record(DEFAULT_ALIAS) {
            return Ok((keyring, record));
        }
        let id = keyring.create(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt)?;
        let record = keyring.named(id, Some(DEFAULT_ALIAS), None)?;
        report.notice(&format!("Made a key:     {DEFAULT_ALIAS} ({})", record.id));
        Ok((keyring, record))
    }

    /// What opens a keyring that does not exist yet, and what its owner has to know about it.
    fn new_root(&self, path: &Path) -> Result<(RootKey, String), Failure> {
        if self.passphrase || self.passphrase_file.is_some() {
            let root = RootKey::from_new_passphrase(&self.new_passphrase()?, PassphraseCost::default())?;
            let notice = "The passphrase opens it. Without the passphrase, or without the keyring, everything\n\
                          encrypted under its keys is lost: back the keyring up."
                .into();
            return Ok((root, notice));
        }
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

    fn unlock(&self, sealed: SealedKeyring) -> Result<LocalKeyring, Failure> {
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
            _ => return Err(Failure::usage(format!("this version cannot reach {}", sealed.root()))),
        };
        Ok(LocalKeyring { keyring: sealed.unlock(&root, &Call::default())?, root })
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
fn patiently<T>(mut attempt: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
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

fn create_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(folder)
}

/// The keyring, unlocked.
pub(crate) struct LocalKeyring {
    keyring: Keyring,
    root: RootKey,
}

impl LocalKeyring {
    pub(crate) const fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// The same, to change it.
    fn into_writable(self) -> Result<Self, Failure> {
        let sealed = patiently(|| Keyring::open_for_writing(self.keyring.path()))?;
        Ok(Self { keyring: sealed.unlock(&self.root, &Call::default())?, root: self.root })
    }

    /// The key of a name: an alias with or without `alias/`, an id or its beginning, an ARN.
    pub(crate) fn record(&self, name: &str) -> Result<KeyRecord, Failure> {
        let name = name.strip_prefix(ARN_PREFIX).unwrap_or(name);
        // An id means its key, whatever aliases there are.
        if let Some(record) = name.parse().ok().and_then(|id| self.keyring.record(id)) {
            return Ok(record);
        }
        let looks_like_id = name.len() >= 4 && name.chars().all(|c| c.is_ascii_hexdigit() || matches!(c, '-' | '/'));
        let found = self.keyring.resolve(&alias(name)).or_else(|no_alias| match self.keyring.resolve(name) {
            Err(no_id) if looks_like_id => Err(no_id),
            Err(_) => Err(no_alias),
            found => found,
        });
        let id = found.map_err(|error| Failure::from(error).hint("`kms key list` shows the keys there are."))?;
        let missing = || Failure::from(Error::new(ErrorKind::KeyUnavailable));
        self.keyring.record(id.key).ok_or_else(missing)
    }

    /// The newest generation of a key.
    pub(crate) fn key(&self, record: &KeyRecord) -> Result<Key, Failure> {
        Ok(Key::new(self.keyring.open(&Keyring::locator(record.current()), &Call::default())?))
    }

    /// The generation of a key that a ciphertext names.
    pub(crate) fn material(&self, id: MaterialId) -> Result<Key, Failure> {
        let opened = self.keyring.open(&Keyring::locator(id), &Call::default());
        let hint = "`kms key list` shows the keys there are.";
        Ok(Key::new(opened.map_err(|error| Failure::hinting(error, ErrorKind::KeyUnavailable, hint))?))
    }

    /// A symmetric key, to encrypt messages under.
    pub(crate) fn wrapping_key(&self, record: &KeyRecord) -> Result<KmsWrappingKey, Failure> {
        KmsWrappingKey::new(arn(record.id), self.key(record)?).map_err(|error| {
            Failure::from(error).hint("Files are encrypted under SYMMETRIC_DEFAULT keys: `kms key create` makes one.")
        })
    }

    /// Makes a key.
    pub(crate) fn create(&self, spec: KeySpec, usage: KeyUsage) -> Result<KeyId, Failure> {
        let id = KeyId::random(&SystemRandom)?;
        self.keyring.create(&Keyring::locator(id.into()), spec, usage, &Call::default())?;
        Ok(id)
    }

    /// Gives a new key its alias and description; without them, the key goes again.
    pub(crate) fn named(&self, id: KeyId, alias: Option<&str>, about: Option<&str>) -> Result<KeyRecord, Failure> {
        let call = Call::default();
        let describe = || about.map_or(Ok(()), |text| self.keyring.set_description(id, text, &call));
        let done = alias.map_or(Ok(()), |alias| self.keyring.add_alias(alias, id, &call)).and_then(|()| describe());
        if let Err(error) = done {
            self.keyring.destroy(&Keyring::locator(id.into()), &call)?;
            return Err(error.into());
        }
        self.keyring.record(id).ok_or_else(|| Error::new(ErrorKind::Internal).into())
    }
}

/// `alias/NAME` for both forms that users give.
pub(crate) fn alias(name: &str) -> String {
    if name.starts_with("alias/") { name.to_owned() } else { format!("alias/{name}") }
}

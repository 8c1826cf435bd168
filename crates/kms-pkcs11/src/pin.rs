//! Where the PIN of a token comes from.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use cryptoki::types::AuthPin;
use kms_core::{Error, ErrorKind, Secret};

/// The longest PIN that is read, in bytes.
const MAX_PIN: usize = 1024;

/// A function that asks someone for the PIN of the token with the given label.
pub type AskPin = dyn Fn(&str) -> Result<Secret, Error> + Send + Sync;

/// Where the PIN of a token is. It is read each time the token wants a login, so that a changed PIN needs no restart,
/// and wiped after it.
#[derive(Clone)]
#[non_exhaustive]
pub enum PinSource {
    /// The first line of a file that only its owner can read (mode 0600 or less).
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// Someone is asked: on the first login, and again when a login is lost.
    Ask(Arc<AskPin>),
    /// The token asks for it itself, on a keypad of its own (CKF_PROTECTED_AUTHENTICATION_PATH).
    Keypad,
}

impl PinSource {
    /// The PIN; `None` if the token asks for it itself.
    pub(crate) fn read(&self, token: &str) -> Result<Option<AuthPin>, Error> {
        let secret = match self {
            Self::File(path) => read_file(path)?,
            Self::Environment(name) => match std::env::var(name) {
                Ok(text) => Secret::from(text.into_bytes()),
                Err(_) => {
                    return Err(Error::with_detail(
                        ErrorKind::Unauthorized,
                        format!("the environment variable {name} holds no PIN"),
                    ));
                }
            },
            Self::Ask(ask) => ask(token)?,
            Self::Keypad => return Ok(None),
        };
        let text = core::str::from_utf8(secret.expose())
            .map_err(|_| Error::with_detail(ErrorKind::Unauthorized, "the PIN is not UTF-8"))?;
        Ok(Some(AuthPin::from(text)))
    }
}

fn read_file(path: &Path) -> Result<Secret, Error> {
    use std::io::Read;
    let about = |error: std::io::Error| {
        Error::with_detail(ErrorKind::Unauthorized, format!("the PIN file {}: {error}", path.display()))
    };
    let mut file = std::fs::File::open(path).map_err(about)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = file.metadata().map_err(about)?.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(Error::with_detail(
                ErrorKind::Unauthorized,
                format!("the PIN file {} is open to others (mode {mode:04o}): chmod 600", path.display()),
            ));
        }
    }
    let mut bytes = Secret::zeroed(MAX_PIN);
    let mut len = 0;
    while let Some(free) = bytes.expose_mut().get_mut(len..).filter(|free| !free.is_empty()) {
        match file.read(free).map_err(about)? {
            0 => break,
            read => len += read,
        }
    }
    let filled = bytes.expose().get(..len).unwrap_or_default();
    let line = filled.split(|&byte| byte == b'\n').next().unwrap_or_default();
    Ok(Secret::copy_from(line.strip_suffix(b"\r").unwrap_or(line)))
}

impl FromStr for PinSource {
    type Err = Error;

    /// `file:/PATH`, an absolute path, `env:NAME` or `keypad:`.
    fn from_str(text: &str) -> Result<Self, Error> {
        if let Some(path) = text.strip_prefix("file:") {
            let path = path.strip_prefix("//").filter(|rest| rest.starts_with('/')).unwrap_or(path);
            return Ok(Self::File(path.into()));
        }
        match text.strip_prefix("env:") {
            Some(name) if !name.is_empty() && !name.contains(['=', '\0']) => Ok(Self::Environment(name.into())),
            _ if text.starts_with('/') => Ok(Self::File(text.into())),
            _ if text == "keypad:" => Ok(Self::Keypad),
            // The text may be a PIN: it is not repeated.
            _ => Err(Error::invalid_input("a pin-source is file:/PATH, env:NAME or keypad:")),
        }
    }
}

impl fmt::Display for PinSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Environment(name) => write!(f, "env:{name}"),
            Self::Ask(_) => f.write_str("ask:"),
            Self::Keypad => f.write_str("keypad:"),
        }
    }
}

impl fmt::Debug for PinSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PinSource({self})")
    }
}

impl PartialEq for PinSource {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File(a), Self::File(b)) => a == b,
            (Self::Environment(a), Self::Environment(b)) => a == b,
            (Self::Ask(a), Self::Ask(b)) => Arc::ptr_eq(a, b),
            (Self::Keypad, Self::Keypad) => true,
            _ => false,
        }
    }
}

impl Eq for PinSource {}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pin");
        std::fs::write(&path, "1234\nrest").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let error = PinSource::File(path.clone()).read("t").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
        assert!(error.to_string().contains("0644") && !error.to_string().contains("1234"), "{error}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(read_file(&path).unwrap().expose(), b"1234");
        assert!(!format!("{:?}", PinSource::File(path).read("t").unwrap()).contains("1234"));
    }
}

//! What the command says when it fails, and the exit status it fails with.

use std::fmt;
use std::io;

use kms_core::{Error, ErrorKind};
use kms_service::{Exception, KmsError};

use crate::report::printable;

/// The exit statuses; `kms help` and the man page list them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Status {
    /// Files, pipes, the system.
    Failed = 1,
    /// The arguments are wrong. What clap answers, too.
    Usage = 2,
    /// The input is not what it should be: damaged, forged, cut off, in another context.
    Refused = 3,
    /// The key, or what opens the keyring, is not there or not the right one.
    Key = 4,
    /// The output is there already.
    Exists = 5,
    /// What a shell shows for a program that SIGINT ended.
    Interrupted = 130,
}

/// The text for the exit statuses in the help.
pub(crate) const STATUSES: &str = "\
Exit status:
  0    done
  1    a file, a pipe or the system failed
  2    the arguments are wrong
  3    the input was refused: damaged, forged, cut off, or bound to another context
  4    no key for this: it is not there, its state or policy forbids it, or the keyring or the HSM cannot be opened
  5    the output exists already (--force replaces it)
  130  interrupted";

/// A failure, with what to try next.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: Status,
    /// The file or key that it is about.
    subject: Option<String>,
    message: String,
    hint: Option<String>,
    /// Nobody reads our output any more: not worth a word.
    pub(crate) silent: bool,
}

impl Failure {
    pub(crate) fn new(status: Status, message: impl Into<String>) -> Self {
        Self { status, subject: None, message: message.into(), hint: None, silent: false }
    }

    /// A failure of which the user has been told already.
    pub(crate) fn reported(status: Status) -> Self {
        Self { silent: true, ..Self::new(status, "") }
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The same, of something that was read: what this version does not know there is no fault of the arguments.
    pub(crate) fn of_input(mut self) -> Self {
        if self.status == Status::Usage {
            self.status = Status::Refused;
        }
        self
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Status::Usage, message)
    }

    /// What to try next; each line of it is shown as one.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The failure of an error, with what to try if it is of this kind.
    pub(crate) fn hinting(error: Error, kind: ErrorKind, hint: impl Into<String>) -> Self {
        let fits = error.kind() == kind;
        let failure = Self::from(error);
        if fits { failure.hint(hint) } else { failure }
    }

    /// Says what the failure is about: a file, a key. The first to say so knows best.
    pub(crate) fn about(mut self, subject: impl fmt::Display) -> Self {
        self.subject.get_or_insert_with(|| subject.to_string());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kms: ")?;
        if let Some(subject) = &self.subject {
            write!(f, "{}: ", printable(subject))?;
        }
        f.write_str(&printable(&self.message))?;
        for line in self.hint.iter().flat_map(|hint| hint.lines()) {
            write!(f, "\n     {}", printable(line.trim_start()))?;
        }
        Ok(())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        use std::error::Error as _;
        let status = match error.kind() {
            ErrorKind::InvalidInput | ErrorKind::Unsupported => Status::Usage,
            ErrorKind::Malformed | ErrorKind::Refused | ErrorKind::Rejected => Status::Refused,
            ErrorKind::IncorrectKey
            | ErrorKind::NoMatchingKey
            | ErrorKind::KeyUnavailable
            | ErrorKind::Unauthorized => Status::Key,
            _ => Status::Failed,
        };
        let io = error.source().and_then(|source| source.downcast_ref::<io::Error>());
        if let (ErrorKind::Io, Some(io)) = (error.kind(), io) {
            let message = error.detail().map_or_else(|| io.to_string(), |detail| format!("{detail}: {io}"));
            let status = if io.kind() == io::ErrorKind::Interrupted { Status::Interrupted } else { status };
            return Self { silent: io.kind() == io::ErrorKind::BrokenPipe, ..Self::new(status, message) };
        }
        // Where the detail is a sentence, the kind before it says nothing more.
        let kinds = [
            ErrorKind::IncorrectKey,
            ErrorKind::InvalidInput,
            ErrorKind::KeyUnavailable,
            ErrorKind::Unauthorized,
            ErrorKind::Refused,
        ];
        let mut message = match error.detail() {
            Some(detail) if kinds.contains(&error.kind()) => detail.to_owned(),
            _ => error.to_string(),
        };
        if let Some(source) = error.source() {
            message = format!("{message}: {source}");
        }
        Self::new(status, message)
    }
}

/// What a request was answered with.
impl From<KmsError> for Failure {
    fn from(error: KmsError) -> Self {
        use Exception as E;
        let status = match error.exception() {
            E::NotFound
            | E::AccessDenied
            | E::NotAuthorized
            | E::Disabled
            | E::KMSInvalidState
            | E::KeyUnavailable
            | E::InvalidGrantToken => Status::Key,
            E::InvalidCiphertext
            | E::IncorrectKey
            | E::IncorrectKeyMaterial
            | E::KMSInvalidSignature
            | E::KMSInvalidMac => Status::Refused,
            E::KMSInternal | E::DependencyTimeout | E::Throttling => Status::Failed,
            _ => Status::Usage,
        };
        let message = error.message().map_or_else(|| error.exception().to_string(), str::to_owned);
        let Some(cause) = error.cause() else { return Self::new(status, message) };
        use std::error::Error as _;
        let cause = match cause.source() {
            Some(source) if !cause.to_string().contains(&source.to_string()) => format!("{cause}: {source}"),
            _ => cause.to_string(),
        };
        // An exception without a text of its own says less than what lies behind it.
        match error.message() {
            Some(_) => Self::new(status, format!("{message} ({cause})")),
            None => Self::new(status, cause),
        }
    }
}

/// The same, as what a backend says of a key: for messages, which know nothing of requests.
pub(crate) fn backend_error(error: &KmsError) -> Error {
    use Exception as E;
    let kind = match error.exception() {
        E::InvalidCiphertext => return Error::rejected(),
        E::IncorrectKey => ErrorKind::IncorrectKey,
        E::AccessDenied | E::NotAuthorized => ErrorKind::Unauthorized,
        E::NotFound | E::Disabled | E::KMSInvalidState | E::KeyUnavailable => ErrorKind::KeyUnavailable,
        E::InvalidKeyUsage | E::UnsupportedOperation => ErrorKind::Unsupported,
        E::Validation => ErrorKind::InvalidInput,
        E::DependencyTimeout | E::Throttling => ErrorKind::Busy,
        _ => ErrorKind::Io,
    };
    let failure = Failure::from(error.clone());
    Error::with_detail(kind, failure.message)
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Error::from(error).into()
    }
}

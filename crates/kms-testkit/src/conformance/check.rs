//! How a check says what it saw.

use std::error::Error as _;

use kms_core::{Error, ErrorKind};

/// What happened instead of what should have.
#[derive(Debug)]
pub(super) struct Fault(pub(super) String);

pub(super) type Outcome = Result<(), Fault>;

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self(format!("{error:?}"))
    }
}

impl From<String> for Fault {
    fn from(what: String) -> Self {
        Self(what)
    }
}

impl From<&str> for Fault {
    fn from(what: &str) -> Self {
        Self(what.into())
    }
}

impl Fault {
    /// The same, with where it happened in front.
    pub(super) fn at(self, place: impl std::fmt::Display) -> Self {
        Self(format!("{place}: {}", self.0))
    }
}

/// Adds where it happened to whatever went wrong.
pub(super) trait At<T> {
    fn at(self, place: impl std::fmt::Display) -> Result<T, Fault>;
}

impl<T, E: Into<Fault>> At<T> for Result<T, E> {
    fn at(self, place: impl std::fmt::Display) -> Result<T, Fault> {
        self.map_err(|fault| fault.into().at(place))
    }
}

/// Holds if `condition` does.
pub(super) fn ensure(condition: bool, otherwise: impl Into<Fault>) -> Outcome {
    if condition { Ok(()) } else { Err(otherwise.into()) }
}

/// Holds if the answer is an error of one of `kinds`.
///
/// Such an answer is about the input, so it is final: not one that may have run all the same. A rejection says nothing
/// beyond its kind.
pub(super) fn refused<T>(answer: Result<T, Error>, kinds: &[ErrorKind]) -> Outcome {
    let error = match answer {
        Ok(_) => return Err(format!("accepted; expected {kinds:?}").into()),
        Err(error) => error,
    };
    ensure(kinds.contains(&error.kind()), format!("{error:?}; expected {kinds:?}"))?;
    ensure(!error.may_have_run(), format!("a refusal that says it may have run: {error:?}"))?;
    let silent = error.detail().is_none() && error.source().is_none();
    ensure(error.kind() != ErrorKind::Rejected || silent, format!("a rejection that says why: {error:?}"))
}

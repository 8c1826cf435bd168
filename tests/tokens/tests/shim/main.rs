//! Each rule of the shim does what it says, before SoftHSM.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod errors;
mod objects;
mod programs;
mod sessions;
mod time;
mod token;

use core::fmt::Debug;

use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, ObjectHandle};
use cryptoki::session::{Session, SessionState};
use cryptoki::slot::Slot;
use test_tokens::{Bare, Shim, softhsm};

fn shim() -> Shim {
    Shim::over(softhsm())
}

/// A fresh key for HMACs, kept on the token.
fn generate(session: &Session, id: &[u8]) -> Result<ObjectHandle, Error> {
    let template = [
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sign(true),
        Attribute::Id(id.to_vec()),
        Attribute::ValueLen(32.into()),
    ];
    session.generate_key(&Mechanism::GenericSecretKeyGen, &template)
}

fn find(session: &Session, id: &[u8]) -> Result<Vec<ObjectHandle>, Error> {
    session.find_objects(&[Attribute::Id(id.to_vec())])
}

fn sign(session: &Session, key: ObjectHandle) -> Result<Vec<u8>, Error> {
    session.sign(&Mechanism::Sha256Hmac, key, b"message")
}

fn state(session: &Session) -> Result<SessionState, Error> {
    session.get_session_info().map(|info| info.session_state())
}

fn slots(bare: &Bare) -> Result<Vec<Slot>, Error> {
    bare.pkcs11.get_slots_with_token()
}

/// The code that a call has ended with.
#[track_caller]
fn refusal<T: Debug>(outcome: Result<T, Error>) -> RvError {
    match outcome {
        Err(Error::Pkcs11(code, _)) => code,
        other => panic!("not refused: {other:?}"),
    }
}

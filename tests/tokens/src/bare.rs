//! A token through `cryptoki` and nothing else.

use cryptoki::context::Pkcs11;
use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;

use crate::process;
use crate::token::Token;

/// An open token. The login lasts as long as this process has a session on it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Bare {
    /// A read-write session, logged in as the user.
    pub session: Session,
    /// The slot that the token is in.
    pub slot: Slot,
    /// The module, initialised.
    pub pkcs11: Pkcs11,
}

impl Bare {
    pub(crate) fn open(token: &Token) -> Self {
        token.enter();
        Self::try_open(token)
            .unwrap_or_else(|error| panic!("{} ({}): {error}", token.label(), token.module().display()))
    }

    fn try_open(token: &Token) -> Result<Self, Error> {
        let pkcs11 = Pkcs11::new(token.module())?;
        match process::initialize(&pkcs11, token.reserved()) {
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(error) => return Err(error),
        }
        let slot = slot(&pkcs11, token.label())?;
        let session = pkcs11.open_rw_session(slot)?;
        match session.login(UserType::User, Some(&AuthPin::from(token.pin()))) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
            Err(error) => return Err(error),
        }
        Ok(Self { session, slot, pkcs11 })
    }
}

fn slot(pkcs11: &Pkcs11, label: &str) -> Result<Slot, Error> {
    let slots = pkcs11.get_slots_with_token()?;
    for slot in &slots {
        if pkcs11.get_token_info(*slot)?.label() == label {
            return Ok(*slot);
        }
    }
    panic!("no token {label} in the {} slots of the module", slots.len())
}

//! Wrapping keys under a key of the token: which mechanism, and the two calls.

use cryptoki::object::{Attribute, ObjectHandle};
use cryptoki_sys::{CK_MECHANISM_TYPE, CKM_AES_KEY_WRAP, CKM_AES_KEY_WRAP_KWP, CKM_AES_KEY_WRAP_PAD};
use kms_core::{Error, ErrorKind};

use crate::fault::Fault;
use crate::token::Attempt;

/// The longest wrapped key, in bytes: RSA-4096 in PKCS#8 has under 2,400.
const MAX_WRAPPED: usize = 4096;

/// How keys are wrapped. The number is in the records of wrapped keys: it never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WrapMechanism {
    /// AES key wrap with padding, RFC 5649 (CKM_AES_KEY_WRAP_KWP): keys of any length.
    Kwp,
    /// The same under the number that SoftHSM has for it (CKM_AES_KEY_WRAP_PAD). Elsewhere that is another padding.
    KwpAsPad,
    /// AES key wrap, RFC 3394 (CKM_AES_KEY_WRAP): keys whose length is a multiple of eight bytes.
    Kw,
}

impl WrapMechanism {
    /// In the order they are tried.
    pub(crate) const ALL: [Self; 3] = [Self::Kwp, Self::KwpAsPad, Self::Kw];

    pub(crate) const fn number(self) -> CK_MECHANISM_TYPE {
        match self {
            Self::Kwp => CKM_AES_KEY_WRAP_KWP,
            Self::KwpAsPad => CKM_AES_KEY_WRAP_PAD,
            Self::Kw => CKM_AES_KEY_WRAP,
        }
    }

    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Kwp => 1,
            Self::KwpAsPad => 2,
            Self::Kw => 3,
        }
    }

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.code() == code)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Kwp => "CKM_AES_KEY_WRAP_KWP",
            Self::KwpAsPad => "CKM_AES_KEY_WRAP_PAD (as RFC 5649)",
            Self::Kw => "CKM_AES_KEY_WRAP",
        }
    }
}

impl Attempt<'_> {
    /// A key of the token, wrapped.
    pub(crate) fn wrap(
        &self,
        mechanism: WrapMechanism,
        under: ObjectHandle,
        key: ObjectHandle,
    ) -> Result<Vec<u8>, Fault> {
        let mut wrapped = vec![0; MAX_WRAPPED];
        let len = self.raw.wrap(self.session, mechanism.number(), under, key, &mut wrapped)?;
        wrapped.truncate(len);
        if wrapped.is_empty() {
            return Err(Error::with_detail(ErrorKind::Internal, "the token wrapped a key into nothing").into());
        }
        Ok(wrapped)
    }

    /// A wrapped key as an object of this session.
    pub(crate) fn unwrap(
        &self,
        mechanism: WrapMechanism,
        under: ObjectHandle,
        wrapped: &[u8],
        template: &[Attribute],
    ) -> Result<ObjectHandle, Fault> {
        Ok(self.raw.unwrap(self.session, mechanism.number(), under, wrapped, template)?)
    }
}

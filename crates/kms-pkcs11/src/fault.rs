//! What a return code means: the one table.

use cryptoki::context::Function;
use cryptoki::error::{Error as Pkcs11Error, RvError};
use kms_core::{Error, ErrorKind};

/// What to do about a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// The session is gone, or in a state that nothing but closing ends: take another.
    Session,
    /// The login is gone, and the private objects' handles with it: connect anew.
    Login,
    /// The object's handle is not valid: find the key again.
    Handle,
    /// The token or the module is gone: initialise the module anew.
    Module,
    /// The token is not there, or not ready, and has not been since the module was first asked: look again with the
    /// module initialised anew, a few times. Another process may be writing to it just now.
    Absent,
    /// Either the input is bad or the device: which of the two cannot be seen from the code.
    Doubt,
    /// Too much at once: wait.
    Wait,
    /// The caller's input did not verify.
    Refusal,
    /// Nothing helps.
    None,
}

/// A failed call: what to do, and what to say if that does not help.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) remedy: Remedy,
    pub(crate) error: Error,
}

/// The only place that knows return codes. A code means one thing where the input is ours, and may mean another in a
/// function that was given a stranger's ciphertext; that difference is the caller's to make, by [`Remedy::Doubt`].
const fn remedy(code: RvError) -> (Remedy, ErrorKind) {
    use RvError as R;
    match code {
        R::SessionHandleInvalid | R::SessionClosed | R::OperationActive | R::OperationNotInitialized => {
            (Remedy::Session, ErrorKind::Disconnected)
        }
        R::UserNotLoggedIn => (Remedy::Login, ErrorKind::Disconnected),
        // That the key is gone is for the search to say: a handle may be bad although its object is there.
        R::ObjectHandleInvalid | R::KeyHandleInvalid | R::WrappingKeyHandleInvalid | R::UnwrappingKeyHandleInvalid => {
            (Remedy::Handle, ErrorKind::Disconnected)
        }
        R::CryptokiNotInitialized
        | R::DeviceRemoved
        | R::TokenNotPresent
        | R::TokenNotRecognized
        | R::SlotIdInvalid => (Remedy::Module, ErrorKind::Disconnected),
        R::DeviceError | R::GeneralError | R::FunctionFailed | R::FunctionCanceled => {
            (Remedy::Doubt, ErrorKind::Disconnected)
        }
        R::SessionCount | R::HostMemory | R::DeviceMemory => (Remedy::Wait, ErrorKind::Busy),
        R::PinIncorrect | R::PinInvalid | R::PinLenRange | R::PinExpired | R::PinLocked | R::UserPinNotInitialized => {
            (Remedy::None, ErrorKind::Unauthorized)
        }
        R::EncryptedDataInvalid
        | R::EncryptedDataLenRange
        | R::WrappedKeyInvalid
        | R::WrappedKeyLenRange
        | R::SignatureInvalid
        | R::SignatureLenRange
        | R::DataInvalid
        | R::DataLenRange => (Remedy::Refusal, ErrorKind::Internal),
        R::MechanismInvalid
        | R::MechanismParamInvalid
        | R::KeyTypeInconsistent
        | R::KeyFunctionNotPermitted
        | R::KeySizeRange
        | R::FunctionNotSupported
        | R::CurveNotSupported
        | R::AttributeTypeInvalid
        | R::AttributeValueInvalid
        | R::TemplateIncomplete
        | R::TemplateInconsistent
        | R::DomainParamsInvalid
        | R::TokenWriteProtected
        | R::KeyUnextractable
        | R::KeyNotWrappable => (Remedy::None, ErrorKind::Unsupported),
        _ => (Remedy::None, ErrorKind::Internal),
    }
}

/// `CKR_DEVICE_ERROR` for `DeviceError`.
fn code_name(code: RvError) -> String {
    let mut name = String::from("CKR");
    for letter in format!("{code:?}").chars() {
        if letter.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

/// Which call answered what: `C_Sign answered CKR_DEVICE_ERROR`.
pub(crate) fn describe(error: &Pkcs11Error) -> String {
    match error {
        Pkcs11Error::Pkcs11(code, function) => format!("{} answered {}", function_name(*function), code_name(*code)),
        other => other.to_string(),
    }
}

fn function_name(function: Function) -> String {
    format!("C_{function:?}")
}

impl From<Pkcs11Error> for Fault {
    fn from(error: Pkcs11Error) -> Self {
        let text = describe(&error);
        let (remedy, kind) = match error {
            Pkcs11Error::Pkcs11(code, _) => remedy(code),
            Pkcs11Error::NotSupported | Pkcs11Error::NullFunctionPointer => (Remedy::None, ErrorKind::Unsupported),
            _ => (Remedy::None, ErrorKind::Internal),
        };
        Self { remedy, error: Error::with_detail(kind, text) }
    }
}

/// An answer that no other attempt would change.
impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self { remedy: Remedy::None, error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_read_as_in_the_standard() {
        let fault = Fault::from(Pkcs11Error::Pkcs11(RvError::SessionHandleInvalid, Function::SignInit));
        assert_eq!(fault.remedy, Remedy::Session);
        assert_eq!(fault.error.detail(), Some("C_SignInit answered CKR_SESSION_HANDLE_INVALID"));
    }

    #[test]
    fn a_wrong_pin_is_never_tried_again() {
        for code in [RvError::PinIncorrect, RvError::PinLocked, RvError::PinExpired, RvError::PinInvalid] {
            let fault = Fault::from(Pkcs11Error::Pkcs11(code, Function::Login));
            assert_eq!((fault.remedy, fault.error.kind()), (Remedy::None, ErrorKind::Unauthorized));
            assert!(!fault.error.is_transient());
        }
    }

    #[test]
    fn a_device_fault_is_never_a_refusal() {
        for code in [RvError::DeviceError, RvError::GeneralError, RvError::FunctionFailed, RvError::DeviceRemoved] {
            let fault = Fault::from(Pkcs11Error::Pkcs11(code, Function::Decrypt));
            assert_eq!(fault.error.kind(), ErrorKind::Disconnected);
        }
    }
}

//! The C interface itself, for what `cryptoki` cannot say or gets wrong. The only place with `unsafe`.
//!
//! - `cryptoki` asks for the size of an output before each operation: three calls where two do, and with AES-GCM on
//!   NSS, which answers that question without the tag, an operation that never succeeds. Here the buffer is large
//!   enough from the start.
//! - Its `wrap_key` returns what the token wrote and the unused rest of the buffer.
//! - It has no name for CKM_AES_KEY_WRAP_KWP, and hides mechanisms that it has no name for.
//! - The parameter that NSS wants at initialisation is a C string.

use std::ffi::{CStr, CString, c_void};
use std::path::Path;
use std::ptr::{NonNull, null_mut};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Function, Pkcs11};
use cryptoki::error::{Error, Result, Rv};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use cryptoki::slot::Slot;
use cryptoki_sys::{
    CK_BYTE, CK_FUNCTION_LIST, CK_MECHANISM, CK_MECHANISM_TYPE, CK_OBJECT_HANDLE, CK_RV, CK_SESSION_HANDLE, CK_ULONG,
};

/// The function list of a module, a second time: `cryptoki` keeps its own to itself. Loading a file that is loaded gives
/// the same instance.
pub(crate) struct Raw {
    functions: CK_FUNCTION_LIST,
    // Keeps the code loaded that `functions` points into.
    _library: cryptoki_sys::Pkcs11,
}

/// A mechanism, with `cryptoki`'s parameters or without any.
#[derive(Debug)]
pub(crate) enum RawMechanism<'a> {
    With(&'a Mechanism<'a>),
    Bare(CK_MECHANISM_TYPE),
}

impl RawMechanism<'_> {
    fn to_c(&self) -> CK_MECHANISM {
        match self {
            Self::With(mechanism) => (*mechanism).into(),
            Self::Bare(mechanism) => CK_MECHANISM { mechanism: *mechanism, pParameter: null_mut(), ulParameterLen: 0 },
        }
    }
}

/// The operations that take bytes and give bytes, in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OneShot {
    Encrypt,
    Decrypt,
    Sign,
}

type Init = unsafe extern "C" fn(CK_SESSION_HANDLE, *mut CK_MECHANISM, CK_OBJECT_HANDLE) -> CK_RV;
type Step = unsafe extern "C" fn(CK_SESSION_HANDLE, *mut CK_BYTE, CK_ULONG, *mut CK_BYTE, *mut CK_ULONG) -> CK_RV;

fn check(rv: CK_RV, function: Function) -> Result<()> {
    match Rv::from(rv) {
        Rv::Ok => Ok(()),
        Rv::Error(error) => Err(Error::Pkcs11(error, function)),
    }
}

impl Raw {
    #[expect(unsafe_code, reason = "loads foreign code and reads the function list it hands out")]
    pub(crate) fn load(path: &Path) -> Result<Self> {
        // SAFETY: loading runs the module's initialisers. That it is a PKCS#11 module that may be run in this process
        // is what the user says by naming it; `cryptoki` has loaded it before.
        let library = unsafe { cryptoki_sys::Pkcs11::new(path) }.map_err(Error::LibraryLoading)?;
        if library.C_GetFunctionList.is_err() {
            return Err(Error::MissingSymbol("C_GetFunctionList"));
        }
        let mut list: *mut CK_FUNCTION_LIST = null_mut();
        // SAFETY: the symbol was found, and `list` is a place for the pointer it writes.
        check(unsafe { library.C_GetFunctionList(&raw mut list) }, Function::GetFunctionList)?;
        let list = NonNull::new(list).ok_or(Error::NullFunctionPointer)?;
        // SAFETY: C_GetFunctionList answered CKR_OK: the pointer is to the module's function list, which lives as
        // long as the library is loaded. It is copied out whole; the version of the list is 2.x in every module, and
        // the functions of 2.40 come first.
        let functions = unsafe { *list.as_ptr() };
        Ok(Self { functions, _library: library })
    }

    /// One cryptographic operation on `input`; the output is written to the beginning of `output`, and its length is
    /// the answer. `output` has to be large enough: that it is not is an error that ends the operation.
    #[expect(unsafe_code, reason = "C_EncryptInit and its siblings")]
    pub(crate) fn one_shot(
        &self,
        operation: OneShot,
        session: &Session,
        mechanism: &RawMechanism<'_>,
        key: ObjectHandle,
        input: &[u8],
        output: &mut [u8],
    ) -> Result<usize> {
        let list = &self.functions;
        let (init, step, init_name, name): (Option<Init>, Option<Step>, _, _) = match operation {
            OneShot::Encrypt => (list.C_EncryptInit, list.C_Encrypt, Function::EncryptInit, Function::Encrypt),
            OneShot::Decrypt => (list.C_DecryptInit, list.C_Decrypt, Function::DecryptInit, Function::Decrypt),
            OneShot::Sign => (list.C_SignInit, list.C_Sign, Function::SignInit, Function::Sign),
        };
        let (Some(init), Some(step)) = (init, step) else { return Err(Error::NullFunctionPointer) };
        let mut mechanism = mechanism.to_c();
        // SAFETY: the session is open for as long as it is borrowed, and used by this thread alone, since it is not
        // `Sync`. The mechanism's parameters are borrowed by `mechanism` for longer than the call.
        check(unsafe { init(session.handle(), &raw mut mechanism, key.handle()) }, init_name)?;
        let mut len: CK_ULONG = output.len().try_into()?;
        // SAFETY: `input` and `output` are valid for their lengths; the module only reads the first, whatever its type
        // in C says. GCM's parameters, which are used in this call, are still borrowed.
        let rv = unsafe {
            step(
                session.handle(),
                input.as_ptr().cast_mut(),
                input.len().try_into()?,
                output.as_mut_ptr(),
                &raw mut len,
            )
        };
        check(rv, name)?;
        written(len, output.len())
    }

    /// C_WrapKey, whose output is written to the beginning of `output`.
    #[expect(unsafe_code, reason = "C_WrapKey")]
    pub(crate) fn wrap(
        &self,
        session: &Session,
        mechanism: CK_MECHANISM_TYPE,
        under: ObjectHandle,
        key: ObjectHandle,
        output: &mut [u8],
    ) -> Result<usize> {
        let wrap = self.functions.C_WrapKey.ok_or(Error::NullFunctionPointer)?;
        let mut mechanism = RawMechanism::Bare(mechanism).to_c();
        let mut len: CK_ULONG = output.len().try_into()?;
        // SAFETY: as in `one_shot`; `output` is valid for the length that is handed over.
        let rv = unsafe {
            wrap(session.handle(), &raw mut mechanism, under.handle(), key.handle(), output.as_mut_ptr(), &raw mut len)
        };
        check(rv, Function::WrapKey)?;
        written(len, output.len())
    }

    /// C_UnwrapKey with a mechanism that `cryptoki` may have no name for.
    #[expect(unsafe_code, reason = "C_UnwrapKey")]
    pub(crate) fn unwrap(
        &self,
        session: &Session,
        mechanism: CK_MECHANISM_TYPE,
        under: ObjectHandle,
        wrapped: &[u8],
        template: &[cryptoki::object::Attribute],
    ) -> Result<ObjectHandle> {
        let unwrap = self.functions.C_UnwrapKey.ok_or(Error::NullFunctionPointer)?;
        let mut mechanism = RawMechanism::Bare(mechanism).to_c();
        let mut template: Vec<cryptoki_sys::CK_ATTRIBUTE> = template.iter().map(Into::into).collect();
        let mut handle: CK_OBJECT_HANDLE = 0;
        // SAFETY: as in `one_shot`; the template's values are borrowed by the caller's attributes for longer than the
        // call, and `handle` is a place for the answer.
        let rv = unsafe {
            unwrap(
                session.handle(),
                &raw mut mechanism,
                under.handle(),
                wrapped.as_ptr().cast_mut(),
                wrapped.len().try_into()?,
                template.as_mut_ptr(),
                template.len().try_into()?,
                &raw mut handle,
            )
        };
        check(rv, Function::UnwrapKey)?;
        // SAFETY: the module has just given this handle for this session.
        Ok(unsafe { ObjectHandle::new_from_raw(handle) })
    }

    /// Every mechanism of the token, those without a name in `cryptoki` among them.
    #[expect(unsafe_code, reason = "C_GetMechanismList")]
    pub(crate) fn mechanisms(&self, slot: Slot) -> Result<Vec<CK_MECHANISM_TYPE>> {
        let list = self.functions.C_GetMechanismList.ok_or(Error::NullFunctionPointer)?;
        let mut count: CK_ULONG = 0;
        // SAFETY: a null list asks for the number, which is written to `count`.
        check(unsafe { list(slot.id(), null_mut(), &raw mut count) }, Function::GetMechanismList)?;
        let mut mechanisms: Vec<CK_MECHANISM_TYPE> = vec![0; count.try_into()?];
        // SAFETY: there is room for `count` mechanisms, and the module is told so.
        check(unsafe { list(slot.id(), mechanisms.as_mut_ptr(), &raw mut count) }, Function::GetMechanismList)?;
        mechanisms.truncate(count.try_into()?);
        Ok(mechanisms)
    }
}

/// A length that a module claims to have written, checked against the room it had.
fn written(len: CK_ULONG, room: usize) -> Result<usize> {
    let len: usize = len.try_into()?;
    if len <= room { Ok(len) } else { Err(Error::InvalidValue) }
}

/// C_Initialize, for several threads, with the string some modules want.
#[expect(unsafe_code, reason = "a pointer to the module's parameter string")]
pub(crate) fn initialize(module: &Pkcs11, parameter: Option<&CStr>) -> Result<()> {
    let flags = CInitializeFlags::OS_LOCKING_OK;
    let pointer = parameter.and_then(|text| NonNull::new(text.as_ptr().cast_mut().cast::<c_void>()));
    let arguments = match pointer {
        // SAFETY: a module that is given this wants a C string there (NSS), and reads it during the call, for which
        // `parameter` is borrowed.
        Some(pointer) => unsafe { CInitializeArgs::new_with_reserved(flags, pointer) },
        None => CInitializeArgs::new(flags),
    };
    module.initialize(arguments)
}

/// A parameter string for C.
pub(crate) fn parameter(text: &str) -> Result<CString> {
    Ok(CString::new(text)?)
}

//! What a process does once for a token: its environment, `C_Initialize`. All `unsafe` code of this crate is here.

use std::collections::BTreeMap;
use std::ffi::{CStr, OsStr, OsString};
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::Result;

use crate::token::Token;

/// What this process is bound to: variables to their values, modules to the directories of their tokens.
static BOUND: Mutex<BTreeMap<OsString, OsString>> = Mutex::new(BTreeMap::new());

#[expect(unsafe_code, reason = "modules are configured by the environment, which std lets no one change safely")]
pub(crate) fn enter(token: &Token) {
    let mut bound = BOUND.lock().unwrap_or_else(PoisonError::into_inner);
    bind(&mut bound, token.module().as_os_str(), token.directory().as_os_str());
    for (name, value) in token.environment() {
        if bind(&mut bound, name.as_ref(), value) {
            // SAFETY: the caller enters before it loads the module, which is what reads this variable, in
            // `C_Initialize`; Rust's own readers share a lock with this call. Nothing else in a test's process (one
            // thread that runs it, one that waits) calls getenv.
            unsafe { std::env::set_var(name, value) };
        }
    }
}

/// Whether the binding is new.
fn bind(bound: &mut BTreeMap<OsString, OsString>, name: &OsStr, value: &OsStr) -> bool {
    match bound.get(name) {
        None => bound.insert(name.to_owned(), value.to_owned()).is_none(),
        Some(old) if old == value => false,
        Some(old) => panic!(
            "this process has entered another token ({} is bound to {}, not to {}), and a PKCS#11 module is configured \
             once in a process: run the tests with `cargo nextest run`, which gives each a process of its own",
            name.display(),
            old.display(),
            value.display()
        ),
    }
}

/// `C_Initialize`, for use from several threads, with `reserved` in `pReserved`.
#[expect(unsafe_code, reason = "cryptoki takes a pointer for `pReserved`")]
pub(crate) fn initialize(pkcs11: &Pkcs11, reserved: Option<&CStr>) -> Result<()> {
    let flags = CInitializeFlags::OS_LOCKING_OK;
    let arguments = match reserved {
        None => CInitializeArgs::new(flags),
        // SAFETY: the only module that is given one, NSS, takes it for a string, which lives until the call is over.
        Some(text) => unsafe { CInitializeArgs::new_with_reserved(flags, NonNull::from(text).cast()) },
    };
    pkcs11.initialize(arguments)
}

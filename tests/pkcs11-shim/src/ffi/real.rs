//! The real module.

use std::ffi::OsStr;
use std::ptr;

use cryptoki_sys::{CK_FUNCTION_LIST, CKR_FUNCTION_NOT_SUPPORTED, CKR_OK, CKR_USER_NOT_LOGGED_IN, Pkcs11};

use crate::codes::code_name;
use crate::engine::Effect;
use crate::fatal;

/// A module, loaded for as long as this value is there.
pub(super) struct Real {
    functions: CK_FUNCTION_LIST,
    _library: Pkcs11,
}

impl Real {
    pub(super) fn load(path: &OsStr) -> Result<Self, String> {
        let failed = |what: &str| format!("{}: {what}", path.display());
        // SAFETY: the tests name a PKCS#11 module, whose load and unload functions may run in any process.
        let library = unsafe { Pkcs11::new(path) }.map_err(|error| failed(&error.to_string()))?;
        if let Err(error) = &library.C_GetFunctionList {
            return Err(failed(&error.to_string()));
        }
        let mut functions = ptr::null_mut();
        // SAFETY: the symbol is there, and the pointer is to a place for its answer.
        let answer = unsafe { library.C_GetFunctionList(&raw mut functions) };
        // SAFETY: after CKR_OK it is the module's list, which lives as long as the module is loaded.
        match unsafe { functions.as_ref() } {
            Some(functions) if answer == CKR_OK => Ok(Self { functions: *functions, _library: library }),
            _ => Err(failed(&format!("C_GetFunctionList: {}", code_name(answer)))),
        }
    }

    pub(super) fn functions(&self) -> &CK_FUNCTION_LIST {
        &self.functions
    }

    /// Does to the program's sessions what a token does by itself.
    pub(super) fn perform(&self, effect: Effect) {
        let (answer, fine) = match effect {
            Effect::CloseAllSessions(slot) => match self.functions.C_CloseAllSessions {
                // SAFETY: takes a number, which may be any.
                Some(function) => (unsafe { function(slot) }, [CKR_OK, CKR_OK]),
                None => (CKR_FUNCTION_NOT_SUPPORTED, [CKR_OK, CKR_OK]),
            },
            Effect::LogOut(session) => match self.functions.C_Logout {
                // SAFETY: takes a number, which may be any.
                Some(function) => (unsafe { function(session) }, [CKR_OK, CKR_USER_NOT_LOGGED_IN]),
                None => (CKR_FUNCTION_NOT_SUPPORTED, [CKR_OK, CKR_OK]),
            },
        };
        if !fine.contains(&answer) {
            fatal(&format!("{effect:?}: {}", code_name(answer)));
        }
    }
}

//! A PKCS#11 module that stands between a program and a real module, and misbehaves on a script.
//!
//! It has the 68 functions of PKCS #11 v2.40 and none of version 3. Each call goes on to the real module unless the
//! script says otherwise. Two variables of the environment, read when the module is loaded, say where it stands:
//!
//! - `KMS_SHIM_MODULE`: the shared object of the real module;
//! - `KMS_SHIM_DIR`: a directory, with the script in the file `script`, which is looked at on every call, and the log
//!   in the file `log`.
//!
//! `test_tokens::shim` sets all this up and has functions for what follows.
//!
//! # The script
//!
//! One rule a line; empty lines and lines that begin with `#` are skipped. A line that is not understood ends the
//! process.
//!
//! ```text
//! NUMBER WHAT [on=FUNCTION] [mechanism=NUMBER] [after=CALLS] [times=CALLS] [until=initialize]
//!
//! 1 fail=CKR_PIN_INCORRECT on=C_Login times=1
//! 2 delay=250 on=C_Sign
//! 3 fail=CKR_DEVICE_ERROR after=10 until=initialize
//! ```
//!
//! The number is the rule's name. What a rule has counted stays with its number, however often the script is written
//! anew, until the process ends. Which calls a rule meets:
//!
//! - `on`: those of this function; without it those of all functions but `C_Initialize`, `C_Finalize` and
//!   `C_GetFunctionList`;
//! - `mechanism`: those that name this `CKM_…`, a decimal or hexadecimal (`0x…`) number;
//! - `after`: it lets as many pass before it strikes for the first time;
//! - `times`: it strikes as often, and never again;
//! - `until=initialize`: once it has struck, the next `C_Initialize` that succeeds ends it.
//!
//! Rules meet a call in the order of their lines, until one has answered it. What a rule does when it strikes:
//!
//! | what | |
//! |---|---|
//! | `fail=CODE` | Answers with the code, a name (`CKR_…`) or a number. The real module sees nothing. |
//! | `lose=CODE` | The real module carries the call out. Its answer is lost: the program gets the code. |
//! | `delay=MILLISECONDS` | The call waits, then goes on. |
//! | `hang` | The call waits until the rule is no longer in the script, then goes on. |
//! | `drop-sessions` | Closes all sessions of the program on the real module, and the login ends with them. |
//! | `log-out` | Logs the program out on the real module, on every token that it has a session with. |
//! | `renumber` | All handles of objects become invalid (`CKR_OBJECT_HANDLE_INVALID`, `CKR_…KEY_HANDLE_INVALID`); the objects have new ones. |
//! | `remove-token` | Slots are empty and calls answer `CKR_TOKEN_NOT_PRESENT` or, in a session, `CKR_DEVICE_REMOVED`. The module learns that the token is back only in `C_Initialize`. |
//! | `limit-sessions=NUMBER` | Meets only `C_OpenSession`, and only while as many sessions are open: `CKR_SESSION_COUNT`. |
//!
//! `drop-sessions`, `log-out` and `renumber` strike once where `times` says nothing else, before the call that they
//! meet; the others as long as they are in the script.
//!
//! Handles inside mechanism parameters are not renumbered.
//!
//! # The log
//!
//! One call a line, when it ends: `FUNCTION CODE`, and behind it the numbers of the rules that struck. A call that
//! hangs has a line `FUNCTION hangs` with the numbers of the rules to wait for at once, and its other line when it is let go.

mod codes;
mod engine;
mod ffi;
mod functions;
mod log;
mod script;

pub use codes::code_name;
pub use script::Rule;

/// Ends the process: a test whose script or module is not what it thinks must not go on to pass.
fn fatal(what: &str) -> ! {
    eprintln!("pkcs11-shim: {what}");
    std::process::abort()
}

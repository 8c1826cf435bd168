//! The C side: what the program calls, and the real module. All `unsafe` code of this crate is in here.
//!
//! The program promises of its arguments what PKCS#11 asks of it, to this module as to the real one. They are handed on
//! as they are, apart from handles of objects.

#![expect(unsafe_code, reason = "a PKCS#11 module is a C library, and calls one")]
#![expect(non_snake_case, reason = "the functions have the names that PKCS#11 gives them")]

mod forwarded;
mod list;
mod real;
mod tracked;
mod view;

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::Duration;
use std::{env, thread};

use cryptoki_sys::{CK_MECHANISM, CK_MECHANISM_TYPE, CK_RV};

use crate::codes::code_name;
use crate::engine::{Call, Engine, Outcome};
use crate::log::Log;
use crate::{fatal, functions};
use real::Real;
use view::View;

/// The module, from when it is loaded until the process ends.
struct Shim {
    real: Real,
    engine: Mutex<Engine>,
    log: Log,
    /// Held for reading by every call into the real module.
    busy: RwLock<()>,
}

fn shim() -> &'static Shim {
    static SHIM: OnceLock<Shim> = OnceLock::new();
    SHIM.get_or_init(|| {
        let variable = |name| env::var_os(name).unwrap_or_else(|| fatal(&format!("the variable {name} is not set")));
        let directory = PathBuf::from(variable("KMS_SHIM_DIR"));
        let log = directory.join("log");
        Shim {
            real: Real::load(variable("KMS_SHIM_MODULE").as_ref()).unwrap_or_else(|error| fatal(&error)),
            engine: Mutex::new(Engine::new(directory.join("script"))),
            log: Log::open(&log).unwrap_or_else(|error| fatal(&format!("{}: {error}", log.display()))),
            busy: RwLock::new(()),
        }
    })
}

impl Shim {
    /// The engine, with the script as it is now.
    fn engine(&self) -> MutexGuard<'_, Engine> {
        let mut engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        engine.refresh().unwrap_or_else(|error| fatal(&error));
        engine
    }

    fn log(&self, function: &str, answer: &str, rules: &[u64]) {
        self.log.append(function, answer, rules).unwrap_or_else(|error| fatal(&format!("the log: {error}")));
    }
}

/// One call of the program: `forward` is how it goes on to the real module, if it does.
fn call(name: &str, mechanism: Option<CK_MECHANISM_TYPE>, forward: impl FnOnce(&'static Shim, View) -> CK_RV) -> CK_RV {
    let shim = shim();
    let Some((function, subject)) = functions::named(name) else { fatal(&format!("no function is called {name}")) };

    let mut engine = shim.engine();
    let quiet = if engine.may_have_effects() {
        drop(engine);
        // Real modules do not survive it when a session is closed that another thread is using.
        let quiet = shim.busy.write().unwrap_or_else(PoisonError::into_inner);
        engine = shim.engine();
        Some(quiet)
    } else {
        None
    };
    let verdict = engine.decide(Call { function, subject, mechanism });
    for effect in &verdict.effects {
        shim.real.perform(*effect);
    }
    drop(engine);
    drop(quiet);

    thread::sleep(verdict.delay);
    if !verdict.hangs.is_empty() {
        shim.log(function, "hangs", &verdict.hangs);
        while shim.engine().has_any(&verdict.hangs) {
            thread::sleep(Duration::from_millis(2));
        }
    }

    let go_on = || {
        let _busy = shim.busy.read().unwrap_or_else(PoisonError::into_inner);
        forward(shim, View { removed: verdict.removed, generation: verdict.generation })
    };
    let answer = match verdict.outcome {
        Outcome::Forward => go_on(),
        Outcome::Answer(code) => code,
        Outcome::Lose(code) => {
            go_on();
            code
        }
    };
    shim.log(function, &code_name(answer), &verdict.rules);
    answer
}

/// The mechanism that a call names.
///
/// # Safety
/// The pointer is null or to a mechanism.
unsafe fn mechanism_type(mechanism: *const CK_MECHANISM) -> Option<CK_MECHANISM_TYPE> {
    // SAFETY: as the caller promises.
    unsafe { mechanism.as_ref() }.map(|mechanism| mechanism.mechanism)
}

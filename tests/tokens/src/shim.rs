//! A token behind a module that misbehaves on a script.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use cryptoki_sys::CK_RV;
use pkcs11_shim::{Rule, code_name};

use crate::programs;
use crate::token::Token;

/// A token behind the module of the crate `pkcs11-shim`, and what a test has told that module to do.
#[derive(Debug)]
pub struct Shim {
    token: Token,
    real: Token,
    script: Mutex<Script>,
    /// How much of the log is forgotten, in bytes.
    forgotten: Mutex<usize>,
}

#[derive(Debug, Default)]
struct Script {
    rules: Vec<(RuleId, Rule)>,
    last: u64,
}

/// One rule of a [`Shim`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RuleId(u64);

/// One call in the log of a [`Shim`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Logged {
    /// The function, `C_…`.
    pub function: String,
    /// The code it ended with, `CKR_…` or `0x…`; nothing while it hangs.
    pub answer: Option<String>,
    /// The rules that struck it.
    pub rules: Vec<RuleId>,
}

impl Shim {
    /// Puts the shim before a token.
    ///
    /// # Panics
    /// If the shim's module is not where cargo puts what the tests depend on, or files cannot be written.
    #[must_use]
    pub fn over(real: Token) -> Self {
        let directory = programs::fresh_directory();
        programs::write(&directory.path().join("log"), "");
        let path = directory.path().to_owned();
        let token = real
            .behind(module(), directory)
            .with_variable("KMS_SHIM_MODULE", real.module())
            .with_variable("KMS_SHIM_DIR", path);
        Self { token, real, script: Mutex::default(), forgotten: Mutex::default() }
    }

    /// The token behind the shim: what a program under test is to use.
    #[must_use]
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// The same token without the shim. In one process, both are one module: initialised, finalised and logged in
    /// together.
    #[must_use]
    pub fn real(&self) -> &Token {
        &self.real
    }

    /// Adds a rule at the end of the script. It holds from the next call on.
    ///
    /// # Panics
    /// If the script cannot be written.
    pub fn add(&self, rule: Rule) -> RuleId {
        self.edit(|script| {
            script.last += 1;
            script.rules.push((RuleId(script.last), rule));
            RuleId(script.last)
        })
    }

    /// Takes a rule away. What hangs on it goes on.
    ///
    /// # Panics
    /// If the script cannot be written.
    pub fn remove(&self, rule: RuleId) {
        self.edit(|script| script.rules.retain(|(id, _)| *id != rule));
    }

    /// Takes all rules away.
    ///
    /// # Panics
    /// If the script cannot be written.
    pub fn clear(&self) {
        self.edit(|script| script.rules.clear());
    }

    fn edit<T>(&self, change: impl FnOnce(&mut Script) -> T) -> T {
        let mut script = lock(&self.script);
        let outcome = change(&mut script);
        let lines: String = script.rules.iter().map(|(id, rule)| format!("{} {rule}\n", id.0)).collect();
        // The module must never see half a script.
        let path = self.token.directory().join("script");
        let new = path.with_extension("new");
        programs::write(&new, &lines);
        fs::rename(&new, &path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        outcome
    }

    /// Forgets the log so far.
    ///
    /// # Panics
    /// If the log cannot be read.
    pub fn forget(&self) {
        let length = self.read().len();
        *lock(&self.forgotten) = length;
    }

    /// The calls since [`forget`](Self::forget), in the order in which they ended; those that hang, or have hung, are
    /// there from when they began to, too.
    ///
    /// # Panics
    /// If the log cannot be read.
    #[must_use]
    pub fn log(&self) -> Vec<Logged> {
        let log = self.read();
        let forgotten = *lock(&self.forgotten);
        log.get(forgotten..).unwrap_or_default().lines().filter_map(Logged::parse).collect()
    }

    fn read(&self) -> String {
        let path = self.token.directory().join("log");
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// How many calls of a function have ended since [`forget`](Self::forget).
    ///
    /// # Panics
    /// If the log cannot be read.
    #[must_use]
    pub fn calls(&self, function: &str) -> usize {
        self.log().iter().filter(|call| call.function == function && call.answer.is_some()).count()
    }

    /// How many calls of a function have ended with this code since
    /// [`forget`](Self::forget).
    ///
    /// # Panics
    /// If the log cannot be read.
    #[must_use]
    pub fn answers(&self, function: &str, code: CK_RV) -> usize {
        let code = code_name(code);
        self.log().iter().filter(|call| call.function == function && call.answer.as_ref() == Some(&code)).count()
    }

    /// How many calls a rule has struck, of those that have ended since [`forget`](Self::forget).
    ///
    /// # Panics
    /// If the log cannot be read.
    #[must_use]
    pub fn strikes(&self, rule: RuleId) -> usize {
        self.log().iter().filter(|call| call.answer.is_some() && call.rules.contains(&rule)).count()
    }

    /// Waits until as many calls hang, or have hung, on a rule.
    ///
    /// # Panics
    /// If that takes more than 30 seconds, or the log cannot be read.
    pub fn wait_until_hanging(&self, rule: RuleId, calls: usize) {
        let begin = Instant::now();
        loop {
            let hanging = self.log().iter().filter(|call| call.answer.is_none() && call.rules.contains(&rule)).count();
            if hanging >= calls {
                return;
            }
            assert!(begin.elapsed() < Duration::from_secs(30), "{hanging} calls hang, not {calls}");
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Logged {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let function = words.next()?.to_owned();
        let answer = words.next().filter(|answer| *answer != "hangs").map(str::to_owned);
        let rules = words.filter_map(|word| word.parse().ok().map(RuleId)).collect();
        Some(Self { function, answer, rules })
    }
}

/// The shim's module. This crate depends on it, so cargo has built it, among the dependencies of the program that runs.
fn module() -> PathBuf {
    const FILE: &str = "libpkcs11_shim.so";
    let program = env::current_exe().unwrap_or_else(|error| panic!("the path of this program: {error}"));
    let above = program.ancestors().skip(1).take(2);
    above
        .flat_map(|directory| [directory.join(FILE), directory.join("deps").join(FILE)])
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("no {FILE} near {}", parent(&program).display()))
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

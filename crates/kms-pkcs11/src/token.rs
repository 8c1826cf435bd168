//! A token: found by its label, logged in to once, and reached again when it was lost.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cryptoki::context::Pkcs11;
use cryptoki::error::{Error as Pkcs11Error, RvError};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::{Limit, Slot, TokenInfo};
use cryptoki::types::AuthPin;
use kms_core::{Call, Error, ErrorKind};
use parking_lot::Mutex;

use crate::fault::{Fault, Remedy, describe};
use crate::module::Module;
use crate::pin::PinSource;
use crate::raw::Raw;
use crate::session::{Connection, lost};
use crate::uri::Uri;
use crate::workers::Workers;

/// How to reach a token.
#[derive(Debug, Clone)]
pub struct TokenOptions {
    uri: Uri,
    pin: Option<PinSource>,
    sessions: usize,
    patience: Duration,
}

impl TokenOptions {
    /// The token that `uri` describes, with the `pin-source` it names. What it says of an object is not looked at.
    #[must_use]
    pub fn new(uri: &Uri) -> Self {
        let uri = uri.without_object();
        let cores = std::thread::available_parallelism().map_or(2, core::num::NonZero::get);
        Self { pin: uri.pin_source.clone(), uri, sessions: 2 * cores + 4, patience: Duration::from_secs(10) }
    }

    /// Where the PIN is, whatever the URI said.
    #[must_use]
    pub fn with_pin(mut self, source: PinSource) -> Self {
        self.pin = Some(source);
        self
    }

    /// The most sessions at a time, beside the one that keeps the login: as many operations run at once. The token's
    /// own limit holds too. Default: two for each core and four.
    #[must_use]
    pub fn with_sessions(mut self, sessions: usize) -> Self {
        self.sessions = sessions.max(1);
        self
    }

    /// How long an operation without a budget tries to reach a token that is gone. Default: 10 seconds.
    #[must_use]
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}

/// A token of a PKCS#11 module: an HSM, a partition of one, a smart card.
///
/// It is found by label, serial number, manufacturer and model, never by slot number, which changes. One login serves
/// all sessions. When a session, the login, the token or its module is lost, the operation that notices makes it good
/// and goes on, within its [budget](Call::budget); the others wait for it. A wrong PIN is tried once and never again
/// by this object, since tokens lock themselves after a few.
///
/// An operation with a budget runs on a thread of its own, so that the deadline holds even if the module never answers;
/// without one it runs on the caller's.
pub struct Token {
    module: Arc<Module>,
    options: TokenOptions,
    state: Mutex<State>,
    workers: Workers,
}

#[derive(Default)]
struct State {
    current: Option<Arc<Connection>>,
    /// The one before, until there is another.
    previous: Option<Arc<Connection>>,
    epochs: u64,
    /// In how many initialisations of the module in a row the token was not there, and the last of them.
    missed: u32,
    missed_in: u64,
    /// The token refused the PIN.
    refused: Option<String>,
}

/// One try of an operation: a session, and what is needed beside it.
#[derive(Clone, Copy)]
pub(crate) struct Attempt<'a> {
    pub(crate) session: &'a Session,
    pub(crate) connection: &'a Arc<Connection>,
    pub(crate) pkcs11: &'a Pkcs11,
    pub(crate) raw: &'a Raw,
    pub(crate) deadline: Instant,
}

/// How often an operation was tried, by what stopped it.
#[derive(Debug, Default)]
struct Tries {
    session: u32,
    login: u32,
    handle: u32,
    doubt: u32,
    module: u32,
    absent: u32,
    wait: u32,
}

/// How often a token that has never been there is looked for again: for a third of a second in all.
const LOOKS: u32 = 5;

impl Token {
    /// Reaches the token and logs in.
    ///
    /// # Errors
    /// `KeyUnavailable` if the module has no such token; `InvalidInput` if it has several; `Unauthorized` if there is
    /// no PIN or the token refuses it; `Disconnected`.
    pub fn connect(module: Arc<Module>, options: TokenOptions) -> Result<Arc<Self>, Error> {
        let workers = Workers::new(options.sessions + 4);
        let token = Arc::new(Self { module, options, state: Mutex::default(), workers });
        token.run(&Call::default(), |_| Ok(()))?;
        Ok(token)
    }

    /// The module.
    #[must_use]
    pub const fn module(&self) -> &Arc<Module> {
        &self.module
    }

    /// What the token is called: a URI without key, query or PIN.
    #[must_use]
    pub fn uri(&self) -> Uri {
        self.options.uri.address()
    }

    /// How many sessions are open, beside the one that keeps the login.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.state.lock().current.as_ref().map_or(0, |current| current.sessions())
    }

    /// Runs `work`, which may be tried several times, with a session.
    pub(crate) fn run<T: Send + 'static>(
        self: &Arc<Self>,
        call: &Call,
        work: impl Fn(Attempt<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Error> {
        match call.budget {
            None => self.try_until(Instant::now() + self.options.patience, &work),
            Some(budget) => {
                let deadline = Instant::now() + budget;
                let token = self.clone();
                self.workers.run(deadline, move || token.try_until(deadline, &work))
            }
        }
    }

    fn try_until<T>(&self, deadline: Instant, work: &dyn Fn(Attempt<'_>) -> Result<T, Fault>) -> Result<T, Error> {
        let mut tries = Tries::default();
        loop {
            let entered = self.module.enter(deadline)?;
            let generation = entered.generation;
            let fault = match self.once(generation, deadline, &tries, work) {
                Ok(done) => return Ok(done),
                Err(fault) => fault,
            };
            drop(entered);
            self.heal(fault, generation, &mut tries, deadline)?;
        }
    }

    fn once<T>(
        &self,
        generation: u64,
        deadline: Instant,
        tries: &Tries,
        work: &dyn Fn(Attempt<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let connection = self.connection(generation, deadline)?;
        let lease = connection.lease(deadline)?;
        let Some(session) = lease.session() else { return Err(Error::new(ErrorKind::Internal).into()) };
        connection.tidy(session);
        let (pkcs11, raw) = (self.module.pkcs11(), self.module.raw());
        let mut outcome = work(Attempt { session, connection: &connection, pkcs11, raw, deadline });
        if connection.superseded() {
            // What it was done with may not have been what it was meant to be done with.
            outcome = Err(lost());
        }
        if let Err(fault) = &outcome {
            match fault.remedy {
                // What the failed try has made goes with its session, which also frees memory.
                Remedy::Session | Remedy::Doubt | Remedy::Module | Remedy::Wait => lease.close(),
                Remedy::Login => {
                    lease.close();
                    self.forget(&connection);
                }
                // What did not verify, and what the token cannot do, says nothing against the session.
                Remedy::Handle | Remedy::Absent | Remedy::Refusal | Remedy::None => {}
            }
            if fault.remedy == Remedy::Session {
                connection.close_idle();
                // Closed sessions came from the pool; when a new one fails too, the one that keeps the login is gone as
                // well.
                if tries.session > 0 {
                    self.forget(&connection);
                }
            }
        }
        outcome
    }

    /// Does what may make the next try succeed, or gives up with the fault's error.
    fn heal(&self, fault: Fault, generation: u64, tries: &mut Tries, deadline: Instant) -> Result<(), Error> {
        let Fault { remedy, error } = fault;
        let (count, most) = match remedy {
            Remedy::Session => (&mut tries.session, 4),
            Remedy::Login => (&mut tries.login, 3),
            Remedy::Handle => (&mut tries.handle, 2),
            Remedy::Doubt => (&mut tries.doubt, 4),
            Remedy::Module => (&mut tries.module, u32::MAX),
            Remedy::Absent => (&mut tries.absent, LOOKS),
            Remedy::Wait => (&mut tries.wait, u32::MAX),
            Remedy::Refusal | Remedy::None => return Err(error),
        };
        *count += 1;
        let count = *count;
        if count > most || Instant::now() >= deadline {
            return Err(error);
        }
        match remedy {
            // Once may be the session's fault; twice is the device's.
            Remedy::Doubt if count >= 2 => {
                pause(count - 2, deadline, &error)?;
                self.module.restart(generation, deadline)?;
            }
            Remedy::Module => {
                // The first thread to get here restarts the module at once. While the token stays away, all wait
                // equally long, those that come later too, and the first of them tries again for all.
                let missed = self.state.try_lock_until(deadline).map_or(0, |state| state.missed);
                let rounds = missed.max(count - 1);
                if rounds > 0 {
                    pause(rounds - 1, deadline, &error)?;
                }
                match self.module.restart(generation, deadline) {
                    // It will be tried again.
                    Err(again) if again.kind() == ErrorKind::Disconnected && Instant::now() < deadline => {
                        pause(count, deadline, &again)?;
                    }
                    done => done?,
                }
            }
            Remedy::Absent => {
                pause(count - 1, deadline, &error)?;
                if !self.module.restart_unused(generation, deadline) {
                    return Err(error);
                }
            }
            Remedy::Wait => pause(count - 1, deadline, &error)?,
            _ => {}
        }
        Ok(())
    }

    fn forget(&self, connection: &Arc<Connection>) {
        let mut state = self.state.lock();
        if state.current.as_ref().is_some_and(|current| current.epoch == connection.epoch) {
            state.previous = state.current.take();
        }
    }

    /// The login there is, or a new one.
    fn connection(&self, generation: u64, deadline: Instant) -> Result<Arc<Connection>, Fault> {
        let mut state = self.state.try_lock_until(deadline).ok_or_else(|| {
            Error::with_detail(ErrorKind::TimedOut, "another thread is waiting for the token to log in")
        })?;
        if let Some(current) = state.current.as_ref().filter(|current| current.generation == generation) {
            return Ok(current.clone());
        }
        if let Some(refused) = &state.refused {
            return Err(Error::with_detail(ErrorKind::Unauthorized, refused.clone()).into());
        }
        let (slot, info) = match self.find(state.epochs > 0) {
            Ok(found) => found,
            Err(fault) => {
                if fault.remedy == Remedy::Module && state.missed_in != generation {
                    state.missed_in = generation;
                    state.missed = state.missed.saturating_add(1);
                }
                return Err(fault);
            }
        };
        if let Some(previous) = state.previous.take().filter(|previous| previous.generation == generation) {
            previous.retire(deadline);
        }
        let keeper = self.module.pkcs11().open_rw_session(slot)?;
        if info.login_required() {
            let pin = self.pin(&info)?;
            if let Err(fault) = log_in(&keeper, pin.as_ref(), &info) {
                if fault.error.kind() == ErrorKind::Unauthorized && fault.remedy == Remedy::None {
                    state.refused = fault.error.detail().map(str::to_owned);
                }
                return Err(fault);
            }
        }
        state.missed = 0;
        state.epochs += 1;
        let limit = match (info.max_session_count(), info.max_rw_session_count()) {
            (Limit::Max(a), Limit::Max(b)) => a.min(b),
            (Limit::Max(one), _) | (_, Limit::Max(one)) => one,
            _ => u64::MAX,
        };
        let limit = usize::try_from(limit.saturating_sub(1)).unwrap_or(usize::MAX).clamp(1, self.options.sessions);
        let (login, module) = (info.login_required(), self.module.in_use());
        let connection = Arc::new(Connection::new(state.epochs, generation, slot, login, module, keeper, limit));
        state.current = Some(connection.clone());
        Ok(connection)
    }

    /// The slot that holds the token.
    fn find(&self, was_there: bool) -> Result<(Slot, TokenInfo), Fault> {
        let pkcs11 = self.module.pkcs11();
        let (mut found, mut others) = (None, Vec::new());
        for slot in pkcs11.get_slots_with_token()? {
            let info = match pkcs11.get_token_info(slot) {
                Ok(info) => info,
                // It was taken out just now.
                Err(Pkcs11Error::Pkcs11(RvError::TokenNotPresent | RvError::TokenNotRecognized, _)) => continue,
                Err(error) => return Err(error.into()),
            };
            if !info.token_initialized() {
                continue;
            }
            if !matches(&self.options.uri, &info) {
                others.push(format!("{:?}", info.label().trim_end()));
            } else if found.replace((slot, info)).is_some() {
                return Err(Error::invalid_input(format!(
                    "more than one token is {}: add its serial number",
                    self.options.uri.address()
                ))
                .into());
            }
        }
        found.ok_or_else(|| {
            others.truncate(10);
            let there = if others.is_empty() { "none".into() } else { others.join(", ") };
            Fault {
                // A token that was there comes back only to a module that is initialised anew.
                remedy: if was_there { Remedy::Module } else { Remedy::Absent },
                error: Error::with_detail(
                    if was_there { ErrorKind::Disconnected } else { ErrorKind::KeyUnavailable },
                    format!("no token is {}; tokens there: {there}", self.options.uri.address()),
                ),
            }
        })
    }

    /// The PIN, or nothing where the device asks for it itself.
    fn pin(&self, info: &TokenInfo) -> Result<Option<AuthPin>, Error> {
        let label = info.label().trim_end();
        match &self.options.pin {
            Some(source) => source.read(label),
            None if info.protected_authentication_path() => Ok(None),
            None => Err(Error::with_detail(
                ErrorKind::Unauthorized,
                format!("the token {label:?} wants a PIN: name a file with it, pin-source=file:/PATH"),
            )),
        }
    }
}

fn log_in(session: &Session, pin: Option<&AuthPin>, info: &TokenInfo) -> Result<(), Fault> {
    let error = match session.login(UserType::User, pin) {
        Ok(()) | Err(Pkcs11Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => return Ok(()),
        Err(error) => error,
    };
    let (kind, label) = (ErrorKind::Unauthorized, info.label().trim_end());
    let text = describe(&error);
    if matches!(error, Pkcs11Error::Pkcs11(RvError::UserPinNotInitialized, _)) {
        let error = Error::with_detail(kind, format!("{text}: the token {label:?} was never given a user PIN"));
        return Err(Fault { remedy: Remedy::Absent, error });
    }
    let mut fault = Fault::from(error);
    if fault.error.kind() == kind {
        fault.error = Error::with_detail(
            kind,
            format!(
                "{text}: the token {label:?} refuses the PIN. It was tried once; most tokens lock themselves after a \
                 few wrong ones"
            ),
        );
    }
    Err(fault)
}

fn matches(uri: &Uri, info: &TokenInfo) -> bool {
    let is = |wanted: &Option<String>, said: &str| wanted.as_ref().is_none_or(|wanted| wanted == said.trim_end());
    is(&uri.token, info.label())
        && is(&uri.serial, info.serial_number())
        && is(&uri.manufacturer, info.manufacturer_id())
        && is(&uri.model, info.model())
}

/// Waits 10 ms, doubled each time, to half a second; gives up with `error` when the deadline is nearer.
fn pause(times: u32, deadline: Instant, error: &Error) -> Result<(), Error> {
    let wait = Duration::from_millis(10 << times.min(6)).min(Duration::from_millis(500));
    let left = deadline.saturating_duration_since(Instant::now());
    if wait >= left {
        let text = error.detail().unwrap_or_default().to_owned();
        return Err(Error::with_detail(error.kind(), text));
    }
    std::thread::sleep(wait);
    Ok(())
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("uri", &self.options.uri).field("module", &self.module).finish_non_exhaustive()
    }
}

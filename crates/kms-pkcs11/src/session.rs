//! Sessions: a bounded number of them to one token, under one login.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cryptoki::error::{Error as Pkcs11Error, RvError};
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use cryptoki::slot::Slot;
use kms_core::{Error, ErrorKind};
use parking_lot::{Condvar, MappedMutexGuard, Mutex, MutexGuard};

use crate::fault::{Fault, Remedy};
use crate::module::InUse;

/// How long a new connection waits for the calls of the one before it.
const QUIET: Duration = Duration::from_secs(1);

/// What is said to whoever meets a connection that has ended.
pub(crate) fn lost() -> Fault {
    let error = Error::with_detail(ErrorKind::Disconnected, "the connection to the token was lost and made anew");
    Fault { remedy: Remedy::Session, error }
}

/// One login to a token, and all that dies with it: sessions, session objects, handles.
pub(crate) struct Connection {
    /// Tells it from every other of its token: a handle is good in the connection it was found in, and in no other.
    pub(crate) epoch: u64,
    /// The initialisation of the module that it is of.
    pub(crate) generation: u64,
    pub(crate) slot: Slot,
    /// Whether the token wanted a login.
    pub(crate) logged_in: bool,
    module: InUse,
    /// Keeps the login, which a token forgets with its last session, and owns the session objects that are keys.
    keeper: Mutex<Option<Session>>,
    pool: Mutex<Pool>,
    returned: Condvar,
    /// Session objects that nobody uses any more.
    litter: Mutex<Vec<ObjectHandle>>,
    /// There is another connection, whose sessions and objects may have the numbers of those here.
    superseded: AtomicBool,
}

struct Pool {
    /// No session is given out any more.
    closed: bool,
    idle: Vec<Session>,
    open: usize,
    limit: usize,
}

impl Connection {
    pub(crate) fn new(
        epoch: u64,
        generation: u64,
        slot: Slot,
        logged_in: bool,
        module: InUse,
        keeper: Session,
        limit: usize,
    ) -> Self {
        Self {
            epoch,
            generation,
            slot,
            logged_in,
            module,
            keeper: Mutex::new(Some(keeper)),
            pool: Mutex::new(Pool { closed: false, idle: Vec::new(), open: 0, limit }),
            returned: Condvar::new(),
            litter: Mutex::default(),
            superseded: AtomicBool::new(false),
        }
    }

    /// A session for one operation.
    pub(crate) fn lease(&self, deadline: Instant) -> Result<Lease<'_>, Fault> {
        let mut pool = self.pool.lock();
        loop {
            if pool.closed {
                return Err(lost());
            }
            if let Some(session) = pool.idle.pop() {
                return Ok(Lease { connection: self, session: Some(session) });
            }
            if pool.open < pool.limit {
                pool.open += 1;
                drop(pool);
                return match self.module.pkcs11().open_rw_session(self.slot) {
                    Ok(session) => Ok(Lease { connection: self, session: Some(session) }),
                    Err(error) => {
                        let counted = matches!(error, Pkcs11Error::Pkcs11(RvError::SessionCount, _));
                        let mut pool = self.pool.lock();
                        pool.open -= 1;
                        // The token allows fewer sessions than it said: those there are have to do.
                        if counted && pool.open > 0 {
                            pool.limit = pool.open;
                        }
                        drop(pool);
                        // Whoever waits for a session may now try to open one.
                        self.returned.notify_all();
                        Err(error.into())
                    }
                };
            }
            if self.returned.wait_until(&mut pool, deadline).timed_out() {
                return Err(Error::with_detail(
                    ErrorKind::Busy,
                    format!("all {} sessions with the token are in use", pool.limit),
                )
                .into());
            }
        }
    }

    /// Ends the connection before another is made.
    ///
    /// A token that lost its sessions may number new sessions and objects like the old ones. So those who use the old
    /// numbers are waited for, and what is left is closed, while there are no new ones. If a call hangs, whoever made it
    /// finds the connection [superseded](Self::superseded) when it ends.
    pub(crate) fn retire(&self, deadline: Instant) {
        let deadline = deadline.min(Instant::now() + QUIET);
        let mut pool = self.pool.lock();
        pool.closed = true;
        self.returned.notify_all();
        while pool.open > pool.idle.len() {
            if self.returned.wait_until(&mut pool, deadline).timed_out() {
                break;
            }
        }
        let idle = core::mem::take(&mut pool.idle);
        pool.open -= idle.len();
        drop(pool);
        drop(idle);
        if let Some(mut keeper) = self.keeper.try_lock() {
            drop(keeper.take());
        }
        self.superseded.store(true, Ordering::Release);
    }

    /// Whether the numbers of sessions and objects here may by now be those of others.
    pub(crate) fn superseded(&self) -> bool {
        self.superseded.load(Ordering::Acquire)
    }

    /// Closes the sessions that nobody uses.
    pub(crate) fn close_idle(&self) {
        let idle = {
            let mut pool = self.pool.lock();
            pool.open -= pool.idle.len();
            core::mem::take(&mut pool.idle)
        };
        drop(idle);
        self.returned.notify_all();
    }

    /// The session that owns the session objects.
    pub(crate) fn keeper(&self, deadline: Instant) -> Result<MappedMutexGuard<'_, Session>, Error> {
        let keeper = self.keeper.try_lock_until(deadline).ok_or_else(|| {
            Error::with_detail(ErrorKind::TimedOut, "the session that holds the keys is in use").that_may_have_run()
        })?;
        MutexGuard::try_map(keeper, Option::as_mut).map_err(|_| ErrorKind::Internal.into())
    }

    /// Leaves a session object to be destroyed by whoever comes next: a key that is dropped does not call the token.
    pub(crate) fn discard(&self, object: ObjectHandle) {
        self.litter.lock().push(object);
    }

    /// Destroys what was [discarded](Self::discard).
    pub(crate) fn tidy(&self, session: &Session) {
        let litter = core::mem::take(&mut *self.litter.lock());
        for object in litter.into_iter().filter(|_| !self.superseded()) {
            // It may have gone with its session.
            let _gone = session.destroy_object(object);
        }
    }

    pub(crate) fn sessions(&self) -> usize {
        self.pool.lock().open
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let sessions = self.pool.get_mut().idle.drain(..).chain(self.keeper.get_mut().take());
        // After the module was initialised anew, or another connection was made, the numbers of these sessions may be
        // those of others: closing them would close those.
        let superseded = *self.superseded.get_mut();
        match self.module.enter_now().filter(|entered| entered.generation == self.generation && !superseded) {
            Some(_entered) => sessions.for_each(drop),
            None => sessions.for_each(core::mem::forget),
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connection(epoch {}, {} sessions)", self.epoch, self.sessions())
    }
}

/// A session in use; goes back when it is dropped.
pub(crate) struct Lease<'a> {
    connection: &'a Connection,
    session: Option<Session>,
}

impl Lease<'_> {
    pub(crate) const fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// Closes the session instead of giving it back.
    pub(crate) fn close(mut self) {
        if let Some(session) = self.session.take() {
            self.end(session);
        }
    }

    fn end(&self, session: Session) {
        if self.connection.superseded() {
            core::mem::forget(session);
        } else {
            drop(session);
        }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let mut pool = self.connection.pool.lock();
        match self.session.take() {
            Some(session) if self.connection.superseded() => {
                pool.open -= 1;
                core::mem::forget(session);
            }
            Some(session) => pool.idle.push(session),
            None => pool.open -= 1,
        }
        let closed = pool.closed;
        drop(pool);
        if closed {
            self.connection.returned.notify_all();
        } else {
            self.connection.returned.notify_one();
        }
    }
}

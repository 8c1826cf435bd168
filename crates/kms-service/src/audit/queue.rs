//! Where callers leave records, and wait for them.

use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use kms_core::{Error, ErrorKind};
use parking_lot::{Condvar, Mutex};

use crate::audit::format::{MAX_BATCH, MAX_PAYLOAD};
use crate::audit::head::Position;

/// The most bytes that wait for the writer, give or take one record.
const MAX_QUEUED: usize = 16 * MAX_PAYLOAD;

/// An error that many callers get: [`Error`] has no copies.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    kind: ErrorKind,
    detail: Arc<str>,
    may_have_run: bool,
}

impl Failure {
    pub(crate) fn new(what: &str, error: &Error) -> Self {
        Self { kind: error.kind(), detail: format!("{what}: {error}").into(), may_have_run: error.may_have_run() }
    }

    pub(crate) fn to_error(&self) -> Error {
        let error = Error::with_detail(self.kind, self.detail.to_string());
        if self.may_have_run { error.that_may_have_run() } else { error }
    }
}

/// Records that are written together: how it ended, once it has.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// The sequence number of the first. One system call wakes all that wait, and they take no lock in turn.
    outcome: OnceLock<Result<u64, Failure>>,
    /// Tasks that wait, by the index of their record.
    wakers: Mutex<Vec<(u64, Waker)>>,
}

impl Batch {
    /// Wakes all that wait. The first outcome stands.
    pub(crate) fn end(&self, outcome: Result<u64, Failure>) {
        let _ = self.outcome.set(outcome);
        let wakers = core::mem::take(&mut *self.wakers.lock());
        wakers.into_iter().for_each(|(_, waker)| waker.wake());
    }
}

/// A record on its way to the disk.
///
/// A thread [waits](Self::wait) for it, a task awaits it; both end the same way.
#[derive(Debug)]
#[must_use = "the record is on the disk only when `wait` or `await` says so"]
pub struct Pending {
    batch: Arc<Batch>,
    index: u64,
    /// Whether its waker was left with the batch.
    is_awaited: bool,
}

impl Pending {
    /// Waits until the record is on the disk.
    ///
    /// # Errors
    /// `Io` if there is no room, or the disk failed, or what the log is on is not right any more. The record is then not
    /// acknowledged; it may be in the log all the same if the error says that it
    /// [may have run](Error::may_have_run).
    pub fn wait(self) -> Result<Position, Error> {
        self.outcome(self.batch.outcome.wait())
    }

    fn outcome(&self, of_batch: &Result<u64, Failure>) -> Result<Position, Error> {
        match of_batch {
            Ok(first) => Ok(Position::new(first.saturating_add(self.index))),
            Err(failure) => Err(failure.to_error()),
        }
    }
}

impl Future for Pending {
    type Output = Result<Position, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.batch.outcome.get().is_none() {
            let mut wakers = self.batch.wakers.lock();
            // The outcome is set before the wakers are taken: whoever finds none here is woken.
            if self.batch.outcome.get().is_none() {
                let mine =
                    if self.is_awaited { wakers.iter_mut().find(|(index, _)| *index == self.index) } else { None };
                match mine {
                    Some((_, waker)) => waker.clone_from(context.waker()),
                    None => wakers.push((self.index, context.waker().clone())),
                }
                drop(wakers);
                self.is_awaited = true;
                return Poll::Pending;
            }
        }
        Poll::Ready(self.outcome(self.batch.outcome.wait()))
    }
}

/// What the writer takes.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) batch: Arc<Batch>,
    pub(crate) records: Vec<Vec<u8>>,
    /// Nobody will leave more.
    pub(crate) closed: bool,
}

#[derive(Debug, Default)]
struct State {
    taken: Taken,
    bytes: usize,
    stopped: Option<Failure>,
}

#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    work: Condvar,
    room: Condvar,
}

impl Queue {
    /// Leaves a record. Waits while the queue is full.
    pub(crate) fn push(&self, record: Vec<u8>) -> Result<Pending, Error> {
        let mut state = self.state.lock();
        loop {
            if let Some(failure) = &state.stopped {
                return Err(failure.to_error());
            }
            if state.taken.records.len() < usize::from(MAX_BATCH - 1) && state.bytes < MAX_QUEUED {
                break;
            }
            self.room.wait(&mut state);
        }
        let index = state.taken.records.len();
        state.bytes += record.len();
        state.taken.records.push(record);
        let batch = Arc::clone(&state.taken.batch);
        drop(state);
        if index == 0 {
            self.work.notify_one();
        }
        Ok(Pending { batch, index: u64::try_from(index).unwrap_or(u64::MAX), is_awaited: false })
    }

    /// Takes all that was left; waits for the first, at most until `deadline`. `records` is empty and serves again.
    pub(crate) fn take(&self, deadline: Option<Instant>, records: Vec<Vec<u8>>) -> Taken {
        let mut state = self.state.lock();
        while state.taken.records.is_empty() && !state.taken.closed {
            match deadline {
                None => self.work.wait(&mut state),
                Some(deadline) => {
                    if self.work.wait_until(&mut state, deadline).timed_out() {
                        break;
                    }
                }
            }
        }
        state.bytes = 0;
        let closed = state.taken.closed;
        let next = Taken { records, closed, batch: Arc::default() };
        let taken = core::mem::replace(&mut state.taken, next);
        drop(state);
        self.room.notify_all();
        taken
    }

    /// Whoever still waits is answered, and then the writer ends.
    pub(crate) fn close(&self) {
        self.state.lock().taken.closed = true;
        self.work.notify_one();
    }

    /// Nothing is accepted any more, and what waits has failed. The first reason stands.
    pub(crate) fn stop(&self, failure: &Failure) {
        let mut state = self.state.lock();
        state.stopped.get_or_insert_with(|| failure.clone());
        let batch = Arc::clone(&state.taken.batch);
        state.taken.records.clear();
        drop(state);
        batch.end(Err(failure.clone()));
        self.room.notify_all();
    }

    pub(crate) fn has_room(&self) -> bool {
        let state = self.state.lock();
        state.taken.records.len() < usize::from(MAX_BATCH) / 2 && state.bytes < MAX_QUEUED / 2
    }

    pub(crate) fn health(&self) -> Result<(), Error> {
        self.state.lock().stopped.as_ref().map_or(Ok(()), |failure| Err(failure.to_error()))
    }
}

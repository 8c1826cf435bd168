//! The thread that writes.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};

use kms_core::{Error, ErrorKind};
use kms_service::store::{Outcome, Transaction, Write};
use parking_lot::Mutex;
use rusqlite::Connection;

use crate::sqlite::checkpoint::Checkpointer;
use crate::sqlite::follow::Follower;
use crate::sqlite::group::{self, End};
use crate::sqlite::{Shared, stopped};

/// The most transactions that share a sync.
const BATCH: usize = 256;
/// A batch takes no more transactions once it has as many bytes.
const BATCH_BYTES: usize = 8 << 20;

/// The way to the thread that writes.
#[derive(Default)]
pub(super) struct Writer {
    jobs: Mutex<Option<Sender<Job>>>,
}

enum Job {
    Commit(Transaction, SyncSender<Result<Outcome, Error>>),
    Probe(SyncSender<Result<(), Error>>),
}

impl Writer {
    /// What the thread is to do.
    pub(super) fn start(
        &self,
        connection: Connection,
        shared: Arc<Shared>,
        checkpointer: Arc<Checkpointer>,
        follower: Arc<Follower>,
    ) -> impl FnOnce() + Send + 'static {
        let (sender, jobs) = mpsc::channel();
        *self.jobs.lock() = Some(sender);
        let writing = Writing { connection, shared, checkpointer, follower, in_doubt: HashSet::new() };
        move || writing.run(&jobs)
    }

    /// Commits, together with what others commit at the same time.
    pub(super) fn commit(&self, transaction: &Transaction) -> Result<Outcome, Error> {
        let answer = self.ask(|answer| Job::Commit(transaction.clone(), answer))?;
        // No answer comes if the thread died over it.
        answer.unwrap_or(Ok(Outcome::Unknown))
    }

    /// Whether something can be written and synced.
    pub(super) fn probe(&self) -> Result<(), Error> {
        self.ask(Job::Probe)?.unwrap_or_else(|| Err(ended()))
    }

    fn ask<T>(&self, job: impl FnOnce(SyncSender<T>) -> Job) -> Result<Option<T>, Error> {
        let (answer, answers) = mpsc::sync_channel(1);
        let Some(jobs) = self.jobs.lock().clone() else { return Err(ErrorKind::Disconnected.into()) };
        jobs.send(job(answer)).map_err(|_| ended())?;
        Ok(answers.recv().ok())
    }

    /// Lets the thread end once it has answered what was asked.
    pub(super) fn close(&self) {
        self.jobs.lock().take();
    }
}

fn ended() -> Error {
    Error::with_detail(ErrorKind::Internal, "the thread that writes has ended")
}

/// What the thread has.
struct Writing {
    connection: Connection,
    shared: Arc<Shared>,
    checkpointer: Arc<Checkpointer>,
    follower: Arc<Follower>,
    /// The transactions over which writing stopped. They stay unknown, whereas others were not written.
    in_doubt: HashSet<[u8; 16]>,
}

impl Writing {
    fn run(mut self, jobs: &Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            // No timer: a batch is whatever queued during the last sync.
            let mut bytes = 0;
            let mut batch = Vec::new();
            let mut next = Some(first);
            while let Some(job) = next {
                match job {
                    Job::Commit(transaction, answer) => {
                        bytes += size(&transaction);
                        batch.push((transaction, answer));
                    }
                    Job::Probe(answer) => {
                        let _gone = answer.send(self.probe());
                    }
                }
                next = if batch.len() < BATCH && bytes < BATCH_BYTES { jobs.try_recv().ok() } else { None };
            }
            if !batch.is_empty() {
                self.commit(batch, bytes);
            }
        }
    }

    fn probe(&self) -> Result<(), Error> {
        let stopped_before = self.shared.stopped.lock().clone();
        if let Some(why) = stopped_before {
            return Err(stopped(&why));
        }
        let turn = self.shared.turn.lock();
        let end = group::probe(&self.connection);
        drop(turn);
        match end {
            End::Done(_) => Ok(()),
            End::Failed(error) => Err(error),
            End::Unknown { error, doubt } => {
                if doubt {
                    *self.shared.stopped.lock() = Some(error.to_string());
                }
                Err(error)
            }
        }
    }

    fn commit(&mut self, batch: Vec<(Transaction, SyncSender<Result<Outcome, Error>>)>, bytes: usize) {
        let why = self.shared.stopped.lock().clone();
        if let Some(why) = why {
            for (transaction, answer) in batch {
                let known = !self.in_doubt.contains(&transaction.id);
                let _gone = answer.send(if known { Err(stopped(&why)) } else { Ok(Outcome::Unknown) });
            }
            return;
        }
        let transactions: Vec<&Transaction> = batch.iter().map(|(transaction, _)| transaction).collect();
        let turn = self.shared.turn.lock();
        let end = group::commit(&self.connection, &transactions);
        drop(turn);
        // A caller that went away needs no answer.
        match end {
            End::Done(outcomes) => {
                for ((_, answer), outcome) in batch.into_iter().zip(outcomes) {
                    let _gone = answer.send(Ok(outcome));
                }
                self.checkpointer.written(bytes);
                self.follower.wake();
            }
            End::Failed(error) => {
                for (_, answer) in batch {
                    let _gone = answer
                        .send(Err(Error::with_detail(error.kind(), error.detail().unwrap_or_default().to_owned())));
                }
            }
            End::Unknown { error, doubt } => {
                if doubt {
                    self.in_doubt = transactions.iter().map(|transaction| transaction.id).collect();
                    *self.shared.stopped.lock() = Some(error.to_string());
                }
                for (_, answer) in batch {
                    let _gone = answer.send(Ok(Outcome::Unknown));
                }
            }
        }
    }
}

/// About what a transaction adds to the write-ahead log: each write changes a page of each of two trees at least.
fn size(transaction: &Transaction) -> usize {
    let writes = transaction.writes.iter().map(|write| match write {
        Write::Put(key, value) => key.len() + value.len(),
        Write::Delete(key) => key.len(),
    });
    writes.map(|bytes| bytes + 8192).sum()
}

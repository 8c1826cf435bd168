//! What is done now and then: deletion, rotation, expiry, and keeping what was counted.

use core::time::Duration;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};

use kms_service::Service;

/// A thread that does what is due, until it is dropped: then it keeps what was counted, and how far the audit log goes.
pub(super) struct Due {
    ends: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Due {
    /// Starts it.
    ///
    /// # Errors
    /// If there is no thread for it.
    pub(super) fn start(service: Service, interval: Duration) -> std::io::Result<Self> {
        let (ends, ended) = mpsc::channel();
        let work = move || {
            loop {
                match service.run_due() {
                    Ok(done) if done.clock_was_set_back => {
                        tracing::error!("the clock was set back: nothing is deleted until it is right again");
                    }
                    Ok(done) if done.deleted + done.rotated + done.expired > 0 => {
                        tracing::info!(done.deleted, done.rotated, done.expired, "did what was due");
                    }
                    Ok(_) => {}
                    Err(error) => tracing::error!(%error, "what is due could not be done, and is tried again"),
                }
                if ended.recv_timeout(interval) != Err(RecvTimeoutError::Timeout) {
                    break;
                }
            }
            let kept = service.keep_usage().and_then(|()| service.keep_audit_anchor());
            if let Err(error) = kept {
                tracing::error!(%error, "what was counted is not kept");
            }
        };
        let thread = thread::Builder::new().name("kms-due".into()).spawn(work)?;
        Ok(Self { ends: Some(ends), thread: Some(thread) })
    }
}

impl Drop for Due {
    fn drop(&mut self) {
        drop(self.ends.take());
        if let Some(thread) = self.thread.take() {
            // What it had to say is in the log.
            let _ended = thread.join();
        }
    }
}

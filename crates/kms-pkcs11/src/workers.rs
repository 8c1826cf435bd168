//! Threads for calls with a deadline. A call into a module cannot be cancelled: whoever waits for it gives up, and the
//! thread goes on until the module answers.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use kms_core::{Error, ErrorKind};
use parking_lot::{Condvar, Mutex};

/// How long a thread without work stays.
const IDLE: Duration = Duration::from_secs(10);

type Job = Box<dyn FnOnce() + Send>;

/// A bounded number of threads, started when they are needed.
pub(crate) struct Workers {
    shared: Arc<Shared>,
    limit: usize,
}

struct Shared {
    queue: Mutex<Queue>,
    work: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
}

impl Workers {
    pub(crate) fn new(limit: usize) -> Self {
        Self { shared: Arc::new(Shared { queue: Mutex::default(), work: Condvar::new() }), limit }
    }

    /// Runs `work` on another thread, and waits for it until `deadline`.
    ///
    /// # Errors
    /// `TimedOut`, which may have run; `Busy` if no thread came free in time, and then it does not run.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        deadline: Instant,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, answered) = sync_channel(1);
        let begun = Arc::new(Mutex::new(Begun::No));
        let mine = begun.clone();
        self.submit(Box::new(move || {
            {
                let mut begun = mine.lock();
                if *begun == Begun::Never {
                    return;
                }
                *begun = Begun::Yes;
            }
            // Nobody waits any more when the deadline has passed.
            let _unheard = answer.send(work());
        }))?;
        match answered.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(outcome) => outcome,
            Err(RecvTimeoutError::Timeout) => {
                let mut begun = begun.lock();
                if *begun == Begun::Yes {
                    return Err(
                        Error::with_detail(ErrorKind::TimedOut, "the token did not answer in time").that_may_have_run()
                    );
                }
                *begun = Begun::Never;
                Err(Error::with_detail(ErrorKind::Busy, "all threads for calls of the token are in use"))
            }
            Err(RecvTimeoutError::Disconnected) => {
                Err(Error::with_detail(ErrorKind::Internal, "a call into the token's module ended without an answer")
                    .that_may_have_run())
            }
        }
    }

    fn submit(&self, job: Job) -> Result<(), Error> {
        let mut queue = self.shared.queue.lock();
        queue.jobs.push_back(job);
        if queue.idle >= queue.jobs.len() || queue.threads >= self.limit {
            self.shared.work.notify_one();
            return Ok(());
        }
        let shared = self.shared.clone();
        match std::thread::Builder::new().name("kms-pkcs11".into()).spawn(move || shared.serve()) {
            Ok(_detached) => {
                queue.threads += 1;
                Ok(())
            }
            Err(_) if queue.threads > 0 => Ok(()),
            Err(error) => {
                queue.jobs.clear();
                Err(Error::with_detail(ErrorKind::Busy, "no thread for a call of the token").with_source(error))
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begun {
    No,
    Yes,
    /// Nobody waits for it any more: it is not to begin.
    Never,
}

impl Shared {
    fn serve(&self) {
        let mut queue = self.queue.lock();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                drop(queue);
                // Whoever waits is told by the end of their channel. The thread goes on: one that ended here would be
                // counted for a moment longer, in which a job could be left to it.
                let _told = catch_unwind(AssertUnwindSafe(job));
                queue = self.queue.lock();
                continue;
            }
            queue.idle += 1;
            let waited = self.work.wait_for(&mut queue, IDLE);
            queue.idle -= 1;
            if waited.timed_out() && queue.jobs.is_empty() {
                // Under the same lock, so that no job is left to a thread that is leaving.
                queue.threads -= 1;
                return;
            }
        }
    }
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Workers({} of {})", self.shared.queue.lock().threads, self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_gives_up_and_who_has_not_begun_does_not_begin() {
        let workers = Workers::new(1);
        let (release, released) = sync_channel::<()>(0);
        let soon = || Instant::now() + Duration::from_millis(30);
        let hung = workers.run(soon(), move || released.recv().map_err(|_| Error::new(ErrorKind::Internal)));
        let error = hung.unwrap_err();
        assert_eq!((error.kind(), error.may_have_run()), (ErrorKind::TimedOut, true));
        let ran = Arc::new(Mutex::new(false));
        let mark = ran.clone();
        let late = workers.run(soon(), move || {
            *mark.lock() = true;
            Ok(())
        });
        assert_eq!(late.unwrap_err().kind(), ErrorKind::Busy);
        release.send(()).unwrap();
        let far = Instant::now() + Duration::from_secs(60);
        assert_eq!(workers.run(far, || Ok(7)).unwrap(), 7);
        assert!(!*ran.lock(), "what nobody waits for does not run");
    }

    #[test]
    fn a_panic_costs_no_thread() {
        let workers = Workers::new(1);
        let far = || Instant::now() + Duration::from_secs(60);
        for _ in 0..100 {
            let lost = workers.run::<()>(far(), || panic!("a job fails"));
            assert_eq!(lost.unwrap_err().kind(), ErrorKind::Internal);
            assert_eq!(workers.run(far(), || Ok(7)).unwrap(), 7);
        }
        assert_eq!(workers.shared.queue.lock().threads, 1);
    }
}

//! What a connection is doing.

use core::time::Duration;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::Limits;

/// How many requests a connection has in progress, and since when it has none.
#[derive(Debug)]
pub(super) struct Activity(Mutex<State>);

#[derive(Debug)]
struct State {
    in_progress: usize,
    /// When the last one ended, or the connection began.
    since: Instant,
    has_served: bool,
}

/// A request in progress.
#[derive(Debug)]
pub(super) struct InProgress(Arc<Activity>);

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State { in_progress: 0, since: Instant::now(), has_served: false })))
    }

    pub(super) fn begin(self: &Arc<Self>) -> InProgress {
        let mut state = self.0.lock();
        state.in_progress = state.in_progress.saturating_add(1);
        state.has_served = true;
        drop(state);
        InProgress(Arc::clone(self))
    }

    pub(super) fn is_busy(&self) -> bool {
        self.0.lock().in_progress > 0
    }

    /// When to look whether the connection has been idle for too long.
    pub(super) fn deadline(&self, limits: &Limits) -> Instant {
        let state = self.0.lock();
        let patience = if state.has_served { limits.idle } else { limits.header };
        let since = if state.in_progress > 0 { Instant::now() } else { state.since };
        // A limit that never ends is looked at once a day.
        since.checked_add(patience).unwrap_or_else(|| since + Duration::from_secs(24 * 3600))
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        let mut state = self.0.0.lock();
        state.in_progress = state.in_progress.saturating_sub(1);
        state.since = Instant::now();
    }
}

//! What travels beside every operation: how long it may take, and whose it is.

use core::time::Duration;

/// The circumstances of one operation.
///
/// ```
/// use core::time::Duration;
/// use kms_core::Call;
/// let call = Call::default().with_budget(Duration::from_millis(200));
/// assert_eq!(call.budget, Some(Duration::from_millis(200)));
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Call {
    /// How long the operation may take, counted from when it is handed over. `None`: as long as it needs.
    pub budget: Option<Duration>,
    /// An id that ties the backend's logs to the caller's (a W3C trace id). All zero: none.
    pub trace: [u8; 16],
}

impl Call {
    /// The same call with a budget.
    #[must_use]
    pub fn with_budget(mut self, budget: Duration) -> Self {
        self.budget = Some(budget);
        self
    }

    /// The same call with a trace id.
    #[must_use]
    pub fn with_trace(mut self, trace: [u8; 16]) -> Self {
        self.trace = trace;
        self
    }
}

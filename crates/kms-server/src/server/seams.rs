//! What the routes ask of metrics, health and a server for tests.

use core::time::Duration;
use std::sync::Arc;

use crate::app::{Observe, Readiness, Ready, Reset};
use crate::dev::Dev;
use crate::health::Health;
use crate::metrics::Metrics;

impl Observe for Metrics {
    fn begun(&self) {
        self.begin();
    }

    fn ended(&self, operation: &str, result: &str, took: Duration) {
        self.end();
        self.observe(operation, result, took);
    }

    fn text(&self) -> String {
        // Writing to a string does not fail, and a collector that could not be read leaves its lines out.
        Self::text(self).unwrap_or_default()
    }
}

/// The health of the server as `/readyz` tells it.
pub(super) struct HealthReport(pub(super) Arc<Health>);

impl Ready for HealthReport {
    fn readiness(&self) -> Readiness {
        let report = self.0.report();
        Readiness { is_ready: report.is_ready(), report: report.to_json().to_string() }
    }
}

impl Reset for Dev {
    fn reset(&self) -> Result<(), String> {
        Self::reset(self).map_err(|error| error.to_string())
    }
}

//! What Prometheus reads.
//!
//! Names begin with `kms_`, but for those of the process, which are Prometheus' own. No label comes from a client: an
//! operation that is not known is `other`.

mod collected;

use core::fmt;
use core::str::FromStr;
use core::time::Duration;
use std::sync::Arc;

use kms_service::api::Operation;
use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

pub(crate) use collected::{Process, State};

/// The media type of [`Metrics::text`].
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of latencies, in seconds: from a cached key in memory to an HSM that is busy.
const LATENCIES: [f64; 16] =
    [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// What a request was answered with that did not fail.
pub const SUCCESS: &str = "Success";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    operation: &'static str,
    result: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfOperation {
    operation: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct XksAnswered {
    call: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfXksCall {
    call: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Because {
    reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Build {
    version: &'static str,
    arch: &'static str,
    os: &'static str,
}

/// What is counted. Cloning it gives another handle of the same one.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    requests: Family<Answered, Counter>,
    latency: Family<OfOperation, Histogram, fn() -> Histogram>,
    throttled: Family<OfOperation, Counter>,
    refused: Family<Because, Counter>,
    xks: Family<XksAnswered, Counter>,
    xks_latency: Family<OfXksCall, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Nothing counted yet.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let kms = registry.sub_registry_with_prefix("kms");
        let requests = Family::default();
        kms.register("requests", "Requests that were answered, by operation and result", requests.clone());
        let histogram: fn() -> Histogram = || Histogram::new(LATENCIES);
        let latency = Family::new_with_constructor(histogram);
        let help = "From the head of a request to its answer";
        kms.register_with_unit("request_duration", help, Unit::Seconds, latency.clone());
        let throttled = Family::default();
        kms.register("throttled", "Requests over quota", throttled.clone());
        let refused = Family::default();
        kms.register("refused_signatures", "Requests that were not authenticated, by why", refused.clone());
        let xks = Family::default();
        kms.register("xks_calls", "Calls of the external key store proxy, by HTTP status", xks.clone());
        let xks_latency = Family::new_with_constructor(histogram);
        let help = "How long a call of the external key store proxy took";
        kms.register_with_unit("xks_call_duration", help, Unit::Seconds, xks_latency.clone());
        let in_flight = Gauge::default();
        kms.register("requests_in_flight", "Requests that are being answered", in_flight.clone());
        let build =
            Build { version: env!("CARGO_PKG_VERSION"), arch: std::env::consts::ARCH, os: std::env::consts::OS };
        kms.register("build", "What is running", Info::new(build));
        registry.register_collector(Box::new(Process));
        Self {
            registry: Arc::new(Mutex::new(registry)),
            requests,
            latency,
            throttled,
            refused,
            xks,
            xks_latency,
            in_flight,
        }
    }

    /// Counts a request that was answered: with [`SUCCESS`], or with the name of an exception.
    pub fn observe(&self, operation: &str, result: &str, took: Duration) {
        let operation = Operation::from_str(operation).map_or("other", Operation::as_str);
        self.requests.get_or_create(&Answered { operation, result: result.to_owned() }).inc();
        self.latency.get_or_create(&OfOperation { operation }).observe(took.as_secs_f64());
        if result == kms_service::Exception::Throttling.as_str() {
            self.throttled.get_or_create(&OfOperation { operation }).inc();
        }
    }

    /// Counts a request that was not authenticated, by the name of the exception.
    pub fn refused_signature(&self, exception: &str) {
        self.refused.get_or_create(&Because { reason: exception.to_owned() }).inc();
    }

    /// Counts a call of the proxy of external key stores.
    pub(crate) fn observe_xks(&self, call: &'static str, status: u16, took: Duration) {
        self.xks.get_or_create(&XksAnswered { call, status }).inc();
        self.xks_latency.get_or_create(&OfXksCall { call }).observe(took.as_secs_f64());
    }

    /// Counts a request as being answered, until [`end`](Self::end).
    pub fn begin(&self) {
        self.in_flight.inc();
    }

    /// A request is not being answered any more.
    pub fn end(&self) {
        self.in_flight.dec();
    }

    /// Adds what is looked at when it is asked for.
    pub(crate) fn collect(&self, collector: impl Collector) {
        self.registry.lock().register_collector(Box::new(collector));
    }

    /// All of it, in the text format of OpenMetrics 1.0.
    ///
    /// # Errors
    /// If a collector cannot write what it found.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry.lock())?;
        Ok(text)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("in_flight", &self.in_flight.get()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_operation_and_result() {
        let metrics = Metrics::new();
        metrics.observe("Encrypt", SUCCESS, Duration::from_micros(80));
        metrics.observe("Encrypt", SUCCESS, Duration::from_micros(80));
        metrics.observe("Encrypt", "ThrottlingException", Duration::from_micros(80));
        metrics.observe("<script>", "UnknownOperationException", Duration::from_micros(80));
        metrics.refused_signature("InvalidSignatureException");
        metrics.begin();
        let text = metrics.text().unwrap();
        for line in [
            "kms_requests_total{operation=\"Encrypt\",result=\"Success\"} 2",
            "kms_requests_total{operation=\"Encrypt\",result=\"ThrottlingException\"} 1",
            "kms_requests_total{operation=\"other\",result=\"UnknownOperationException\"} 1",
            "kms_throttled_total{operation=\"Encrypt\"} 1",
            "kms_refused_signatures_total{reason=\"InvalidSignatureException\"} 1",
            "kms_requests_in_flight 1",
            "kms_request_duration_seconds_bucket{le=\"0.0001\",operation=\"Encrypt\"} 3",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(text.contains("kms_build_info{version=") && text.ends_with("# EOF\n"));
        metrics.end();
        assert!(metrics.text().unwrap().contains("kms_requests_in_flight 0"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_process_tells_its_memory() {
        let text = Metrics::new().text().unwrap();
        let line = text.lines().find(|line| line.starts_with("process_resident_memory_bytes ")).unwrap();
        let bytes: u64 = line.rsplit(' ').next().unwrap().parse().unwrap();
        assert!((100_000..100_000_000_000).contains(&bytes), "{line}");
    }
}

//! What is looked at when it is asked for.

use core::fmt;
use std::sync::Arc;

use kms_service::Service;
use kms_service::audit::Log;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::health::Health;

/// The state of the service and of what it stands on.
pub(crate) struct State {
    pub(crate) service: Service,
    pub(crate) audit: Option<Arc<Log>>,
    pub(crate) health: Arc<Health>,
}

impl Collector for State {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        gauge(&mut to, "kms_cached_keys", "Keys that are unsealed in memory", count(self.service.cached_keys()))?;
        let help = "Keys read from the store and opened, since they were not in memory or had changed";
        counter(&mut to, "kms_keys_read", help, self.service.keys_read())?;
        if let Some(log) = &self.audit {
            let help = "Records in the audit log, as its sequence number";
            counter(&mut to, "kms_audit_records", help, log.head().sequence)?;
        }
        let mut family =
            to.encode_descriptor("kms_up", "Whether what the service stands on works", None, MetricType::Gauge)?;
        for part in self.health.report().parts {
            let up = i64::from(part.is_well);
            ConstGauge::new(up).encode(family.encode_family(&[("part", part.name.as_str())])?)?;
        }
        Ok(())
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("service", &self.service).finish_non_exhaustive()
    }
}

/// The process, by Prometheus' names. Only Linux tells.
#[derive(Debug)]
pub(crate) struct Process;

impl Collector for Process {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        if let Some(bytes) = resident_memory() {
            gauge(&mut to, "process_resident_memory_bytes", "Resident memory size in bytes", bytes)?;
        }
        if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
            let open = i64::try_from(open.count()).unwrap_or(i64::MAX);
            gauge(&mut to, "process_open_fds", "Number of open file descriptors", open)?;
        }
        Ok(())
    }
}

/// `VmRSS` of `/proc/self/status`, in bytes.
fn resident_memory() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

fn counter(to: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    let encoder = to.encode_descriptor(name, help, None, MetricType::Counter)?;
    ConstCounter::new(value).encode(encoder)
}

fn gauge(to: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: i64) -> fmt::Result {
    let gauge = ConstGauge::new(value);
    let encoder = to.encode_descriptor(name, help, None, gauge.metric_type())?;
    gauge.encode(encoder)
}

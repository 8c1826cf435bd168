//! Logs: what happens, on standard error; with `debug`, a line for each request as well, and otherwise for those that fail by
//! the server's fault.
//!
//! No line has a body, a signature or a secret: the audit log says what was asked.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, Logs};

/// What directives let through.
///
/// # Errors
/// What is wrong with them.
pub(crate) fn filter(directives: &str) -> Result<EnvFilter, String> {
    EnvFilter::builder().parse(directives).map_err(|error| format!("{directives:?}: {error}"))
}

/// Writes logs from now on, for the whole process. `stronger` are directives in place of the configured ones, from
/// `KMS_LOG`.
///
/// # Errors
/// If the directives are none, or the process has logs already.
pub fn install(logs: &Logs, stronger: Option<&str>) -> Result<(), String> {
    let filter = filter(stronger.unwrap_or(&logs.level))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal() && logs.format == LogFormat::Text);
    let installed = match logs.format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).try_init(),
    };
    installed.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_checked() {
        assert!(filter("info,kms_server::app=off").is_ok());
        assert!(filter("info,kms_server=loud").is_err());
    }
}

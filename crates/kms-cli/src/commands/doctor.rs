//! `kms doctor`: a look at a server that runs.

mod endpoint;
mod folders;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::Args;
use http::Uri;
use kms_server::config::{Config, Loaded};
use serde_json::{Value, json};

use super::Common;
use super::serve::{usual_file, variables};
use crate::failure::{Failure, Status};
use crate::report::{self, printable};

/// Signatures are refused that are further from the server's clock than five minutes.
const CLOCK: Duration = Duration::from_secs(5 * 60);
/// What is worth a word, long before signatures are refused.
const DRIFT: Duration = Duration::from_secs(30);
/// A certificate that ends sooner is worth a word.
const EXPIRY: Duration = Duration::from_secs(21 * 24 * 3600);

/// Look at a server that runs, and say what is wrong
///
/// Its configuration, if there is one on this machine; whether the endpoint answers, in TLS and with a certificate that is
/// not about to end; whether this machine's clock agrees with the server's; whether store, audit log, root key and HSMs
/// work; whether the folders are closed to others, and the disk has room. Exit status 1 if something is wrong.
///
/// The server is the one of --endpoint-url or AWS_ENDPOINT_URL_KMS, or else of the first address of the configuration.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// The configuration, as for `kms serve`
    #[arg(long, value_name = "FILE", env = "KMS_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,

    /// The authorities that the server's certificate may be of: a PEM file [default: the system's]
    #[arg(long, value_name = "FILE", env = "AWS_CA_BUNDLE", hide_env_values = true)]
    ca_bundle: Option<PathBuf>,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Well,
    Doubtful,
    Wrong,
}

/// What was found about something.
#[derive(Debug)]
pub(super) struct Finding {
    about: &'static str,
    verdict: Verdict,
    message: String,
    /// What to do.
    advice: String,
}

impl Finding {
    pub(super) fn well(about: &'static str, message: impl Into<String>) -> Self {
        Self { about, verdict: Verdict::Well, message: message.into(), advice: String::new() }
    }

    pub(super) fn doubtful(about: &'static str, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { about, verdict: Verdict::Doubtful, message: message.into(), advice: advice.into() }
    }

    pub(super) fn wrong(about: &'static str, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { verdict: Verdict::Wrong, ..Self::doubtful(about, message, advice) }
    }

    const fn word(&self) -> &'static str {
        match self.verdict {
            Verdict::Well => "ok",
            Verdict::Doubtful => "look",
            Verdict::Wrong => "WRONG",
        }
    }

    fn to_json(&self) -> Value {
        json!({ "About": self.about, "Verdict": self.word(), "Message": self.message, "Advice": self.advice })
    }
}

impl Doctor {
    pub(crate) fn run(&self, common: &Common) -> Result<(), Failure> {
        let mut found = Vec::new();
        let file = self.config.clone().or_else(usual_file);
        let config = file.map(|file| {
            let loaded = Config::load(Some(&file), variables());
            configuration(&file.display().to_string(), &loaded, &mut found);
            loaded.config
        });
        match endpoint(config.as_ref(), common)? {
            Some(endpoint) => self.look_at(&endpoint, &mut found),
            None => found.push(Finding::doubtful(
                "endpoint",
                "no server is named, and there is no configuration",
                "Name it with --endpoint-url, or in AWS_ENDPOINT_URL_KMS.",
            )),
        }
        if let Some(config) = config.filter(|config| !config.store.memory) {
            folders::look_at("store", &config.store.path, &mut found);
            if config.audit.enabled {
                folders::look_at("audit", &config.audit.directory, &mut found);
            }
        }
        tell(&found, common)?;
        match found.iter().filter(|one| one.verdict == Verdict::Wrong).count() {
            0 => Ok(()),
            1 => Err(Failure::new(Status::Failed, "one thing is wrong")),
            more => Err(Failure::new(Status::Failed, format!("{more} things are wrong"))),
        }
    }

    fn look_at(&self, url: &Uri, found: &mut Vec<Finding>) {
        let before = SystemTime::now();
        let answer = match endpoint::ask(url, "/readyz", self.ca_bundle.as_deref()) {
            Ok(answer) => answer,
            Err(error) => {
                let advice =
                    "Is the server running, and reached from here? `systemctl status kms` and its log say more.";
                found.push(Finding::wrong("endpoint", format!("{url}: {error}"), advice));
                return;
            }
        };
        found.push(Finding::well("endpoint", format!("{url} answers")));
        if let Some(certificate) = &answer.certificate {
            found.push(certificate_finding(certificate.ends, before));
        } else if url.host().is_some_and(|host| !is_this_machine(host)) {
            let advice = "Plaintexts and data keys cross the network: set certificate and key in [tls].";
            found.push(Finding::doubtful("tls", "the endpoint is another machine, and has no TLS", advice));
        }
        found.push(clock_finding(answer.date, before));
        health(&answer, found);
    }
}

/// The server that is named, or else that of the configuration, if there is one.
fn endpoint(config: Option<&Config>, common: &Common) -> Result<Option<Uri>, Failure> {
    if let Some(url) = common.keyring.aws.endpoint_url() {
        let wrong = |error: http::uri::InvalidUri| {
            Failure::usage(format!("{url:?} is no URL: {error}")).about("--endpoint-url")
        };
        return url.parse().map(Some).map_err(wrong);
    }
    let Some(config) = config else { return Ok(None) };
    let Some(mut address) = config.listen.addresses.first().copied() else { return Ok(None) };
    if address.ip().is_unspecified() {
        address.set_ip(match address.is_ipv4() {
            true => std::net::Ipv4Addr::LOCALHOST.into(),
            false => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    let scheme = if config.tls.certificate.is_some() { "https" } else { "http" };
    Ok(format!("{scheme}://{address}").parse().ok())
}

fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// What `kms serve --check` says.
fn configuration(name: &str, loaded: &Loaded, found: &mut Vec<Finding>) {
    let complaints: Vec<_> = loaded.complaints.iter().cloned().chain(loaded.config.check()).collect();
    if complaints.is_empty() {
        found.push(Finding::well("configuration", format!("{name} is sound")));
    }
    for one in complaints {
        let message = format!("{}: {}", one.place, one.message);
        found.push(match one.is_warning {
            true => Finding::doubtful("configuration", message, one.advice),
            false => Finding::wrong("configuration", message, one.advice),
        });
    }
}

fn certificate_finding(ends: SystemTime, now: SystemTime) -> Finding {
    let advice = "Put a new one in the place of the file: the server reads it without being told.";
    let ends_at = humantime::format_rfc3339_seconds(ends);
    match ends.duration_since(now) {
        Err(_) => Finding::wrong("certificate", format!("has ended, at {ends_at}"), advice),
        Ok(left) if left < EXPIRY => Finding::doubtful("certificate", format!("ends at {ends_at}"), advice),
        Ok(_) => Finding::well("certificate", format!("is good until {ends_at}")),
    }
}

fn clock_finding(server: Option<SystemTime>, here: SystemTime) -> Finding {
    let Some(server) = server else {
        return Finding::doubtful("clock", "the answer has no date", "Is this a kms server?");
    };
    let apart = server.duration_since(here).unwrap_or_else(|error| error.duration());
    let message = format!("the server's clock and this machine's are {} s apart", apart.as_secs());
    let advice = "Signatures are refused from 5 minutes on. Have both machines set their clocks by NTP.";
    match apart {
        apart if apart > CLOCK => Finding::wrong("clock", message, advice),
        apart if apart > DRIFT => Finding::doubtful("clock", message, advice),
        _ => Finding::well("clock", "agrees with the server's"),
    }
}

/// What the server says of itself.
fn health(answer: &endpoint::Answer, found: &mut Vec<Finding>) {
    let Ok(report) = serde_json::from_slice::<Value>(&answer.body) else {
        let message = format!("/readyz answers {} and no report", answer.status);
        found.push(Finding::wrong("health", message, "Is this a kms server, and of this version?"));
        return;
    };
    let parts = report.get("parts").and_then(Value::as_object).into_iter().flatten();
    let mut well = Vec::new();
    for (part, state) in parts {
        if state == "ok" {
            well.push(printable(part));
            continue;
        }
        let message = format!("{} does not work", printable(part));
        found.push(if part.starts_with("hsm/") {
            Finding::wrong(
                "health",
                message,
                "Its keys are unavailable, all others are served. The server's log says why.",
            )
        } else {
            Finding::wrong("health", message, "No request can be served without it. The server's log says why.")
        });
    }
    if !well.is_empty() {
        found.push(Finding::well("health", format!("{} work", well.join(", "))));
    }
}

fn tell(found: &[Finding], common: &Common) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for one in found {
        rows.push(vec![one.word().to_owned(), one.about.to_owned(), printable(&one.message)]);
        if !one.advice.is_empty() {
            rows.push(vec![String::new(), String::new(), printable(&one.advice)]);
        }
    }
    common
        .report
        .result(&report::table(&rows), || json!({ "Findings": found.iter().map(Finding::to_json).collect::<Vec<_>>() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_and_certificates_are_judged_by_how_far_they_are() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let clock = |seconds: u64| clock_finding(Some(now + Duration::from_secs(seconds)), now).verdict;
        assert_eq!([clock(1), clock(60), clock(301)], [Verdict::Well, Verdict::Doubtful, Verdict::Wrong]);
        let behind = clock_finding(Some(now - Duration::from_secs(301)), now);
        assert_eq!(behind.verdict, Verdict::Wrong);
        let days = |days: u64| certificate_finding(now + Duration::from_secs(days * 86_400), now).verdict;
        assert_eq!([days(90), days(20)], [Verdict::Well, Verdict::Doubtful]);
        assert_eq!(certificate_finding(now - Duration::from_secs(1), now).verdict, Verdict::Wrong);
    }

    #[test]
    fn this_machine_needs_no_tls() {
        assert!(is_this_machine("127.0.0.1") && is_this_machine("[::1]") && is_this_machine("localhost"));
        assert!(!is_this_machine("10.0.0.1") && !is_this_machine("kms.example.org"));
    }
}

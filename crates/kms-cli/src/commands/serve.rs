//! `kms serve`, `kms dev`: the server.

mod dev;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;
use etcetera::{AppStrategy, AppStrategyArgs, choose_app_strategy};
use kms_server::config::{Complaint, Config, Loaded};
use kms_server::credentials::{Credentials, CredentialsOptions};
use kms_server::logs;
use kms_server::server::Server;
use serde_json::json;

use super::Common;
use crate::failure::{Failure, Status};
use crate::report::{Report, printable};
use crate::serve;

pub(crate) use dev::{Dev, DevArguments};

/// Serve keys to AWS clients
///
/// Speaks the AWS KMS API: unmodified AWS SDKs, command lines and encryption libraries work with it when
/// AWS_ENDPOINT_URL_KMS names its address. What it is to be stands in a TOML file; every member of the file can be set by
/// a variable as well, KMS_SERVER_SECTION_MEMBER, which is stronger: KMS_SERVER_LISTEN_ADDRESSES=127.0.0.1:4599.
///
/// SIGTERM and Ctrl-C end it when it has finished what it has begun; SIGHUP makes it read certificates and credentials
/// anew, which it does by itself, too, when they change.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The configuration [default: kms.toml in your configuration directory, ~/.config/kms on Linux, if it is there, else
    /// /etc/kms/kms.toml]
    #[arg(long, value_name = "FILE", env = "KMS_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,

    /// Say everything that is wrong with the configuration, and end: with exit status 1 if the server would not start
    #[arg(long)]
    check: bool,

    /// Serve for tests, without a configuration: the same as `kms dev`
    #[arg(long, conflicts_with_all = ["config", "check"])]
    dev: bool,

    #[command(flatten, next_help_heading = "With --dev")]
    for_tests: DevArguments,
}

impl Serve {
    pub(crate) fn run(&self, common: &Common) -> Result<(), Failure> {
        if self.dev {
            return self.for_tests.run();
        }
        if self.for_tests.is_set() {
            return Err(Failure::usage(
                "--listen, --account, --regions, --credentials, --quotas and --seed go with --dev",
            )
            .hint("Without it, the configuration says all of that."));
        }
        let file = self.config.clone().or_else(usual_file);
        let Loaded { config, complaints, .. } = Config::load(file.as_deref(), variables());
        let mut complaints = complaints;
        complaints.extend(config.check());
        if self.check {
            return self.report(&config, file.as_deref(), complaints, common.report);
        }
        if complaints.iter().any(|one| !one.is_warning) {
            tell(&complaints, common.report);
            return Err(Failure::new(Status::Failed, "the configuration is wrong, and nothing was started")
                .hint("`kms serve --check` says the same without starting anything."));
        }
        install_logs(&config)?;
        for warning in &complaints {
            tracing::warn!("{warning}");
        }
        let parts = serve::parts(&config, common.report)?;
        let credentials = CredentialsOptions::new()
            .root(parts.root.clone())
            .load(&config.credentials.file)
            .map_err(|error| Failure::new(Status::Failed, error.to_string()))?;
        let running = Server::start(&config, parts, credentials).map_err(|complaint| failure(&complaint))?;
        running.wait().map_err(|complaint| failure(&complaint))
    }

    /// What `--check` says.
    fn report(
        &self,
        config: &Config,
        file: Option<&Path>,
        mut complaints: Vec<Complaint>,
        report: Report,
    ) -> Result<(), Failure> {
        // Nothing is opened here, and secrets that are sealed cannot be read without the root key.
        if let Ok(text) = std::fs::read_to_string(&config.credentials.file)
            && !text.contains("secret_access_key_sealed")
            && let Err(error) = Credentials::from_toml(&text)
        {
            let place = config.credentials.file.display().to_string();
            complaints.push(Complaint::new(place, error.to_string(), ""));
        }
        tell(&complaints, report);
        let wrong = complaints.iter().filter(|one| !one.is_warning).count();
        let name = file.map_or_else(|| "the environment alone".to_owned(), |file| file.display().to_string());
        report.record(|| {
            json!({
                "Configuration": name,
                "Sound": wrong == 0,
                "Complaints": complaints.iter().map(|one| json!({
                    "Place": one.place, "Message": one.message, "Advice": one.advice, "Warning": one.is_warning,
                })).collect::<Vec<_>>(),
            })
        })?;
        match wrong {
            0 => {
                report.done(&format!("{name}: the server can start with it"));
                Ok(())
            }
            1 => Err(Failure::new(Status::Failed, format!("{name}: one thing is wrong"))),
            more => Err(Failure::new(Status::Failed, format!("{name}: {more} things are wrong"))),
        }
    }
}

/// Says what is wrong, each with what to do.
fn tell(complaints: &[Complaint], report: Report) {
    for complaint in complaints {
        let Complaint { place, message, advice, .. } = complaint;
        let kind = if complaint.is_warning { "warning: " } else { "" };
        report.notice(&printable(&format!("{place}: {kind}{message}")));
        if !advice.is_empty() {
            report.notice(&format!("    {}", printable(advice)));
        }
    }
}

pub(super) fn failure(complaint: &Complaint) -> Failure {
    let failure = Failure::new(Status::Failed, complaint.message.clone()).about(&complaint.place);
    if complaint.advice.is_empty() { failure } else { failure.hint(complaint.advice.clone()) }
}

/// The logs of this process, as `KMS_LOG` or else the configuration says.
pub(super) fn install_logs(config: &Config) -> Result<(), Failure> {
    let stronger = std::env::var("KMS_LOG").ok().filter(|text| !text.is_empty());
    logs::install(&config.logs, stronger.as_deref())
        .map_err(|error| Failure::usage(error).about(if stronger.is_some() { "KMS_LOG" } else { "logs.level" }))
}

/// The configuration that is there if none is named.
pub(super) fn usual_file() -> Option<PathBuf> {
    let names = AppStrategyArgs { top_level_domain: String::new(), author: String::new(), app_name: "kms".into() };
    let user = choose_app_strategy(names).ok().map(|strategy| strategy.config_dir());
    Config::usual_file(user.as_deref())
}

/// The environment, as far as it is text.
pub(super) fn variables() -> impl Iterator<Item = (String, String)> {
    let text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    std::env::vars_os().filter_map(text)
}

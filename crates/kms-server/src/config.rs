//! The configuration: one TOML file, and the environment.
//!
//! Every member has a variable, which is stronger than the file: `KMS_SERVER_`, the section and the member in upper case
//! with `_` between them. `addresses` of `[listen]` is `KMS_SERVER_LISTEN_ADDRESSES`. Values are as in the file, without
//! the quotes of a string; lists have commas. `KMS_SERVER_HSM` and `KMS_SERVER_QUOTAS` hold what stands behind `hsm =`
//! and `quotas =`.
//!
//! What is wrong is collected, not told one by one: see [`Loaded`].

mod check;
mod complaint;
mod quotas;
mod read;
mod section;
mod sections;
mod values;

use std::path::{Path, PathBuf};

pub use complaint::Complaint;
pub use quotas::QuotaChoice;
pub use sections::{
    Audit, ClientCertificates, CredentialsFile, Hsm, Kept, Listen, LogFormat, Logs, MetricsOffered, Root, Served, Tls,
    Xks,
};
pub use values::{List, Span, Text};

/// What every variable that sets a member begins with.
pub const VARIABLES: &str = "KMS_SERVER_";

/// What the server is to be.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Config {
    /// Where it is reached.
    pub listen: Listen,
    /// TLS.
    pub tls: Tls,
    /// What is served.
    pub service: Served,
    /// Where keys are kept.
    pub store: Kept,
    /// The root key.
    pub root: Root,
    /// The audit log.
    pub audit: Audit,
    /// HSMs.
    pub hsm: Vec<Hsm>,
    /// Whose signatures are accepted.
    pub credentials: CredentialsFile,
    /// Request quotas: `quotas = "aws"`, `"off"`, a file, or a table `[quotas]`.
    pub quotas: QuotaChoice,
    /// The proxy API of external key stores.
    pub xks: Xks,
    /// What Prometheus reads.
    pub metrics: MetricsOffered,
    /// Logs.
    pub logs: Logs,
}

/// What could be read of a configuration, and what is wrong with the rest, which has its defaults.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What could not be read.
    pub complaints: Vec<Complaint>,
}

impl Config {
    /// Reads a file, and over it the variables that begin with [`VARIABLES`]. Without a file there are only these.
    #[must_use]
    pub fn load(file: Option<&Path>, variables: impl IntoIterator<Item = (String, String)>) -> Loaded {
        let mut loaded = Loaded::default();
        if let Some(path) = file {
            match std::fs::read_to_string(path) {
                Ok(text) => loaded.read_file(&path.display().to_string(), &text),
                Err(error) => loaded.complaints.push(Complaint::new(
                    path.display().to_string(),
                    format!("cannot be read: {error}"),
                    "kms serve --config FILE names another.",
                )),
            }
        }
        loaded.read_variables(variables);
        loaded
    }

    /// Where the file is if nobody names one: `/etc/kms/kms.toml`, or `kms.toml` in `user`, the user's directory for
    /// configuration, if there is one.
    #[must_use]
    pub fn usual_file(user: Option<&Path>) -> Option<PathBuf> {
        let user = user.map(|folder| folder.join("kms.toml"));
        user.into_iter().chain([PathBuf::from("/etc/kms/kms.toml")]).find(|path| path.exists())
    }
}

#[cfg(test)]
mod tests;

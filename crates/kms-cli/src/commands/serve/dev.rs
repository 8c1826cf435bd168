//! `kms dev`: a server for tests.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use kms_server::config::{Config, QuotaChoice};
use kms_server::credentials::Credentials;
use kms_server::dev::{Seed, ThrowAway, exports};
use kms_server::server::Server;
use kms_service::{AccountId, Region};

use super::{failure, install_logs};
use crate::failure::{Failure, Status};
use crate::serve;

/// Serve for tests: nothing is kept
///
/// Keys are in memory, and gone when it ends. On standard output are lines that a shell takes, and nothing else; when
/// they are there, the server answers:
///
///   kms dev > env & sleep 1; eval "$(cat env)"; aws kms create-key
///
/// POST /_kms/reset, and /moto-api/reset, empty keys, aliases and grants, and make those of --seed again.
#[derive(Debug, Args)]
pub(crate) struct Dev {
    #[command(flatten)]
    arguments: DevArguments,
}

/// What a server for tests can be told.
#[derive(Debug, Args)]
pub(crate) struct DevArguments {
    /// The address; port 0 is any that is free [default: 127.0.0.1:4599]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,

    /// The account of the throw-away credentials and of the seed [default: 111122223333]
    #[arg(long, value_name = "ID")]
    account: Option<AccountId>,

    /// The regions that keys can be in; the first is that of the seed [default: AWS_REGION, or us-east-1]
    #[arg(long, value_name = "REGION,…", value_delimiter = ',')]
    regions: Vec<Region>,

    /// Whose signatures are accepted, as for `kms serve`, in place of the throw-away credentials of a user who may do
    /// everything
    #[arg(long, value_name = "FILE")]
    credentials: Option<PathBuf>,

    /// Request quotas: aws, off, or a file with lines such as CreateKey = 5 [default: off]
    #[arg(long, value_name = "aws|off|FILE")]
    quotas: Option<String>,

    /// Make the keys and aliases that a YAML file names, with their ids. The seed files of local-kms are understood
    #[arg(long, value_name = "FILE")]
    seed: Option<PathBuf>,
}

impl Dev {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        self.arguments.run()
    }
}

impl DevArguments {
    /// Whether anything is said.
    pub(super) const fn is_set(&self) -> bool {
        self.listen.is_some()
            || self.account.is_some()
            || !self.regions.is_empty()
            || self.credentials.is_some()
            || self.quotas.is_some()
            || self.seed.is_some()
    }

    pub(super) fn run(&self) -> Result<(), Failure> {
        let account = match self.account {
            Some(account) => account,
            None => "111122223333".parse()?,
        };
        let regions = self.regions()?;
        let first = regions.first().cloned().ok_or_else(|| Failure::usage("there is no region"))?;
        let config = self.config(regions)?;
        install_logs(&config)?;
        let seed = match &self.seed {
            Some(path) => Seed::load(path).map_err(|error| Failure::new(Status::Refused, error.to_string()))?,
            None => Seed::default(),
        };
        let (credentials, thrown_away) = match &self.credentials {
            Some(path) => (Credentials::load(path), None),
            None => {
                let made = ThrowAway::new(account)?;
                (Credentials::from_toml(&made.to_toml()), Some(made))
            }
        };
        let credentials = credentials.map_err(|error| Failure::new(Status::Failed, error.to_string()))?;
        let parts = serve::in_memory()?;
        let running = Server::start_for_tests(&config, parts, credentials, seed, account, first.clone())
            .map_err(|complaint| failure(&complaint))?;
        if let Some(address) = running.addresses().first() {
            let mut out = std::io::stdout().lock();
            out.write_all(exports(*address, &first, thrown_away.as_ref()).as_bytes())?;
            out.flush()?;
        }
        running.wait().map_err(|complaint| failure(&complaint))
    }

    fn regions(&self) -> Result<Vec<Region>, Failure> {
        if !self.regions.is_empty() {
            return Ok(self.regions.clone());
        }
        let named = std::env::var("AWS_REGION").ok().filter(|text| !text.is_empty());
        Ok(vec![named.as_deref().unwrap_or("us-east-1").parse()?])
    }

    fn config(&self, regions: Vec<Region>) -> Result<Config, Failure> {
        let mut config = Config::default();
        if let Some(address) = self.listen {
            config.listen.addresses = [address].into_iter().collect();
        }
        // Whoever names an address of all the world for a test means it.
        config.listen.plain_http = true;
        config.service.regions = regions.into_iter().collect();
        config.store.memory = true;
        config.audit.enabled = false;
        config.quotas = match &self.quotas {
            Some(text) => QuotaChoice::from_argument(text)
                .map_err(|complaints| complaints.first().map_or_else(|| Failure::usage("no quotas"), failure))?,
            None => QuotaChoice::Off,
        };
        Ok(config)
    }
}

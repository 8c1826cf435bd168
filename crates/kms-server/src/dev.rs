//! A server for tests: throw-away credentials, seeded keys, a reset.

mod plant;
mod seed;

use core::fmt::Write;
use std::net::SocketAddr;

use kms_core::{Error, SystemRandom};
use kms_service::{AccountId, KmsError, Region, Service};
use parking_lot::Mutex;

use crate::credentials::{KMS, NewAccessKey};

pub use seed::{AliasSeed, KeySeed, Seed, SeedError, Tags};

/// The paths that empty the server: our own, and the one that existing test suites call.
pub const RESET_PATHS: [&str; 2] = ["/_kms/reset", "/moto-api/reset"];

/// What only a server for tests can do.
///
/// It works on the store beside the service that answers requests, through another one without quotas, so that seeding is
/// not throttled.
#[derive(Debug)]
pub struct Dev {
    served: Service,
    seeding: Service,
    seed: Seed,
    account: AccountId,
    region: Region,
    one_at_a_time: Mutex<()>,
}

impl Dev {
    /// `seeding` is over the store of `served`, without quotas and without an audit log. Seeds are of `account` and `region`
    /// where they do not say otherwise.
    #[must_use]
    pub fn new(served: Service, seeding: Service, seed: Seed, account: AccountId, region: Region) -> Self {
        Self { served, seeding, seed, account, region, one_at_a_time: Mutex::new(()) }
    }

    /// Makes the keys and aliases of the seed.
    ///
    /// # Errors
    /// What the service says of one that cannot be, with its id.
    pub fn plant(&self) -> Result<(), KmsError> {
        let planted = plant::plant(&self.seeding, &self.seed, self.account, &self.region);
        self.served.refresh();
        planted
    }

    /// Empties keys, aliases and grants, and seeds again. Waits for a reset that is under way.
    ///
    /// # Errors
    /// The store's faults; as [`plant`](Self::plant).
    pub fn reset(&self) -> Result<(), KmsError> {
        let _others_wait = self.one_at_a_time.lock();
        self.seeding.empty()?;
        self.plant()
    }
}

/// Credentials that nobody else knows, for one run.
pub struct ThrowAway {
    /// `AKIA` and 16 of `A-Z2-7`.
    pub access_key_id: String,
    /// 40 characters of the base64 alphabet.
    pub secret_access_key: String,
    account: AccountId,
}

impl ThrowAway {
    /// Of a user `dev` of an account, who may do everything.
    ///
    /// # Errors
    /// If the generator fails.
    pub fn new(account: AccountId) -> Result<Self, Error> {
        let NewAccessKey { access_key_id, secret_access_key, .. } = NewAccessKey::generate(KMS, &SystemRandom)?;
        Ok(Self { access_key_id, secret_access_key: secret_access_key.as_str().to_owned(), account })
    }

    /// As a file of credentials has it.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let Self { access_key_id, secret_access_key, account } = self;
        format!(
            r#"[[principal]]
access_key_id = "{access_key_id}"
secret_access_key = "{secret_access_key}"
arn = "arn:aws:iam::{account}:user/dev"
policies = ['{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"*","Resource":"*"}}]}}']
"#
        )
    }
}

/// The lines for a shell that make AWS clients talk to the server; `eval` takes them.
#[must_use]
pub fn exports(address: SocketAddr, region: &Region, credentials: Option<&ThrowAway>) -> String {
    let mut lines = format!("export AWS_ENDPOINT_URL_KMS=http://{address}\n");
    if let Some(ThrowAway { access_key_id, secret_access_key, .. }) = credentials {
        // Writing to a string does not fail.
        let _written = write!(
            lines,
            "export AWS_ACCESS_KEY_ID={access_key_id}\nexport AWS_SECRET_ACCESS_KEY={secret_access_key}\n"
        );
    }
    // The first version of the AWS CLI, and boto3, know it by the other name.
    lines + &format!("export AWS_REGION={region}\nexport AWS_DEFAULT_REGION={region}\n")
}

impl core::fmt::Debug for ThrowAway {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ThrowAway").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_is_given_has_no_blanks_and_the_log_no_secret() {
        let account: AccountId = "111122223333".parse().unwrap();
        let thrown_away = ThrowAway::new(account).unwrap();
        assert_eq!((thrown_away.access_key_id.len(), thrown_away.secret_access_key.len()), (20, 40));
        let region = "eu-central-1".parse().unwrap();
        let lines = exports("127.0.0.1:4599".parse().unwrap(), &region, Some(&thrown_away));
        assert_eq!(lines.lines().count(), 5);
        assert!(lines.starts_with("export AWS_ENDPOINT_URL_KMS=http://127.0.0.1:4599\n"));
        assert!(lines.lines().all(|line| line.split(' ').count() == 2), "{lines}");
        assert_eq!(exports("127.0.0.1:4599".parse().unwrap(), &region, None).lines().count(), 3);
        assert!(!format!("{thrown_away:?}").contains(&thrown_away.secret_access_key));
        let file: toml::Table = thrown_away.to_toml().parse().unwrap();
        let principal = &file["principal"][0];
        assert_eq!(principal["secret_access_key"].as_str(), Some(thrown_away.secret_access_key.as_str()));
        let policy = principal["policies"][0].as_str().unwrap();
        assert!(kms_service::Policy::parse(kms_service::PolicyKind::Identity, policy).is_ok());
    }
}

//! What can be configured.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use kms_service::{AccountId, Region};
use serde::Deserialize;

use super::section::section;
use super::values::{List, Span, Text};

section! {
    /// `[listen]`: where the server is reached, and what a client may take of it.
    pub struct Listen {
        /// Addresses with their ports.
        pub addresses: List<SocketAddr> = [SocketAddr::from((Ipv4Addr::LOCALHOST, 4599))].into_iter().collect(),
        /// Whether addresses that other machines reach are served without TLS. Plaintext keys then cross the network.
        pub plain_http: bool = false,
        /// Connections at a time. Those beyond wait until one is closed.
        pub connections: usize = 1024,
        /// Bytes of the head of a request: at least 8,192.
        pub header_bytes: usize = 16 << 10,
        /// Bytes of the body of a request. The longest of the API has about half of the default.
        pub body_bytes: usize = 1 << 20,
        /// How long a client may take from the connection to the end of the head of its first request.
        pub header_timeout: Span = Span::seconds(10),
        /// How long a client may take from an answer to the end of the next request's head.
        pub idle_timeout: Span = Span::seconds(75),
        /// How long a client may take for the body of a request.
        pub body_timeout: Span = Span::seconds(20),
        /// How long a client may take for the TLS handshake.
        pub handshake_timeout: Span = Span::seconds(10),
        /// Requests at a time on a connection of HTTP/2.
        pub http2_streams: u32 = 128,
        /// How long a server that is told to end finishes what it has begun.
        pub shutdown_timeout: Span = Span::seconds(30),
    }
}

section! {
    /// `[tls]`: TLS for all addresses, if there is a certificate.
    pub struct Tls {
        /// The certificate chain: a PEM file, the server's own first. Read again when it changes.
        pub certificate: Option<PathBuf> = None,
        /// Its private key: a PEM file that others cannot read.
        pub key: Option<PathBuf> = None,
        /// The authorities whose client certificates are accepted: a PEM file.
        pub client_ca: Option<PathBuf> = None,
        /// Whether clients must have a certificate, where there is a `client_ca`.
        pub client_certificates: ClientCertificates = ClientCertificates::Required,
    }
}

/// Whether clients must have a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "either they must or they need not")]
pub enum ClientCertificates {
    /// They need not, and are believed if they have.
    Optional,
    /// They must.
    Required,
}

section! {
    /// `[service]`: what is served.
    pub struct Served {
        /// The regions that keys can be in. A request is for the region that its signature names.
        pub regions: List<Region> = List::default(),
        /// The accounts that may be served. Empty: those of the credentials.
        pub accounts: List<AccountId> = List::default(),
        /// How many keys are kept unsealed in memory.
        pub cached_keys: usize = 10_000,
        /// How long a change by another process may remain unseen. 0: each request asks the store.
        pub freshness: Span = Span::seconds(1),
        /// How long a key must be seen to be due before it is deleted.
        pub deletion_grace: Span = Span::seconds(24 * 3600),
        /// How often what is due is done: deletion, rotation, expiry.
        pub due_interval: Span = Span::seconds(60),
    }
}

section! {
    /// `[store]`: where keys are kept, sealed under the root key.
    pub struct Kept {
        /// The folder of the store. It is made if it is not there.
        pub path: PathBuf = "/var/lib/kms/store".into(),
        /// Whether nothing is kept: all keys are gone when the server ends.
        pub memory: bool = false,
    }
}

section! {
    /// `[root]`: the root key, which opens the store. Without it all keys are lost.
    pub struct Root {
        /// A key file, which is made with a new store.
        pub key_file: Option<PathBuf> = None,
        /// A file with a passphrase on its first line, in place of a key file.
        pub passphrase_file: Option<PathBuf> = None,
        /// The PKCS#11 URI of a key in an HSM (RFC 7512), in place of either:
        /// `pkcs11:token=NAME;object=LABEL?module-path=FILE&pin-source=file:/PATH`.
        pub hsm: Option<String> = None,
    }
}

section! {
    /// `[audit]`: the log that each call is recorded in before it is answered.
    pub struct Audit {
        /// Whether there is one.
        pub enabled: bool = true,
        /// The folder of the log. It is made if it is not there.
        pub directory: PathBuf = "/var/lib/kms/audit".into(),
        /// Whether the log is signed, by a key of its own in the store.
        pub signed: bool = true,
        /// What checkpoints call this server. Default: the id of the store.
        pub server: Option<String> = None,
        /// How long after a record it is covered by a signature.
        pub checkpoint_interval: Span = Span::seconds(1),
    }
}

section! {
    /// `[[hsm]]`: an HSM that custom key stores can be in front of.
    pub struct Hsm {
        /// What `CreateCustomKeyStore` calls it, as `CloudHsmClusterId`: `cluster-` and 11 to 16 of `2-7a-zA-Z`.
        pub id: String = String::new(),
        /// Its PKCS#11 module.
        pub module: PathBuf = PathBuf::new(),
        /// The label of its token.
        pub token: String = String::new(),
        /// Where its PIN is: `file:/PATH`, a file that others cannot read, `env:NAME`, or `keypad:`. Never the PIN itself.
        pub pin: String = String::new(),
        /// How long an operation may take, with the wait for a session.
        pub budget: Span = Span::seconds(5),
        /// Sessions at a time, which is operations at a time. Default: two for each core and four.
        pub sessions: Option<usize> = None,
    }
}

section! {
    /// `[credentials]`: whose signatures are accepted.
    pub struct CredentialsFile {
        /// The file with the access keys and their principals.
        pub file: PathBuf = "/etc/kms/credentials.toml".into(),
        /// How often it is looked at for changes.
        pub reload_interval: Span = Span::seconds(2),
    }
}

section! {
    /// `[xks]`: the proxy API of external key stores, so that AWS KMS can use keys of this server. It signs with access keys
    /// whose `service` is `kms-xks-proxy` in the file of credentials.
    pub struct Xks {
        /// Whether it is offered.
        pub enabled: bool = false,
        /// What is before `/kms/xks/v1` in its paths: empty, or as `/prod`.
        pub path_prefix: String = String::new(),
        /// The account whose keys are offered.
        pub account: Option<Text<AccountId>> = None,
        /// The region whose keys are offered.
        pub region: Option<Text<Region>> = None,
    }
}

section! {
    /// `[metrics]`: what Prometheus reads.
    pub struct MetricsOffered {
        /// Whether `GET /metrics` is answered.
        pub enabled: bool = true,
    }
}

section! {
    /// `[logs]`: what is written to standard error.
    pub struct Logs {
        /// `error`, `warn`, `info`, `debug`, `trace`, `off`, or directives of `tracing-subscriber` with commas between
        /// them. `KMS_LOG` is stronger.
        pub level: String = "info".into(),
        /// How.
        pub format: LogFormat = LogFormat::Text,
    }
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LogFormat {
    /// A line for people.
    Text,
    /// An object of JSON on each line.
    Json,
}

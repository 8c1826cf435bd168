//! TLS: certificates, keys, and how they are replaced.

use core::fmt;
use core::time::Duration;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::signal::unix::{SignalKind, signal};
use tokio::{task, time};
use zeroize::Zeroizing;

use super::ListenError;

/// Which clients may connect.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a certificate is not asked for, may be there, or must be")]
pub enum ClientCertificates {
    /// Any: none is asked for a certificate.
    None,
    /// Those without a certificate, and those with one of the authorities in the file.
    Optional(PathBuf),
    /// Those with a certificate of one of the authorities in the file.
    Required(PathBuf),
}

impl ClientCertificates {
    fn authorities(&self) -> Option<&Path> {
        match self {
            Self::None => None,
            Self::Optional(file) | Self::Required(file) => Some(file),
        }
    }
}

/// Files in PEM (RFC 7468).
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "whoever configures the server makes it")]
pub struct TlsFiles {
    /// The server's certificate, and behind it those between it and the root.
    pub certificates: PathBuf,
    /// Its private key: PKCS#8, PKCS#1 or SEC1. Not readable by others than its owner and group.
    pub key: PathBuf,
    /// Which clients may connect.
    pub clients: ClientCertificates,
}

impl TlsFiles {
    fn all(&self) -> impl Iterator<Item = &Path> {
        [self.certificates.as_path(), &self.key].into_iter().chain(self.clients.authorities())
    }
}

/// TLS 1.2 and 1.3, HTTP/1.1 and HTTP/2, with certificates that can be replaced.
///
/// Connections keep the certificates that they began with.
pub struct Tls {
    files: TlsFiles,
    config: ArcSwap<ServerConfig>,
    seen: Mutex<Vec<Seen>>,
}

/// What a file was when it was read last; nothing if it was not there.
type Seen = Option<(u64, u64, u64, (i64, i64), (i64, i64))>;

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// The file that cannot be used, and why.
    pub fn load(files: TlsFiles) -> Result<Self, ListenError> {
        // Looked at first: what changes meanwhile is read again.
        let seen = look(&files);
        let config = read(&files)?;
        Ok(Self { files, config: ArcSwap::from_pointee(config), seen: Mutex::new(seen) })
    }

    /// Reads the files again. New connections have what is in them.
    ///
    /// # Errors
    /// The file that cannot be used, and why; what was read before is kept.
    pub fn reload(&self) -> Result<(), ListenError> {
        *self.seen.lock() = look(&self.files);
        self.config.store(Arc::new(read(&self.files)?));
        Ok(())
    }

    /// Reads the files again if one of them is not what it was. Tells whether that was so.
    ///
    /// # Errors
    /// As [`reload`](Self::reload); once for each change.
    pub fn reload_if_changed(&self) -> Result<bool, ListenError> {
        let is_same = *self.seen.lock() == look(&self.files);
        if is_same { Ok(false) } else { self.reload().map(|()| true) }
    }

    /// What new connections have.
    pub(super) fn current(&self) -> Arc<ServerConfig> {
        self.config.load_full()
    }

    /// Looks at the files `every` so often, and reads them on SIGHUP. Never ends.
    pub(super) async fn watch(self: Arc<Self>, every: Duration) {
        let mut hangup = signal(SignalKind::hangup()).ok();
        let mut ticks = time::interval(every);
        ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        loop {
            let is_told = tokio::select! {
                _ = ticks.tick() => false,
                () = hung_up(hangup.as_mut()) => true,
            };
            let tls = Arc::clone(&self);
            let reload = move || if is_told { tls.reload().map(|()| true) } else { tls.reload_if_changed() };
            match task::spawn_blocking(reload).await {
                Ok(Ok(true)) => {
                    tracing::info!(file = %self.files.certificates.display(), "certificates were read again")
                }
                Ok(Ok(false)) => {}
                Ok(Err(error)) => tracing::error!(%error, "the new certificates are not used"),
                Err(_) => return,
            }
        }
    }
}

async fn hung_up(signal: Option<&mut tokio::signal::unix::Signal>) {
    let received = match signal {
        Some(signal) => signal.recv().await,
        None => None,
    };
    if received.is_none() {
        core::future::pending::<()>().await;
    }
}

fn look(files: &TlsFiles) -> Vec<Seen> {
    let seen = |file: Metadata| {
        // The last changes with the mode as well: a key that was refused for it is read when that is put right.
        let (modified, changed) = ((file.mtime(), file.mtime_nsec()), (file.ctime(), file.ctime_nsec()));
        (file.dev(), file.ino(), file.size(), modified, changed)
    };
    files.all().map(|file| fs::metadata(file).ok().map(seen)).collect()
}

fn read(files: &TlsFiles) -> Result<ServerConfig, ListenError> {
    let provider = Arc::new(ring::default_provider());
    let chain = certificates(&files.certificates)?;
    let key = private_key(&files.key)?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| problem(&files.certificates, &error))?;
    let builder = match &files.clients {
        ClientCertificates::None => builder.with_no_client_auth(),
        ClientCertificates::Optional(file) => builder.with_client_cert_verifier(verifier(file, true, provider)?),
        ClientCertificates::Required(file) => builder.with_client_cert_verifier(verifier(file, false, provider)?),
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            problem(&files.key, &format!("this is not the key of the certificate in {}", files.certificates.display()))
        }
        other => problem(&files.certificates, &other),
    })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn verifier(
    file: &Path,
    is_optional: bool,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, ListenError> {
    let mut authorities = RootCertStore::empty();
    for certificate in certificates(file)? {
        authorities.add(certificate).map_err(|error| problem(file, &error))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider);
    let builder = if is_optional { builder.allow_unauthenticated() } else { builder };
    builder.build().map_err(|error| problem(file, &error))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, ListenError> {
    let pem = fs::read(file).map_err(|error| problem(file, &error))?;
    let chain = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| problem(file, &error))?;
    if chain.is_empty() {
        return Err(problem(file, &"there is no certificate in it: it must have a PEM block \"BEGIN CERTIFICATE\""));
    }
    Ok(chain)
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, ListenError> {
    let metadata = fs::metadata(file).map_err(|error| problem(file, &error))?;
    if metadata.mode() & 0o007 != 0 {
        return Err(problem(file, &format!("everybody may use this private key: chmod 600 {}", file.display())));
    }
    let pem = Zeroizing::new(fs::read(file).map_err(|error| problem(file, &error))?);
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| {
        problem(file, &"there is no private key in it: it must have a PEM block \"BEGIN PRIVATE KEY\", not encrypted")
    })
}

fn problem(file: &Path, problem: &dyn fmt::Display) -> ListenError {
    ListenError::Tls { file: file.to_owned(), problem: problem.to_string() }
}

/// Shows the files' names, and no key.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

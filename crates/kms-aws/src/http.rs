//! HTTP for the SDK: the TLS that the rest of the project has, the proxies of the environment, and the certificates of
//! whoever runs an endpoint of their own.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::{HttpClient, HttpConnectorSettings, SharedHttpConnector};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use kms_core::{Error, ErrorKind};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// Connections, pooled by the timeouts they were made with: the requests for credentials have others than those to KMS.
#[derive(Debug)]
pub(crate) struct Http {
    tls: TlsContext,
    connectors: Mutex<Vec<(Timeouts, SharedHttpConnector)>>,
}

/// To connect, and to read.
type Timeouts = (Option<Duration>, Option<Duration>);

impl Http {
    /// With the certificates that the operating system trusts, or only with those in a file.
    pub(crate) fn new(ca_bundle: Option<&Path>) -> Result<Self, Error> {
        let trusted = match ca_bundle {
            None => TrustStore::empty().with_native_roots(true),
            Some(path) => TrustStore::empty().with_pem_certificate(certificates(path)?),
        };
        let tls = TlsContext::builder().with_trust_store(trusted).build();
        let tls = tls.map_err(|error| Error::new(ErrorKind::Internal).with_source(error))?;
        Ok(Self { tls, connectors: Mutex::default() })
    }

    fn connector(&self, settings: &HttpConnectorSettings) -> SharedHttpConnector {
        let connector = Connector::builder()
            .sleep_impl(TokioSleep::new())
            .connector_settings(settings.clone())
            .proxy_config(ProxyConfig::from_env())
            .tls_provider(Provider::rustls(CryptoMode::Ring))
            .tls_context(self.tls.clone());
        SharedHttpConnector::new(connector.build())
    }
}

impl HttpClient for Http {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let timeouts = (settings.connect_timeout(), settings.read_timeout());
        let mut connectors = self.connectors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, connector)) = connectors.iter().find(|(of, _)| *of == timeouts) {
            return connector.clone();
        }
        let connector = self.connector(settings);
        connectors.push((timeouts, connector.clone()));
        connector
    }
}

/// The PEM file, if all of it is certificates that can be trusted: the SDK panics over others.
fn certificates(path: &Path) -> Result<Vec<u8>, Error> {
    let pem = std::fs::read(path).map_err(|error| {
        Error::with_detail(ErrorKind::Io, format!("the certificates in {}", path.display())).with_source(error)
    })?;
    let bad = |what: String| Error::malformed(format!("{}: {what}", path.display()));
    let mut store = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| bad(error.to_string()))?;
        store.add(certificate).map_err(|error| bad(error.to_string()))?;
    }
    if store.is_empty() { Err(bad("no -----BEGIN CERTIFICATE-----".into())) } else { Ok(pem) }
}

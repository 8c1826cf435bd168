//! The sockets of a configuration.

use std::sync::Arc;

use crate::config::{self, Complaint, Config};
use crate::listen::{ClientCertificates, Limits, ListenError, Listener, PlainHttp, Tls, TlsFiles};

/// Listens on all addresses.
///
/// # Errors
/// If one of them cannot be listened on, or a certificate cannot be used.
pub(super) async fn open(config: &Config) -> Result<Vec<Listener>, Complaint> {
    let tls = tls(config)?;
    let exposure = if config.listen.plain_http { PlainHttp::Anywhere } else { PlainHttp::LoopbackOnly };
    let mut listeners = Vec::new();
    for &address in config.listen.addresses.iter() {
        let listener = match &tls {
            Some(tls) => Listener::tls(address, tls.clone()).await,
            None => Listener::plain(address, exposure).await,
        };
        listeners.push(listener.map_err(|error| {
            let advice = "Is another server there? `kms serve --check` says what is wrong with the configuration.";
            complaint("listen.addresses", &error, advice)
        })?);
    }
    Ok(listeners)
}

fn tls(config: &Config) -> Result<Option<Arc<Tls>>, Complaint> {
    let (Some(certificate), Some(key)) = (&config.tls.certificate, &config.tls.key) else { return Ok(None) };
    let clients = match (&config.tls.client_ca, config.tls.client_certificates) {
        (None, _) => ClientCertificates::None,
        (Some(file), config::ClientCertificates::Optional) => ClientCertificates::Optional(file.clone()),
        (Some(file), config::ClientCertificates::Required) => ClientCertificates::Required(file.clone()),
    };
    let files = TlsFiles { certificates: certificate.clone(), key: key.clone(), clients };
    Tls::load(files).map(|tls| Some(Arc::new(tls))).map_err(|error| complaint("tls", &error, ""))
}

fn complaint(place: &str, error: &ListenError, advice: &str) -> Complaint {
    Complaint::new(place, error.to_string(), advice)
}

/// What clients may take.
pub(super) fn limits(config: &Config) -> Limits {
    let listen = &config.listen;
    Limits {
        connections: listen.connections,
        header_bytes: listen.header_bytes,
        header: listen.header_timeout.get(),
        idle: listen.idle_timeout.get(),
        handshake: listen.handshake_timeout.get(),
        streams: listen.http2_streams,
        drain: listen.shutdown_timeout.get(),
    }
}

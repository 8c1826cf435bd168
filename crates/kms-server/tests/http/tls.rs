//! TLS: certificates of a test's own authority, replaced while the server runs, and asked of clients.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use kms_server::listen::{ClientCertificates, Limits, ListenError, Listener, PlainHttp, Tls, TlsFiles};
use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::house::{Answer, House, app, generous};

/// A certificate authority of the test's own.
pub(crate) struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    fn issue(&self) -> (Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    /// Writes a fresh certificate for a server, and tells it.
    fn write(&self, directory: &Path) -> CertificateDer<'static> {
        let (certificate, key) = self.issue();
        let key_file = directory.join("key.pem");
        fs::write(&key_file, key.serialize_pem()).unwrap();
        fs::set_permissions(&key_file, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(directory.join("certificate.pem"), certificate.pem()).unwrap();
        certificate.der().clone()
    }

    fn files(directory: &Path, clients: ClientCertificates) -> TlsFiles {
        TlsFiles { certificates: directory.join("certificate.pem"), key: directory.join("key.pem"), clients }
    }

    /// What a server with a certificate of this authority needs.
    pub(crate) fn server(&self, directory: &Path) -> Tls {
        self.write(directory);
        Tls::load(Self::files(directory, ClientCertificates::None)).unwrap()
    }

    /// Connects, with a client's certificate or none.
    pub(crate) async fn connect(
        &self,
        address: SocketAddr,
        protocols: &[&[u8]],
        client: Option<&(Certificate, KeyPair)>,
    ) -> io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match client {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
                builder.with_client_auth_cert(vec![certificate.der().clone()], key).unwrap()
            }
        };
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        let stream = TcpStream::connect(address).await?;
        generous(TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream)).await
    }
}

const LIVE: &[u8] = b"GET /livez HTTP/1.1\r\nHost: kms\r\nConnection: close\r\n\r\n";

fn shown(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_replaced_without_a_restart() {
    let (directory, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let tls = Arc::new(authority.server(directory.path()));
    let house = House::with(app().build().unwrap(), Limits::default(), Some(Arc::clone(&tls))).await;
    let mut before = authority.connect(house.address, &[b"http/1.1"], None).await.unwrap();

    let new = authority.write(directory.path());
    // The server looks by itself, now and then.
    generous(async {
        loop {
            let stream = authority.connect(house.address, &[b"http/1.1"], None).await.unwrap();
            if shown(&stream) == new {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
    // The connection of before goes on.
    assert_ne!(shown(&before), new);
    before.write_all(LIVE).await.unwrap();
    assert_eq!(Answer::read(&mut before).await.status, 200);

    // What is broken is not used, and said once.
    fs::write(directory.path().join("certificate.pem"), "nothing").unwrap();
    let _the_server_may_have_been_first = tls.reload_if_changed();
    assert!(!tls.reload_if_changed().unwrap());
    assert!(tls.reload().is_err());
    assert_eq!(shown(&authority.connect(house.address, &[b"http/1.1"], None).await.unwrap()), new);
    assert_eq!(house.close().await.unfinished, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_show_certificates() {
    let (directory, authority, stranger) = (tempfile::tempdir().unwrap(), Authority::new(), Authority::new());
    authority.write(directory.path());
    let file = directory.path().join("clients.pem");
    fs::write(&file, authority.certificate.pem()).unwrap();
    let (good, bad) = (authority.issue(), stranger.issue());
    for (clients, without) in
        [(ClientCertificates::Required(file.clone()), false), (ClientCertificates::Optional(file.clone()), true)]
    {
        let tls = Arc::new(Tls::load(Authority::files(directory.path(), clients)).unwrap());
        let house = House::with(app().build().unwrap(), Limits::default(), Some(tls)).await;
        for (client, is_let_in) in [(Some(&good), true), (Some(&bad), false), (None, without)] {
            // In TLS 1.3 the client learns that it was refused when it reads.
            let answered = async {
                let mut stream = authority.connect(house.address, &[b"http/1.1"], client).await?;
                stream.write_all(LIVE).await?;
                let mut answer = Vec::new();
                tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut answer).await?;
                io::Result::Ok(answer)
            };
            let answered = generous(answered).await;
            assert_eq!(answered.is_ok_and(|answer| answer.starts_with(b"HTTP/1.1 200")), is_let_in);
        }
        assert_eq!(house.close().await.unfinished, 0);
    }
}

#[test]
fn files_that_cannot_be_used() {
    let (directory, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    authority.write(directory.path());
    let files = || Authority::files(directory.path(), ClientCertificates::None);
    let refused = |files: TlsFiles| Tls::load(files).unwrap_err().to_string();
    let mut other = files();
    other.key = directory.path().join("absent.pem");
    assert!(refused(other).contains("absent.pem"));

    fs::write(directory.path().join("other.pem"), KeyPair::generate().unwrap().serialize_pem()).unwrap();
    fs::set_permissions(directory.path().join("other.pem"), fs::Permissions::from_mode(0o600)).unwrap();
    let mut other = files();
    other.key = directory.path().join("other.pem");
    assert!(refused(other).contains("this is not the key of the certificate"));

    let mut other = files();
    other.certificates = directory.path().join("key.pem");
    assert!(refused(other).contains("no certificate in it"));
    let mut other = files();
    other.key = directory.path().join("certificate.pem");
    fs::set_permissions(&other.key, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(refused(other).contains("no private key in it"));

    fs::set_permissions(directory.path().join("key.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(refused(files()).contains("chmod 600"));
}

#[tokio::test]
async fn plain_http_stays_on_the_machine() {
    let everywhere: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let refused = Listener::plain(everywhere, PlainHttp::LoopbackOnly).await;
    assert!(matches!(refused, Err(ListenError::NotLoopback(address)) if address == everywhere));
    let mapped = "[::ffff:192.0.2.1]:0".parse().unwrap();
    assert!(matches!(Listener::plain(mapped, PlainHttp::LoopbackOnly).await, Err(ListenError::NotLoopback(_))));
    Listener::plain(everywhere, PlainHttp::Anywhere).await.unwrap();
}

//! One question to a server, over HTTP and TLS.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::Uri;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use x509_cert::Certificate;
use x509_cert::der::Decode;

/// How long a server may take for anything.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest answer that is read, in bytes.
const MOST: u64 = 1 << 20;
/// Where systems keep the authorities that they trust.
const SYSTEM: &[&str] =
    &["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// What a server answers.
pub(super) struct Answer {
    pub(super) status: u16,
    /// Its clock.
    pub(super) date: Option<SystemTime>,
    pub(super) body: Vec<u8>,
    pub(super) certificate: Option<Presented>,
}

/// A certificate that a server has shown, and that is of a trusted authority.
pub(super) struct Presented {
    pub(super) ends: SystemTime,
}

/// `GET` of a path.
pub(super) fn ask(url: &Uri, path: &str, ca_bundle: Option<&Path>) -> Result<Answer, String> {
    let host = url.host().ok_or("a URL has a host")?;
    let is_tls = match url.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return Err("a URL begins with http:// or https://".into()),
    };
    let port = url.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let tcp = connect(bare, port)?;
    // Of version 1.0, so that the body ends with the connection.
    let question = format!("GET {path} HTTP/1.0\r\nHost: {host}:{port}\r\n\r\n");
    if !is_tls {
        return read(tcp, &question);
    }
    let client = Arc::new(client(ca_bundle)?);
    let name = ServerName::try_from(bare.to_owned()).map_err(|error| error.to_string())?;
    let tls = ClientConnection::new(client, name).map_err(|error| error.to_string())?;
    let mut stream = StreamOwned::new(tls, tcp);
    // The handshake.
    stream.flush().map_err(|error| format!("TLS: {error}"))?;
    let leaf = stream.conn.peer_certificates().and_then(|chain| chain.first()).cloned();
    let certificate = leaf.as_ref().map(presented).transpose()?;
    Ok(Answer { certificate, ..read(stream, &question)? })
}

fn connect(host: &str, port: u16) -> Result<TcpStream, String> {
    let addresses = (host, port).to_socket_addrs().map_err(|error| format!("{host}: {error}"))?;
    let mut last = format!("{host} has no address");
    for address in addresses {
        let connected = TcpStream::connect_timeout(&address, PATIENCE).and_then(|tcp| {
            tcp.set_read_timeout(Some(PATIENCE))?;
            tcp.set_write_timeout(Some(PATIENCE))?;
            Ok(tcp)
        });
        match connected {
            Ok(tcp) => return Ok(tcp),
            Err(error) => last = format!("{address}: {error}"),
        }
    }
    Err(last)
}

fn client(ca_bundle: Option<&Path>) -> Result<ClientConfig, String> {
    let named = ca_bundle.or_else(|| SYSTEM.iter().map(Path::new).find(|path| path.exists()));
    let path = named.ok_or("no authorities are known: name them with --ca-bundle FILE, or in AWS_CA_BUNDLE")?;
    let about = |error: String| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(|error| about(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_reader_iter(file) {
        let certificate = certificate.map_err(|error| about(error.to_string()))?;
        // A bundle of a system has some that are of no use.
        let _of_use = roots.add(certificate);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(versions.map_err(|error| error.to_string())?.with_root_certificates(roots).with_no_client_auth())
}

fn presented(der: &CertificateDer<'_>) -> Result<Presented, String> {
    let certificate = Certificate::from_der(der).map_err(|error| format!("the certificate: {error}"))?;
    Ok(Presented { ends: certificate.tbs_certificate().validity().not_after.to_system_time() })
}

fn read(mut stream: impl Read + Write, question: &str) -> Result<Answer, String> {
    stream.write_all(question.as_bytes()).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    let read = stream.take(MOST).read_to_end(&mut bytes);
    // Some servers do not say goodbye in TLS; what they said before counts.
    if let Err(error) = read
        && bytes.is_empty()
    {
        return Err(error.to_string());
    }
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Response::new(&mut headers);
    let Ok(httparse::Status::Complete(length)) = head.parse(&bytes) else {
        return Err("the answer is not HTTP".into());
    };
    let date = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case("date"));
    let date = date.and_then(|date| httpdate::parse_http_date(core::str::from_utf8(date.value).ok()?).ok());
    let status = head.code.unwrap_or_default();
    Ok(Answer { status, date, body: bytes.get(length..).unwrap_or_default().to_vec(), certificate: None })
}

//! A client that signs (IAM User Guide, "Create a signed AWS API request"), and can be told to do it wrong.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use kms_core::primitives::hash::hash;
use kms_core::primitives::mac::hmac;
use kms_core::{HashAlgorithm, MacAlgorithm, Secret};
use kms_service::{Clock, SystemClock};
use serde_json::Value;

/// An access key, and what it signs for.
#[derive(Clone, Copy)]
pub(crate) struct Signer {
    pub(crate) id: &'static str,
    pub(crate) secret: &'static str,
    pub(crate) region: &'static str,
    pub(crate) service: &'static str,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Sends bytes, and reads until the server closes.
pub(crate) fn exchange(address: SocketAddr, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

fn hex(bytes: &[u8]) -> String {
    base16ct::lower::encode_string(bytes)
}

fn mac(key: &[u8], text: &str) -> Secret {
    hmac(MacAlgorithm::HmacSha256, key, text.as_bytes())
}

impl Signer {
    /// A signed `POST`, as bytes. `headers` have names in lower case.
    pub(crate) fn request(&self, address: SocketAddr, path: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
        let now = SystemClock.now().to_string();
        // 2026-11-25T09:23:40.123Z, without what ISO 8601's basic format does not have.
        let date: String = now.chars().take(19).filter(char::is_ascii_alphanumeric).collect::<String>() + "Z";
        let (day, host) = (&date[..8], address.to_string());
        let mut signed = [&[("host", host.as_str()), ("x-amz-date", date.as_str())], headers].concat();
        signed.sort_unstable();
        let names = signed.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let lines: String = signed.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let body_hash = hex(&hash(HashAlgorithm::Sha256, body.as_bytes()));
        let canonical = format!("POST\n{path}\n\n{lines}\n{names}\n{body_hash}");
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let canonical_hash = hex(&hash(HashAlgorithm::Sha256, canonical.as_bytes()));
        let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{canonical_hash}");
        let key = [self.region, self.service, "aws4_request"]
            .iter()
            .fold(mac(format!("AWS4{}", self.secret).as_bytes(), day), |key, part| mac(key.expose(), part));
        let signature = hex(mac(key.expose(), &to_sign).expose());
        let lines: String = signed.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        format!(
            "POST {path} HTTP/1.1\r\n{lines}Authorization: AWS4-HMAC-SHA256 Credential={}/{scope}, \
             SignedHeaders={names}, Signature={signature}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            self.id,
            body.len()
        )
        .into_bytes()
    }

    pub(crate) fn post(&self, address: SocketAddr, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        exchange(address, &self.request(address, path, headers, &body.to_string()))
    }

    /// An operation of the KMS API.
    pub(crate) fn ask(&self, address: SocketAddr, operation: &str, body: &Value) -> Answer {
        let target = format!("TrentService.{operation}");
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target.as_str())];
        self.post(address, "/", &headers, body)
    }
}

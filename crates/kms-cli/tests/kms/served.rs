//! `kms serve` as in production, on the store of a [`Home`], and clients that sign what they ask.

use core::fmt::Write as _;
use core::time::Duration;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::time::Instant;

use kms_core::primitives::hash::hash;
use kms_core::primitives::mac::hmac;
use kms_core::{HashAlgorithm, MacAlgorithm};
use kms_service::{Clock, SystemClock};
use serde_json::Value;

use crate::{Home, set_mode};

/// More than anything takes, however slow the machine is.
pub(crate) const GENEROUS: Duration = Duration::from_secs(120);

const ACCESS_KEY: &str = "AKIASERVEDUSER000001";
pub(crate) const SECRET: &str = "ServedSecretServedSecretServedSecretSer1";
const REGION: &str = "eu-central-1";

/// A server; it is killed when this is dropped.
pub(crate) struct Served {
    process: Child,
    pub(crate) address: SocketAddr,
}

impl Served {
    /// Starts one on the keyring's store, root key and audit log, so that `kms audit` looks at what it has written.
    pub(crate) fn start(home: &Home) -> Self {
        let folder = home.0.path().display();
        home.write(
            "kms.toml",
            format!(
                "quotas = \"off\"\n[listen]\naddresses = [\"127.0.0.1:0\"]\n[service]\nregions = [\"{REGION}\"]\n\
                 [store]\npath = \"{folder}/store\"\n[root]\nkey_file = \"{folder}/root.key\"\n\
                 [audit]\ndirectory = \"{folder}/audit\"\n[credentials]\nfile = \"{folder}/credentials.toml\"\n\
                 [logs]\nlevel = \"info,kms_server::app=off\"\n"
            ),
        );
        let credentials = home.write(
            "credentials.toml",
            format!(
                "[[principal]]\naccess_key_id = \"{ACCESS_KEY}\"\nsecret_access_key = \"{SECRET}\"\n\
                 arn = \"arn:aws:iam::111122223333:user/served\"\npolicies = ['{{\"Version\": \"2012-10-17\", \
                 \"Statement\": {{\"Effect\": \"Allow\", \"Action\": \"kms:*\", \"Resource\": \"*\"}}}}']\n"
            ),
        );
        set_mode(&credentials, 0o600);
        let log = home.path("serve.log");
        let mut command = home.command(&["serve", "--config", "kms.toml"]);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("KMS_") {
                command.env_remove(name);
            }
        }
        let mut process = command.stdout(Stdio::null()).stderr(File::create(&log).unwrap()).spawn().unwrap();
        let begun = Instant::now();
        loop {
            let said = std::fs::read_to_string(&log).unwrap();
            if let Some(address) = address(&said) {
                return Self { process, address };
            }
            let ended = process.try_wait().unwrap();
            assert!(ended.is_none() && begun.elapsed() < GENEROUS, "it does not serve: {ended:?}: {said}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client { address: self.address, stream: None }
    }

    /// As if the power went: nothing that was not done is done any more.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Ends it as an init system does, and it has to go well.
    pub(crate) fn end(mut self) {
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert!(self.process.wait().unwrap().success());
    }

    /// KiB that it holds.
    #[cfg(target_os = "linux")]
    pub(crate) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already.
        let _killed = self.process.kill();
        let _waited = self.process.wait();
    }
}

/// The address that a server says it listens on, when the line is whole.
fn address(said: &str) -> Option<SocketAddr> {
    let whole = said.rsplit_once('\n')?.0;
    let (_, from) = whole.split_once("127.0.0.1:")?;
    let port: String = from.chars().take_while(char::is_ascii_digit).collect();
    Some(([127, 0, 0, 1], port.parse().ok()?).into())
}

/// A client with a connection, which it makes anew when it is closed.
pub(crate) struct Client {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) request_id: String,
    pub(crate) body: Value,
}

impl Answer {
    /// The answer, which has to be a good one.
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.body
    }
}

impl Client {
    /// Asks for an operation. Nothing is sent twice.
    pub(crate) fn ask(&mut self, operation: &str, body: &Value) -> io::Result<Answer> {
        let body = body.to_string();
        let request = signed(&self.address.to_string(), operation, &body, SECRET);
        self.send(request.as_bytes())
    }

    /// Sends bytes, and reads one answer.
    pub(crate) fn send(&mut self, request: &[u8]) -> io::Result<Answer> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(self.address)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(GENEROUS))?;
                BufReader::new(stream)
            }
        };
        stream.get_mut().write_all(request)?;
        let (answer, is_open) = read(&mut stream)?;
        self.stream = is_open.then_some(stream);
        Ok(answer)
    }
}

/// A request as an AWS SDK signs it.
pub(crate) fn signed(host: &str, operation: &str, body: &str, secret: &str) -> String {
    let now: String = SystemClock.now().to_string().chars().filter(|c| !matches!(c, '-' | ':')).collect();
    let day = &now[..8];
    let headers = format!("host:{host}\nx-amz-date:{now}\nx-amz-target:TrentService.{operation}\n");
    let names = "host;x-amz-date;x-amz-target";
    let canonical = format!("POST\n/\n\n{headers}\n{names}\n{}", hex(&hash(HashAlgorithm::Sha256, body.as_bytes())));
    let scope = format!("{day}/{REGION}/kms/aws4_request");
    let to_sign =
        format!("AWS4-HMAC-SHA256\n{now}\n{scope}\n{}", hex(&hash(HashAlgorithm::Sha256, canonical.as_bytes())));
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in [day, REGION, "kms", "aws4_request", &to_sign] {
        key = hmac(MacAlgorithm::HmacSha256, &key, part.as_bytes()).expose().to_vec();
    }
    format!(
        "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-amz-json-1.1\r\nX-Amz-Date: {now}\r\n\
         X-Amz-Target: TrentService.{operation}\r\nAuthorization: AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{scope}, \
         SignedHeaders={names}, Signature={}\r\nContent-Length: {}\r\n\r\n{body}",
        hex(&key),
        body.len()
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// An answer, and whether another one may follow it.
fn read(stream: &mut impl BufRead) -> io::Result<(Answer, bool)> {
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line == "\r\n" {
            break;
        }
        head.push(line.trim_end().to_owned());
    }
    let header = |name: &str| {
        let headers = head.iter().filter_map(|line| line.split_once(": "));
        headers.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    };
    let status = head[0].split(' ').nth(1).unwrap().parse().unwrap();
    let length: usize = header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    // What is not of the API is answered in XML.
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let request_id = header("x-amzn-requestid").unwrap_or_default().to_owned();
    let is_open = header("connection").is_none_or(|value| value != "close");
    Ok((Answer { status, request_id, body }, is_open))
}

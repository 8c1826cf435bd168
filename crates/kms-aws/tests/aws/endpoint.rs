//! A server for tests: ours, which checks signatures, behind something that passes requests on, and can be told to fail.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

use kms_aws::{AwsClient, AwsOptions};
use kms_core::{Backend, Call, Key, KeyId, KeySpec, KeyUsage, SystemRandom};
use kms_server::config::{Config, QuotaChoice};
use kms_server::credentials::Credentials;
use kms_server::server::{Parts, RunningServer, Server};
use kms_service::SealedStore;
use kms_soft::{SealedBackend, SoftBackend};
use kms_store::Memory;

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const REGION: &str = "eu-central-1";
pub(crate) const OTHER_REGION: &str = "us-east-1";

/// Whose requests are served: the root of the account.
const CREDENTIALS: &str = r#"
[[principal]]
access_key_id = "AKIAIOSFODNN7EXAMPLE"
secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
arn = "arn:aws:iam::111122223333:root"
"#;

/// What happens to a request instead of being served.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// Nothing: it is passed on.
    Served,
    /// It is answered with an exception.
    Exception(u16, &'static str),
    /// It is not served, and the answer is this one.
    Answer(&'static str),
    /// It is served, and the connection closed without an answer.
    Lost,
    /// It is neither served nor answered.
    Hang,
}

/// The server, and what is before it; both end with this.
pub(crate) struct Endpoint {
    address: SocketAddr,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
    server: Option<RunningServer>,
}

struct Shared {
    /// Where the server is.
    server: SocketAddr,
    faults: Mutex<VecDeque<Fault>>,
    /// The operations that were asked for.
    asked: Mutex<Vec<String>>,
    connections: Mutex<Vec<TcpStream>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    ended: AtomicBool,
    ending: (Mutex<bool>, Condvar),
}

fn server() -> RunningServer {
    let soft = SoftBackend::new(SystemRandom);
    let at = SoftBackend::locator(KeyId::random(&SystemRandom).unwrap().into());
    let root = soft.create(&at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &Call::default()).unwrap();
    let root = Key::new(root);
    let store = SealedStore::open(Arc::new(Memory::new()), &root).unwrap();
    let backend = Arc::new(SealedBackend::new(root.clone(), store.records(), SystemRandom).unwrap());
    let at = SealedBackend::locator(store.header().id.into());
    let signer = backend.create(&at, KeySpec::EccNistP256, KeyUsage::SignVerify, &Call::default()).unwrap();
    let mut config = Config::default();
    config.listen.addresses = [SocketAddr::from(([127, 0, 0, 1], 0))].into_iter().collect();
    config.service.regions = [REGION, OTHER_REGION].iter().map(|region| region.parse().unwrap()).collect();
    config.store.memory = true;
    config.audit.enabled = false;
    config.quotas = QuotaChoice::Off;
    let credentials = Credentials::from_toml(CREDENTIALS).unwrap();
    Server::start(&config, Parts::new(store, root, backend, Key::new(signer)), credentials).unwrap()
}

impl Endpoint {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = server();
        let shared = Arc::new(Shared {
            server: *server.addresses().first().unwrap(),
            faults: Mutex::default(),
            asked: Mutex::default(),
            connections: Mutex::default(),
            threads: Mutex::default(),
            ended: AtomicBool::new(false),
            ending: (Mutex::new(false), Condvar::new()),
        });
        let of_thread = shared.clone();
        let listener = thread::spawn(move || {
            for connection in listener.incoming() {
                if of_thread.ended.load(Ordering::SeqCst) {
                    return;
                }
                let connection = connection.unwrap();
                connection.set_nodelay(true).unwrap();
                of_thread.connections.lock().unwrap().push(connection.try_clone().unwrap());
                let shared = of_thread.clone();
                let serving = thread::spawn(move || shared.serve(&connection));
                of_thread.threads.lock().unwrap().push(serving);
            }
        });
        Self { address, shared, listener: Some(listener), server: Some(server) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn options(&self) -> AwsOptions {
        let options = AwsOptions::new().with_endpoint_url(self.url()).with_region(REGION);
        options.with_access_key("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    }

    pub(crate) fn client(&self) -> AwsClient {
        AwsClient::new(&self.options()).unwrap()
    }

    /// Has the next requests fail, each in its way.
    pub(crate) fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.faults.lock().unwrap().extend(faults);
    }

    /// The operations that were asked for since this was asked last.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.asked.lock().unwrap())
    }

    /// How many faults are left.
    pub(crate) fn faults_left(&self) -> usize {
        self.shared.faults.lock().unwrap().len()
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        *self.shared.ending.0.lock().unwrap() = true;
        self.shared.ending.1.notify_all();
        // Wakes the listener.
        drop(TcpStream::connect(self.address));
        if let Some(listener) = self.listener.take() {
            listener.join().unwrap();
        }
        for connection in self.shared.connections.lock().unwrap().drain(..) {
            // The other side may have closed it.
            drop(connection.shutdown(Shutdown::Both));
        }
        let threads = std::mem::take(&mut *self.shared.threads.lock().unwrap());
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        if let Some(server) = self.server.take() {
            server.stop();
        }
    }
}

/// A request, as it arrived.
struct Asked {
    operation: String,
    bytes: Vec<u8>,
}

impl Shared {
    fn serve(&self, connection: &TcpStream) {
        let (mut reader, mut writer) = (BufReader::new(connection), connection);
        while let Some(asked) = read(&mut reader) {
            self.asked.lock().unwrap().push(asked.operation.clone());
            let fault = self.faults.lock().unwrap().pop_front();
            let answer = match fault {
                None | Some(Fault::Served) => self.answer(&asked),
                Some(Fault::Exception(status, exception)) => {
                    answer(status, &serde_json::json!({ "__type": exception, "message": "Told to." }).to_string())
                }
                Some(Fault::Answer(body)) => answer(200, body),
                Some(Fault::Lost) => {
                    self.answer(&asked);
                    drop(connection.shutdown(Shutdown::Both));
                    return;
                }
                Some(Fault::Hang) => {
                    let ended = self.ending.0.lock().unwrap();
                    drop(self.ending.1.wait_while(ended, |ended| !*ended).unwrap());
                    return;
                }
            };
            if writer.write_all(&answer).is_err() {
                return;
            }
        }
    }

    /// What the server says to a request. Nothing of it was changed: it is signed.
    fn answer(&self, asked: &Asked) -> Vec<u8> {
        let server = TcpStream::connect(self.server).unwrap();
        server.set_nodelay(true).unwrap();
        (&server).write_all(&asked.bytes).unwrap();
        message(&mut BufReader::new(&server), |_, _| {}).unwrap()
    }
}

fn answer(status: u16, body: &str) -> Vec<u8> {
    let head = "Content-Type: application/x-amz-json-1.1\r\nContent-Length: ";
    format!("HTTP/1.1 {status} X\r\n{head}{}\r\n\r\n{body}", body.len()).into_bytes()
}

/// The next request of a connection; `None` at its end.
fn read(reader: &mut impl BufRead) -> Option<Asked> {
    let mut operation = String::new();
    let bytes = message(reader, |name, value| {
        if name.eq_ignore_ascii_case("x-amz-target") {
            operation = value.strip_prefix("TrentService.").unwrap_or_default().to_owned();
        }
    })?;
    Some(Asked { operation, bytes })
}

/// The next message of a connection, whose body is as long as its head says; `None` at the connection's end.
fn message(reader: &mut impl BufRead, mut header: impl FnMut(&str, &str)) -> Option<Vec<u8>> {
    let (mut bytes, mut len) = (Vec::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|&len| len > 0)?;
        bytes.extend_from_slice(line.as_bytes());
        if line.trim().is_empty() {
            break;
        }
        let Some((name, value)) = line.trim().split_once(':') else { continue };
        if name.eq_ignore_ascii_case("content-length") {
            len = value.trim().parse().unwrap();
        }
        header(name, value.trim());
    }
    let head = bytes.len();
    bytes.resize(head + len, 0);
    reader.read_exact(bytes.get_mut(head..)?).ok()?;
    Some(bytes)
}

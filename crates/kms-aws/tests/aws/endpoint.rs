//! A server for tests: the real key service behind just enough HTTP, which can be told to fail.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

use kms_aws::{AwsClient, AwsOptions};
use kms_core::{Backend, Call, Key, KeyId, KeySpec, KeyUsage, SystemRandom};
use kms_service::api::*;
use kms_service::{Caller, Quotas, Region, SealedStore, Service, ServiceBuilder};
use kms_soft::{SealedBackend, SoftBackend};
use kms_store::Memory;

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const REGION: &str = "eu-central-1";
pub(crate) const OTHER_REGION: &str = "us-east-1";

/// What happens to a request instead of being served.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// Nothing: it is served.
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

/// The server; it ends with this.
pub(crate) struct Endpoint {
    address: SocketAddr,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

struct Shared {
    service: Service,
    faults: Mutex<VecDeque<Fault>>,
    /// The operations that were asked for.
    asked: Mutex<Vec<String>>,
    connections: Mutex<Vec<TcpStream>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    ended: AtomicBool,
    ending: (Mutex<bool>, Condvar),
}

fn service() -> Service {
    let soft = SoftBackend::new(SystemRandom);
    let at = SoftBackend::locator(KeyId::random(&SystemRandom).unwrap().into());
    let root = soft.create(&at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &Call::default()).unwrap();
    let root = Key::new(root);
    let store = SealedStore::open(Arc::new(Memory::new()), &root).unwrap();
    let backend = SealedBackend::new(root, store.records(), SystemRandom).unwrap();
    let regions = [REGION, OTHER_REGION].map(|region| region.parse::<Region>().unwrap());
    let service = ServiceBuilder::new(store, Arc::new(backend)).regions(regions).quotas(Quotas::unlimited());
    service.build().unwrap()
}

impl Endpoint {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            service: service(),
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
        Self { address, shared, listener: Some(listener) }
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
    }
}

struct Asked {
    target: String,
    region: String,
    body: Vec<u8>,
}

impl Shared {
    fn serve(&self, connection: &TcpStream) {
        let (mut reader, mut writer) = (BufReader::new(connection), connection);
        while let Some(asked) = read(&mut reader) {
            let operation = asked.target.strip_prefix("TrentService.").unwrap_or_default().to_owned();
            self.asked.lock().unwrap().push(operation.clone());
            let fault = self.faults.lock().unwrap().pop_front();
            let (status, body) = match fault {
                None | Some(Fault::Served) => self.answer(&operation, &asked),
                Some(Fault::Exception(status, exception)) => {
                    (status, serde_json::json!({ "__type": exception, "message": "Told to." }).to_string().into_bytes())
                }
                Some(Fault::Answer(body)) => (200, body.as_bytes().to_vec()),
                Some(Fault::Lost) => {
                    self.answer(&operation, &asked);
                    drop(connection.shutdown(Shutdown::Both));
                    return;
                }
                Some(Fault::Hang) => {
                    let ended = self.ending.0.lock().unwrap();
                    drop(self.ending.1.wait_while(ended, |ended| !*ended).unwrap());
                    return;
                }
            };
            let head = format!(
                "HTTP/1.1 {status} X\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            if writer.write_all(&[head.as_bytes(), &body].concat()).is_err() {
                return;
            }
        }
    }

    fn answer(&self, operation: &str, asked: &Asked) -> (u16, Vec<u8>) {
        let caller = Caller::root(ACCOUNT.parse().unwrap(), asked.region.parse().unwrap());
        macro_rules! operations {
            ($($name:literal $request:ty,)+) => {
                match operation {
                    $($name => {
                        let request: $request = serde_json::from_slice(&asked.body).unwrap();
                        self.service.call(&caller, &request).map(|answer| serde_json::to_vec(&answer).unwrap())
                    })+
                    other => panic!("the tests do not ask for {other}"),
                }
            };
        }
        let answer = operations! {
            "CreateAlias" CreateAliasRequest,
            "CreateKey" CreateKeyRequest,
            "Decrypt" DecryptRequest,
            "DeleteImportedKeyMaterial" DeleteImportedKeyMaterialRequest,
            "DeriveSharedSecret" DeriveSharedSecretRequest,
            "DescribeKey" DescribeKeyRequest,
            "Encrypt" EncryptRequest,
            "GenerateDataKey" GenerateDataKeyRequest,
            "GenerateMac" GenerateMacRequest,
            "GenerateRandom" GenerateRandomRequest,
            "GetParametersForImport" GetParametersForImportRequest,
            "GetPublicKey" GetPublicKeyRequest,
            "ImportKeyMaterial" ImportKeyMaterialRequest,
            "ScheduleKeyDeletion" ScheduleKeyDeletionRequest,
            "Sign" SignRequest,
        };
        match answer {
            Ok(body) => (200, if body == b"null" { Vec::new() } else { body }),
            Err(error) => {
                let body = serde_json::json!({ "__type": error.exception().as_str(), "message": error.message() });
                (error.exception().status(), body.to_string().into_bytes())
            }
        }
    }
}

/// The next request of a connection; `None` at its end.
fn read(reader: &mut impl BufRead) -> Option<Asked> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|&len| len > 0)?;
    let (mut asked, mut len) = (Asked { target: String::new(), region: String::new(), body: Vec::new() }, 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|&len| len > 0)?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        match name.to_lowercase().as_str() {
            "content-length" => len = value.trim().parse().unwrap(),
            "x-amz-target" => asked.target = value.trim().into(),
            // Credential=ID/DATE/REGION/kms/aws4_request, …
            "authorization" => asked.region = value.split('/').nth(2).unwrap().into(),
            _ => {}
        }
    }
    asked.body = vec![0; len];
    reader.read_exact(&mut asked.body).ok()?;
    Some(asked)
}

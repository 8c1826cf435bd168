//! A server with one account, and clients that write what they like.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use http::request::Parts;
use kms_core::{Backend, Call, Key, KeyId, KeySpec, KeyUsage, SystemRandom};
use kms_server::app::{App, AppBuilder, Authenticated, Xks};
use kms_server::listen::{Ended, Limits, Listener, PlainHttp, Tls, serve};
use kms_service::{Caller, Exception, KmsError, Principal, Quotas, SealedStore, Service, ServiceBuilder};
use kms_soft::{SealedBackend, SoftBackend};
use kms_store::Memory;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

/// More than anything takes, however slow the machine is.
pub(crate) const GENEROUS: Duration = Duration::from_secs(120);

pub(crate) const LOCAL: &str = "127.0.0.1:0";

/// What the house takes for a signature: what is tested here is not who signed.
pub(crate) const SIGNED: &str = "Authorization: Test root\r\n";

pub(crate) fn service() -> Service {
    let soft = SoftBackend::new(SystemRandom);
    let at = SoftBackend::locator(KeyId::random(&SystemRandom).unwrap().into());
    let root = soft.create(&at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &Call::default()).unwrap();
    let root = Key::new(root);
    let store = SealedStore::open(Arc::new(Memory::new()), &root).unwrap();
    let backend = SealedBackend::new(root, store.records(), SystemRandom).unwrap();
    ServiceBuilder::new(store, Arc::new(backend))
        .regions(["eu-central-1".parse().unwrap()])
        .quotas(Quotas::unlimited())
        .build()
        .unwrap()
}

pub(crate) fn caller() -> Caller {
    Caller::root("111122223333".parse().unwrap(), "eu-central-1".parse().unwrap())
}

fn authenticate(head: &Parts, _body: &[u8]) -> Result<Authenticated, KmsError> {
    let missing = || KmsError::with(Exception::MissingAuthenticationToken, "Missing Authentication Token");
    head.headers.get("authorization").filter(|header| *header == "Test root").ok_or_else(missing)?;
    let caller = caller();
    Ok(Authenticated {
        principal: Principal::account(caller.account()),
        policies: Arc::clone(&caller.policies),
        access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        region: caller.region,
    })
}

pub(crate) fn app() -> AppBuilder {
    App::builder(service(), Arc::new(authenticate))
}

/// A running server.
pub(crate) struct House {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<Ended>,
}

impl House {
    pub(crate) async fn open() -> Self {
        Self::with(app().build().unwrap(), Limits::default(), None).await
    }

    pub(crate) async fn with(app: App, limits: Limits, tls: Option<Arc<Tls>>) -> Self {
        let local = LOCAL.parse().unwrap();
        let listener = match tls {
            None => Listener::plain(local, PlainHttp::LoopbackOnly).await.unwrap(),
            Some(tls) => Listener::tls(local, tls).await.unwrap(),
        };
        let address = listener.local_address();
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            let _by_drop_as_well = stopped.await;
        };
        let served = tokio::spawn(serve(vec![listener], app.router(), limits, shutdown));
        Self { address, stop, served }
    }

    /// Tells it to end, and returns what waits for that.
    pub(crate) fn end(self) -> JoinHandle<Ended> {
        drop(self.stop);
        self.served
    }

    pub(crate) async fn close(self) -> Ended {
        generous(self.end()).await.unwrap()
    }

    /// Asks for an operation, over a connection of its own.
    pub(crate) async fn ask(&self, operation: &str, body: impl AsRef<[u8]>) -> Answer {
        self.send(&format!("X-Amz-Target: TrentService.{operation}\r\n{SIGNED}"), body).await
    }

    /// `POST /` with these headers.
    pub(crate) async fn send(&self, headers: &str, body: impl AsRef<[u8]>) -> Answer {
        let body = body.as_ref();
        let head = format!(
            "POST / HTTP/1.1\r\nHost: kms\r\nConnection: close\r\nContent-Type: application/x-amz-json-1.1\r\n{headers}\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        self.raw(&[head.as_bytes(), body].concat()).await
    }

    /// Sends these bytes, and reads until the server closes.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        Answer::read(&mut stream).await
    }
}

/// Waits for what will be.
pub(crate) async fn generous<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(GENEROUS, future).await.expect("it takes forever")
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// All that comes until the connection is closed.
    pub(crate) async fn read(stream: &mut (impl AsyncReadExt + Unpin)) -> Self {
        let mut all = Vec::new();
        let read = generous(stream.read_to_end(&mut all)).await;
        assert!(read.is_ok() || !all.is_empty(), "{read:?}");
        let all = String::from_utf8(all).unwrap();
        let (head, body) = all.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {all:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let headers = self.head.lines().filter_map(|line| line.split_once(": "));
        headers.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The status, `__type` and `message`.
    pub(crate) fn refusal(&self) -> (u16, String, String) {
        let json = self.json();
        let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
        (self.status, text("__type"), text("message"))
    }
}

/// Something that answers when it is let.
pub(crate) struct Slow {
    begun: mpsc::Sender<()>,
    released: Mutex<mpsc::Receiver<()>>,
}

/// The other side of a [`Slow`].
pub(crate) struct Hold {
    begun: mpsc::Receiver<()>,
    release: mpsc::Sender<()>,
}

pub(crate) fn slow() -> (Arc<Slow>, Hold) {
    let ((begun, has_begun), (release, released)) = (mpsc::channel(), mpsc::channel());
    (Arc::new(Slow { begun, released: Mutex::new(released) }), Hold { begun: has_begun, release })
}

impl Hold {
    /// Waits until a request is in progress.
    pub(crate) async fn wait(self) -> mpsc::Sender<()> {
        let Self { begun, release } = self;
        tokio::task::spawn_blocking(move || begun.recv_timeout(GENEROUS).unwrap()).await.unwrap();
        release
    }
}

impl Xks for Slow {
    fn answer(&self, _: &Parts, _: &[u8]) -> (u16, Zeroizing<Vec<u8>>) {
        self.begun.send(()).unwrap();
        // Released, or whoever held it is gone.
        let _either = self.released.lock().unwrap().recv();
        (200, Zeroizing::new(b"{\"done\":true}".to_vec()))
    }

    fn refusal(&self, error: &KmsError) -> (u16, Zeroizing<Vec<u8>>) {
        (error.exception().status(), Zeroizing::new(error.to_string().into_bytes()))
    }
}

/// A request that [`Slow`] answers.
pub(crate) const SLOW: &[u8] =
    b"POST /slow/kms/xks/v1/health HTTP/1.1\r\nHost: kms\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";

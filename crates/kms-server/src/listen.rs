//! Sockets, TLS, limits, and a shutdown that finishes what it began.
//!
//! A connection without a request in progress lives for [`Limits::header`] until its first request is there, and for
//! [`Limits::idle`] after each. Who sends slowly, reads slowly or does nothing holds a connection for no longer, over
//! HTTP/1.1 and HTTP/2 alike. A request in progress is bounded by what its body may take, and by the service.

mod activity;
mod connection;
mod error;
mod limits;
mod tls;

use core::time::Duration;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use rustls_pki_types::CertificateDer;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time;

pub use error::ListenError;
pub use limits::Limits;
pub use tls::{ClientCertificates, Tls, TlsFiles};

use connection::Shared;

/// Where a request came from. Every request has one among its extensions.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Peer {
    /// The other end of the connection.
    pub address: SocketAddr,
    /// Whether the connection is over TLS.
    pub is_secure: bool,
    /// The client's certificate, verified, if it showed one.
    pub certificate: Option<CertificateDer<'static>>,
}

/// Whether plain HTTP is only for this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "it is or it is not")]
pub enum PlainHttp {
    /// It is: other addresses are refused.
    LoopbackOnly,
    /// Something in front of the server does TLS: whoever can listen in reads plaintext keys.
    Anywhere,
}

/// A socket that connections come to.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    tls: Option<Arc<Tls>>,
}

impl Listener {
    /// Listens for HTTP without TLS. Port 0 is a free one.
    ///
    /// # Errors
    /// If the address is not this machine's own, and `exposure` does not allow that; if it cannot be listened on.
    pub async fn plain(address: SocketAddr, exposure: PlainHttp) -> Result<Self, ListenError> {
        if exposure == PlainHttp::LoopbackOnly && !address.ip().to_canonical().is_loopback() {
            return Err(ListenError::NotLoopback(address));
        }
        Self::bind(address, None).await
    }

    /// Listens for HTTP over TLS. Port 0 is a free one.
    ///
    /// # Errors
    /// If the address cannot be listened on.
    pub async fn tls(address: SocketAddr, tls: Arc<Tls>) -> Result<Self, ListenError> {
        Self::bind(address, Some(tls)).await
    }

    async fn bind(address: SocketAddr, tls: Option<Arc<Tls>>) -> Result<Self, ListenError> {
        let failed = |source| ListenError::Bind { address, source };
        let socket = TcpListener::bind(address).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Self { socket, address, tls })
    }

    /// The address, with the port that was free.
    #[must_use]
    pub const fn local_address(&self) -> SocketAddr {
        self.address
    }
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub struct Ended {
    /// Connections that were closed although they had not finished within [`Limits::drain`].
    pub unfinished: usize,
}

/// What the connections are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Serving,
    /// Finish what was begun, and begin nothing.
    Draining,
    /// Close.
    Closing,
}

/// How often certificates are looked at.
const TLS_EVERY: Duration = Duration::from_secs(1);

/// Serves `router` on all `listeners` until `shutdown` is over. Then no more connections are accepted, requests in progress
/// are finished as far as [`Limits::drain`] allows, and all is closed. Dropping the future closes all at once.
///
/// Certificates are read again when their files change, and on SIGHUP.
pub async fn serve(
    listeners: Vec<Listener>,
    router: Router,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) -> Ended {
    let (phase, watched) = watch::channel(Phase::Serving);
    let shared = Arc::new(Shared::new(router, limits));
    let places = Arc::new(Semaphore::new(limits.connections.clamp(1, Semaphore::MAX_PERMITS)));
    let mut accepting = JoinSet::new();
    let mut watching = JoinSet::new();
    for listener in listeners {
        if let Some(tls) = &listener.tls {
            watching.spawn(Arc::clone(tls).watch(TLS_EVERY));
        }
        accepting.spawn(accept(listener, Arc::clone(&shared), Arc::clone(&places), watched.clone()));
    }
    drop(watched);
    shutdown.await;
    phase.send_replace(Phase::Draining);
    while accepting.join_next().await.is_some() {}
    let unfinished = match time::timeout(limits.drain, phase.closed()).await {
        Ok(()) => 0,
        Err(_) => phase.receiver_count(),
    };
    phase.send_replace(Phase::Closing);
    phase.closed().await;
    if unfinished > 0 {
        tracing::warn!(unfinished, "connections were closed that had not finished");
    }
    Ended { unfinished }
}

/// How long accepting rests after it failed: what failed, such as a lack of file descriptors, is not over at once.
const REST: Duration = Duration::from_millis(50);

/// Accepts connections. Those beyond the limit wait in the system's own queue.
async fn accept(listener: Listener, shared: Arc<Shared>, places: Arc<Semaphore>, mut phase: watch::Receiver<Phase>) {
    loop {
        let accepted = tokio::select! {
            biased;
            _ = phase.changed() => return,
            accepted = async {
                let place = Arc::clone(&places).acquire_owned().await;
                (place, listener.socket.accept().await)
            } => accepted,
        };
        match accepted {
            (Ok(place), Ok((stream, address))) => {
                let connection =
                    connection::run(stream, address, listener.tls.clone(), Arc::clone(&shared), phase.clone());
                tokio::spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            (_, Err(error)) => {
                tracing::warn!(%error, address = %listener.address, "no connection could be accepted");
                time::sleep(REST).await;
            }
            (Err(_), _) => return,
        }
    }
}

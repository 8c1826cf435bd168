//! One connection, from its handshake to its end.

use core::pin::pin;
use core::time::Duration;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use http::Request;
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{self, Instant};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::activity::Activity;
use super::{Limits, Peer, Phase, Tls};

/// What all connections share.
pub(super) struct Shared {
    router: Router,
    limits: Limits,
    http: auto::Builder<TokioExecutor>,
}

/// The smallest buffer that HTTP/1.1 is read into.
const LEAST_BUFFER: usize = 8192;

/// How often an HTTP/2 client is asked whether it is still there while it has requests in progress, and how long it may
/// think about it.
const PING: Duration = Duration::from_secs(20);

impl Shared {
    pub(super) fn new(router: Router, limits: Limits) -> Self {
        let mut http = auto::Builder::new(TokioExecutor::new());
        // Time for heads is kept below, for both versions; this one would cut idle connections.
        http.http1()
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .max_buf_size(limits.header_bytes.max(LEAST_BUFFER));
        http.http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING)
            .max_concurrent_streams(limits.streams)
            .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX));
        Self { router, limits, http }
    }
}

pub(super) async fn run(
    stream: TcpStream,
    address: SocketAddr,
    tls: Option<Arc<Tls>>,
    shared: Arc<Shared>,
    mut phase: watch::Receiver<Phase>,
) {
    // Answers are small and written at once. If the connection is gone already, reading says so.
    let _is_gone = stream.set_nodelay(true);
    let Some(tls) = tls else {
        let peer = Peer { address, is_secure: false, certificate: None };
        return serve(TokioIo::new(stream), peer, &shared, phase).await;
    };
    let handshake = time::timeout(shared.limits.handshake, TlsAcceptor::from(tls.current()).accept(stream));
    let stream = tokio::select! {
        biased;
        _ = phase.changed() => return,
        stream = handshake => stream,
    };
    match stream {
        Ok(Ok(stream)) => {
            let certificates = stream.get_ref().1.peer_certificates();
            let certificate = certificates.and_then(|chain| chain.first()).map(|first| first.clone().into_owned());
            let peer = Peer { address, is_secure: true, certificate };
            serve(TokioIo::new(stream), peer, &shared, phase).await;
        }
        Ok(Err(error)) => tracing::debug!(%error, peer = %address, "the TLS handshake failed"),
        Err(_) => tracing::debug!(peer = %address, "the TLS handshake took too long"),
    }
}

/// How long a connection that was told to end may take to say so.
const FAREWELL: Duration = Duration::from_secs(1);

async fn serve<I>(io: I, peer: Peer, shared: &Shared, mut phase: watch::Receiver<Phase>)
where
    I: Read + Write + Unpin + Send + 'static,
{
    let activity = Activity::new();
    let address = peer.address;
    let service = service_fn({
        let (activity, router) = (Arc::clone(&activity), shared.router.clone());
        move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer.clone());
            let in_progress = activity.begin();
            let answer = router.clone().oneshot(request);
            async move {
                let answer = answer.await;
                drop(in_progress);
                answer
            }
        }
    });
    let mut connection = pin!(shared.http.serve_connection(io, service));
    let mut farewell = None;
    loop {
        let look = farewell.unwrap_or_else(|| activity.deadline(&shared.limits));
        tokio::select! {
            biased;
            told = phase.changed() => {
                let now = *phase.borrow();
                match (told, now) {
                    (Ok(()), Phase::Serving) => {}
                    (Ok(()), Phase::Draining) => connection.as_mut().graceful_shutdown(),
                    (Err(_), _) | (_, Phase::Closing) => return,
                }
            }
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, peer = %address, "the connection ended early");
                }
                return;
            }
            () = time::sleep_until(look) => {
                if activity.is_busy() {
                    farewell = None;
                } else if farewell.is_some() {
                    return;
                } else if activity.deadline(&shared.limits) <= Instant::now() {
                    connection.as_mut().graceful_shutdown();
                    farewell = Instant::now().checked_add(FAREWELL);
                }
            }
        }
    }
}

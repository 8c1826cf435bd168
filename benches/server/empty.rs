//! Answers every `POST /` with as many bytes as the first argument says, in JSON, when it has read the request's body: what
//! remains of a server that does nothing. Prints its address.

use std::io::{self, Write};

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::post;
use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// `{"CiphertextBlob":""}`
const LEAST: usize = 21;

fn main() -> io::Result<()> {
    let length: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(LEAST);
    let answer = format!("{{\"CiphertextBlob\":\"{}\"}}", "A".repeat(length.saturating_sub(LEAST)));
    Runtime::new()?.block_on(serve(Bytes::from(answer)))
}

async fn serve(answer: Bytes) -> io::Result<()> {
    let router = Router::new().route(
        "/",
        post(async move |_read: Bytes| {
            let mut response = Response::new(Body::from(answer.clone()));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
            response
        }),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(io::stdout(), "http://{}", listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            // A client that goes away ends the connection, and nothing else.
            let _ended = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

//! HTTP/2: over TLS by ALPN, and without TLS to those who know.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use kms_server::listen::Limits;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::house::{House, app, generous};
use crate::tls::Authority;

/// Asks for random bytes, several times at once over one connection.
async fn ask_over<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S) {
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let ask = |bytes: usize| {
        let mut sender = sender.clone();
        async move {
            let request = Request::post("http://kms/")
                .header("content-type", "application/x-amz-json-1.1")
                .header("x-amz-target", "TrentService.GenerateRandom")
                .header("authorization", "Test root")
                .body(Full::new(Bytes::from(format!("{{\"NumberOfBytes\":{bytes}}}"))))
                .unwrap();
            let answer = sender.send_request(request).await.unwrap();
            assert_eq!(answer.status(), 200);
            assert!(answer.headers().contains_key("x-amzn-requestid"));
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(json["Plaintext"].as_str().unwrap().len(), bytes.div_ceil(3) * 4);
        }
    };
    let asked: Vec<_> = (1..=50).map(|bytes| tokio::spawn(ask(bytes))).collect();
    for asked in asked {
        generous(asked).await.unwrap();
    }
    drop(sender);
    generous(connection).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_tls() {
    let house = House::open().await;
    ask_over(TcpStream::connect(house.address).await.unwrap()).await;
    assert_eq!(house.close().await.unfinished, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let tls = Arc::new(authority.server(directory.path()));
    let house = House::with(app().build().unwrap(), Limits::default(), Some(tls)).await;
    let stream = authority.connect(house.address, &[b"h2"], None).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    ask_over(stream).await;
    assert_eq!(house.close().await.unfinished, 0);
}

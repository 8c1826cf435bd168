//! Clients that are slow, or many.

use std::sync::Arc;
use std::time::Duration;

use kms_server::app::{BodyLimits, LaneLimits};
use kms_server::listen::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::house::{Answer, House, SIGNED, SLOW, app, generous, slow};

/// Short, so that the tests are; nothing in them depends on how long it really takes.
const SHORT: Duration = Duration::from_millis(200);

fn short() -> Limits {
    let mut limits = Limits::default();
    limits.header = SHORT;
    limits.idle = SHORT;
    limits.handshake = SHORT;
    limits
}

/// Reads until the server closes, which it does although the client does not.
async fn is_closed(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    // A reset is an end as well.
    let _ended = generous(stream.read_to_end(&mut rest)).await;
    rest
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_no_head_is_closed() {
    let house = House::with(app().build().unwrap(), short(), None).await;
    for begun in [&b""[..], b"POST / HT", b"POST / HTTP/1.1\r\nHost: kms\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let mut stream = TcpStream::connect(house.address).await.unwrap();
        stream.write_all(begun).await.unwrap();
        is_closed(&mut stream).await;
    }
    // A byte now and then is no head either.
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\nX: ").await.unwrap();
    generous(async {
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(SHORT / 4).await;
        }
    })
    .await;
    assert_eq!(house.close().await.unfinished, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_requests_is_closed() {
    let house = House::with(app().build().unwrap(), short(), None).await;
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: kms\r\n\r\n").await.unwrap();
    let answer = String::from_utf8(is_closed(&mut stream).await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(house.close().await.unfinished, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_takes_long_is_not_an_idle_connection() {
    let (xks, hold) = slow();
    let house = House::with(app().xks("/slow", xks).build().unwrap(), short(), None).await;
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    stream.write_all(SLOW).await.unwrap();
    let release = hold.wait().await;
    tokio::time::sleep(SHORT * 5).await;
    release.send(()).unwrap();
    let answer = Answer::read(&mut stream).await;
    assert_eq!((answer.status, &*answer.body), (200, "{\"done\":true}"));
    assert_eq!(house.close().await.unfinished, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_arrive_is_a_timeout() {
    let mut limits = BodyLimits::default();
    limits.time = SHORT;
    let house = House::with(app().body_limits(limits).build().unwrap(), Limits::default(), None).await;
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: kms\r\nContent-Type: application/x-amz-json-1.1\r\n\
         X-Amz-Target: TrentService.ListKeys\r\n{SIGNED}Content-Length: 100\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server closes what it cannot go on with.
    let answer = Answer::read(&mut stream).await;
    assert_eq!(answer.status, 408);
    assert_eq!(answer.refusal().1, "RequestTimeoutException");
    assert_eq!(house.close().await.unfinished, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_the_limit_wait_for_a_place() {
    let mut limits = Limits::default();
    limits.connections = 1;
    let (xks, hold) = slow();
    let house = House::with(app().xks("/slow", xks).build().unwrap(), limits, None).await;
    let mut first = TcpStream::connect(house.address).await.unwrap();
    first.write_all(SLOW).await.unwrap();
    let release = hold.wait().await;
    let mut second = TcpStream::connect(house.address).await.unwrap();
    second.write_all(b"GET /livez HTTP/1.1\r\nHost: kms\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut byte = [0; 1];
    let early = tokio::time::timeout(SHORT, second.peek(&mut byte)).await;
    assert!(early.is_err(), "answered although there was no place: {early:?}");
    release.send(()).unwrap();
    assert_eq!(Answer::read(&mut first).await.status, 200);
    assert_eq!(Answer::read(&mut second).await.status, 200);
    assert_eq!(house.close().await.unfinished, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_lane_throttles_and_the_others_answer() {
    let mut lanes = LaneLimits::default();
    lanes.cryptographic = 1;
    lanes.waiting = 0;
    let (xks, hold) = slow();
    let house = House::with(app().xks("/slow", xks).lane_limits(lanes).build().unwrap(), Limits::default(), None).await;
    let mut first = TcpStream::connect(house.address).await.unwrap();
    first.write_all(SLOW).await.unwrap();
    let release = hold.wait().await;
    let refused = house.ask("GenerateRandom", r#"{"NumberOfBytes":16}"#).await.refusal();
    assert_eq!((refused.0, &*refused.1), (400, "ThrottlingException"));
    assert_eq!(house.ask("ListKeys", "{}").await.status, 200);
    release.send(()).unwrap();
    assert_eq!(Answer::read(&mut first).await.status, 200);
    assert_eq!(house.ask("GenerateRandom", r#"{"NumberOfBytes":16}"#).await.status, 200);
    assert_eq!(house.close().await.unfinished, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_no_handshake_is_closed() {
    let directory = tempfile::tempdir().unwrap();
    let tls = Arc::new(crate::tls::Authority::new().server(directory.path()));
    let house = House::with(app().build().unwrap(), short(), Some(tls)).await;
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    assert_eq!(is_closed(&mut stream).await, b"");
    assert_eq!(house.close().await.unfinished, 0);
}

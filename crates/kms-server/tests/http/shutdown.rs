//! What was begun is finished.

use std::time::Duration;

use kms_server::listen::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::house::{Answer, House, SLOW, app, generous, slow};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_progress_is_finished() {
    let (xks, hold) = slow();
    let house = House::with(app().xks("/slow", xks).build().unwrap(), Limits::default(), None).await;
    let address = house.address;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(SLOW).await.unwrap();
    let release = hold.wait().await;
    // A connection that has nothing to finish is closed.
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(b"GET /livez HTTP/1.1\r\nHost: kms\r\n\r\n").await.unwrap();
    generous(idle.readable()).await.unwrap();
    let ended = house.end();
    let mut rest = Vec::new();
    generous(idle.read_to_end(&mut rest)).await.unwrap();
    assert!(rest.starts_with(b"HTTP/1.1 200 OK\r\n"));
    // Nobody else gets in.
    generous(async { while TcpStream::connect(address).await.is_ok() {} }).await;
    assert!(!ended.is_finished());
    release.send(()).unwrap();
    assert_eq!(Answer::read(&mut stream).await.status, 200);
    assert_eq!(generous(ended).await.unwrap().unfinished, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_end_is_closed() {
    let (xks, hold) = slow();
    let mut limits = Limits::default();
    limits.drain = Duration::from_millis(100);
    let house = House::with(app().xks("/slow", xks).build().unwrap(), limits, None).await;
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    stream.write_all(SLOW).await.unwrap();
    let release = hold.wait().await;
    assert_eq!(house.close().await.unfinished, 1);
    let mut rest = Vec::new();
    let _reset_or_end = generous(stream.read_to_end(&mut rest)).await;
    assert_eq!(rest, b"");
    drop(release);
}

//! What is counted.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use kms_server::app::Observe;
use kms_server::listen::Limits;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::house::{House, SIGNED, app, generous};

/// Writes down what it is told.
#[derive(Default)]
struct Counts {
    begun: Mutex<usize>,
    ended: Mutex<Vec<(String, String)>>,
}

impl Observe for Counts {
    fn begun(&self) {
        *self.begun.lock().unwrap() += 1;
    }

    fn ended(&self, operation: &str, result: &str, _: Duration) {
        self.ended.lock().unwrap().push((operation.to_owned(), result.to_owned()));
    }

    fn text(&self) -> String {
        format!("begun {}\n# EOF\n", self.begun.lock().unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_is_counted_once() {
    let counts = Arc::new(Counts::default());
    let house = House::with(app().observe(counts.clone()).build().unwrap(), Limits::default(), None).await;
    house.ask("ListKeys", "{}").await;
    house.ask("DescribeKey", "{}").await;
    house.ask("Nothing", "{}").await;
    // A client that goes away before its request is complete.
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: kms\r\nContent-Type: application/x-amz-json-1.1\r\n\
         X-Amz-Target: TrentService.Sign\r\n{SIGNED}Content-Length: 100\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    generous(async {
        while *counts.begun.lock().unwrap() < 4 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    drop(stream);
    generous(async {
        while counts.ended.lock().unwrap().len() < 4 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let metrics = house.raw(b"GET /metrics HTTP/1.1\r\nHost: kms\r\nConnection: close\r\n\r\n").await;
    assert_eq!((metrics.status, &*metrics.body), (200, "begun 4\n# EOF\n"));
    assert!(metrics.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    assert_eq!(house.close().await.unfinished, 0);
    let ended = counts.ended.lock().unwrap();
    let seen = |index: usize| (&*ended[index].0, &*ended[index].1);
    assert_eq!(seen(0), ("ListKeys", "Success"));
    assert_eq!(seen(1), ("DescribeKey", "ValidationException"));
    assert_eq!(seen(2), ("Unknown", "UnknownOperationException"));
    assert_eq!(seen(3).0, "Sign");
    assert!(["Aborted", "SerializationException"].contains(&seen(3).1), "{ended:?}");
}

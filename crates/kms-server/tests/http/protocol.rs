//! What AWS clients see, and what is answered to what is no request.

use std::sync::Arc;

use kms_server::app::{BodyLimits, Readiness};
use kms_server::listen::Limits;
use serde_json::json;

use crate::house::{Answer, House, SIGNED, app};

/// A key, made over the wire.
pub(crate) async fn key(house: &House) -> String {
    let made = house.ask("CreateKey", "{}").await;
    assert_eq!(made.status, 200, "{made:?}");
    made.json()["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_answer_as_aws_does() {
    let house = House::open().await;
    let key = key(&house).await;
    let request = json!({ "KeyId": key, "Plaintext": "aGVsbG8=", "EncryptionContext": { "a": "b" } });
    let sealed = house.ask("Encrypt", request.to_string()).await;
    assert_eq!(sealed.status, 200);
    assert_eq!(sealed.header("content-type"), Some("application/x-amz-json-1.1"));
    assert!(sealed.header("date").unwrap().ends_with(" GMT"));
    assert!(sealed.header("cache-control").unwrap().contains("no-store"));
    assert_eq!(sealed.header("content-length"), Some(&*sealed.body.len().to_string()));
    let id = sealed.header("x-amzn-requestid").unwrap();
    assert_eq!((id.len(), id.matches('-').count()), (36, 4));

    let blob = sealed.json()["CiphertextBlob"].clone();
    let opened = house.ask("Decrypt", json!({ "CiphertextBlob": blob, "EncryptionContext": { "a": "b" } }).to_string());
    assert_eq!(opened.await.json()["Plaintext"], "aGVsbG8=");
    let refused = house.ask("Decrypt", json!({ "CiphertextBlob": blob }).to_string()).await;
    // No message where AWS has none.
    assert_eq!((refused.status, &*refused.body), (400, r#"{"__type":"InvalidCiphertextException"}"#));

    let dry = house.ask("Encrypt", json!({ "KeyId": key, "Plaintext": "aGVsbG8=", "DryRun": true }).to_string()).await;
    assert_eq!(dry.refusal().0, 412);
    assert_eq!(dry.refusal().1, "DryRunOperationException");

    let empty = house.ask("DisableKey", json!({ "KeyId": key }).to_string()).await;
    assert_eq!((empty.status, empty.header("content-length"), &*empty.body), (200, Some("0"), ""));
    assert_eq!(empty.header("content-type"), Some("application/x-amz-json-1.1"));
    let disabled = house.ask("Encrypt", request.to_string()).await;
    assert_eq!(disabled.refusal().1, "DisabledException");
    assert_eq!(house.close().await.unfinished, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_is_refused_in_aws_words() {
    let house = House::open().await;
    let bodies: [(&[u8], &str); 7] = [
        (b"{", "SerializationException"),
        (b"{} {}", "SerializationException"),
        (b"[]", "SerializationException"),
        (b"{\"KeyId\":1}", "SerializationException"),
        (b"{\"KeyId\":\"a\",\"KeyId\":\"b\"}", "SerializationException"),
        (b"{\"KeyId\":\"\xff\"}", "SerializationException"),
        (b"", "ValidationException"),
    ];
    for (body, exception) in bodies {
        let refused = house.ask("DescribeKey", body).await.refusal();
        assert_eq!((refused.0, &*refused.1), (400, exception), "{}", body.escape_ascii());
        assert!(!refused.2.is_empty());
    }
    let target = |headers: &str| format!("{headers}{SIGNED}");
    for headers in [
        target("X-Amz-Target: TrentService.Unknown\r\n"),
        target("X-Amz-Target: DynamoDB_20120810.ListTables\r\n"),
        target("X-Amz-Target: TrentService.ListKeys\r\nX-Amz-Target: TrentService.ListKeys\r\n"),
        target("X-Amz-Target: \r\n"),
        target(""),
    ] {
        let refused = house.send(&headers, "{}").await.refusal();
        assert_eq!((refused.0, &*refused.1), (400, "UnknownOperationException"), "{headers}");
    }
    let unsigned = house.send("X-Amz-Target: TrentService.ListKeys\r\n", "not even JSON").await;
    assert_eq!(
        unsigned.refusal(),
        (400, "MissingAuthenticationTokenException".to_owned(), "Missing Authentication Token".to_owned())
    );
    assert!(unsigned.header("x-amzn-requestid").is_some());
    assert_eq!(house.close().await.unfinished, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_paths_and_methods_are_unknown() {
    let house = House::open().await;
    for request in
        ["GET / ", "PUT / ", "POST /other ", "POST /livez ", "GET /readyz ", "GET /metrics ", "POST /_kms/reset "]
    {
        let request = format!("{request}HTTP/1.1\r\nHost: kms\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        let answer = house.raw(request.as_bytes()).await;
        assert_eq!((answer.status, &*answer.body), (404, "<UnknownOperationException/>\n"), "{request}");
    }
    let other =
        "POST / HTTP/1.1\r\nHost: kms\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(house.raw(other.as_bytes()).await.status, 404);
    assert_eq!(house.raw(b"GET /livez HTTP/1.1\r\nHost: kms\r\nConnection: close\r\n\r\n").await.status, 200);
    assert_eq!(house.close().await.unfinished, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_http_is_a_bad_request() {
    let house = House::open().await;
    for bytes in [&b"\x16\x03\x01 no TLS here\r\n\r\n"[..], b"POST\r\n\r\n", b"POST / HTTP/1.1\r\nno colon\r\n\r\n"] {
        assert_eq!(house.raw(bytes).await.status, 400, "{}", bytes.escape_ascii());
    }
    let long = format!("GET / HTTP/1.1\r\nHost: kms\r\nX: {}\r\n\r\n", "x".repeat(64 * 1024));
    assert_eq!(house.raw(long.as_bytes()).await.status, 431);
    // Two lengths of one body: what a proxy in front could take for two requests.
    let two = b"POST / HTTP/1.1\r\nHost: kms\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}";
    assert_eq!(house.raw(two).await.status, 400);
    assert_eq!(house.close().await.unfinished, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_long_is_refused() {
    let mut limits = BodyLimits::default();
    limits.bytes = 1000;
    let house = House::with(app().body_limits(limits).build().unwrap(), Limits::default(), None).await;
    let is_too_long = |answer: &Answer| {
        assert_eq!(answer.status, 413);
        assert_eq!(answer.refusal().1, "RequestEntityTooLargeException");
    };
    is_too_long(&house.ask("ListKeys", [b' '; 1001]).await);
    let fits = [b"{}".as_slice(), &[b' '; 998]].concat();
    assert_eq!(house.ask("ListKeys", fits).await.status, 200);
    // In chunks, so that no length is announced.
    let mut chunks = format!(
        "POST / HTTP/1.1\r\nHost: kms\r\nConnection: close\r\nContent-Type: application/x-amz-json-1.1\r\n\
         X-Amz-Target: TrentService.ListKeys\r\n{SIGNED}Transfer-Encoding: chunked\r\n\r\n"
    );
    for _ in 0..11 {
        chunks.push_str(&format!("64\r\n{}\r\n", " ".repeat(100)));
    }
    chunks.push_str("0\r\n\r\n");
    is_too_long(&house.raw(chunks.as_bytes()).await);
    // Who asks first does not have to send it.
    let asks = format!(
        "POST / HTTP/1.1\r\nHost: kms\r\nConnection: close\r\nContent-Type: application/x-amz-json-1.1\r\n\
         X-Amz-Target: TrentService.ListKeys\r\n{SIGNED}Expect: 100-continue\r\nContent-Length: 2000\r\n\r\n"
    );
    is_too_long(&house.raw(asks.as_bytes()).await);
    assert_eq!(house.close().await.unfinished, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_and_resets_are_there_when_they_are_wanted() {
    let readiness = || Readiness { is_ready: false, report: r#"{"store":"gone"}"#.to_owned() };
    let app = app().ready(Arc::new(readiness)).reset(Arc::new(|| Err("on purpose".to_owned()))).build().unwrap();
    let house = House::with(app, Limits::default(), None).await;
    let ready = house.raw(b"GET /readyz HTTP/1.1\r\nHost: kms\r\nConnection: close\r\n\r\n").await;
    assert_eq!((ready.status, &*ready.body), (503, r#"{"store":"gone"}"#));
    for path in ["/_kms/reset", "/moto-api/reset"] {
        let request = format!("POST {path} HTTP/1.1\r\nHost: kms\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        let reset = house.raw(request.as_bytes()).await;
        assert_eq!((reset.status, reset.json()["error"].as_str()), (500, Some("on purpose")));
    }
    assert_eq!(house.close().await.unfinished, 0);
}

/// What policies and the trail ask about a caller is of the signature and the connection: no header says it.
#[tokio::test(flavor = "multi_thread")]
async fn no_header_speaks_for_the_caller() {
    let house = House::open().await;
    let key = key(&house).await;
    let denial = |operation: &str, condition: serde_json::Value| json!({ "Effect": "Deny", "Principal": "*", "Action": operation, "Resource": "*", "Condition": condition });
    let policy = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::111122223333:root" }, "Action": "kms:*", "Resource": "*" },
        denial("kms:Encrypt", json!({ "Null": { "aws:SourceArn": "true" } })),
        denial("kms:GenerateDataKey", json!({ "Null": { "kms:ViaService": "true" } })),
        denial("kms:DescribeKey", json!({ "IpAddress": { "aws:SourceIp": "127.0.0.0/8" } })),
        denial("kms:ListGrants", json!({ "Bool": { "aws:SecureTransport": "false" } })),
    ] });
    let put = json!({ "KeyId": key, "Policy": policy.to_string() });
    assert_eq!(house.ask("PutKeyPolicy", put.to_string()).await.status, 200);
    let source = "arn:aws:sns:eu-central-1:111122223333:topic";
    let headers = format!(
        "X-Amz-Source-Arn: {source}\r\nX-Amz-Source-Account: 111122223333\r\nX-Amz-Via-Service: sns\r\n\
         X-Forwarded-For: 203.0.113.7\r\nForwarded: for=203.0.113.7;proto=https\r\nX-Real-Ip: 203.0.113.7\r\n\
         X-Forwarded-Proto: https\r\n{SIGNED}"
    );
    for (operation, more) in [
        ("Encrypt", json!({ "Plaintext": "aGVsbG8=" })),
        ("GenerateDataKey", json!({ "KeySpec": "AES_256" })),
        ("DescribeKey", json!({})),
        ("ListGrants", json!({})),
    ] {
        let mut request = more;
        request["KeyId"] = key.clone().into();
        let target = format!("X-Amz-Target: TrentService.{operation}\r\n{headers}");
        let refused = house.send(&target, request.to_string()).await.refusal();
        assert_eq!(refused.1, "AccessDeniedException", "{operation}");
        assert!(refused.2.contains("explicit deny"), "{operation}: {}", refused.2);
    }
    assert_eq!(house.ask("GetKeyPolicy", json!({ "KeyId": key }).to_string()).await.status, 200);
    assert_eq!(house.close().await.unfinished, 0);
}

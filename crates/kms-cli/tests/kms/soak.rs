//! Many clients for long, right and wrong: the server answers all of them, and holds no more memory for it.

use core::time::Duration;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Instant;

use base64ct::{Base64, Encoding};
use kms_core::{RandomSource, SystemRandom};
use serde_json::{Value, json};

use crate::Home;
use crate::served::{Answer, Client, GENEROUS, SECRET, Served, signed};

const CLIENTS: usize = 200;

/// How much more memory there may be after the second half than after the first, in KiB, when both were long: what an
/// allocator keeps in reserve for 200 connections, and nothing that grows with the number of requests.
const SLACK: u64 = 12 << 10;
/// The same when both were short, and threads and their reserves were still being made.
const SLACK_AT_FIRST: u64 = 64 << 10;

/// Small numbers at random.
struct Dice;

impl Dice {
    fn below(limit: usize) -> usize {
        let mut bytes = [0; 4];
        SystemRandom.fill(&mut bytes).unwrap();
        usize::try_from(u32::from_be_bytes(bytes)).unwrap() % limit
    }

    fn bytes() -> Vec<u8> {
        let mut bytes = vec![0; Self::below(256)];
        SystemRandom.fill(&mut bytes).unwrap();
        bytes
    }
}

/// What a client asks of a server with one key.
struct Asking<'a> {
    server: &'a Served,
    client: Client,
    key: &'a str,
}

impl Asking<'_> {
    fn turn(&mut self) {
        let plaintext = Base64::encode_string(&[b"x", Dice::bytes().as_slice()].concat());
        let context = json!({"turn": Base64::encode_string(&Dice::bytes())});
        match Dice::below(16) {
            0..=4 => {
                let body = json!({"KeyId": self.key, "Plaintext": plaintext, "EncryptionContext": context});
                let sealed = self.ask("Encrypt", &body).ok()["CiphertextBlob"].clone();
                let body = json!({"CiphertextBlob": sealed, "EncryptionContext": context});
                assert_eq!(self.ask("Decrypt", &body).ok()["Plaintext"], plaintext.as_str());
                assert_eq!(self.refused("Decrypt", &json!({"CiphertextBlob": sealed})), "InvalidCiphertextException");
            }
            5 | 6 => {
                self.ask("GenerateDataKey", &json!({"KeyId": self.key, "NumberOfBytes": 32})).ok();
            }
            7 => {
                self.ask("DescribeKey", &json!({"KeyId": self.key})).ok();
                self.ask("ListKeys", &json!({})).ok();
            }
            8 => {
                let tag = json!([{"TagKey": format!("tag-{}", Dice::below(8)), "TagValue": "soak"}]);
                let body = json!({"KeyId": self.key, "Tags": tag});
                let answer = self.client.ask("TagResource", &body).unwrap();
                // Of so many who change one key at once, some are told to try again.
                let is_busy = answer.status == 503 && answer.body["__type"] == "DependencyTimeoutException";
                assert!(answer.status == 200 || is_busy, "{answer:?}");
            }
            9 => assert_eq!(self.refused("Encrypt", &json!({"KeyId": self.key})), "ValidationException"),
            10 => {
                let blob = Base64::encode_string(&Dice::bytes());
                let exception = self.refused("Decrypt", &json!({"CiphertextBlob": blob}));
                // Chance may name a key, which is not there.
                let expected = ["InvalidCiphertextException", "ValidationException", "AccessDeniedException"];
                assert!(expected.contains(&exception.as_str()), "{exception}");
            }
            11 => {
                let key = "1234abcd-12ab-34cd-56ef-1234567890ab";
                assert_eq!(self.refused("DescribeKey", &json!({"KeyId": key})), "NotFoundException");
            }
            12 => {
                let host = self.server.address.to_string();
                let request = signed(&host, "ListKeys", "{}", "not the secret");
                self.refused_bytes(request.as_bytes(), "InvalidSignatureException");
            }
            13 => {
                let body = String::from_utf8_lossy(&Dice::bytes()).into_owned();
                let request = signed(&self.server.address.to_string(), "Encrypt", &format!("<{body}"), SECRET);
                self.refused_bytes(request.as_bytes(), "SerializationException");
            }
            14 => {
                let request = signed(&self.server.address.to_string(), "Enchant", "{}", SECRET);
                self.refused_bytes(request.as_bytes(), "UnknownOperationException");
            }
            _ => self.rude(),
        }
    }

    fn ask(&mut self, operation: &str, body: &Value) -> Answer {
        let answer = self.client.ask(operation, body).unwrap();
        assert!(answer.status < 500, "{operation}: {answer:?}");
        answer
    }

    /// The exception that a request is answered with.
    fn refused(&mut self, operation: &str, body: &Value) -> String {
        let answer = self.ask(operation, body);
        assert_eq!(answer.status, 400, "{operation}: {answer:?}");
        answer.body["__type"].as_str().unwrap().to_owned()
    }

    fn refused_bytes(&mut self, request: &[u8], exception: &str) {
        let answer = self.client.send(request).unwrap();
        assert_eq!((answer.status, answer.body["__type"].as_str()), (400, Some(exception)), "{answer:?}");
    }

    /// What is no HTTP, or not all of it.
    fn rude(&self) {
        let mut stream = TcpStream::connect(self.server.address).unwrap();
        stream.set_read_timeout(Some(GENEROUS)).unwrap();
        let half = signed(&self.server.address.to_string(), "ListKeys", "{}", SECRET);
        let bytes = match Dice::below(3) {
            0 => Dice::bytes(),
            1 => half.as_bytes()[..half.len() / 2].to_vec(),
            _ => half.as_bytes()[..half.len() - 1].to_vec(),
        };
        // The server may have closed it before all is written.
        let _written = stream.write_all(&bytes);
        let _closed = stream.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        let _read = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
}

/// Two halves of the same, each for `turns` of each client and as long as `time`, and the memory after each.
fn soak(turns: usize, time: Duration, slack: u64) {
    let home = Home::with_key();
    let server = Served::start(&home);
    let made = server.client().ask("CreateKey", &json!({})).unwrap().ok();
    let key = made["KeyMetadata"]["KeyId"].as_str().unwrap();
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| Asking { server: &server, client: server.client(), key }).collect();
    let mut half = || {
        thread::scope(|scope| {
            for asking in &mut clients {
                scope.spawn(move || {
                    let begun = Instant::now();
                    let mut done = 0;
                    while done < turns || begun.elapsed() < time {
                        asking.turn();
                        done += 1;
                    }
                });
            }
        });
        server.memory()
    };
    let (first, second) = (half(), half());
    assert!(second < first + slack, "{first} KiB after the first half, {second} after the second");
    server.end();
    home.ok(&["audit", "verify"]);
}

#[test]
fn right_and_wrong_requests_from_many_clients() {
    soak(12, Duration::ZERO, SLACK_AT_FIRST);
}

/// Twice five minutes: `cargo test -p kms-cli --test kms soak -- --ignored`.
#[test]
#[ignore = "takes ten minutes"]
fn the_same_for_ten_minutes() {
    soak(12, Duration::from_secs(300), SLACK);
}

//! `kms dev`, `kms serve` and what belongs to them, with a client of AWS KMS.

mod credentials;
mod dev;
mod doctor;
mod serve;

use core::time::Duration;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use kms_aws::{AwsBackend, AwsClient, AwsKey, AwsOptions};
use kms_core::{Backend, Call, EncryptionContext, Error, KeyId, KeySpec, KeyUsage, Locator, MasterKey, SystemRandom};

use crate::{Home, Run, set_mode};

pub(crate) const REGION: &str = "eu-central-1";
const ALICE: &str = "arn:aws:iam::111122223333:user/Alice";

/// More than anything takes, however slow the machine is.
const GENEROUS: Duration = Duration::from_secs(120);

/// A server that runs. It is ended with this.
struct Running {
    child: Child,
    said: Arc<Mutex<String>>,
    listening: Option<JoinHandle<()>>,
    url: String,
}

/// An access key.
#[derive(Clone)]
struct AccessKey {
    id: String,
    secret: String,
}

/// The command, as if nothing were set that says something to it.
fn command(home: &Home, arguments: &[&str]) -> Command {
    let mut command = home.command(arguments);
    let says = |name: &str| name.starts_with("AWS_") || name.starts_with("KMS_SERVER_");
    for (name, _) in std::env::vars().filter(|(name, _)| says(name)) {
        command.env_remove(name);
    }
    // With a line for each request.
    command.env_remove("KMS_CONFIG").env("KMS_LOG", "info,kms_server=debug");
    command.env("HOME", home.0.path()).env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

fn run(home: &Home, arguments: &[&str]) -> Run {
    Run::from(command(home, arguments).output().unwrap())
}

#[track_caller]
fn fails(run: &Run, status: i32, says: &[&str]) {
    assert_eq!(run.status, status, "{}", run.stderr);
    for text in says {
        assert!(run.stderr.contains(text), "{text:?} is not in: {}", run.stderr);
    }
}

impl Running {
    /// Starts it; what it says is listened to.
    fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (said, stderr) = (Arc::<Mutex<String>>::default(), BufReader::new(child.stderr.take().unwrap()));
        let listening = thread::spawn({
            let said = said.clone();
            move || {
                for line in stderr.lines() {
                    *said.lock().unwrap() += &(line.unwrap() + "\n");
                }
            }
        });
        Self { child, said, listening: Some(listening), url: String::new() }
    }

    fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Waits until it has said something; the line.
    fn wait_for(&mut self, text: &str) -> String {
        let patience = Instant::now() + GENEROUS;
        loop {
            let said = self.said();
            if let Some(line) = said.lines().find(|line| line.contains(text)) {
                return line.to_owned();
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("it ended with {status}: {said}");
            }
            assert!(Instant::now() < patience, "{text:?} is not said: {said}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn signal(&self, name: &str) {
        assert!(Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Has it end in good order; all that it said.
    fn end(mut self) -> String {
        self.signal("TERM");
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{}", self.said());
        self.listening.take().unwrap().join().unwrap();
        self.said()
    }

    fn address(&self) -> &str {
        self.url.strip_prefix("http://").unwrap()
    }

    fn client_in(&self, region: &str, key: &AccessKey) -> AwsClient {
        let options = AwsOptions::new().with_endpoint_url(&self.url).with_region(region).with_max_attempts(1);
        AwsClient::new(&options.with_access_key(&key.id, &key.secret)).unwrap()
    }

    fn client(&self, key: &AccessKey) -> AwsClient {
        self.client_in(REGION, key)
    }

    /// The status and the body of what a path answers.
    fn http(&self, method: &str, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        let request =
            format!("{method} {path} HTTP/1.1\r\nHost: kms\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A new symmetric key with an alias.
fn create(client: &AwsClient, alias: &str) -> Result<AwsKey, Error> {
    let at = Locator::new(KeyId::random(&SystemRandom).unwrap().into(), alias);
    AwsBackend::new(client.clone()).create(
        &at,
        KeySpec::SymmetricDefault,
        KeyUsage::EncryptDecrypt,
        &Call::default(),
    )?;
    found(client, alias)
}

fn found(client: &AwsClient, name: &str) -> Result<AwsKey, Error> {
    client.key(name, &Call::default())
}

fn seal(key: &AwsKey, text: &[u8]) -> Vec<u8> {
    key.seal(text, &EncryptionContext::empty(), &Call::default()).unwrap().as_bytes().to_vec()
}

fn open(key: &AwsKey, blob: &[u8]) -> Vec<u8> {
    key.open(blob, &EncryptionContext::empty(), &Call::default()).unwrap().expose().to_vec()
}

/// A folder for a server: its configuration, and its file of credentials with Alice's access key, who may do everything.
struct Office {
    home: Home,
    alice: AccessKey,
}

impl Office {
    fn new() -> Self {
        let home = Home::new();
        home.write(
            "allow.json",
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"}]}"#,
        );
        let office = Self { home, alice: AccessKey { id: String::new(), secret: String::new() } };
        office.configure("");
        let alice = office.add(&[]);
        Self { alice, ..office }
    }

    /// Writes the configuration; `more` is at its end.
    fn configure(&self, more: &str) {
        let path = |name: &str| self.home.path(name).display().to_string();
        let text = format!(
            "[listen]\naddresses = [\"127.0.0.1:0\"]\n[service]\nregions = [\"{REGION}\"]\n[store]\npath = \"{}\"\n\
             [root]\nkey_file = \"{}\"\n[audit]\ndirectory = \"{}\"\n[credentials]\nfile = \"{}\"\n\
             reload_interval = \"1h\"\n{more}",
            path("store"),
            path("root.key"),
            path("audit"),
            path("credentials.toml"),
        );
        self.home.write("kms.toml", text);
    }

    /// A new access key of Alice's.
    fn add(&self, more: &[&str]) -> AccessKey {
        let fixed = ["credentials", "add", "credentials.toml", "--principal", ALICE, "--identity-policy", "allow.json"];
        let added = run(&self.home, &[&fixed[..], more].concat());
        assert_eq!(added.status, 0, "{}", added.stderr);
        let value = |name: &str| {
            let value = added.text().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            value.unwrap().to_owned()
        };
        AccessKey { id: value("AWS_ACCESS_KEY_ID"), secret: value("AWS_SECRET_ACCESS_KEY") }
    }

    fn serve(&self) -> Running {
        let mut running = Running::spawn(command(&self.home, &["serve", "--config", "kms.toml"]));
        let line = running.wait_for("127.0.0.1:");
        let port: String = line.rsplit("127.0.0.1:").next().unwrap().chars().take_while(char::is_ascii_digit).collect();
        running.url = format!("http://127.0.0.1:{port}");
        running
    }
}

//! A server as the command starts it, and what is told of it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use crate::{Home, Run};

/// A server for tests, which ends with the test. Its log is in the file `log`.
struct Dev {
    process: Child,
    /// What a shell would export.
    variables: BTreeMap<String, String>,
}

impl Dev {
    fn start(home: &Home, arguments: &[&str]) -> Self {
        let mut command = home.command(&[&["dev", "--listen", "127.0.0.1:0"], arguments].concat());
        command.env("KMS_LOG", "trace").env("AWS_REGION", "eu-central-1");
        let log = File::create(home.path("log")).unwrap();
        let mut process = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        // The last line is there when the server answers.
        let mut variables = BTreeMap::new();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        while !variables.contains_key("AWS_DEFAULT_REGION") {
            let line = lines.next().unwrap().unwrap();
            let (name, value) = line.strip_prefix("export ").unwrap().split_once('=').unwrap();
            variables.insert(name.to_owned(), value.to_owned());
        }
        Self { process, variables }
    }

    fn url(&self) -> &str {
        &self.variables["AWS_ENDPOINT_URL_KMS"]
    }

    /// Runs a command with what the server exports, but for what is said here.
    fn run(&self, home: &Home, arguments: &[&str], but: &[(&str, &str)]) -> Run {
        let mut command = home.command(arguments);
        command.env("HOME", home.0.path()).envs(&self.variables).envs(but.iter().copied());
        Run::from(command.output().unwrap())
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[test]
fn a_server_that_is_well_is_found_by_argument_and_by_variable() {
    let home = Home::new();
    let server = Dev::start(&home, &[]);
    // Whatever configuration this machine has is not the one of this server.
    let nothing = home.write("kms.toml", "[store]\nmemory = true\n");
    let nothing = [("KMS_CONFIG", nothing.to_str().unwrap())];
    let by_argument = home.command(&["doctor", "--endpoint-url", server.url()]).envs(nothing).output().unwrap();
    for run in [Run::from(by_argument), server.run(&home, &["doctor"], &nothing)] {
        let found = run.text();
        assert!(found.contains(&format!("{}/ answers", server.url())), "{found}{}", run.stderr);
        assert!(found.contains("root, store work"), "{found}");
    }
}

#[test]
fn a_server_that_is_not_there_is_wrong() {
    let home = Home::new();
    let run = home.run(&["doctor", "--endpoint-url", "http://127.0.0.1:1"]);
    assert_eq!(run.status, 1, "{}", run.stderr);
    assert!(run.text().contains("WRONG"), "{}", run.text());
    let run = home.run(&["doctor", "--endpoint-url", "http://["]);
    assert_eq!(run.status, 2, "{}", run.stderr);
}

#[cfg(feature = "aws")]
#[test]
fn no_secret_is_in_the_log_at_any_level() {
    const ID: &str = "bc436485-5092-42b8-92a3-0aa8b93536dc";
    let home = Home::new();
    let seed = home.write("seed.yaml", format!("Keys:\n  - KeyId: {ID}\n"));
    let server = Dev::start(&home, &["--seed", seed.to_str().unwrap()]);
    let arn = format!("arn:aws:kms:eu-central-1:111122223333:key/{ID}");
    let made = server.run(&home, &["generate-data-key", "--key", &arn, "--json", "-c", "tenant=4242424242"], &[]);
    assert_eq!(made.status, 0, "{}", made.stderr);
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    let wrong = [("AWS_SECRET_ACCESS_KEY", "8d7c1b4f0e5a")];
    assert_ne!(server.run(&home, &["key", "show", &arn], &wrong).status, 0);
    let secrets = [
        made["Plaintext"].as_str().unwrap(),
        made["CiphertextBlob"].as_str().unwrap(),
        server.variables["AWS_SECRET_ACCESS_KEY"].as_str(),
        "8d7c1b4f0e5a",
        "4242424242",
        "Signature=",
    ];
    // A line is written before its answer.
    let log = String::from_utf8(home.read("log")).unwrap();
    assert!(log.contains("GenerateDataKey") && log.contains("InvalidSignatureException"), "{log}");
    for secret in secrets {
        assert!(!log.contains(secret), "{secret} is in {log}");
    }
}

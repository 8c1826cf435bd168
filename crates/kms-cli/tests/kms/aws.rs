//! Keys at an endpoint that speaks the AWS KMS API, named by their ARN.

use kms_aws::AwsBackend;
use kms_core::{Backend, Call, KeyId, KeySpec, KeyUsage, Locator, SystemRandom};

use crate::endpoint::{Endpoint, REGION};
use crate::{Home, Run};

/// A folder, and an endpoint with a key.
struct Aws {
    home: Home,
    endpoint: Endpoint,
}

impl Aws {
    fn new() -> Self {
        let aws = Self { home: Home::new(), endpoint: Endpoint::start() };
        aws.home.write("plain", b"payload");
        aws
    }

    /// The ARN of a new key, which has this alias.
    fn key(&self, alias: &str, spec: KeySpec, usage: KeyUsage) -> String {
        let client = self.endpoint.client();
        let at = Locator::new(KeyId::random(&SystemRandom).unwrap().into(), alias);
        AwsBackend::new(client.clone()).create(&at, spec, usage, &Call::default()).unwrap();
        client.key(alias, &Call::default()).unwrap().arn().to_string()
    }

    fn symmetric(&self, alias: &str) -> String {
        self.key(alias, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt)
    }

    /// Runs as somebody with an access key.
    fn run(&self, arguments: &[&str]) -> Run {
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        self.run_with(arguments, &[("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"), ("AWS_SECRET_ACCESS_KEY", secret)])
    }

    fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
        let mut command = self.home.command(arguments);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
            command.env_remove(name);
        }
        command.env("HOME", self.home.0.path()).env("AWS_EC2_METADATA_DISABLED", "true");
        command.env("AWS_ENDPOINT_URL_KMS", self.endpoint.url());
        command.envs(variables.iter().copied());
        Run::from(command.output().unwrap())
    }

    fn ok(&self, arguments: &[&str]) -> Run {
        let run = self.run(arguments);
        assert_eq!(run.status, 0, "{arguments:?}: {}", run.stderr);
        run
    }

    fn fails(&self, arguments: &[&str], status: i32, says: &[&str]) {
        let run = self.run(arguments);
        assert_eq!(run.status, status, "{arguments:?}: {}", run.stderr);
        for text in says {
            assert!(run.stderr.contains(text), "{text:?} in {}", run.stderr);
        }
    }
}

#[test]
fn a_file_under_a_key_at_aws_needs_no_keyring() {
    let aws = Aws::new();
    let arn = aws.symmetric("alias/files");
    aws.ok(&["encrypt", "plain", "--key", &arn, "--context", "tenant=42"]);
    aws.ok(&["decrypt", "plain.kms", "--key", &arn, "-o", "back", "--context", "tenant=42"]);
    assert_eq!(aws.home.read("back"), b"payload");
    let alias = format!("{}alias/files", arn.split_once("key/").unwrap().0);
    aws.ok(&["encrypt", "plain", "--key", &alias, "-o", "other.kms"]);
    aws.ok(&["decrypt", "other.kms", "--key", &alias, "-f", "-o", "back"]);
    let names: Vec<_> = std::fs::read_dir(aws.home.0.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name == "store"), "no keyring was made: {names:?}");
    aws.fails(&["decrypt", "plain.kms", "--key", &arn, "-f", "-o", "back", "-c", "tenant=43"], 3, &["tenant"]);
}

#[test]
fn a_message_does_not_choose_its_key_unless_it_may() {
    let aws = Aws::new();
    let (arn, other) = (aws.symmetric("alias/one"), aws.symmetric("alias/two"));
    aws.ok(&["encrypt", "plain", "--key", &arn]);
    aws.home.ok(&["key", "create", "--alias", "default"]);
    aws.endpoint.asked();
    aws.fails(&["decrypt", "plain.kms", "-o", "back"], 4, &[&arn, "--key ARN", "--discovery"]);
    aws.fails(&["decrypt", "plain.kms", "-o", "back", "--key", &other], 4, &[&arn]);
    let account = ["decrypt", "plain.kms", "-o", "back", "--discovery", "--discovery-account"];
    aws.fails(&[&account[..], &["444455556666"]].concat(), 4, &[&arn]);
    assert!(aws.endpoint.asked().is_empty(), "no key was asked that is not allowed");
    aws.ok(&[&account[..], &["111122223333"]].concat());
    aws.ok(&["decrypt", "plain.kms", "-f", "-o", "back", "--discovery"]);
    assert_eq!(aws.home.read("back"), b"payload");
}

#[test]
fn a_file_under_keys_here_and_there_opens_with_either() {
    let aws = Aws::new();
    let arn = aws.symmetric("alias/there");
    aws.home.ok(&["key", "create", "--alias", "here"]);
    aws.ok(&["encrypt", "plain", "--key", "here", "--key", &arn]);
    aws.endpoint.asked();
    aws.ok(&["decrypt", "plain.kms", "-o", "with-here"]);
    assert!(aws.endpoint.asked().is_empty());
    aws.ok(&["decrypt", "plain.kms", "-o", "with-there", "--key", &arn]);
    assert_eq!(aws.endpoint.asked(), ["Decrypt"]);
    assert_eq!(aws.home.read("with-here"), aws.home.read("with-there"));
}

#[test]
fn signatures_data_keys_and_descriptions() {
    let aws = Aws::new();
    let signs = aws.key("alias/signs", KeySpec::EccNistP256, KeyUsage::SignVerify);
    aws.ok(&["sign", "plain", "--key", &signs]);
    aws.ok(&["verify", "plain", "--key", &signs]);
    aws.ok(&["key", "public-key", &signs, "-o", "public.pem"]);
    aws.ok(&["verify", "plain", "--public-key", "public.pem"]);
    let shown = aws.ok(&["key", "show", &signs]);
    assert!(shown.text().contains(&signs) && shown.text().contains("ECC_NIST_P256"), "{}", shown.text());
    aws.fails(&["encrypt", "plain", "--key", &signs], 2, &["SIGN_VERIFY"]);

    let arn = aws.symmetric("alias/data");
    let made = aws.ok(&["generate-data-key", "--key", &arn, "--json", "-c", "a=b"]);
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    assert_eq!(made["KeyId"], arn.as_str());
    let decode = |name: &str| {
        use base64ct::Encoding;
        base64ct::Base64::decode_vec(made[name].as_str().unwrap()).unwrap()
    };
    aws.home.write("blob", decode("CiphertextBlob"));
    aws.ok(&["decrypt", "blob", "-o", "data-key", "--key", &arn, "-c", "a=b"]);
    assert_eq!(aws.home.read("data-key"), decode("Plaintext"));
    aws.fails(&["decrypt", "blob", "-o", "data-key", "-f", "--discovery"], 3, &["--key ARN"]);
}

#[test]
fn what_is_wrong_is_said() {
    let aws = Aws::new();
    let absent = format!("arn:aws:kms:{REGION}:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab");
    aws.fails(&["key", "show", &absent], 4, &[&absent, "describe-key"]);
    aws.fails(&["encrypt", "plain", "--key", &absent], 4, &["NotFoundException"]);
    aws.fails(&["encrypt", "plain", "--key", "arn:aws:kms:nonsense"], 2, &["arn:aws:kms:eu-west-1"]);
    aws.fails(&["decrypt", "plain", "-o", "x", "--key", "alias/default"], 2, &["not the ARN"]);

    let nobody = aws.run_with(&["key", "show", &absent], &[]);
    assert_eq!(nobody.status, 4, "{}", nobody.stderr);
    for looked_at in ["AWS_ACCESS_KEY_ID", "AWS_PROFILE", "~/.aws/credentials", "metadata"] {
        assert!(nobody.stderr.contains(looked_at), "{looked_at}: {}", nobody.stderr);
    }

    // A port that was free just now.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{address}");
    aws.fails(&["key", "show", &absent, "--endpoint-url", &url], 1, &["refused", "AWS_ENDPOINT_URL_KMS"]);
}

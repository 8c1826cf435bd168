//! A server of two accounts that keeps nothing.

use std::net::SocketAddr;
use std::sync::Arc;

use kms_core::{Backend, Call, Key, KeyId, KeySpec, KeyUsage, SystemRandom};
use kms_server::config::{Complaint, Config};
use kms_server::credentials::Credentials;
use kms_server::server::{Parts, RunningServer, Server};
use kms_service::SealedStore;
use kms_soft::{SealedBackend, SoftBackend};
use kms_store::Memory;
use serde_json::{Value, json};

use crate::sign::Signer;

pub(crate) const REGION: &str = "eu-central-1";
const ACCOUNT: &str = "111122223333";

/// Who may do everything.
pub(crate) const ALICE: Signer =
    Signer { id: "AKIAALICE", secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", region: REGION, service: "kms" };
/// AWS KMS, whose own key is in another region.
pub(crate) const AWS: Signer = Signer {
    id: "BETWEEN2TEN3AND4THIRTY5CHARS6",
    secret: "PleaseReplaceThisWithSomeSecretOfMoreLength+/=",
    region: "us-east-2",
    service: "kms-xks-proxy",
};
/// AWS KMS, in the name of another account than the one whose keys are offered.
pub(crate) const OTHER: Signer =
    Signer { id: "OTHER2TEN3AND4THIRTY5CHARS67", secret: "AnotherSecretThatIsAsLongAsTheOneBefore+/+/=", ..AWS };

const CREDENTIALS: &str = r#"
[[principal]]
access_key_id = "AKIAALICE"
secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
arn = "arn:aws:iam::111122223333:user/Alice"
policies = [{ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "kms:*", Resource = "*" }] }]

[[principal]]
access_key_id = "BETWEEN2TEN3AND4THIRTY5CHARS6"
secret_access_key = "PleaseReplaceThisWithSomeSecretOfMoreLength+/="
arn = "arn:aws:iam::111122223333:user/aws-kms"
service = "kms-xks-proxy"
policies = [{ Version = "2012-10-17", Statement = [
    { Effect = "Allow", Action = ["kms:GenerateMac", "kms:DescribeKey"], Resource = "*" },
] }]

[[principal]]
access_key_id = "OTHER2TEN3AND4THIRTY5CHARS67"
secret_access_key = "AnotherSecretThatIsAsLongAsTheOneBefore+/+/="
arn = "arn:aws:iam::444455556666:user/aws-kms"
service = "kms-xks-proxy"
"#;

pub(crate) struct House {
    server: RunningServer,
    pub(crate) address: SocketAddr,
}

fn parts() -> Parts {
    let soft = SoftBackend::new(SystemRandom);
    let at = SoftBackend::locator(KeyId::random(&SystemRandom).unwrap().into());
    let root = soft.create(&at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &Call::default()).unwrap();
    let root = Key::new(root);
    let store = SealedStore::open(Arc::new(Memory::new()), &root).unwrap();
    let backend = Arc::new(SealedBackend::new(root.clone(), store.records(), SystemRandom).unwrap());
    let at = SealedBackend::locator(store.header().id.into());
    let signer = backend.create(&at, KeySpec::EccNistP256, KeyUsage::SignVerify, &Call::default()).unwrap();
    Parts::new(store, root, backend, Key::new(signer))
}

/// One that offers the keys of one of its accounts to AWS KMS.
pub(crate) fn config() -> Config {
    let text = format!(
        "[listen]\naddresses = [\"127.0.0.1:0\"]\n[service]\nregions = [\"{REGION}\"]\n[store]\nmemory = true\n\
         [audit]\nenabled = false\n[xks]\nenabled = true\npath_prefix = \"/acme\"\naccount = \"{ACCOUNT}\"\n\
         region = \"{REGION}\"\n"
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kms.toml");
    std::fs::write(&file, text).unwrap();
    let loaded = Config::load(Some(&file), []);
    assert!(loaded.complaints.is_empty(), "{:?}", loaded.complaints);
    loaded.config
}

pub(crate) fn start(config: &Config) -> Result<House, Complaint> {
    let server = Server::start(config, parts(), Credentials::from_toml(CREDENTIALS).unwrap())?;
    Ok(House { address: server.addresses()[0], server })
}

impl House {
    pub(crate) fn open() -> Self {
        start(&config()).unwrap()
    }

    /// What an operation answers.
    pub(crate) fn done(&self, operation: &str, body: &Value) -> Value {
        let answer = ALICE.ask(self.address, operation, body);
        assert_eq!(answer.status, 200, "{operation}: {answer:?}");
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }

    /// A new key.
    pub(crate) fn key(&self, spec: &str, usage: &str) -> String {
        let made = self.done("CreateKey", &json!({ "KeySpec": spec, "KeyUsage": usage }));
        made["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned()
    }

    pub(crate) fn external_key(&self) -> String {
        self.key("HMAC_256", "GENERATE_VERIFY_MAC")
    }

    /// Ends it, in good order.
    pub(crate) fn close(self) {
        self.server.stop();
    }
}

//! `kms dev`.

use std::io::{BufRead, BufReader, Read};
use std::process::{ChildStdout, Command};

use base64ct::{Base64, Encoding};
use kms_core::{Call, EncryptionContext, ErrorKind, MasterKey};

use super::{AccessKey, REGION, Running, command, create, fails, found, open, run, seal};
use crate::{Home, set_mode};

const ID: &str = "bc436485-5092-42b8-92a3-0aa8b93536dc";
const SEED: &str = "
Keys:
  - KeyId: bc436485-5092-42b8-92a3-0aa8b93536dc
    Aliases: [alias/orders]
    BackingKeys: [5cdaead27fe7da2de47945d73cd6d79e36494e73802f3cd3869f1d2cb0b5d7a9]
Aliases:
  - AliasName: alias/testing
    TargetKeyId: bc436485-5092-42b8-92a3-0aa8b93536dc
";

/// What a server for tests has printed.
struct Dev {
    running: Running,
    access_key: AccessKey,
    region: String,
    stdout: BufReader<ChildStdout>,
}

fn dev(home: &Home, arguments: &[&str]) -> Dev {
    started(command(home, &[&["dev", "--listen", "127.0.0.1:0"], arguments].concat()))
}

fn started(command: Command) -> Dev {
    let mut running = Running::spawn(command);
    let mut stdout = BufReader::new(running.child.stdout.take().unwrap());
    let mut lines = Vec::new();
    // The last one.
    while lines.last().is_none_or(|line: &String| !line.contains("AWS_DEFAULT_REGION=")) {
        let mut line = String::new();
        assert!(stdout.read_line(&mut line).unwrap() > 0, "it ended: {}", running.said());
        lines.push(line.trim_end().to_owned());
    }
    let value = |name: &str| {
        let value = lines.iter().find_map(|line| line.strip_prefix("export ")?.strip_prefix(name)?.strip_prefix('='));
        value.unwrap_or_default().to_owned()
    };
    running.url = value("AWS_ENDPOINT_URL_KMS");
    let access_key = AccessKey { id: value("AWS_ACCESS_KEY_ID"), secret: value("AWS_SECRET_ACCESS_KEY") };
    Dev { access_key, region: value("AWS_REGION"), running, stdout }
}

#[test]
fn what_it_prints_makes_clients_work_and_is_all_that_it_prints() {
    let home = Home::new();
    let flags = ["--account", "222233334444", "--regions", "eu-west-1,eu-central-1"];
    let Dev { running, access_key, region, mut stdout } = dev(&home, &flags);
    assert_eq!(region, "eu-west-1");
    let key = create(&running.client_in(&region, &access_key), "alias/a").unwrap();
    assert!(key.arn().to_string().starts_with("arn:aws:kms:eu-west-1:222233334444:key/"), "{}", key.arn());
    assert_eq!(open(&key, &seal(&key, b"text")), b"text");
    create(&running.client_in("eu-central-1", &access_key), "alias/a").unwrap();
    create(&running.client_in("us-east-1", &access_key), "alias/a").unwrap_err();
    let AccessKey { id, secret } = access_key;
    let wrong = AccessKey { id, secret: "wrong".to_owned() };
    let refused = found(&running.client_in(&region, &wrong), "alias/a").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unauthorized, "{refused}");
    let said = running.end();
    assert!(said.contains("InvalidSignatureException") && !said.contains(&secret), "{said}");
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
    assert!(home.names().is_empty(), "it keeps nothing: {:?}", home.names());
}

#[test]
fn a_reset_leaves_the_seed_and_nothing_else() {
    let home = Home::new();
    home.write("seed.yaml", SEED);
    let Dev { running, access_key, region, .. } = dev(&home, &["--seed", "seed.yaml"]);
    assert_eq!(region, "us-east-1");
    let client = running.client_in(&region, &access_key);
    let seeded = found(&client, "alias/orders").unwrap();
    assert_eq!(seeded.arn().to_string(), format!("arn:aws:kms:us-east-1:111122223333:key/{ID}"));
    assert_eq!(found(&client, "alias/testing").unwrap().arn(), seeded.arn());
    let blob = seal(&seeded, b"of before");
    for path in ["/_kms/reset", "/moto-api/reset"] {
        create(&client, "alias/made").unwrap();
        assert_eq!(running.http("POST", path).0, 200);
        let gone = found(&client, "alias/made").err().unwrap();
        assert_eq!(gone.kind(), ErrorKind::KeyUnavailable, "{gone}");
        // The material is the seed's: what was encrypted before is decrypted.
        assert_eq!(open(&found(&client, ID).unwrap(), &blob), b"of before");
    }
    // A second server has the same material.
    let other = dev(&home, &["--seed", "seed.yaml"]);
    let there = other.running.client_in(&region, &other.access_key);
    assert_eq!(open(&found(&there, "alias/testing").unwrap(), &blob), b"of before");
}

#[test]
fn access_keys_and_quotas_are_those_of_the_files() {
    let home = Home::new();
    let credentials = r#"
[[principal]]
access_key_id = "AKIAIOSFODNN7EXAMPLE"
secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
arn = "arn:aws:iam::111122223333:root"
"#;
    set_mode(&home.write("credentials.toml", credentials), 0o600);
    home.write("quotas.toml", "ListKeys = 1\n");
    let flags = ["--credentials", "credentials.toml", "--quotas", "quotas.toml"];
    let Dev { running, access_key, region, .. } = dev(&home, &flags);
    assert!(access_key.id.is_empty() && access_key.secret.is_empty(), "no throw-away credentials beside a file");
    let known = AccessKey {
        id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
    };
    let client = running.client_in(&region, &known);
    // One in a second; a slow machine may take longer than that for some.
    let throttled = (0..1000).find_map(|_| client.key_ids(1, &Call::default()).err()).unwrap();
    assert_eq!(throttled.kind(), ErrorKind::Busy, "{throttled}");
}

#[test]
fn what_cannot_be_is_said() {
    let home = Home::new();
    home.write("seed.yaml", "Keys:\n  - KeyId: nonsense\n");
    home.write("odd.yaml", "Keys:\n  - KeyIds: []\n");
    let dev = |more: &[&str]| run(&home, &[&["dev", "--listen", "127.0.0.1:0"], more].concat());
    fails(&dev(&["--seed", "seed.yaml"]), 1, &["nonsense"]);
    fails(&dev(&["--seed", "odd.yaml"]), 3, &["odd.yaml", "KeyIds"]);
    fails(&dev(&["--seed", "absent.yaml"]), 3, &["absent.yaml"]);
    fails(&dev(&["--account", "12"]), 2, &["--account"]);
    fails(&dev(&["--regions", "Nowhere!"]), 2, &["--regions"]);
    fails(&dev(&["--quotas", "many"]), 1, &["many"]);
    fails(&run(&home, &["serve", "--seed", "seed.yaml"]), 2, &["--dev"]);
    fails(&run(&home, &["serve", "--dev", "--config", "kms.toml"]), 2, &["--config"]);
}

#[test]
fn no_secret_is_in_the_log_at_any_level() {
    let home = Home::new();
    let mut command = command(&home, &["dev", "--listen", "127.0.0.1:0", "--seed", "seed.yaml", "--regions", REGION]);
    home.write("seed.yaml", SEED);
    command.current_dir(home.0.path()).env("KMS_LOG", "trace");
    let mut dev = started(command);
    let key = found(&dev.running.client(&dev.access_key), ID).unwrap();
    let context = EncryptionContext::new([("tenant", "4242424242")]).unwrap();
    let (data_key, sealed) = key.generate_data_key(32, &context, &Call::default()).unwrap();
    let wrong = AccessKey { secret: "8d7c1b4f0e5a".to_owned(), ..dev.access_key.clone() };
    assert!(found(&dev.running.client(&wrong), ID).is_err());
    dev.running.wait_for("InvalidSignatureException");
    let log = dev.running.end();
    assert!(log.contains("GenerateDataKey"), "{log}");
    let (data_key, sealed) = (Base64::encode_string(data_key.expose()), Base64::encode_string(sealed.as_bytes()));
    let secrets = [&data_key, &sealed, &dev.access_key.secret, &wrong.secret, "4242424242", "Signature="];
    for secret in secrets {
        assert!(!log.contains(secret), "{secret} is in {log}");
    }
}

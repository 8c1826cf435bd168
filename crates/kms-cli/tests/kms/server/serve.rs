//! `kms serve`.

use kms_core::ErrorKind;

use super::{AccessKey, Office, create, fails, found, open, run, seal, set_mode};
use crate::mode;

#[test]
fn what_was_made_is_there_after_a_restart() {
    let office = Office::new();
    let running = office.serve();
    let client = running.client(&office.alice);
    let key = create(&client, "alias/orders").unwrap();
    let blob = seal(&key, b"order");
    assert_eq!(running.http("GET", "/livez").0, 200);
    let (status, report) = running.http("GET", "/readyz");
    assert_eq!(status, 200, "{report}");
    for path in ["/_kms/reset", "/moto-api/reset"] {
        assert_eq!(running.http("POST", path).0, 404, "only a server for tests can be emptied");
    }
    let said = running.end();
    assert!(said.contains("ended"), "{said}");
    let line = said.lines().find(|line| line.contains("Encrypt")).unwrap();
    let id = key.arn().to_string().rsplit('/').next().unwrap().to_owned();
    assert!(line.contains(&id) && line.contains(&office.alice.id), "{line}");
    assert!(!said.contains(&office.alice.secret), "{said}");
    assert_eq!(mode(&office.home.path("store")), 0o700);
    assert_eq!(mode(&office.home.path("root.key")), 0o600);

    let again = office.serve();
    let there = found(&again.client(&office.alice), "alias/orders").unwrap();
    assert_eq!(there.arn(), key.arn());
    assert_eq!(open(&there, &blob), b"order");
    again.end();
    office.home.ok(&["audit", "verify"]);
}

#[test]
fn all_that_is_wrong_is_said_at_once_and_nothing_is_made() {
    let office = Office::new();
    let check = || run(&office.home, &["serve", "--check", "--config", "kms.toml"]);
    assert_eq!(check().status, 0, "{}", check().stderr);
    set_mode(&office.home.path("credentials.toml"), 0o644);
    office.configure(
        "[tls]\nkey = \"/absent.pem\"\n[xks]\nenabled = true\nregion = \"us-east-1\"\n[metrics]\nenable = true\n\
         [logs]\nlevel = \"kms_server=loud\"\n",
    );
    let wrong =
        ["tls.certificate", "xks.account", "xks.region", "chmod 600", "enable", "logs.level", "things are wrong"];
    fails(&check(), 1, &wrong);
    let started = run(&office.home, &["serve", "--config", "kms.toml"]);
    fails(&started, 1, &wrong[..wrong.len() - 1]);
    fails(&started, 1, &["nothing was started"]);
    assert!(!office.home.path("store").exists() && !office.home.path("root.key").exists());
    fails(&run(&office.home, &["serve", "--config", "absent.toml"]), 1, &["absent.toml"]);
}

#[test]
fn plain_http_is_for_this_machine_alone() {
    let office = Office::new();
    let text = String::from_utf8(office.home.read("kms.toml")).unwrap();
    office.home.write("kms.toml", text.replace("127.0.0.1:0", "0.0.0.0:0"));
    fails(&run(&office.home, &["serve", "--config", "kms.toml"]), 1, &["0.0.0.0:0", "there is no TLS", "plain_http"]);
    assert!(!office.home.path("store").exists());
}

#[test]
fn access_keys_are_read_anew_when_it_is_told() {
    let office = Office::new();
    let mut running = office.serve();
    create(&running.client(&office.alice), "alias/orders").unwrap();
    let second = office.add(&[]);
    let tries = |running: &super::Running, key: &AccessKey| found(&running.client(key), "alias/orders").map(drop);
    assert_eq!(tries(&running, &second).unwrap_err().kind(), ErrorKind::Unauthorized);
    running.signal("HUP");
    running.wait_for("read the credentials anew");
    tries(&running, &second).unwrap();
    run(&office.home, &["credentials", "remove", "credentials.toml", &office.alice.id]);
    let right = office.home.read("credentials.toml");
    set_mode(&office.home.write("credentials.toml", "[[principal]]\n"), 0o600);
    running.signal("HUP");
    running.wait_for("as they were before");
    tries(&running, &office.alice).unwrap();
    set_mode(&office.home.write("credentials.toml", right), 0o644);
    running.signal("HUP");
    running.wait_for("chmod 600");
    running.end();

    let refused = run(&office.home, &["serve", "--config", "kms.toml"]);
    fails(&refused, 1, &["credentials.toml", "chmod 600"]);
    set_mode(&office.home.path("credentials.toml"), 0o600);
    let again = office.serve();
    assert_eq!(tries(&again, &office.alice).unwrap_err().kind(), ErrorKind::Unauthorized);
    tries(&again, &second).unwrap();
    again.end();
}

//! `kms doctor`.

use super::{AccessKey, Office, Running, command};
use crate::Run;

fn look(office: &Office, running: &Running, key: Option<&AccessKey>) -> Run {
    let mut command = command(&office.home, &["doctor", "--config", "kms.toml", "--endpoint-url", &running.url]);
    if let Some(AccessKey { id, secret }) = key {
        command.env("AWS_ACCESS_KEY_ID", id).env("AWS_SECRET_ACCESS_KEY", secret);
    }
    Run::from(command.output().unwrap())
}

/// The line about something.
fn line<'a>(run: &'a Run, about: &str) -> &'a str {
    let of = |line: &&str| line.split_whitespace().nth(1) == Some(about);
    run.text().lines().find(of).unwrap_or_else(|| panic!("{about} is not in: {}{}", run.text(), run.stderr))
}

#[test]
fn a_sound_server_is_found_sound() {
    let office = Office::new();
    let running = office.serve();
    let sound = look(&office, &running, Some(&office.alice));
    assert_eq!(sound.status, 0, "{}{}", sound.text(), sound.stderr);
    for about in ["configuration", "endpoint", "clock", "health", "signature"] {
        assert!(line(&sound, about).starts_with("ok"), "{}", sound.text());
    }
    assert!(line(&sound, "signature").contains("ListKeys"), "{}", sound.text());
    assert!(!sound.text().contains(&office.alice.secret));

    let nobody = look(&office, &running, None);
    assert_eq!(nobody.status, 0, "{}", nobody.stderr);
    assert!(line(&nobody, "signature").starts_with("look"), "{}", nobody.text());

    let mut wrong = office.alice.clone();
    wrong.secret.push('x');
    let wrong = look(&office, &running, Some(&wrong));
    assert_eq!(wrong.status, 1, "{}", wrong.text());
    assert!(line(&wrong, "signature").starts_with("WRONG"), "{}", wrong.text());

    super::set_mode(&office.home.path("store"), 0o755);
    let open = look(&office, &running, Some(&office.alice));
    assert_eq!(open.status, 1, "{}", open.text());
    assert!(open.text().contains("chmod 700"), "{}", open.text());
}

#[test]
fn a_server_that_is_not_there_is_said_to_be() {
    let office = Office::new();
    // A port that was free just now.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = command(&office.home, &["doctor"]);
    command.env("AWS_ENDPOINT_URL_KMS", format!("http://{address}")).env("KMS_CONFIG", office.home.path("kms.toml"));
    let run = Run::from(command.output().unwrap());
    assert_eq!(run.status, 1, "{}", run.stderr);
    assert!(line(&run, "endpoint").starts_with("WRONG"), "{}", run.text());
    assert!(line(&run, "configuration").starts_with("ok"), "{}", run.text());
}

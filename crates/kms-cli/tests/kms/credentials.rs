//! `kms credentials`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::Home;

#[test]
fn access_keys_are_made_listed_and_removed() {
    let home = Home::new();
    let file = home.path("credentials.toml");
    let name = file.to_str().unwrap();
    let alice = "arn:aws:iam::111122223333:user/Alice";
    let made = home.run(&["credentials", "add", name, "--principal", alice]);
    assert_eq!(made.status, 0, "{}", made.stderr);
    let made = String::from_utf8(made.stdout).unwrap();
    let id = made.lines().next().unwrap().strip_prefix("AWS_ACCESS_KEY_ID=").unwrap();
    let secret = made.lines().nth(1).unwrap().strip_prefix("AWS_SECRET_ACCESS_KEY=").unwrap();
    assert_eq!((id.len(), secret.len()), (20, 40));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(fs::read_to_string(&file).unwrap().contains(secret));

    assert_eq!(home.run(&["credentials", "add", name, "--principal", alice, "--xks"]).status, 0);
    assert_eq!(home.run(&["credentials", "add", name, "--principal", "Alice"]).status, 3);
    let listed = String::from_utf8(home.run(&["credentials", "list", name]).stdout).unwrap();
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert!(listed.contains(id) && listed.contains("kms-xks-proxy") && !listed.contains(secret), "{listed}");

    assert_eq!(home.run(&["credentials", "remove", name, id]).status, 0);
    assert_eq!(home.run(&["credentials", "remove", name, id]).status, 3);
    let left = fs::read_to_string(&file).unwrap();
    assert!(!left.contains(id) && left.contains("kms-xks-proxy"), "{left}");
}

#[test]
fn secrets_are_sealed_under_the_root_key() {
    let home = Home::with_key();
    let file = home.path("credentials.toml");
    let name = file.to_str().unwrap();
    let secret = |home: &Home| {
        let made = home.ok(&["credentials", "add", name, "--principal", "arn:aws:iam::111122223333:user/Alice"]);
        made.text().lines().nth(1).unwrap().split_once('=').unwrap().1.to_owned()
    };
    let secrets = [secret(&home), secret(&home)];
    home.ok(&["credentials", "seal", name]);
    let sealed = fs::read_to_string(&file).unwrap();
    assert!(!secrets.iter().any(|secret| sealed.contains(secret)), "{sealed}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    // What is sealed stays as it is, and a new key beside it is sealed as well.
    let third = secret(&home);
    assert_eq!(home.json(&["credentials", "seal", name])["Sealed"], 1);
    let after = fs::read_to_string(&file).unwrap();
    assert!(after.starts_with(&sealed) && !after.contains(&third), "{after}");
    assert_eq!(home.ok(&["credentials", "list", name]).text().lines().count(), 3);
    assert_eq!(Home::new().run(&["credentials", "seal", name]).status, 4, "no store, no root key");
}

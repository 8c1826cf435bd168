//! `kms credentials add --sealed`.

use super::{Office, create, fails, run};

#[test]
fn a_sealed_secret_is_not_in_the_file_and_the_server_opens_it() {
    let office = Office::new();
    let fixed = ["credentials", "add", "credentials.toml", "--principal", super::ALICE, "--sealed"];
    fails(&run(&office.home, &fixed), 2, &["--config FILE"]);
    let early = run(&office.home, &[&fixed[..], &["--config", "kms.toml"]].concat());
    fails(&early, 4, &["no store yet", "kms serve"]);
    let mut running = office.serve();
    let before = String::from_utf8(office.home.read("credentials.toml")).unwrap();
    let sealed = office.add(&["--sealed", "--config", "kms.toml"]);
    let after = String::from_utf8(office.home.read("credentials.toml")).unwrap();
    assert!(after.starts_with(&before) && after.contains("secret_access_key_sealed"), "{after}");
    assert!(after.contains(&sealed.id) && !after.contains(&sealed.secret), "{after}");
    running.signal("HUP");
    running.wait_for("read the credentials anew");
    create(&running.client(&sealed), "alias/sealed").unwrap();
    let listed = run(&office.home, &["credentials", "list", "credentials.toml"]);
    assert!(listed.text().contains(&sealed.id) && !listed.text().contains(&sealed.secret), "{}", listed.text());
    running.end();
    office.serve().end();

    // The secret of another access key is none of this one's.
    let (first, second) = (sealed.id, office.alice.id);
    let swapped = after.replace(&first, "AKIA2222222222222222").replace(&second, &first);
    super::set_mode(&office.home.write("credentials.toml", swapped), 0o600);
    let refused = run(&office.home, &["serve", "--config", "kms.toml"]);
    fails(&refused, 1, &["sealed for another access key than AKIA2222222222222222"]);
}

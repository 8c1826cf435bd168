//! A keyring that a key in an HSM opens.

use crate::desk::{Desk, said};

#[test]
fn a_keyring_opens_with_the_hsm_and_not_without() {
    let desk = Desk::new();
    desk.home.write("letter", "dear");
    let root = desk.uri(";object=root");
    let run = desk.bare(&["--root-hsm", &root, "encrypt", "letter"]);
    said(
        &run,
        0,
        &["Made a keyring: ", "Its root key:   pkcs11:token=", ";object=root, made in the HSM", "Only who has"],
    );
    assert!(!desk.home.path("root.key").exists());
    let store = desk.home.read("store/keys.db");
    let text = String::from_utf8_lossy(&store);
    assert!(text.contains(";object=root") && !text.contains("pin-source") && !text.contains("module-path"));

    // Its module and PIN come from the same URI, or from options.
    let run = desk.bare(&["--root-hsm", &root, "decrypt", "-o", "-", "letter.kms"]);
    assert_eq!(run.text(), "dear");
    let module = desk.token.module().display().to_string();
    let options = ["--module", &module, "--pin-file", "pin"];
    let run = desk.bare(&[&options[..], &["decrypt", "-o", "-", "letter.kms"]].concat());
    assert_eq!(run.text(), "dear");
    let run = desk.bare(&[&options[..], &["key", "create", "--alias", "second"]].concat());
    said(&run, 0, &[]);

    // A second keyring takes the key that is there.
    let run = desk.bare(&["--keyring", "other", "--root-hsm", &root, "key", "create", "--alias", "x"]);
    said(&run, 0, &["Made a keyring: other.store"]);
    assert!(!run.stderr.contains("made in the HSM"), "{}", run.stderr);

    let about = ["the keyring ", " is sealed under pkcs11:token=", ";object=root: "];
    let decrypt = ["decrypt", "-o", "-", "letter.kms"];
    said(&desk.bare(&decrypt), 2, &[&about[..], &["which PKCS#11 module", "--module FILE"]].concat());
    said(&desk.bare(&[&options[..2], &decrypt].concat()), 4, &[&about[..], &["wants a PIN"]].concat());
    desk.token_is_gone();
    said(
        &desk.bare(&[&options[..], &decrypt].concat()),
        4,
        &[&about[..], &["no token is", "tokens there: none"]].concat(),
    );
}

#[test]
fn a_root_key_has_to_be_named_and_to_be_one() {
    let desk = Desk::new();
    let create = |path: &str| desk.bare(&["--root-hsm", &desk.uri(path), "key", "create"]);
    said(&create(""), 2, &["--root-hsm names no key", ";object=LABEL"]);
    said(&create(";id=%01"), 4, &["no key at", "One that ;object=LABEL names is made"]);
    let backend = desk.uri("");
    let signer =
        ["--backend", &backend, "key", "create", "--spec", "ECC_NIST_P256", "--alias", "signer", "--token-object"];
    said(&desk.bare(&signer), 0, &[]);
    said(&create(";object=signer"), 2, &["ENCRYPT_DECRYPT"]);
    assert!(!desk.home.path("store/keys.db").exists());
}

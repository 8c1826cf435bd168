//! What a stranger chooses: messages, names of files.

use kms_core::message::{self, EncryptOptions, RawAesKey};
use kms_core::{Call, EncryptionContext, Secret, SystemRandom};

use crate::Home;

/// Sets a terminal's title, clears it, writes from right to left, begins a line.
const EVIL: &str = "\u{1b}]0;title\u{7}\u{1b}[2J\u{9b}31m\u{202e}\u{2028}\nkms: all is well";

fn message(namespace: &str) -> Vec<u8> {
    let key = RawAesKey::new(namespace, EVIL, Secret::from(vec![7; 32])).unwrap();
    let context = EncryptionContext::new([(EVIL, EVIL)]).unwrap();
    message::encrypt(&key, &EncryptOptions::new(context), b"x", &SystemRandom, &Call::default()).unwrap()
}

fn assert_tame(text: &str) {
    for c in text.chars().filter(|&c| c != '\n') {
        assert!(!c.is_control() && !"\u{202e}\u{2028}".contains(c), "{c:?} in {text:?}");
    }
    assert!(!text.lines().any(|line| line.starts_with("kms: all is well")), "{text}");
}

#[test]
fn no_text_of_a_message_steers_the_terminal() {
    let home = Home::with_key();
    home.write("evil.kms", message(EVIL));
    let inspected = home.ok(&["inspect", "evil.kms"]);
    assert!(inspected.text().contains("title"));
    assert_tame(inspected.text());
    for more in [&[][..], &["-c", "user=root"]] {
        let run = home.run(&[&["decrypt", "evil.kms", "-o", "-"], more].concat());
        assert_eq!((run.status, run.stdout.len()), (4, 0));
        assert!(run.stderr.contains("title"), "{}", run.stderr);
        assert_tame(&run.stderr);
    }
    let run = home.run(&["decrypt", "evil.kms", "-o", "-", "-c", &format!("{EVIL}=other")]);
    assert_eq!(run.status, 3);
    assert_tame(&run.stderr);
}

#[test]
fn no_name_of_a_file_does_either() {
    let home = Home::with_key();
    let name = EVIL.replace('/', "");
    home.write(&name, "x");
    assert_tame(&home.ok(&["encrypt", &name]).stderr);
    assert_tame(&home.run(&["encrypt", &name]).stderr);
    assert_tame(&home.run(&["decrypt", &name]).stderr);
}

#[test]
fn a_long_name_is_not_a_long_error() {
    let home = Home::with_key();
    home.write("long.kms", message(&"x".repeat(60_000)));
    let run = home.run(&["decrypt", "long.kms", "-o", "-"]);
    assert_eq!(run.status, 4);
    assert!(run.stderr.len() < 2000, "{} bytes", run.stderr.len());
}

#[test]
fn what_is_newer_is_the_inputs_fault() {
    let home = Home::with_key();
    let mut bytes = message("x");
    bytes[1..3].copy_from_slice(&[0x99, 0x99]);
    home.write("newer.kms", &bytes);
    assert_eq!(home.run(&["decrypt", "newer.kms"]).status, 3);
    assert_eq!(home.run(&["inspect", "newer.kms"]).status, 3);
    home.write("blob.kms", [0xc1, 0x77].repeat(60));
    assert_eq!(home.run(&["decrypt", "blob.kms"]).status, 3);
    assert_eq!(home.run(&["inspect", "blob.kms"]).status, 3);
}

//! The corpora under `tests/vectors`: what other implementations wrote, and what nobody should accept.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use kms_core::message::{self, DecryptOptions, RawAesKey};
use kms_core::{Call, ErrorKind, Secret};
use kms_testkit::files::{Archive, Files};
use kms_testkit::manifest::{KeyEntry, Manifest};
use kms_testkit::runner::check_manifest;

fn passes(archive: &str, manifest: &str, counts: (usize, usize, usize)) {
    let files = Archive::of_workspace(archive).unwrap();
    let manifest = Manifest::parse(&files.read(manifest).unwrap()).unwrap();
    let report = check_manifest(&manifest, &files);
    for (file, what) in &report.failures {
        println!("FAILED {file}: {what}");
    }
    println!("{report}");
    assert_eq!(report.counts(), counts);
}

#[test]
fn of_other_implementations() {
    passes("esdk.tar.zst", "manifest.json", (1677, 0, 101));
}

#[test]
fn disputed_by_other_implementations() {
    passes("esdk.tar.zst", "disputed.json", (62, 0, 0));
}

#[test]
fn of_aws() {
    passes("aws.tar.zst", "manifest.json", (349, 0, 11));
}

#[test]
fn of_aws_for_raw_keyrings() {
    passes("aws.tar.zst", "manifest-keyring.json", (303, 0, 11));
}

/// The runner raises the limit on encrypted data keys: here it is at its default.
#[test]
fn two_hundred_encrypted_data_keys_are_refused() {
    let files = Archive::of_workspace("esdk.tar.zst").unwrap();
    let manifest = Manifest::parse(&files.read("manifest.json").unwrap()).unwrap();
    let mut seen = 0;
    for entry in manifest.messages.iter().filter(|entry| entry.file.ends_with("-200edk")) {
        let Some(KeyEntry::Aes { hex, namespace, name }) = manifest.keys.get(&entry.decrypt_with.as_ref().unwrap().key)
        else {
            continue;
        };
        let key = RawAesKey::new(namespace, name, Secret::copy_from(&hex.0)).unwrap();
        let bytes = files.read(&entry.file).unwrap();
        let refused = message::decrypt(&key, &DecryptOptions::new(), &bytes, &Call::default()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Refused);
        let enough = DecryptOptions::new().with_max_encrypted_data_keys(200);
        message::decrypt(&key, &enough, &bytes, &Call::default()).unwrap();
        seen += 1;
    }
    assert_eq!(seen, 3);
}

/// A runner that passes everything would pass the corpora too.
#[test]
fn a_wrong_manifest_fails() {
    let files = Archive::of_workspace("esdk.tar.zst").unwrap();
    let mut manifest = Manifest::parse(&files.read("manifest.json").unwrap()).unwrap();
    let wrong = |manifest: &Manifest| check_manifest(manifest, &files).counts();
    let find = |file: &str| manifest.messages.iter().find(|entry| entry.file == file).unwrap().clone();
    let (good, bad) = (find("m/cr-0578-baseline"), find("m/cr-0578-commitflip"));
    manifest.messages = vec![good.clone(), bad.clone()];
    assert_eq!(wrong(&manifest), (2, 0, 0));

    (manifest.messages[0].file, manifest.messages[1].file) = (bad.file, good.file.clone());
    assert_eq!(wrong(&manifest), (0, 2, 0));
    manifest.messages = vec![good; 5];
    manifest.messages[0].plaintext.as_mut().unwrap().seed = Some("another".into());
    manifest.messages[1].suite = "0478".into();
    manifest.messages[2].encryption_context = Some([("a".into(), "b".into())].into());
    manifest.messages[3].frame_length = Some(1);
    manifest.messages[4].file = "m/nowhere".into();
    assert_eq!(wrong(&manifest), (0, 5, 0));
}

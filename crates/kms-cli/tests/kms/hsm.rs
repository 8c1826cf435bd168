//! The keys of an HSM: SoftHSM, a token of its own for each test.

use std::path::PathBuf;
use std::process::Command;

use test_tokens::{Shim, softhsm};

use crate::desk::{Desk, said};
use crate::{Home, Run, set_mode};

/// Kinds of key, and what to do with one.
const KINDS: [&[&str]; 2] = [&[], &["--token-object"]];

#[test]
fn one_command_encrypts_under_a_key_of_the_hsm_and_says_what_it_made() {
    let desk = Desk::new();
    desk.home.write("letter", "dear");
    let run = desk.bare(&["--backend", &desk.uri(""), "encrypt", "letter"]);
    said(&run, 0, &["Made a key: alias/default", "Its record: ", "Without the token", "back both up", "letter.kms"]);
    let run = desk.bare(&["--backend", &desk.uri(""), "decrypt", "-o", "-", "letter.kms"]);
    assert_eq!(run.text(), "dear");
    assert!(!desk.home.path("keyring").exists(), "the keyring is another place");

    // The second use makes nothing, and takes the same key.
    let run = desk.ok(&["encrypt", "letter", "-o", "second"]);
    assert!(!run.stderr.contains("Made"), "{}", run.stderr);
    assert_eq!(desk.json(&["key", "list"]).as_array().unwrap().len(), 1);
    let keys = |name: &str| desk.json(&["inspect", name])["EncryptedDataKeys"][0]["KeyId"].clone();
    assert_eq!(keys("letter.kms"), keys("second"));
    assert!(keys("second").as_str().unwrap().starts_with("arn:aws:kms:local:000000000000:key/"));
}

#[test]
fn first_uses_at_once_make_one_key() {
    let desk = Desk::new();
    desk.home.write("letter", "dear");
    std::thread::scope(|scope| {
        for name in ["1", "2", "3"] {
            let desk = &desk;
            scope.spawn(move || desk.ok(&["encrypt", "letter", "-o", name]));
        }
    });
    assert_eq!(desk.json(&["key", "list"]).as_array().unwrap().len(), 1);
    for name in ["1", "2", "3"] {
        assert_eq!(desk.ok(&["decrypt", "-o", "-", name]).text(), "dear");
    }
}

/// SoftHSM shows a token halfway, or not at all, to whoever starts while another process logs in.
#[test]
fn commands_at_once_do_not_miss_the_token() {
    let desk = Desk::new();
    desk.home.write("letter", "dear");
    desk.ok(&["encrypt", "letter", "-o", "first"]);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                for _ in 0..12 {
                    assert_eq!(desk.ok(&["decrypt", "-o", "-", "first"]).text(), "dear");
                }
            });
        }
    });
}

#[test]
fn every_command_works_on_both_kinds_of_key() {
    let desk = Desk::new();
    desk.home.write("letter", "dear");
    for (kind, options) in KINDS.iter().enumerate() {
        let (files, signer) = (format!("files{kind}"), format!("signer{kind}"));
        let made = desk.json(&[&["key", "create", "--alias", &files], *options].concat());
        let (id, arn) = (made["KeyId"].as_str().unwrap(), made["Arn"].as_str().unwrap());
        for (n, name) in [files.as_str(), id, &id[..13], arn].into_iter().enumerate() {
            let (to, shown) = (format!("out{kind}{n}"), desk.json(&["key", "show", name]));
            assert_eq!(shown, made);
            desk.ok(&["encrypt", "-k", name, "-c", "a=b", "-o", &to, "letter"]);
            assert_eq!(desk.ok(&["decrypt", "-c", "a=b", "-o", "-", &to]).text(), "dear");
            desk.fails(&["decrypt", "-c", "a=c", "-o", "-", &to], 3, &["encryption context"]);
        }
        let data_key = desk.json(&["generate-data-key", "--key", &files, "-c", "x=y"]);
        assert_eq!(data_key["KeyId"], arn);
        let blob = data_key["CiphertextBlob"].as_str().unwrap();
        desk.home.write("blob", <base64ct::Base64 as base64ct::Encoding>::decode_vec(blob).unwrap());
        let opened = desk.ok(&["decrypt", "-c", "x=y", "-o", "-", "blob"]);
        assert_eq!(base64(&opened.stdout), data_key["Plaintext"].as_str().unwrap());

        desk.ok(&[&["key", "create", "--spec", "ECC_NIST_P256", "--alias", &signer], *options].concat());
        desk.ok(&["sign", "-f", "-k", &signer, "letter"]);
        desk.ok(&["verify", "-k", &signer, "letter"]);
        let pem = desk.ok(&["key", "public-key", &signer]);
        desk.home.write("public.pem", &pem.stdout);
        assert_eq!(desk.bare(&["verify", "-p", "public.pem", "letter"]).status, 0, "no HSM is needed");
        desk.fails(&["sign", "-f", "-k", &files, "letter"], 2, &["does not sign"]);
        desk.fails(&["encrypt", "-f", "-k", &signer, "letter"], 2, &["SYMMETRIC_DEFAULT"]);

        desk.fails(&["key", "create", "--alias", &files], 2, &["names the key", id]);
        desk.fails(&["key", "create", "--alias", &files, "--token-object"], 2, &["names the key", id]);
        desk.fails(&["key", "delete", &files], 2, &["--yes"]);
        desk.ok(&["key", "delete", &files, "--yes"]);
        let out = format!("out{kind}0");
        desk.fails(&["decrypt", "-o", "-", &out], 4, &[arn, "the token pkcs11:token=", "no such key"]);
        desk.fails(&["key", "show", &files], 4, &["has no key", "kms key list"]);
        desk.ok(&[&["key", "create", "--alias", &files], *options].concat());
    }
    let listed = desk.ok(&["key", "list"]);
    for name in ["alias/files0", "alias/signer0", "files1", "signer1"] {
        assert!(listed.text().contains(name), "{}", listed.text());
    }
}

fn base64(bytes: &[u8]) -> String {
    <base64ct::Base64 as base64ct::Encoding>::encode_string(bytes)
}

#[test]
fn keys_are_brought_in() {
    let desk = Desk::new();
    desk.home.write("letter", "dear");
    desk.home.write("raw", [7; 32]);
    let made = Command::new("openssl")
        .args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "rsa.pem"])
        .current_dir(desk.home.path(""))
        .output()
        .unwrap();
    assert!(made.status.success());
    for (name, options) in ["wrapped", "object"].into_iter().zip(KINDS) {
        let import = ["key", "import", "rsa.pem", "--usage", "SIGN_VERIFY", "--alias", name];
        desk.ok(&[&import, options].concat());
        desk.ok(&["sign", "-f", "-k", name, "letter"]);
        desk.home.write("public.pem", desk.ok(&["key", "public-key", name]).stdout);
        let verify = Command::new("openssl")
            .args(["dgst", "-sha256", "-verify", "public.pem", "-sigopt", "rsa_padding_mode:pss"])
            .args(["-sigopt", "rsa_pss_saltlen:32", "-signature", "letter.sig", "letter"])
            .current_dir(desk.home.path(""))
            .output()
            .unwrap();
        assert!(verify.status.success(), "{verify:?}");
        let raw = format!("{name}-raw");
        desk.ok(&[&["key", "import", "raw", "--spec", "HMAC_256", "--alias", &raw], options].concat());
    }
    assert_eq!(desk.json(&["key", "show", "wrapped"])["Origin"], "EXTERNAL");
}

#[test]
fn a_uri_may_name_the_key_to_use() {
    let desk = Desk::new();
    desk.home.write("letter", "dear");
    desk.ok(&["key", "create", "--alias", "invoices", "--token-object"]);
    let run = desk.bare(&["--backend", &desk.uri(";object=invoices"), "encrypt", "letter"]);
    said(&run, 0, &["under invoices"]);
    let run = desk.bare(&["--backend", &desk.uri(";object=other"), "encrypt", "letter", "-o", "x"]);
    said(&run, 4, &["no key at pkcs11:token=", ";object=other", "--token-object"]);
    let run = desk.bare(&["--backend", &desk.uri(";object=other"), "key", "create"]);
    said(&run, 2, &["--backend names a key"]);
}

#[test]
fn a_wrong_pin_is_tried_once() {
    let shim = Shim::over(softhsm());
    let home = Home::new();
    set_mode(&home.write("wrong", "1234"), 0o600);
    let uri = format!("pkcs11:token={}?module-path={}", shim.token().label(), shim.token().module().display());
    let run = |arguments: &[&str]| {
        let mut command = home.command(arguments);
        Run::from(command.envs(shim.token().environment()).env("KMS_BACKEND", &uri).output().unwrap())
    };
    said(&run(&["key", "list", "--pin-file", "wrong"]), 4, &["CKR_PIN_INCORRECT", "refuses the PIN", "tried once"]);
    assert_eq!(shim.calls("C_Login"), 1);
    shim.forget();
    home.write("open", "1234");
    set_mode(&home.path("open"), 0o644);
    said(&run(&["key", "list", "--pin-file", "open"]), 4, &["open to others", "chmod 600"]);
    said(&run(&["key", "list"]), 4, &["wants a PIN", "no terminal", "pin-source=file:/PATH", "--pin-file"]);
    assert_eq!(shim.calls("C_Login"), 0);
}

#[test]
fn what_does_not_reach_a_token_is_explained() {
    let desk = Desk::new();
    let (module, label) = (desk.token.module().display().to_string(), desk.token.label());
    let list = |uri: &str| desk.bare(&["key", "list", "--backend", uri]);
    said(&list(&format!("pkcs11:token={label}")), 2, &["no module-path", "--module FILE", "KMS_PKCS11_MODULE"]);
    said(&list("pkcs11:token=x?module-path=/nowhere.so"), 4, &["/nowhere.so", "No such file", "--module FILE"]);
    said(&list(&format!("pkcs11:token=x?module-path={module}")), 4, &["no token is pkcs11:token=x", label]);
    let in_uri = format!("pkcs11:token={label}?module-path={module}&pin-value={}", desk.token.pin());
    said(&list(&in_uri), 2, &["--backend: a PIN does not belong in a URI", "pin-source"]);
    let probe = desk.bare(&["hsm", "probe", &in_uri]);
    said(&probe, 2, &["a PIN does not belong in a URI"]);
    let root = desk.bare(&["--root-hsm", &in_uri, "key", "create"]);
    said(&root, 2, &["--root-hsm: a PIN does not belong in a URI"]);
    said(&list("soft:x"), 2, &["begins with pkcs11:"]);
    said(&desk.bare(&["key", "create", "--token-object"]), 2, &["--token-object is for keys in an HSM", "--backend"]);
    assert!(!desk.home.path("keyring").exists(), "a mistake makes no keyring");

    // The options instead of the query.
    let uri = format!("pkcs11:token={label}");
    let run = desk.bare(&["key", "list", "--backend", &uri, "--module", &module, "--pin-file", "pin"]);
    said(&run, 0, &[]);
}

#[test]
fn a_changed_record_is_refused_and_a_lost_one_is_a_lost_key() {
    let desk = Desk::new();
    desk.home.write("letter", "dear");
    desk.ok(&["encrypt", "letter"]);
    let place = desk.json(&["key", "show", "default"])["Place"].as_str().unwrap().to_owned();
    assert!(PathBuf::from(&place).starts_with(desk.folder()));
    let good = std::fs::read(&place).unwrap();
    for at in [0, 30, 60, good.len() / 2, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&place, &bad).unwrap();
        desk.fails(&["decrypt", "-o", "-", "letter.kms"], 4, &["record", "changed by someone without the token"]);
    }
    // The id of the root key: as if it were another token's.
    let mut other = good.clone();
    other[10] ^= 1;
    std::fs::write(&place, &other).unwrap();
    desk.fails(&["decrypt", "-o", "-", "letter.kms"], 4, &["root key", "is it the right token?"]);
    std::fs::write(&place, &good).unwrap();
    assert_eq!(desk.ok(&["decrypt", "-o", "-", "letter.kms"]).text(), "dear");
    std::fs::rename(&place, desk.home.path("kept")).unwrap();
    desk.fails(&["decrypt", "-o", "-", "letter.kms"], 4, &["no such key"]);
    std::fs::rename(desk.home.path("kept"), &place).unwrap();

    // Names are kept beside the records, and records elsewhere if the user says so.
    std::fs::write(desk.folder().join("aliases"), "nonsense").unwrap();
    desk.fails(&["encrypt", "letter", "-o", "x"], 3, &["aliases", "is damaged"]);
    let elsewhere = desk.ok(&["encrypt", "letter", "-o", "x", "--wrapped-keys", "elsewhere"]);
    assert!(elsewhere.stderr.contains("Its record: elsewhere/"), "{}", elsewhere.stderr);
}

#[test]
fn a_probe_tells_what_the_token_can_do() {
    let desk = Desk::new();
    let text = desk.bare(&["hsm", "probe", &desk.uri("")]);
    for part in [
        desk.token.label(),
        "libsofthsm2.so",
        "RSASSA_PSS_SHA_256",
        "Lacking, and what the token said:\n  RSAES_OAEP_SHA_256 with RSA_2048 keys: ",
        "all of these, by CKM_AES_KEY_WRAP",
        "extraction           every attempt refused",
    ] {
        assert!(text.text().contains(part), "{part:?} is not in {}", text.text());
    }
    let found = desk.json(&["hsm", "probe"]);
    assert_eq!(found["ExtractionRefused"], true);
    assert_eq!(found["Supported"].as_array().unwrap().len(), 18);
    assert_eq!(found["Lacking"][0]["KeyUsage"], "ENCRYPT_DECRYPT");
    assert!(desk.json(&["key", "list"]).as_array().unwrap().is_empty(), "nothing stays in the token");
    said(&desk.bare(&["hsm", "probe"]), 2, &["which token?", "kms hsm probe 'pkcs11:"]);
}

#[test]
fn a_key_of_others_is_used_for_one_thing_at_a_time() {
    let desk = Desk::new();
    desk.home.write("letter", "dear");
    for (kind, label, id) in [("rsa:2048", "both", "01"), ("AES:32", "old", "02")] {
        let make = if kind.starts_with("rsa") { "--keypairgen" } else { "--keygen" };
        let made = Command::new("pkcs11-tool")
            .args(["--module", &desk.token.module().display().to_string(), "--token-label", desk.token.label()])
            .args(["--login", "--pin", desk.token.pin(), make, "--key-type", kind, "--label", label, "--id", id])
            .envs(desk.token.environment())
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
    }
    let usages = desk.json(&["key", "show", "both"])["KeyUsages"].clone();
    assert_eq!(usages, serde_json::json!(["ENCRYPT_DECRYPT", "SIGN_VERIFY"]));
    desk.ok(&["sign", "-k", "both", "letter"]);
    desk.ok(&["verify", "-k", "both", "letter"]);

    // An AES key that does AES-GCM itself has a bounded number of nonces.
    desk.ok(&["encrypt", "-k", "old", "letter"]);
    assert_eq!(desk.ok(&["decrypt", "-o", "-", "letter.kms"]).text(), "dear");
    let id = desk.json(&["key", "show", "old"])["KeyId"].as_str().unwrap().to_owned();
    std::fs::write(desk.folder().join(format!("{id}.0.nonces")), "4000000000\n").unwrap();
    let warned = desk.ok(&["encrypt", "-k", "old", "-o", "x", "letter"]);
    assert!(warned.stderr.contains("nearly used up"), "{}", warned.stderr);
}

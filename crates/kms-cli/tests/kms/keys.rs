//! The keys of the keyring.

use std::process::Command;

use crate::Home;

#[test]
fn every_kind_of_key_can_be_made_and_listed() {
    let home = Home::new();
    let specs = ["SYMMETRIC_DEFAULT", "RSA_2048", "ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "HMAC_384"];
    for spec in specs {
        let made = home.json(&["key", "create", "--spec", spec, "--description", "one of each", "-q"]);
        assert_eq!(made["KeySpec"], spec);
        let shown = home.json(&["key", "show", made["KeyId"].as_str().unwrap()]);
        assert_eq!(shown["Description"], "one of each");
        assert_eq!(shown["PublicKey"].is_string(), spec.starts_with("RSA") || spec.starts_with("ECC"));
    }
    assert_eq!(home.json(&["key", "list"]).as_array().unwrap().len(), specs.len());
    let run = home.run(&["key", "create", "--spec", "RSA_1024"]);
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("RSA_2048"), "{}", run.stderr);
    assert_eq!(home.run(&["key", "create", "--spec", "HMAC_256", "--usage", "SIGN_VERIFY"]).status, 2);
}

#[test]
fn names_lead_to_keys() {
    let home = Home::with_key();
    let made = home.json(&["key", "create", "--alias", "backup/daily"]);
    let (id, arn) = (made["KeyId"].as_str().unwrap(), made["Arn"].as_str().unwrap());
    for name in ["backup/daily", "alias/backup/daily", id, arn, &id[..8]] {
        assert_eq!(home.json(&["key", "show", name])["KeyId"], id, "{name}");
    }
    let run = home.run(&["key", "show", "nope"]);
    assert_eq!(run.status, 4, "{}", run.stderr);
    assert!(run.stderr.contains("kms key list"), "{}", run.stderr);
    // A taken alias leaves no key without a name behind, and a description that is too long none with one.
    assert_ne!(home.run(&["key", "create", "--alias", "default"]).status, 0);
    assert_ne!(home.run(&["key", "create", "--alias", "long", "--description", &"x".repeat(10_000)]).status, 0);
    // An alias that looks like the id of another key does not stand before it.
    let default = home.json(&["key", "show", "default"])["KeyId"].as_str().unwrap().to_owned();
    home.ok(&["key", "create", "--alias", &default]);
    assert_eq!(home.json(&["key", "show", &default])["KeyId"], default);
    home.ok(&["key", "delete", &format!("alias/{default}"), "--now", "--yes"]);
    assert_eq!(home.json(&["key", "show", &default])["KeyId"], default);
    assert_eq!(home.json(&["key", "list"]).as_array().unwrap().len(), 2);
}

#[test]
fn any_of_several_keys_decrypts() {
    let home = Home::with_key();
    home.ok(&["key", "create", "--alias", "second"]);
    home.write("note", "a note");
    home.ok(&["encrypt", "note", "-k", "default", "-k", "second"]);
    home.ok(&["key", "delete", "default", "--yes"]);
    assert_eq!(home.ok(&["decrypt", "note.kms", "-o", "-"]).stdout, b"a note");
    home.ok(&["key", "delete", "second", "--yes"]);
    let run = home.run(&["decrypt", "note.kms", "-o", "-"]);
    assert_eq!((run.status, run.stdout.len()), (4, 0));
    assert!(run.stderr.contains("arn:aws:kms:local"), "{}", run.stderr);
}

#[test]
fn deleting_asks_first() {
    let home = Home::with_key();
    let run = home.run(&["key", "delete", "default"]);
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("--yes"), "{}", run.stderr);
    assert_eq!(home.json(&["key", "list"]).as_array().unwrap().len(), 1);
}

#[test]
fn openssl_verifies_what_an_imported_key_signs() {
    let home = Home::new();
    let openssl = |arguments: &[&str]| {
        let done = Command::new("openssl").args(arguments).current_dir(home.0.path()).output().unwrap();
        assert!(done.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    };
    home.write("note", "a note");
    openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "ec.pem"]);
    openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "rsa.pem"]);
    openssl(&["pkcs8", "-topk8", "-nocrypt", "-in", "rsa.pem", "-outform", "DER", "-out", "rsa.der"]);
    home.ok(&["key", "import", "ec.pem", "--alias", "ec", "--usage", "SIGN_VERIFY"]);
    home.ok(&["key", "import", "rsa.der", "--alias", "rsa", "--usage", "SIGN_VERIFY"]);
    assert_eq!(home.json(&["key", "show", "rsa"])["KeySpec"], "RSA_2048");
    assert_eq!(home.json(&["key", "show", "ec"])["Origin"], "EXTERNAL");
    for (name, algorithm) in [("ec", "ECDSA_SHA_256"), ("rsa", "RSASSA_PKCS1_V1_5_SHA_256")] {
        home.ok(&["key", "public-key", name, "-o", &format!("{name}.pub")]);
        home.ok(&["sign", "note", "-k", name, "-a", algorithm, "-o", &format!("{name}.sig")]);
        let (public, signature) = (format!("{name}.pub"), format!("{name}.sig"));
        openssl(&["dgst", "-sha256", "-verify", &public, "-signature", &signature, "note"]);
        // Without a keyring, too.
        home.ok(&["verify", "note", "-s", &signature, "-p", &public, "-a", algorithm, "--keyring", "none"]);
    }
    for bits in ["2040", "1024"] {
        openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", &format!("rsa_keygen_bits:{bits}"), "-out", "odd.pem"]);
        openssl(&["pkey", "-in", "odd.pem", "-pubout", "-out", "odd.pub"]);
        let run = home.run(&["key", "import", "odd.pem", "--spec", "RSA_2048"]);
        assert_eq!(run.status, 2, "{bits}: {}", run.stderr);
        assert_eq!(home.run(&["verify", "note", "-s", "rsa.sig", "-p", "odd.pub"]).status, 2, "{bits}");
    }
    home.write("note", "another note");
    let run = home.run(&["verify", "note", "-s", "ec.sig", "-k", "ec"]);
    assert_eq!(run.status, 3, "{}", run.stderr);
    openssl(&["ec", "-in", "ec.pem", "-out", "old.pem"]);
    let run = home.run(&["key", "import", "old.pem"]);
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("openssl pkcs8"), "{}", run.stderr);
}

#[test]
fn raw_material_needs_its_spec() {
    let home = Home::new();
    home.write("raw", [7; 32]);
    let run = home.run(&["key", "import", "raw"]);
    assert!(run.status != 0 && run.stderr.contains("--spec"), "{} {}", run.status, run.stderr);
    home.ok(&["key", "import", "raw", "--spec", "SYMMETRIC_DEFAULT", "--alias", "mine"]);
    assert_eq!(home.run(&["key", "import", "raw", "--spec", "HMAC_512"]).status, 2);
    // The same material in another keyring is another key: its blobs do not open there.
    home.write("note", "a note");
    home.ok(&["encrypt", "note", "-k", "mine"]);
    assert_eq!(home.ok(&["decrypt", "note.kms", "-o", "-"]).stdout, b"a note");
}

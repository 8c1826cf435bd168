//! What a key goes through: states, rotation, import, policies, grants, tags, names.

use crate::Home;

/// It fails with this status, and says this.
fn fails(home: &Home, arguments: &[&str], status: i32, says: &str) {
    let run = home.run(arguments);
    assert_eq!(run.status, status, "{arguments:?}: {}", run.stderr);
    assert!(run.stderr.contains(says), "{says:?} is not in: {}", run.stderr);
}

#[test]
fn a_disabled_key_refuses_and_an_enabled_one_does_not() {
    let home = Home::with_key();
    home.write("note", "a note");
    home.ok(&["encrypt", "note"]);
    assert_eq!(home.json(&["key", "disable", "default"])["KeyState"], "Disabled");
    fails(&home, &["encrypt", "note", "--force"], 4, "is disabled");
    fails(&home, &["decrypt", "note.kms", "-o", "-"], 4, "is disabled");
    fails(&home, &["generate-data-key"], 4, "is disabled");
    assert_eq!(home.json(&["key", "show", "default"])["KeyState"], "Disabled");
    home.ok(&["key", "enable", "default"]);
    assert_eq!(home.ok(&["decrypt", "note.kms", "-o", "-"]).stdout, b"a note");

    home.ok(&["key", "create", "--spec", "ECC_NIST_P256", "--usage", "SIGN_VERIFY", "--alias", "signer"]);
    home.ok(&["key", "disable", "signer"]);
    fails(&home, &["sign", "note", "-k", "signer"], 4, "is disabled");
    assert!(!home.path("note.sig").exists());
}

#[test]
fn a_deletion_waits_and_can_be_called_off() {
    let home = Home::with_key();
    home.write("note", "a note");
    home.ok(&["encrypt", "note"]);
    fails(&home, &["key", "delete", "default", "--days", "6", "--yes"], 2, "7..=30");
    let deleted = home.json(&["key", "delete", "default", "--days", "7", "--yes"]);
    assert_eq!((&deleted["KeyState"], &deleted["Destroyed"]), (&"PendingDeletion".into(), &false.into()));
    assert!(home.json(&["key", "show", "default"])["DeletionDate"].is_string());
    fails(&home, &["decrypt", "note.kms", "-o", "-"], 4, "is pending deletion");
    home.ok(&["key", "cancel-deletion", "default"]);
    fails(&home, &["key", "cancel-deletion", "default"], 4, "is not pending deletion");
    home.ok(&["key", "enable", "default"]);
    assert_eq!(home.ok(&["decrypt", "note.kms", "-o", "-"]).stdout, b"a note");

    home.ok(&["key", "schedule-deletion", "default", "--yes"]);
    let deleted = home.json(&["key", "delete", "default", "--now", "--yes"]);
    assert_eq!(deleted["Destroyed"], true);
    fails(&home, &["decrypt", "note.kms", "-o", "-"], 4, "no such key");
    assert!(home.json(&["key", "list"]).as_array().unwrap().is_empty());
    let checked = home.json(&["store", "check"]);
    assert_eq!(checked["Sound"], true, "{checked}");
    assert!(checked["Harmless"].as_array().unwrap().is_empty(), "the material is gone: {checked}");
}

#[test]
fn a_rotated_key_decrypts_what_it_encrypted_before() {
    let home = Home::with_key();
    home.write("note", "a note");
    home.ok(&["encrypt", "note", "-o", "before.kms"]);
    home.ok(&["key", "rotate", "default"]);
    home.ok(&["encrypt", "note", "-o", "after.kms"]);
    for message in ["before.kms", "after.kms"] {
        assert_eq!(home.ok(&["decrypt", message, "-o", "-"]).stdout, b"a note", "{message}");
    }
    let on = home.json(&["key", "rotation", "default", "--enable", "90"]);
    assert_eq!((&on["KeyRotationEnabled"], &on["RotationPeriodInDays"]), (&true.into(), &90.into()));
    assert_eq!(on["Rotations"].as_array().unwrap().len(), 2);
    let off = home.json(&["key", "rotation", "default", "--disable"]);
    assert_eq!(off["KeyRotationEnabled"], false);
    fails(&home, &["key", "rotation", "default", "--enable", "89"], 2, "90..=2560");
    home.ok(&["key", "create", "--spec", "HMAC_256", "--alias", "mac"]);
    fails(&home, &["key", "rotate", "mac"], 2, "UnsupportedOperationException");
}

#[test]
fn material_is_imported_deleted_and_imported_again() {
    let home = Home::new();
    home.write("material", [7; 32]);
    home.write("other", [8; 32]);
    home.write("note", "a note");
    home.ok(&["key", "create", "--external", "--alias", "mine"]);
    assert_eq!(home.json(&["key", "show", "mine"])["KeyState"], "PendingImport");
    fails(&home, &["encrypt", "note", "-k", "mine"], 4, "is pending import");
    home.ok(&["key", "import", "material", "--into", "mine"]);
    home.ok(&["encrypt", "note", "-k", "mine"]);
    home.ok(&["key", "delete-material", "mine"]);
    fails(&home, &["decrypt", "note.kms", "-o", "-"], 4, "is pending import");
    fails(&home, &["key", "import", "other", "--into", "mine"], 3, "IncorrectKeyMaterial");
    home.ok(&["key", "import", "material", "--into", "mine"]);
    assert_eq!(home.ok(&["decrypt", "note.kms", "-o", "-"]).stdout, b"a note");
    let past = ["key", "import", "material", "--into", "mine", "--valid-to", "2020-01-01T00:00:00Z"];
    fails(&home, &past, 2, "in the future");
    home.ok(&["key", "import", "other", "--into", "mine", "--new-material"]);
    home.ok(&["key", "rotate", "mine"]);
    assert_eq!(home.ok(&["decrypt", "note.kms", "-o", "-"]).stdout, b"a note");

    // What an import of before made can be lost and brought back as well.
    home.ok(&["key", "import", "material", "--spec", "SYMMETRIC_DEFAULT", "--alias", "whole"]);
    home.ok(&["key", "delete-material", "whole"]);
    home.ok(&["key", "import", "material", "--into", "whole"]);
    fails(&home, &["key", "delete-material", "nope"], 4, "has no key");
}

#[test]
fn a_policy_binds_its_owner_too() {
    let home = Home::with_key();
    home.write("note", "a note");
    let policy = home.json(&["key", "policy", "get", "default"])["Policy"].clone();
    assert_eq!(policy["Statement"][0]["Effect"], "Allow");
    let mut denying = policy;
    let deny = r#"{"Sid":"NoEncrypt","Effect":"Deny","Principal":"*","Action":["kms:Encrypt","kms:GenerateDataKey"],"Resource":"*"}"#;
    denying["Statement"].as_array_mut().unwrap().push(serde_json::from_str(deny).unwrap());
    home.write("policy.json", denying.to_string());
    let simulate =
        |action: &str| home.run(&["policy", "simulate", "-a", action, "--key-policy", "policy.json", "--json"]);
    let (denied, allowed) = (simulate("Encrypt"), simulate("kms:Decrypt"));
    assert_eq!((denied.status, allowed.status), (4, 0), "{}", denied.stderr);
    assert!(denied.text().contains("NoEncrypt"), "{}", denied.text());
    home.ok(&["key", "policy", "put", "default", "policy.json"]);
    fails(&home, &["encrypt", "note"], 4, "explicit deny");
    assert_eq!(home.run(&["policy", "simulate", "-a", "Encrypt", "-k", "default"]).status, 4);
    assert_eq!(home.run(&["policy", "simulate", "-a", "Decrypt", "-k", "default"]).status, 0);

    // A key is looked at as it is: with its grants, and what conditions ask of it.
    let guest = "arn:aws:iam::000000000000:user/guest";
    let simulate = |context: &str| {
        home.run(&["policy", "simulate", "-a", "Decrypt", "-k", "default", "-p", guest, "-c", context, "--json"])
    };
    assert_eq!(simulate("kms:EncryptionContext:db=prod").status, 4);
    home.ok(&["key", "grant", "create", "default", "--grantee", guest, "-o", "Decrypt", "--context-subset", "db=prod"]);
    let allowed = simulate("kms:EncryptionContext:db=prod");
    assert!(allowed.status == 0 && allowed.text().contains("grant"), "{}", allowed.text());
    assert_eq!(simulate("kms:EncryptionContext:db=test").status, 4);

    home.write("bad.json", r#"{"Version":"2012-10-17","Statement":[{"Effect":"Perhaps"}]}"#);
    fails(&home, &["key", "policy", "put", "default", "bad.json"], 2, "bad.json");
    fails(&home, &["policy", "simulate", "-a", "Encrypt", "--key-policy", "bad.json"], 2, "Effect");
    let locked = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"kms:Decrypt","Resource":"*"}]}"#;
    home.write("locked.json", locked);
    fails(&home, &["key", "policy", "put", "default", "locked.json"], 2, "locked.json");
    home.ok(&["key", "policy", "put", "default", "locked.json", "--bypass-lockout-check"]);
    fails(&home, &["key", "policy", "get", "default"], 4, "not authorized");
}

#[test]
fn grants_are_made_listed_and_ended() {
    let home = Home::with_key();
    let grantee = "arn:aws:iam::000000000000:user/alice";
    let create = ["key", "grant", "create", "default", "--grantee", grantee, "-o", "Decrypt", "-o", "Encrypt"];
    let first = home.json(&[&create[..], &["--context-subset", "tenant=42"]].concat());
    let second = home.json(&[&create[..], &["--name", "second"]].concat());
    assert_eq!(home.json(&[&create[..], &["--name", "second"]].concat())["GrantId"], second["GrantId"]);
    let listed = home.json(&["key", "grant", "list", "default"]);
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert!(home.ok(&["key", "grant", "list", "default"]).text().contains(grantee));
    home.ok(&["key", "grant", "revoke", "default", first["GrantId"].as_str().unwrap()]);
    home.ok(&["key", "grant", "retire", "default", second["GrantId"].as_str().unwrap()]);
    assert!(home.json(&["key", "grant", "list", "default"]).as_array().unwrap().is_empty());
    fails(&home, &["key", "grant", "revoke", "default", &"0".repeat(64)], 4, "");
    fails(&home, &["key", "grant", "create", "default", "--grantee", grantee, "-o", "Fly"], 2, "Decrypt");
    fails(&home, &["key", "grant", "create", "default", "--grantee", "alice", "-o", "Decrypt"], 2, "");
}

#[test]
fn tags_names_and_descriptions_change() {
    let home = Home::with_key();
    home.ok(&["key", "tag", "default", "team=payments", "stage=test"]);
    assert_eq!(home.json(&["key", "tag", "default"]).as_array().unwrap().len(), 2);
    assert_eq!(home.json(&["key", "untag", "default", "stage"])[0]["TagValue"], "payments");
    fails(&home, &["key", "tag", "default", "aws:x=1"], 2, "");

    home.ok(&["key", "create", "--alias", "second"]);
    home.ok(&["key", "alias", "create", "third", "second"]);
    fails(&home, &["key", "alias", "create", "third", "default"], 2, "already exists");
    home.ok(&["key", "alias", "update", "third", "default"]);
    assert_eq!(home.json(&["key", "show", "third"])["KeyId"], home.json(&["key", "show", "default"])["KeyId"]);
    assert_eq!(home.json(&["key", "alias", "list"]).as_array().unwrap().len(), 3);
    home.ok(&["key", "alias", "delete", "third"]);
    fails(&home, &["key", "show", "third"], 4, "has no key");
    fails(&home, &["key", "alias", "create", "aws/s3", "default"], 4, "NotAuthorizedException");

    home.ok(&["key", "description", "default", "for the backups"]);
    assert_eq!(home.json(&["key", "show", "default"])["Description"], "for the backups");
}

#[test]
fn what_is_for_a_keyring_is_not_for_an_hsm() {
    let home = Home::with_key();
    let backend = ["--backend", "pkcs11:token=none"];
    for command in [&["key", "disable", "x"][..], &["key", "tag", "x"], &["store", "backup", "x"], &["usage"]] {
        fails(&home, &[&backend[..], command].concat(), 2, "not for those of an HSM");
    }
}

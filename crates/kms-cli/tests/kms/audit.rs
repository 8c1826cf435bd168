//! The audit log.

use crate::Home;

fn events(home: &Home, more: &[&str]) -> Vec<serde_json::Value> {
    let run = home.ok(&[&["audit", "lookup", "--json"], more].concat());
    run.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn segment(home: &Home) -> std::path::PathBuf {
    home.path("audit/00000000000000000001.audit")
}

#[test]
fn each_use_of_a_key_is_one_record_without_what_it_protects() {
    let home = Home::with_key();
    home.write("note", "a secret note");
    home.ok(&["encrypt", "note", "-c", "tenant=42"]);
    home.ok(&["decrypt", "note.kms", "-o", "-"]);
    home.ok(&["key", "disable", "default"]);
    assert_eq!(home.run(&["decrypt", "note.kms", "-o", "-"]).status, 4);
    let id = home.json(&["key", "show", "default"])["KeyId"].as_str().unwrap().to_owned();
    let names = |more: &[&str]| -> Vec<String> {
        events(&home, more).iter().map(|event| event["eventName"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        names(&["--key", &id]),
        ["CreateKey", "CreateAlias", "GenerateDataKey", "Decrypt", "DisableKey", "Decrypt"]
    );
    assert_eq!(names(&["--key", "default", "--result", "failure"]), ["Decrypt"]);
    let refused = events(&home, &["--result", "DisabledException"]);
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0]["requestParameters"]["encryptionContext"]["tenant"], "42");
    assert!(refused[0]["userAgent"].as_str().unwrap().starts_with("kms/"));
    assert_eq!(names(&["--operation", "Encrypt"]).len(), 0);
    assert_eq!(names(&["--until", "2020-01-01T00:00:00Z"]).len(), 0);
    assert_eq!(names(&["--since", "2020-01-01T00:00:00Z", "--operation", "CreateKey"]).len(), 1);
    assert!(home.ok(&["audit", "lookup"]).text().contains("DisabledException"));
    let log = std::fs::read(segment(&home)).unwrap();
    assert!(!log.windows(6).any(|window| window == b"secret"));
    assert_eq!(home.run(&["audit", "lookup", "--since", "yesterday"]).status, 2);
}

#[test]
fn an_anchor_and_the_store_show_a_log_that_was_cut_off() {
    let home = Home::with_key();
    let length = std::fs::metadata(segment(&home)).unwrap().len();
    home.ok(&["generate-data-key"]);
    let verified = home.json(&["audit", "verify"]);
    let anchor = verified["Anchor"].as_str().unwrap().to_owned();
    assert!(verified["SignedSequence"].as_u64().unwrap() > 0, "{verified}");
    home.ok(&["generate-data-key"]);
    home.ok(&["audit", "verify", "--anchor", &anchor]);
    home.ok(&["audit", "verify", "--anchor", &anchor, "--directory", "audit"]);
    let file = std::fs::File::options().write(true).open(segment(&home)).unwrap();
    file.set_len(length).unwrap();

    // The store knows better, and so does whoever has kept an anchor.
    let run = home.run(&["audit", "verify"]);
    assert_eq!(run.status, 3, "{}", run.stderr);
    assert!(run.text().contains("cut off"), "{}", run.text());
    assert_eq!(home.run(&["audit", "verify", "--anchor", &anchor, "--directory", "audit"]).status, 3);
    assert_eq!(home.run(&["audit", "verify", "--directory", "audit"]).status, 0);
    let run = home.run(&["generate-data-key"]);
    assert_eq!((run.status, run.stdout.len()), (3, 0), "{}", run.stderr);
    assert!(run.stderr.contains("cut off") && run.stderr.contains("kms audit restart"), "{}", run.stderr);
    assert_eq!(home.run(&["audit", "verify", "--anchor", "nonsense"]).status, 2);
}

#[test]
fn a_log_that_was_changed_or_replaced_is_found_and_nothing_goes_on_before_it_is_accepted() {
    let home = Home::with_key();
    let good = std::fs::read(segment(&home)).unwrap();
    let mut bad = good.clone();
    let at = bad.windows(9).position(|window| window == b"CreateKey").unwrap();
    bad[at] = b'X';
    std::fs::write(segment(&home), &bad).unwrap();
    let run = home.run(&["audit", "verify", "--json"]);
    assert_eq!(run.status, 3);
    let found: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    assert!(found["Sound"] == false && !found["Findings"].as_array().unwrap().is_empty(), "{found}");
    assert_eq!(home.run(&["generate-data-key"]).status, 3);

    std::fs::rename(home.path("audit"), home.path("old")).unwrap();
    let run = home.run(&["generate-data-key"]);
    assert_eq!((run.status, run.stdout.len()), (3, 0), "{}", run.stderr);
    assert!(run.stderr.contains("kms audit restart"), "{}", run.stderr);
    assert_eq!(home.run(&["audit", "verify"]).status, 3);
    assert_eq!(home.run(&["audit", "restart"]).status, 2);
    home.ok(&["audit", "restart", "--yes"]);
    home.ok(&["generate-data-key"]);
    home.ok(&["audit", "verify"]);
}

#[test]
fn usage_is_counted_over_processes() {
    let home = Home::with_key();
    for _ in 0..3 {
        home.ok(&["generate-data-key"]);
    }
    let usage = home.json(&["usage"]);
    assert_eq!(usage["Keys"][0]["Requests"], 3, "{usage}");
    assert_eq!(usage["Keys"][0]["Kind"], "customer managed");
    assert!(home.ok(&["usage"]).text().contains("customer managed"));
    assert!(home.json(&["usage", "--month", "2020-01"])["Keys"].as_array().unwrap().is_empty());
    assert_eq!(home.run(&["usage", "--month", "soon"]).status, 2);
    // At the operator's own prices, and at none that cannot be one.
    home.write("prices", r#"{"CustomerManaged": 0, "TenThousandRequests": 20000}"#);
    let priced = home.json(&["usage", "--prices", "prices"]);
    assert_eq!(priced["TotalMillionths"], 6_000_000, "{priced}");
    for bad in [r#"{"Customer": 1}"#, r#"{"Default": -1}"#, r#"{"Default": "1"}"#, "[]"] {
        home.write("prices", bad);
        let run = home.run(&["usage", "--prices", "prices"]);
        assert!(run.status == 2 && run.stderr.contains("not a table of prices"), "{}", run.stderr);
    }
}

//! Reading and checking whole configurations.

use std::path::PathBuf;

use super::*;

fn read(text: &str, variables: &[(&str, &str)]) -> Loaded {
    let mut loaded = Loaded::default();
    loaded.read_file("kms.toml", text);
    loaded.read_variables(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    loaded
}

fn lines(complaints: &[Complaint]) -> Vec<String> {
    complaints.iter().map(ToString::to_string).collect()
}

#[test]
fn a_file_sets_what_it_names_and_the_rest_has_its_defaults() {
    let loaded = read(
        r#"
        quotas = "off"
        [listen]
        addresses = ["127.0.0.1:1", "[::1]:2"]
        body_timeout = "2s"
        [service]
        regions = ["eu-central-1", "us-east-1"]
        accounts = "111122223333"
        [[hsm]]
        id = "cluster-2payments22"
        pin = "env:PIN"
        sessions = 4
        [tls]
        client_certificates = "optional"
        "#,
        &[],
    );
    assert_eq!(loaded.complaints, []);
    let config = loaded.config;
    assert_eq!(config.listen.addresses.len(), 2);
    assert_eq!(config.listen.body_timeout, Span::seconds(2));
    assert_eq!(config.listen.connections, Listen::default().connections);
    assert_eq!(config.service.accounts.first().map(ToString::to_string).as_deref(), Some("111122223333"));
    assert_eq!((config.hsm.len(), config.hsm[0].sessions), (1, Some(4)));
    assert_eq!(config.quotas, QuotaChoice::Off);
    assert_eq!(config.tls.client_certificates, ClientCertificates::Optional);
}

#[test]
fn all_that_is_wrong_is_said_at_once_with_its_line() {
    let loaded = read(
        "[listen]\nadresses = [\"127.0.0.1:1\"]\nconnections = \"many\"\n\n[lissten]\n[logs]\nformat = \"xml\"\n\
         [quotas]\nCreateKeys = 1\n[store]\nmemory = true\n",
        &[("KMS_SERVER_LISTEN_ADRESSES", "x"), ("KMS_SERVER_STORE_MEMORY", "perhaps"), ("KMS_LOG", "info")],
    );
    let said = lines(&loaded.complaints).join("\n");
    for part in [
        "kms.toml:2: [listen] has no member adresses\n    Did you mean addresses?",
        "kms.toml:3: connections: ",
        "kms.toml:5: there is no section lissten\n    Did you mean listen?",
        "kms.toml:7: format: ",
        "CreateKeys is no quota\n    Did you mean CreateKey?",
        "KMS_SERVER_LISTEN_ADRESSES: sets nothing\n    Did you mean KMS_SERVER_LISTEN_ADDRESSES?",
        "KMS_SERVER_STORE_MEMORY: ",
    ] {
        assert!(said.contains(part), "{part:?} is not in:\n{said}");
    }
    assert_eq!(loaded.complaints.len(), 7, "{said}");
    assert!(loaded.config.store.memory, "what is right is taken over");
}

#[test]
fn a_file_that_is_no_toml_is_told_by_its_line() {
    let loaded = read("[listen]\naddresses = [\"127.0.0.1:1\"\n[store]\n", &[]);
    assert!(!loaded.complaints.is_empty());
    assert!(loaded.complaints.iter().all(|one| one.place.starts_with("kms.toml:")), "{:?}", loaded.complaints);
}

#[test]
fn the_environment_is_stronger() {
    let loaded = read(
        "[listen]\naddresses = [\"127.0.0.1:1\"]\n[service]\nregions = [\"eu-central-1\"]\n",
        &[
            ("KMS_SERVER_LISTEN_ADDRESSES", "127.0.0.1:7, 127.0.0.1:8"),
            ("KMS_SERVER_STORE_PATH", "/srv/keys"),
            ("KMS_SERVER_STORE_MEMORY", "true"),
            ("KMS_SERVER_LISTEN_CONNECTIONS", "12"),
            ("KMS_SERVER_LISTEN_BODY_TIMEOUT", "1m"),
            ("KMS_SERVER_SERVICE_ACCOUNTS", "111122223333"),
            ("KMS_SERVER_XKS_ACCOUNT", "111122223333"),
            ("KMS_SERVER_QUOTAS", "{ CreateKey = 2 }"),
            ("KMS_SERVER_HSM", "[{ id = \"cluster-2payments22\", token = \"payments\" }]"),
            ("PATH", "/bin"),
        ],
    );
    assert_eq!(loaded.complaints, []);
    let config = loaded.config;
    assert_eq!(config.listen.addresses.iter().map(|one| one.port()).collect::<Vec<_>>(), [7, 8]);
    assert_eq!(config.store.path, PathBuf::from("/srv/keys"));
    assert_eq!((config.store.memory, config.listen.connections), (true, 12));
    assert_eq!(config.listen.body_timeout, Span::seconds(60));
    assert_eq!(config.service.accounts.len(), 1);
    assert_eq!(config.hsm[0].token, "payments");
    assert!(matches!(config.quotas, QuotaChoice::Table(_)));
    assert_eq!(config.service.regions.len(), 1, "what only the file says stays");
}

#[test]
fn a_configuration_that_cannot_work_is_told_all_of_why() {
    let text = r#"
        [listen]
        addresses = ["0.0.0.0:443", "0.0.0.0:444"]
        connections = 1
        body_bytes = 0
        http2_streams = 0
        idle_timeout = 0
        [root]
        key_file = "/nowhere/root.key"
        passphrase_file = "/nowhere/passphrase"
        [credentials]
        file = "/nowhere/credentials.toml"
        reload_interval = "0s"
        [logs]
        level = "loud=louder"
        [[hsm]]
        id = "payments"
        budget = 0
        pin = "1234"
    "#;
    let loaded = read(text, &[]);
    assert_eq!(loaded.complaints, []);
    let found = loaded.config.check();
    let places: Vec<_> = found.iter().map(|one| one.place.as_str()).collect();
    for place in [
        "listen.addresses",
        "listen.connections",
        "listen.body_bytes",
        "listen.http2_streams",
        "listen.idle_timeout",
        "service.regions",
        "root",
        "root.passphrase_file",
        "credentials.file",
        "logs.level",
        "hsm[0].id",
        "hsm[0].token",
        "hsm[0].module",
        "hsm[0].pin",
        "hsm[0].budget",
        "credentials.reload_interval",
    ] {
        assert!(places.contains(&place), "{place} is not in {places:?}");
    }
    assert!(!lines(&found).join(" ").contains("1234"), "what may be a PIN is not repeated");
    assert!(found.iter().all(|one| !one.advice.is_empty()));
}

#[cfg(unix)]
#[test]
fn a_sound_configuration_has_nothing_to_complain_of_until_others_can_read_a_secret() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("credentials.toml");
    std::fs::write(&file, "").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    let text = format!(
        "[service]\nregions = [\"eu-central-1\"]\n[root]\nkey_file = \"/srv/root.key\"\n[credentials]\nfile = {file:?}\n"
    );
    assert_eq!(lines(&read(&text, &[]).config.check()), Vec::<String>::new());
    // Nor may the group change who may do what: the server would not read it.
    for mode in [0o644, 0o660] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let found = read(&text, &[]).config.check();
        assert_eq!(found.len(), 1, "{mode:o}");
        assert!(found[0].advice.starts_with("chmod 600 "), "{found:?}");
        assert!(crate::credentials::Credentials::load(&file).is_err(), "{mode:o}");
    }
}

/// The file that comes with the server: what is behind `#` is right as well, and what is said to be a default is one.
#[test]
fn the_file_that_comes_with_the_server_shows_every_member() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../packaging/kms.toml");
    let text = &std::fs::read_to_string(path).unwrap();
    let loaded = read(text, &[]);
    assert_eq!(loaded.complaints, []);
    let uncommented: String = text
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(member) if !member.starts_with(' ') && !member.is_empty() => format!("{member}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let all = read(&uncommented, &[]);
    assert_eq!(all.complaints, []);
    let (all, default) = (all.config, Config::default());
    assert_eq!((all.listen, all.logs, all.metrics), (default.listen, default.logs, default.metrics));
    assert_eq!((all.store, all.credentials, all.quotas), (default.store, default.credentials, default.quotas));
    assert_eq!((all.hsm.len(), all.xks.region.is_some(), all.tls.key.is_some()), (1, true, true));
    for (section, members) in read::SECTIONS {
        for member in members {
            let shown = uncommented.lines().any(|line| line.starts_with(&format!("{member} = ")));
            assert!(shown, "[{section}] {member} is not shown");
        }
    }
}

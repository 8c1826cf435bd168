//! The file of credentials: read, refused, reloaded, sealed.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(clippy::std_instead_of_alloc, reason = "tests have an operating system under them")]

use core::time::Duration;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use kms_core::{Backend, Call, Key, KeyId, KeySpec, KeyUsage, Secret, SystemRandom};
use kms_server::credentials::{
    Credentials, CredentialsOptions, KMS, NewAccessKey, XKS_PROXY, add, remove, seal, seal_all, watch,
};
use kms_service::Principal;
use kms_soft::SoftBackend;

const ALICE: &str = r#"
[[principal]]
access_key_id = "AKIAIOSFODNN7EXAMPLE"
secret_access_key = "do/not/show"
arn = "arn:aws:iam::111122223333:user/Alice"
"#;

fn root_key() -> Key {
    let backend = SoftBackend::new(SystemRandom);
    let at = SoftBackend::locator(KeyId::random(&SystemRandom).unwrap().into());
    Key::new(backend.create(&at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &Call::default()).unwrap())
}

#[test]
fn principals_have_policies_and_tags() {
    let text = format!(
        r#"{ALICE}
tags = {{ team = "blue" }}
policies = [
    '{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Action": "kms:*", "Resource": "*"}}}}',
    {{ Version = "2012-10-17", Statement = [{{ Effect = "Deny", Action = "kms:PutKeyPolicy", Resource = "*" }}] }},
]
[[principal]]
access_key_id = "BETWEEN2TEN3AND4THIRTY5CHARS6"
secret_access_key = "PleaseReplaceThisWithSomeSecretOfMoreLength+/="
arn = "arn:aws:sts::444455556666:assumed-role/Admin/monday"
service = "kms-xks-proxy"
session_token = "token"
"#
    );
    let credentials = Credentials::from_toml(&text).unwrap();
    let alice = credentials.get("AKIAIOSFODNN7EXAMPLE").unwrap();
    let expected: Principal = "arn:aws:iam::111122223333:user/Alice".parse().unwrap();
    assert_eq!(*alice.principal(), expected.with_tags([("team", "blue")]));
    assert_eq!((alice.policies().len(), alice.service()), (2, "kms"));
    let admin = credentials.get("BETWEEN2TEN3AND4THIRTY5CHARS6").unwrap();
    assert_eq!((admin.policies().len(), admin.service()), (0, "kms-xks-proxy"));
    assert!(credentials.get("AKIA").is_none());
    assert_eq!(credentials.all().len(), 2);
    let shown = format!("{credentials:?} {alice:?} {admin:?}");
    assert!(!shown.contains("show") && !shown.contains("Please") && !shown.contains("token"), "{shown}");
    assert!(Credentials::from_toml("").unwrap().all().is_empty());
}

#[test]
fn what_is_wrong_is_said_with_its_line_and_without_secrets() {
    let with = |from: &str, to: &str| ALICE.replacen(from, to, 1);
    let twice = format!("{ALICE}{ALICE}");
    let cases = [
        (with("arn =", "role = 1\narn ="), 5, "unknown field `role`"),
        (with("arn =", "# "), 2, "missing field `arn`"),
        (with("user/Alice", "cluster/Alice"), 5, "is not the ARN of a user"),
        (with("arn:aws:iam::111122223333:user/Alice", "s3.amazonaws.com"), 5, "is not the ARN of a user"),
        (with("AKIAIOSFODNN7EXAMPLE", "AKIA-1"), 3, "an access key id has 1 to 128"),
        (with("do/not/show", ""), 4, "a secret access key has 1 to 1,024"),
        (with("\"do/not/show\"", "123456"), 4, "put it into quotes"),
        (with("secret_access_key = \"do/not/show\"\n", ""), 3, "give one of them"),
        (with("arn =", "secret_access_key_sealed = \"AA==\"\narn ="), 3, "remove one of them"),
        (with("secret_access_key = \"do/not/show\"", "secret_access_key_sealed = \"AA==\""), 4, "there is none here"),
        (format!("{ALICE}policies = [ '{{}}' ]\n"), 6, "no identity policy"),
        (format!("{ALICE}policies = [ 1 ]\n"), 6, "a policy is a table"),
        (format!("{ALICE}service = \"s3\"\n"), 6, "service is"),
        (format!("{ALICE}service = \"kms-xks-proxy\"\n"), 3, "43 to 64"),
        (with("7EXAMPLE\"", "1\"\nservice = \"kms-xks-proxy\""), 3, "A-Z and 2-7"),
        (format!("{ALICE}session_token = \"a b\"\n"), 6, "a session token has"),
        (with("user/Alice\"", "root\"\ntags = { a = \"b\" }"), 6, "only users and roles have"),
        (twice, 8, "is there twice"),
        (with("\"do/not/show\"", "\"do/not/show"), 4, ""),
    ];
    for (text, line, problem) in cases {
        let Err(error) = Credentials::from_toml(&text) else { panic!("accepted: {text}") };
        assert_eq!(error.line(), Some(line), "{error}\n{text}");
        assert!(error.problem().contains(problem), "{error}\n{text}");
        for secret in ["do/not/show", "123456"] {
            assert!(!format!("{error} {error:?}").contains(secret), "{error}");
        }
    }
}

#[test]
fn a_file_that_others_can_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credentials.toml");
    fs::write(&path, ALICE).unwrap();
    for (mode, accepted) in
        [(0o600, true), (0o640, true), (0o400, true), (0o644, false), (0o660, false), (0o602, false)]
    {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let outcome = Credentials::load(&path);
        assert_eq!(outcome.is_ok(), accepted, "{mode:o}");
        if let Err(error) = outcome {
            assert!(error.to_string().ends_with(&format!("chmod 600 {}", path.display())), "{error}");
        }
        CredentialsOptions::new().readable_by_others(true).load(&path).unwrap();
    }
    let error = Credentials::load(&folder.path().join("nothing")).unwrap_err().to_string();
    assert!(error.contains("nothing: cannot be read"), "{error}");
}

#[test]
fn a_secret_opens_for_its_access_key_under_its_root_key_only() {
    let (root, other) = (root_key(), root_key());
    let sealed = seal(&root, "AKIAIOSFODNN7EXAMPLE", &Secret::copy_from(b"do/not/show")).unwrap();
    let text =
        ALICE.replace("secret_access_key = \"do/not/show\"", &format!("secret_access_key_sealed = \"{sealed}\""));
    CredentialsOptions::new().root(root.clone()).parse(&text).unwrap();
    let problem = |root: &Key, text: &str| {
        let error = CredentialsOptions::new().root(root.clone()).parse(text).unwrap_err();
        assert_eq!(error.line(), Some(4));
        error.problem().to_owned()
    };
    assert!(problem(&other, &text).contains("another root key"));
    assert!(problem(&root, &text.replace("7EXAMPLE", "8EXAMPLE")).contains("another access key than"));
    assert!(problem(&root, &text.replace(&sealed, "!")).contains("not base64"));
    assert!(problem(&root, &text.replace(&sealed, "AAAA")).contains("damaged"));
}

#[test]
fn secrets_are_sealed_and_the_rest_of_the_file_stays() {
    let root = root_key();
    let hers = ALICE.replace("7EXAMPLE", "8EXAMPLE").replace("\"do/not/show\"", "'do/not/show'  # hers");
    let text = format!("# Ours.{ALICE}{hers}");
    let (sealed, count) = seal_all(&text, &root).unwrap();
    assert_eq!(count, 2);
    assert!(!sealed.contains("do/not/show"), "{}", *sealed);
    assert!(sealed.starts_with("# Ours.\n[[principal]]\n") && sealed.contains("\"  # hers\narn = "), "{}", *sealed);
    assert_eq!(CredentialsOptions::new().root(root.clone()).parse(&sealed).unwrap().all().len(), 2);
    assert_eq!(seal_all(&sealed, &root).unwrap(), (sealed.clone(), 0));
    assert!(seal_all(&sealed, &root_key()).unwrap_err().problem().contains("another root key"));
    // Names that TOML allows to be written otherwise are left to the one who wrote them so.
    let quoted = ALICE.replace("secret_access_key", "\"secret_access_key\"");
    assert_eq!(seal_all(&quoted, &root).unwrap_err().line(), Some(4));
}

#[test]
fn a_reload_replaces_all_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credentials.toml");
    let write = |text: &str| {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    };
    write(ALICE);
    let credentials = Credentials::load(&path).unwrap();
    write("[[principal]]\n");
    let error = credentials.reload().unwrap_err();
    assert!(error.to_string().contains("credentials.toml:1: missing field"), "{error}");
    assert!(credentials.get("AKIAIOSFODNN7EXAMPLE").is_some());
    write(&ALICE.replace("7EXAMPLE", "8EXAMPLE"));
    credentials.reload().unwrap();
    assert!(credentials.get("AKIAIOSFODNN7EXAMPLE").is_none());
    assert!(credentials.get("AKIAIOSFODNN8EXAMPLE").is_some());
}

#[tokio::test]
async fn a_change_is_noticed_and_a_bad_one_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credentials.toml");
    let replace = |text: &str| {
        let new = folder.path().join("new");
        fs::write(&new, text).unwrap();
        fs::set_permissions(&new, Permissions::from_mode(0o600)).unwrap();
        fs::rename(&new, &path).unwrap();
    };
    replace(ALICE);
    let credentials = Arc::new(Credentials::load(&path).unwrap());
    let (send, mut told) = tokio::sync::mpsc::unbounded_channel();
    let task = tokio::spawn(watch(Arc::clone(&credentials), Duration::from_millis(5), move |outcome| {
        let _ended = send.send(outcome);
    }));
    replace("nonsense");
    assert!(told.recv().await.unwrap().is_err());
    assert!(credentials.get("AKIAIOSFODNN7EXAMPLE").is_some());
    replace(&ALICE.replace("7EXAMPLE", "8EXAMPLE"));
    // Had the bad file been told twice, this were the second time.
    assert_eq!(told.recv().await.unwrap(), Ok(()));
    assert!(credentials.get("AKIAIOSFODNN8EXAMPLE").is_some());
    task.abort();
}

#[test]
fn access_keys_come_and_go_and_the_rest_of_the_file_stays() {
    let sealed = seal(&root_key(), "AKIASEALED", &Secret::copy_from(b"secret")).unwrap();
    let text = format!(
        "# Ours.\n{ALICE}tags = {{ a = \"b\" }} # hers\n\n[[principal]]\naccess_key_id = \"AKIASEALED\"\n\
        secret_access_key_sealed = \"{sealed}\"\narn = \"arn:aws:iam::111122223333:root\"\n"
    );
    let arn = "arn:aws:iam::111122223333:user/Bob";
    let policy =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}"#.to_owned();
    let key = NewAccessKey::generate(KMS, &SystemRandom).unwrap();
    assert_eq!((key.access_key_id.len(), key.secret_access_key.len()), (20, 40));
    let more = add(&text, &key, arn, KMS, &[policy]).unwrap();
    assert!(more.starts_with(&text));
    let read = CredentialsOptions::new().sealed_as_they_are().parse(&more).unwrap();
    let bob = read.get(&key.access_key_id).unwrap();
    assert_eq!((bob.principal().arn(), bob.policies().len()), (Some(arn), 1));
    assert!(add(&more, &key, arn, KMS, &[]).is_err());
    assert!(add(&text, &key, "Bob", KMS, &[]).is_err());

    let proxy = NewAccessKey::generate(XKS_PROXY, &SystemRandom).unwrap();
    let most = add(&more, &proxy, arn, XKS_PROXY, &[]).unwrap();
    assert_eq!(*remove(&most, &proxy.access_key_id).unwrap(), format!("{}\n", *more));
    let fewer = remove(&most, "AKIAIOSFODNN7EXAMPLE").unwrap();
    assert!(fewer.starts_with("# Ours.\n") && !fewer.contains("do/not/show") && fewer.contains(&sealed));
    assert!(remove(&fewer, "AKIAIOSFODNN7EXAMPLE").is_err());
    // What looks like an entry inside of a text is none.
    let odd = format!("{ALICE}policies = ['''\n[[principal]]\n''']\n");
    assert!(remove(&odd, "AKIAIOSFODNN7EXAMPLE").is_err());
}

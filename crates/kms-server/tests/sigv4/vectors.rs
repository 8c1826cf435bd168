//! What is right.

use http::request::Parts;
use kms_server::credentials::Credentials;
use kms_server::sigv4::verify;
use kms_service::Timestamp;

use crate::request::{all, credential, one};

#[test]
fn what_the_sdk_for_python_signs_is_accepted() {
    let requests = all();
    assert!(requests.len() >= 19);
    for request in requests {
        let signed = request.verify().unwrap_or_else(|refusal| panic!("{}: {refusal}", request.name));
        assert_eq!(signed.region.as_str(), request.region, "{}", request.name);
        assert_eq!(signed.is_presigned, request.name.starts_with("presigned"), "{}", request.name);
        assert_eq!(signed.credential.service(), request.service);
    }
}

#[test]
fn the_host_of_http_2_is_the_authority() {
    let mut request = one("plain");
    let host = request.get("Host").to_owned();
    request.headers.retain(|(name, _)| name != "Host");
    assert!(request.verify().unwrap_err().message().contains("'host' is named as a SignedHeader"));
    request.target = format!("https://{host}/");
    request.verify().unwrap();
}

/// One of `suite.json`.
#[derive(serde::Deserialize)]
struct Case {
    name: String,
    token: Option<String>,
    omit_session_token: bool,
    header: String,
    query: String,
}

/// The head and the body of a request as it stands in the suite, where a header's value may go on in the next line.
fn parse(text: &str) -> Option<(Parts, Vec<u8>)> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let head = head.replace("\n ", " ");
    let mut lines = head.lines();
    let (method, target) = lines.next()?.strip_suffix(" HTTP/1.1")?.split_once(' ')?;
    let mut builder = http::Request::builder().method(method).uri(target);
    for line in lines {
        let (name, value) = line.split_once(':')?;
        builder = builder.header(name, value);
    }
    Some((builder.body(()).ok()?.into_parts().0, body.trim_end_matches('\n').into()))
}

#[test]
fn the_test_suite_of_aws_is_accepted() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("suite.json")).unwrap();
    let now = Timestamp::from_millis(1_440_938_160_000);
    let (mut accepted, mut no_uris, mut repeated) = (0, Vec::new(), Vec::new());
    for case in cases {
        // A token that is not signed is still the credential's, but there is no way here to have a token unsigned.
        let token = case.token.as_deref().filter(|_| !case.omit_session_token);
        for (kind, text) in [("header", &case.header), ("query", &case.query)] {
            let name = format!("{} {kind}", case.name);
            let Some((head, body)) = parse(text) else {
                no_uris.push(name);
                continue;
            };
            let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
            let credentials = Credentials::new([credential("AKIDEXAMPLE", secret, token, "service")]).unwrap();
            match verify(&head, &body, "service", &credentials, now) {
                Ok(_) => accepted += 1,
                Err(refusal) if refusal.message().contains("more than once") => repeated.push(name),
                Err(refusal) => panic!("{name}: {refusal}"),
            }
        }
    }
    // What cannot be in a request line as it stands there.
    assert_eq!(no_uris, ["get-space-normalized header", "get-space-normalized query"]);
    // Where AWS joins what is repeated, it is refused here.
    assert_eq!(repeated, [""; 0]);
    assert!(accepted > 40, "{accepted}");
}

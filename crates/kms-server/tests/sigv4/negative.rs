//! What is wrong.

use core::time::Duration;

use kms_server::sigv4::{Refusal, verify};
use kms_service::Exception;

use crate::request::{NOW, Request, all, one};

#[track_caller]
fn refused(outcome: Result<kms_server::sigv4::Signed, Refusal>, exception: Exception, text: &str) {
    let refusal = outcome.unwrap_err();
    assert_eq!((refusal.exception(), refusal.exception().status()), (exception, 400), "{refusal}");
    assert!(refusal.message().contains(text), "{refusal}");
}

/// The request with a part of its `Authorization` replaced.
fn with(from: &str, to: &str) -> Request {
    let mut request = one("plain");
    let header = request.get("Authorization").to_owned();
    assert!(header.contains(from), "{header}");
    request.set("Authorization", &header.replacen(from, to, 1));
    request
}

#[test]
fn every_change_of_a_signed_request_is_refused() {
    for request in all() {
        let mut changed = Vec::new();
        let mut method = request.clone();
        method.method = if request.method == "PUT" { "POST".into() } else { "PUT".into() };
        changed.push(method);
        for body in ["AA==", "e30g", "IHt9"] {
            changed.push(Request { body: body.into(), ..request.clone() });
        }
        let more = if request.target.contains('?') { "&x=1" } else { "?x=1" };
        changed.push(Request { target: format!("{}{more}", request.target), ..request.clone() });
        changed.push(Request { target: format!("/x{}", request.target), ..request.clone() });
        for (index, (name, value)) in request.headers.iter().enumerate() {
            if name.eq_ignore_ascii_case("authorization") {
                continue;
            }
            let mut without = request.clone();
            without.headers.remove(index);
            let mut other = request.clone();
            other.set(name, &format!("{value}x"));
            let mut twice = request.clone();
            twice.headers.push((name.clone(), value.clone()));
            changed.extend([without, other, twice]);
        }
        let mut more = request.clone();
        more.set("X-Amz-Another", "1");
        changed.push(more);
        for changed in changed {
            let message = format!("{} accepted as {changed:?}", request.name);
            assert!(changed.verify().is_err(), "{message}");
        }
        request.verify().unwrap();
    }
}

#[test]
fn every_change_of_a_character_of_the_authorization_is_refused() {
    let request = one("plain");
    let header = request.get("Authorization").to_owned();
    for (index, _) in header.char_indices() {
        for by in ["x", "0", "Z", "", ",", "=", "/", ";", " "] {
            let mut changed = header.clone();
            changed.replace_range(index..=index, by);
            // Spaces around parameters mean nothing.
            if changed.replace(' ', "") == header.replace(' ', "") && changed.starts_with("AWS4-HMAC-SHA256 ") {
                continue;
            }
            let mut request = request.clone();
            request.set("Authorization", &changed);
            assert!(request.verify().is_err(), "{changed}");
        }
    }
}

#[test]
fn every_change_of_a_parameter_of_a_presigned_request_is_refused() {
    let request = one("presigned");
    let (path, query) = request.target.split_once('?').unwrap();
    for (index, pair) in query.split('&').enumerate() {
        let rest: Vec<_> = query.split('&').enumerate().filter(|&(other, _)| other != index).map(|(_, p)| p).collect();
        let rest = rest.join("&");
        for changed in [rest.clone(), format!("{rest}&{pair}1"), format!("{query}&{pair}"), format!("{query}&x={pair}")]
        {
            let target = format!("{path}?{changed}");
            assert!(Request { target, ..request.clone() }.verify().is_err(), "{changed}");
        }
    }
    // The order of parameters is not part of what is signed.
    let turned: Vec<_> = query.split('&').rev().collect();
    Request { target: format!("{path}?{}", turned.join("&")), ..request.clone() }.verify().unwrap();
    for wrong in ["0", "604801", "-1", "+60", "1e3", "", "99999999999999999999"] {
        let target = request.target.replace("X-Amz-Expires=60", &format!("X-Amz-Expires={wrong}"));
        let outcome = Request { target, ..request.clone() }.verify();
        refused(outcome, Exception::IncompleteSignature, "from 1 to 604800");
    }
}

#[test]
fn what_is_missing_is_said() {
    let mut request = one("plain");
    request.headers.retain(|(name, _)| name != "Authorization");
    refused(request.verify(), Exception::MissingAuthenticationToken, "Missing Authentication Token");

    let mut request = one("plain");
    request.set("Authorization", "AWS4-HMAC-SHA256 Credential=a/b/c/d/e");
    refused(
        request.verify(),
        Exception::IncompleteSignature,
        "Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter.",
    );
    request.set("Authorization", "AWS4-HMAC-SHA256 nonsense");
    refused(request.verify(), Exception::IncompleteSignature, "'nonsense' not a valid key=value pair");
    request.set("Authorization", "Basic QWxhZGRpbg==");
    refused(request.verify(), Exception::IncompleteSignature, "Unsupported AWS 'algorithm': 'Basic'");

    let mut request = one("plain");
    request.headers.retain(|(name, _)| name != "X-Amz-Date");
    let text = "requires existence of either a 'X-Amz-Date' or a 'Date' header.";
    refused(request.verify(), Exception::IncompleteSignature, text);

    let mut request = one("plain");
    request.target.push_str("?X-Amz-Signature=00");
    refused(request.verify(), Exception::IncompleteSignature, "only one of them");
}

#[test]
fn the_scope_has_to_fit() {
    let invalid = Exception::InvalidSignature;
    refused(with("/kms/", "/sts/").verify(), invalid, "Credential should be scoped to correct service: 'kms'.");
    refused(with("aws4_request", "aws3_request").verify(), invalid, "valid terminator: 'aws4_request'");
    refused(with("/20261125/", "/20261124/").verify(), invalid, "'20261124' != '20261125', from '20261125T092340Z'.");
    refused(with("/eu-central-1/", "/Europe/").verify(), invalid, "Credential should be scoped to a valid region.");
    refused(with("/eu-central-1/", "/us-east-1/").verify(), invalid, "does not match the signature you provided");
    refused(with("/kms/", "/kms/x/").verify(), Exception::IncompleteSignature, "exactly 5 slash-delimited");
    // The keys of a proxy sign nothing else, nor the reverse.
    let request = with("AKIAIOSFODNN7EXAMPLE", "BETWEEN2TEN3AND4THIRTY5CHARS6");
    refused(request.verify(), Exception::UnrecognizedClient, "The security token included in the request is invalid.");
}

#[test]
fn what_has_to_be_signed_is_signed() {
    let invalid = Exception::InvalidSignature;
    refused(with("host;", "").verify(), invalid, "'Host' or ':authority' must be a 'SignedHeader'");
    refused(with(";x-amz-date", "").verify(), invalid, "'x-amz-date' must be a 'SignedHeader'");
    refused(with(";x-amz-target", "").verify(), invalid, "'x-amz-target' must be a 'SignedHeader'");
    refused(with("host;", "accept;host;").verify(), Exception::IncompleteSignature, "alphabetical order");
    refused(with("host;", "host;host;").verify(), Exception::IncompleteSignature, "each once");
    refused(with("host;", "host;lost;").verify(), invalid, "'lost' is named as a SignedHeader, but it does not exist");

    let mut request = one("plain");
    request.set("X-Amz-User-Agent", "not signed by all SDKs");
    request.verify().unwrap();
    request.headers.push(("Accept".into(), "one".into()));
    request.headers.push(("Accept".into(), "two".into()));
    request.verify().unwrap();
    request.headers.push(("X-Amz-Target".into(), "TrentService.Decrypt".into()));
    refused(request.verify(), invalid, "'x-amz-target' is in the HTTP request more than once");
}

#[test]
fn the_window_is_five_minutes_and_presigned_requests_are_good_as_long_as_they_say() {
    let (second, five) = (Duration::from_millis(1000), Duration::from_secs(300));
    let request = one("plain");
    for within in [NOW + five, NOW - five] {
        request.at(within).unwrap();
    }
    let invalid = Exception::InvalidSignature;
    let text = "Signature expired: 20261125T092340Z is now earlier than 20261125T092341Z (20261125T092841Z - 5 min.)";
    refused(request.at(NOW + five + second), invalid, text);
    let text =
        "Signature not yet current: 20261125T092340Z is still later than 20261125T092339Z (20261125T091839Z + 5 min.)";
    refused(request.at(NOW - five - second), invalid, text);

    let request = one("presigned");
    request.at(NOW + Duration::from_secs(60)).unwrap();
    refused(request.at(NOW + Duration::from_secs(61)), invalid, "Signature expired: 20261125T092440Z");
    refused(request.at(NOW - five - second), invalid, "not yet current");
    let week = Duration::from_secs(604_800);
    one("presigned for a week").at(NOW + week).unwrap();
    refused(one("presigned for a week").at(NOW + week + second), invalid, "Signature expired");
}

#[test]
fn tokens_belong_to_their_access_keys() {
    for name in ["a token", "presigned with a token"] {
        let request = one(name);
        for other in [None, Some("another".to_owned())] {
            let credentials = Request { token: other, ..request.clone() }.credentials();
            let outcome = verify(&request.head(), &request.body(), "kms", &credentials, NOW);
            refused(outcome, Exception::UnrecognizedClient, "security token");
        }
    }
    let credentials = Request { token: Some("own".into()), ..one("plain") }.credentials();
    let outcome = verify(&one("plain").head(), b"{}", "kms", &credentials, NOW);
    refused(outcome, Exception::UnrecognizedClient, "security token");
}

#[test]
fn the_hash_of_the_body_is_no_claim_that_is_believed() {
    let mut request = one("a hash of the body");
    for other in ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", ""] {
        request.set("X-Amz-Content-SHA256", other);
        refused(request.verify(), Exception::InvalidSignature, "'x-amz-content-sha256' is not the SHA-256 hash");
    }
}

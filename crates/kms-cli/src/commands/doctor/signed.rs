//! Whether a signed request is served.

use std::path::Path;
use std::time::Duration;

use http::Uri;
use kms_aws::{AwsClient, AwsOptions};
use kms_core::{Call, Error, ErrorKind};

use super::Finding;

/// How long the server may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// What says that there are credentials. Without any of these, the SDK would look for a machine of AWS around this one.
const VARIABLES: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

/// Asks for the keys in a region, by default that of the environment.
pub(super) fn look_at(url: &Uri, region: Option<&str>, ca_bundle: Option<&Path>, found: &mut Vec<Finding>) {
    if !VARIABLES.iter().any(|name| is_set(name)) {
        found.push(Finding::doubtful(
            "signature",
            "no request was signed: the environment names no credentials",
            "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE. `kms credentials add` makes an access key.",
        ));
        return;
    }
    let mut options = AwsOptions::new().with_endpoint_url(url.to_string()).with_max_attempts(1);
    if let Some(region) = region
        && !["AWS_REGION", "AWS_DEFAULT_REGION"].iter().any(|name| is_set(name))
    {
        options = options.with_region(region);
    }
    if let Some(file) = ca_bundle {
        options = options.with_ca_bundle(file);
    }
    let asked = AwsClient::new(&options).and_then(|client| {
        let call = Call::default().with_budget(PATIENCE);
        client.key_ids(1, &call).map(|_| client.region().to_owned())
    });
    found.push(finding(asked));
}

fn finding(asked: Result<String, Error>) -> Finding {
    match asked {
        Ok(region) => Finding::well("signature", format!("a signed ListKeys in {region} is served")),
        Err(error) if error.detail().is_some_and(|detail| detail.contains("AccessDeniedException")) => {
            Finding::well("signature", "a signature is accepted; its principal may not list keys")
        }
        Err(error) => {
            let advice = match error.kind() {
                ErrorKind::Unauthorized => {
                    "Is the access key in the server's file of credentials (`kms credentials list FILE`), with this secret?"
                }
                ErrorKind::InvalidInput => "Is the region one of those in [service] of the server's configuration?",
                _ => "The server's log says more.",
            };
            Finding::wrong("signature", format!("a signed ListKeys is not served: {error}"), advice)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn whoever_may_not_list_keys_has_signed_all_the_same() {
        let refused = |text: &str| Err(Error::with_detail(ErrorKind::Unauthorized, text.to_owned()));
        assert_eq!(finding(refused("AccessDeniedException: User may not")).verdict, Verdict::Well);
        let wrong = finding(refused("UnrecognizedClientException: The security token is invalid."));
        assert_eq!(wrong.verdict, Verdict::Wrong);
        assert!(wrong.advice.contains("kms credentials list"));
        assert_eq!(finding(Ok("eu-central-1".to_owned())).verdict, Verdict::Well);
    }
}

//! The conformance suite, against the endpoint that `KMS_TEST_ENDPOINT_URL` names, with the credentials and the region
//! of the environment; without it against one in this process.

use kms_aws::{AwsBackend, AwsClient, AwsOptions};
use kms_core::{Backend, KeySpec};
use kms_testkit::conformance::{self, Subject};

use crate::endpoint::Endpoint;

#[test]
fn a_backend_behind_an_endpoint_conforms() {
    let named = std::env::var("KMS_TEST_ENDPOINT_URL").ok();
    let own = named.is_none().then(Endpoint::start);
    let options = match (&named, &own) {
        (Some(url), _) => AwsOptions::new().with_endpoint_url(url),
        (None, Some(endpoint)) => endpoint.options(),
        (None, None) => unreachable!("one of the two is there"),
    };
    let client = AwsClient::new(&options).unwrap();
    let backend = AwsBackend::new(client.clone());
    let subject = Subject::new("AWS KMS", &backend, |id| backend.locator(id))
        .with_slow([KeySpec::Rsa2048, KeySpec::Rsa3072, KeySpec::Rsa4096])
        .with_foreign_blobs("the endpoint's own")
        .with_lengths(1..=4096, "AWS KMS has no empty plaintexts and messages, and none longer than 4,096 bytes")
        .with_texts(|| vec![format!("{backend:?} {client:?} {options:?}")])
        .with_reopen(|| Ok(Box::new(AwsBackend::new(AwsClient::new(&options)?))));
    let report = conformance::run(&subject);
    println!("{report}");
    report.assert_passed();
}

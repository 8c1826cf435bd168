//! Signed requests: read or refused, and nothing but what was signed is accepted.

#![no_main]

use kms_core::Secret;
use kms_server::credentials::{Credential, Credentials, KMS, XKS_PROXY};
use kms_server::sigv4::verify;
use kms_service::Timestamp;
use libfuzzer_sys::fuzz_target;

/// 2026-11-25T09:23:40Z, when the seeds were signed.
const NOW: Timestamp = Timestamp::from_millis(1_795_598_620_000);

fn credentials() -> Credentials {
    let credential = |id: &str, secret: &[u8], service: &str| {
        let principal = "arn:aws:iam::111122223333:user/Alice".parse().unwrap();
        Credential::new(id, Secret::copy_from(secret), principal).for_service(service)
    };
    Credentials::new([
        credential("AKIAIOSFODNN7EXAMPLE", b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", KMS),
        credential("BETWEEN2TEN3AND4THIRTY5CHARS6", b"PleaseReplaceThisWithSomeSecretOfMoreLength+/=", XKS_PROXY),
    ])
    .unwrap()
}

/// `METHOD target`, headers line by line, an empty line, the body.
fn parse(data: &[u8]) -> Option<(http::request::Parts, &[u8])> {
    let end = data.windows(2).position(|two| two == b"\n\n")?;
    let (head, body) = (data.get(..end)?, data.get(end + 2..)?);
    let mut lines = head.split(|&byte| byte == b'\n');
    let first = lines.next()?;
    let space = first.iter().position(|&byte| byte == b' ')?;
    let mut builder = http::Request::builder().method(first.get(..space)?).uri(first.get(space + 1..)?);
    for line in lines {
        let colon = line.iter().position(|&byte| byte == b':')?;
        builder = builder.header(line.get(..colon)?, line.get(colon + 1..)?.trim_ascii());
    }
    Some((builder.body(()).ok()?.into_parts().0, body))
}

fuzz_target!(|data: &[u8]| {
    thread_local!(static CREDENTIALS: Credentials = credentials());
    let Some((head, body)) = parse(data) else { return };
    CREDENTIALS.with(|credentials| {
        for service in [KMS, XKS_PROXY] {
            match verify(&head, body, service, credentials, NOW) {
                Ok(signed) => {
                    assert_eq!(signed.credential.service(), service);
                    // One byte more was not signed.
                    assert!(verify(&head, &[body, b" "].concat(), service, credentials, NOW).is_err());
                }
                Err(refusal) => {
                    assert!(refusal.message().bytes().all(|byte| (0x20..0x7f).contains(&byte)));
                    assert!(refusal.message().len() < 512);
                }
            }
        }
    });
});

//! AWS Signature Version 4, the verifier's side (IAM User Guide, "Create a signed AWS API request").
//!
//! [`verify`] is pure: it reads a request, the access keys and a time, and says who signed it or why it is refused. It is
//! total: whatever the bytes are, it neither panics nor allocates more than a small multiple of them.
//!
//! What AWS leaves to a service's front end, and how it is here:
//!
//! - `host`, the date and every `x-amz-*` header must be signed, but for `x-amz-user-agent`, which not all AWS SDKs sign.
//!   `content-type` need not be: the AWS SDK for PHP does not sign it, and nothing here depends on it.
//! - A signed header that is there more than once is refused: its parts might be read otherwise than they were signed.
//! - The body is always hashed. `x-amz-content-sha256` may be there, and must then be that hash: no operation of AWS KMS
//!   takes `UNSIGNED-PAYLOAD`.
//! - Clocks may differ by five minutes. Presigned requests are good for as long as they say, at most a week.

mod canonical;
mod claim;
mod date;
mod key;
mod refusal;

use core::time::Duration;
use std::sync::Arc;

use http::request::Parts;
use kms_core::primitives::hash::hash;
use kms_core::primitives::mac::hmac;
use kms_core::{HashAlgorithm, MacAlgorithm};
use kms_service::{Region, Timestamp};
use subtle::ConstantTimeEq;

pub(crate) use self::key::SigningKeys;
pub use self::refusal::Refusal;

use self::canonical::Canonical;
use self::claim::{Claim, Place};
use self::date::basic;
use crate::credentials::{Credential, Credentials};

/// The one algorithm.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// What a scope ends with.
const TERMINATOR: &str = "aws4_request";
/// How much the caller's clock may be before or after ours.
const SKEW: Duration = Duration::from_secs(5 * 60);

/// Who signed a request.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Signed {
    /// The access key, and whose it is.
    pub credential: Arc<Credential>,
    /// The region of the credential scope: the one that the request is for.
    pub region: Region,
    /// When it was signed, as the caller's clock says.
    pub at: Timestamp,
    /// Whether the signature is in the query.
    pub is_presigned: bool,
}

/// Verifies the signature of a request.
///
/// `service` is the one that the request must be signed for, such as [`KMS`](crate::credentials::KMS). The region is the
/// caller's choice: whether it is served here is for the server to say, with [`Refusal::other_region`].
///
/// # Errors
/// What AWS answers, for the first of: no signature; one that cannot be read; another service or terminator in the scope;
/// another date in the scope than in the request; a time out of the window; headers that are not signed, or more than
/// once; a wrong hash of the body; an unknown access key or session token; a wrong signature. A signature is computed and
/// compared for unknown access keys as well, so that they take as long as known ones.
pub fn verify(
    head: &Parts,
    body: &[u8],
    service: &str,
    credentials: &Credentials,
    now: Timestamp,
) -> Result<Signed, Refusal> {
    let claim = Claim::read(head)?;
    let region = claim.scope.check(service, claim.at)?;
    check_time(&claim, now)?;
    let known = credentials.get(&claim.scope.access_key_id).filter(|credential| credential.service() == service);
    let credential = known.clone().unwrap_or_else(|| credentials.stranger());

    let body_hash = base16ct::lower::encode_string(&hash(HashAlgorithm::Sha256, body));
    let canonical = Canonical::new(head, &claim)?.request(&body_hash)?;
    let scope = &claim.scope;
    let string_to_sign = format!(
        "{ALGORITHM}\n{}\n{}/{}/{service}/{TERMINATOR}\n{}",
        basic(claim.at),
        scope.date,
        scope.region,
        base16ct::lower::encode_string(&hash(HashAlgorithm::Sha256, &canonical)),
    );
    let key = credential.signing_keys().get(credential.secret(), &scope.date, &scope.region, service);
    let signature = hmac(MacAlgorithm::HmacSha256, key.expose(), string_to_sign.as_bytes());
    let is_right = bool::from(signature.expose().ct_eq(&claim.signature));

    match known {
        Some(credential) if credential.has_token(claim.token.as_deref()) => {
            if !is_right {
                return Err(Refusal::mismatch());
            }
            Ok(Signed { credential, region, at: claim.at, is_presigned: claim.place == Place::Query })
        }
        _ => Err(Refusal::unrecognized()),
    }
}

/// That the request is of now.
fn check_time(claim: &Claim<'_>, now: Timestamp) -> Result<(), Refusal> {
    if claim.at > now + SKEW {
        return Err(Refusal::invalid(format!(
            "Signature not yet current: {} is still later than {} ({} + 5 min.)",
            basic(claim.at),
            basic(now + SKEW),
            basic(now)
        )));
    }
    match claim.expires {
        None if claim.at + SKEW < now => Err(Refusal::invalid(format!(
            "Signature expired: {} is now earlier than {} ({} - 5 min.)",
            basic(claim.at),
            basic(now - SKEW),
            basic(now)
        ))),
        Some(after) if claim.at + after < now => Err(Refusal::invalid(format!(
            "Signature expired: {} is now earlier than {}",
            basic(claim.at + after),
            basic(now)
        ))),
        _ => Ok(()),
    }
}

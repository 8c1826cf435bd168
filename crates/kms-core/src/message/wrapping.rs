//! The keys that data keys are encrypted under: our KMS keys, and the raw keys of the AWS Encryption SDK.

mod kms;
mod raw_aes;
mod raw_rsa;

pub use self::kms::KmsWrappingKey;
pub use self::raw_aes::RawAesKey;
pub use self::raw_rsa::{RawRsaKey, RsaPadding};

use alloc::string::String;

use crate::Error;

/// The provider id of KMS keys.
pub const AWS_KMS: &str = "aws-kms";

/// Where raw keys live in a message: a namespace and a name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct RawName {
    namespace: String,
    name: String,
}

impl RawName {
    fn new(namespace: impl Into<String>, name: impl Into<String>) -> Result<Self, Error> {
        let (namespace, name) = (namespace.into(), name.into());
        if namespace == AWS_KMS {
            return Err(Error::invalid_input("the namespace of a raw key cannot be \"aws-kms\""));
        }
        if namespace.len() > 65_535 || name.len() > 65_000 {
            return Err(Error::invalid_input("the name of a raw key is longer than 65,000 bytes"));
        }
        Ok(Self { namespace, name })
    }
}

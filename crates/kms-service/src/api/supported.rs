//! From the API's names to those of `kms-core`, and back.

use crate::api::{
    CustomerMasterKeySpec, DataKeyPairSpec, EncryptionAlgorithmSpec, Enumeration, KeyAgreementAlgorithmSpec, KeySpec,
    KeyUsageType, MacAlgorithmSpec, MessageType, SigningAlgorithmSpec,
};
use crate::{Exception, KmsError};

/// Both sides have the names of AWS: they are what connects them.
macro_rules! same_names {
    ($($api:ident <=> $core:ident,)+) => {$(
        /// Fails with `UnsupportedOperationException` for what `kms-core` does not have.
        impl TryFrom<$api> for kms_core::$core {
            type Error = KmsError;

            fn try_from(value: $api) -> Result<Self, KmsError> {
                Self::ALL.iter().copied().find(|one| one.as_str() == value.as_str()).ok_or_else(|| unsupported(value))
            }
        }

        /// Fails with `UnsupportedOperationException` for what the API does not have: nothing, at this time.
        impl TryFrom<kms_core::$core> for $api {
            type Error = KmsError;

            fn try_from(value: kms_core::$core) -> Result<Self, KmsError> {
                Self::from_name(value.as_str()).ok_or_else(|| {
                    KmsError::with(Exception::UnsupportedOperation, format!("{value} has no name in the AWS KMS API"))
                })
            }
        }
    )+};
}

same_names! {
    KeySpec <=> KeySpec,
    KeyUsageType <=> KeyUsage,
    EncryptionAlgorithmSpec <=> EncryptionAlgorithm,
    SigningAlgorithmSpec <=> SigningAlgorithm,
    MacAlgorithmSpec <=> MacAlgorithm,
    KeyAgreementAlgorithmSpec <=> KeyAgreementAlgorithm,
    MessageType <=> MessageType,
}

/// Fails with `UnsupportedOperationException` for what `kms-core` does not have.
impl TryFrom<DataKeyPairSpec> for kms_core::KeySpec {
    type Error = KmsError;

    fn try_from(value: DataKeyPairSpec) -> Result<Self, KmsError> {
        KeySpec::from_name(value.as_str()).ok_or_else(|| unsupported(value))?.try_into()
    }
}

/// Fails with `UnsupportedOperationException` for what AWS added to the new form only.
impl TryFrom<KeySpec> for CustomerMasterKeySpec {
    type Error = KmsError;

    fn try_from(value: KeySpec) -> Result<Self, KmsError> {
        Self::from_name(value.as_str()).ok_or_else(|| unsupported(value))
    }
}

impl From<CustomerMasterKeySpec> for KeySpec {
    fn from(value: CustomerMasterKeySpec) -> Self {
        match value {
            CustomerMasterKeySpec::Rsa2048 => Self::Rsa2048,
            CustomerMasterKeySpec::Rsa3072 => Self::Rsa3072,
            CustomerMasterKeySpec::Rsa4096 => Self::Rsa4096,
            CustomerMasterKeySpec::EccNistP256 => Self::EccNistP256,
            CustomerMasterKeySpec::EccNistP384 => Self::EccNistP384,
            CustomerMasterKeySpec::EccNistP521 => Self::EccNistP521,
            CustomerMasterKeySpec::EccSecgP256k1 => Self::EccSecgP256k1,
            CustomerMasterKeySpec::SymmetricDefault => Self::SymmetricDefault,
            CustomerMasterKeySpec::Hmac224 => Self::Hmac224,
            CustomerMasterKeySpec::Hmac256 => Self::Hmac256,
            CustomerMasterKeySpec::Hmac384 => Self::Hmac384,
            CustomerMasterKeySpec::Hmac512 => Self::Hmac512,
            CustomerMasterKeySpec::Sm2 => Self::Sm2,
        }
    }
}

fn unsupported(value: impl Enumeration) -> KmsError {
    KmsError::with(Exception::UnsupportedOperation, format!("{} is not supported.", value.name()))
}

impl KeySpec {
    /// What a key of this type can be for. A key whose only usage is to encrypt may leave it out in `CreateKey`.
    #[must_use]
    pub const fn usages(self) -> &'static [KeyUsageType] {
        use KeyUsageType::{EncapsulateDecapsulate, EncryptDecrypt, GenerateVerifyMac, KeyAgreement, SignVerify};
        match self {
            Self::SymmetricDefault => &[EncryptDecrypt],
            Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096 => &[EncryptDecrypt, SignVerify],
            Self::EccNistP256 | Self::EccNistP384 | Self::EccNistP521 => &[SignVerify, KeyAgreement],
            Self::EccSecgP256k1 | Self::EccNistEdwards25519 => &[SignVerify],
            Self::MlDsa44 | Self::MlDsa65 | Self::MlDsa87 => &[SignVerify],
            Self::Hmac224 | Self::Hmac256 | Self::Hmac384 | Self::Hmac512 => &[GenerateVerifyMac],
            Self::MlKem512 | Self::MlKem768 | Self::MlKem1024 => &[EncapsulateDecapsulate],
            Self::Sm2 => &[EncryptDecrypt, SignVerify, KeyAgreement],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_of_the_core_has_a_name_here_and_comes_back() {
        macro_rules! walk {
            ($($api:ident $core:ident,)+) => {$(
                for &one in kms_core::$core::ALL {
                    let api = $api::try_from(one).unwrap();
                    assert_eq!(kms_core::$core::try_from(api).unwrap(), one);
                }
            )+};
        }
        walk! {
            KeySpec KeySpec, KeyUsageType KeyUsage, EncryptionAlgorithmSpec EncryptionAlgorithm,
            SigningAlgorithmSpec SigningAlgorithm, MacAlgorithmSpec MacAlgorithm,
            KeyAgreementAlgorithmSpec KeyAgreementAlgorithm, MessageType MessageType,
        }
        for &spec in CustomerMasterKeySpec::ALL {
            assert_eq!(KeySpec::from(spec).as_str(), spec.as_str());
            assert_eq!(CustomerMasterKeySpec::try_from(KeySpec::from(spec)).unwrap(), spec);
        }
    }

    #[test]
    fn what_the_core_lacks_is_unsupported() {
        for spec in [KeySpec::Sm2, KeySpec::MlDsa44, KeySpec::MlKem1024, KeySpec::EccNistEdwards25519] {
            let error = kms_core::KeySpec::try_from(spec).unwrap_err();
            assert_eq!(error.exception(), Exception::UnsupportedOperation);
        }
        assert!(kms_core::KeySpec::try_from(DataKeyPairSpec::MlKem512).is_err());
        assert_eq!(kms_core::KeySpec::try_from(DataKeyPairSpec::Rsa2048).unwrap(), kms_core::KeySpec::Rsa2048);
        assert!(CustomerMasterKeySpec::try_from(KeySpec::MlDsa44).is_err());
    }

    #[test]
    fn usages_are_those_of_the_core() {
        for &spec in kms_core::KeySpec::ALL {
            let ours = KeySpec::try_from(spec).unwrap().usages();
            let core: Vec<_> = spec.usages().iter().map(|&usage| KeyUsageType::try_from(usage).unwrap()).collect();
            assert_eq!(ours, core, "{spec}");
        }
    }
}

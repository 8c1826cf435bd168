//! Writes the seeds that are made of our own keys: `cargo run --manifest-path fuzz/Cargo.toml --example seeds`.

use std::fs;
use std::path::Path;

use kms_core::message::{self, AlgorithmSuite, CommitmentPolicy, EncryptOptions, RawAesKey};
use kms_core::primitives::ecc::EccPrivateKey;
use kms_core::primitives::mac::hmac;
use kms_core::primitives::rsa::RsaPrivateKey;
use kms_core::{
    Call, EncryptionContext, KeyId, KeySpec, MacAlgorithm, MaterialId, PublicKey, Secret, SystemRandom, blob,
};
use kms_service::api::Operation;

fn main() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let write = |target: &str, name: &str, bytes: &[u8]| {
        fs::create_dir_all(seeds.join(target)).unwrap();
        fs::write(seeds.join(target).join(name), bytes).unwrap();
    };
    messages(&write);
    blobs(&write);
    keys(&write);
    requests(&write);
}

fn messages(write: &impl Fn(&str, &str, &[u8])) {
    for &suite in AlgorithmSuite::ALL {
        let bits = suite.key_len() * 8;
        let byte = u8::try_from(bits / 64 - 1).unwrap();
        let key = RawAesKey::new("fuzz", bits.to_string(), Secret::copy_from(&vec![byte; bits / 8])).unwrap();
        let policy = if suite.commits() {
            CommitmentPolicy::RequireEncryptAllowDecrypt
        } else {
            CommitmentPolicy::ForbidEncryptAllowDecrypt
        };
        for (len, context) in
            [(0, EncryptionContext::empty()), (40, EncryptionContext::new([("a", "b"), ("c", "")]).unwrap())]
        {
            let options =
                EncryptOptions::new(context).with_suite(suite).with_commitment_policy(policy).with_frame_len(16);
            let sealed = message::encrypt(&key, &options, &vec![b'x'; len], &SystemRandom, &Call::default()).unwrap();
            for target in ["header", "message"] {
                write(target, &format!("{:04x}-{len}", suite.id()), &sealed);
            }
        }
    }
}

fn blobs(write: &impl Fn(&str, &str, &[u8])) {
    let id = MaterialId { key: KeyId::from_bytes([9; 16]), generation: 3 };
    for len in [0, 1, 32, 300] {
        let prf = |input: &[u8]| Ok(hmac(MacAlgorithm::HmacSha256, &[7; 32], input));
        let sealed = blob::seal(&id, prf, &SystemRandom, &vec![b'x'; len], &EncryptionContext::empty()).unwrap();
        write("blob", &len.to_string(), sealed.as_bytes());
    }
}

fn keys(write: &impl Fn(&str, &str, &[u8])) {
    for spec in [KeySpec::EccNistP256, KeySpec::EccNistP384, KeySpec::EccNistP521, KeySpec::EccSecgP256k1] {
        let key = EccPrivateKey::generate(spec, &SystemRandom).unwrap();
        let public = PublicKey::from(key.public_key());
        write("import", &format!("{spec}.pkcs8"), key.to_pkcs8().unwrap().expose());
        write("import", &format!("{spec}.spki"), &public.to_spki_der().unwrap());
        write("import", &format!("{spec}.pem"), public.to_pem().unwrap().as_bytes());
    }
    let key = RsaPrivateKey::generate(KeySpec::Rsa2048, &SystemRandom).unwrap();
    write("import", "RSA_2048.spki", &key.public_key().to_spki().unwrap());
}

/// One request for each operation, and some that belong together, as `request` reads them.
fn requests(write: &impl Fn(&str, &str, &[u8])) {
    let request = |name: &str, body: &str| {
        let operation = Operation::ALL.iter().position(|operation| operation.as_str() == name).unwrap();
        [&[u8::try_from(operation + 1).unwrap()], body.as_bytes()].concat()
    };
    for &operation in Operation::ALL {
        let name = operation.as_str();
        write("request", name, &request(name, body(operation)));
    }
    for (name, together) in [
        ("a-grant", &["CreateGrant", "ListGrants", "ListRetirableGrants"][..]),
        ("a-rotation", &["EnableKeyRotation", "GetKeyRotationStatus", "RotateKeyOnDemand", "ListKeyRotations"]),
        ("an-end", &["ScheduleKeyDeletion", "Encrypt", "CancelKeyDeletion", "EnableKey", "Encrypt"]),
        ("tags", &["TagResource", "ListResourceTags", "UntagResource"]),
        ("regions", &["ReplicateKey", "UpdatePrimaryRegion", "DescribeKey"]),
    ] {
        let together: Vec<_> = together.iter().map(|name| request(name, body(name.parse().unwrap()))).collect();
        write("request", name, &together.join(&0));
    }
}

/// What is right to ask, as far as it can be known beforehand.
fn body(operation: Operation) -> &'static str {
    use Operation as O;
    match operation {
        O::CreateAlias => r#"{"AliasName":"alias/new","TargetKeyId":"$aes"}"#,
        O::CreateCustomKeyStore => {
            r#"{"CustomKeyStoreName":"hsm","CustomKeyStoreType":"AWS_CLOUDHSM","CloudHsmClusterId":"cluster-234567abcde","KeyStorePassword":"password1","TrustAnchorCertificate":"x"}"#
        }
        O::CreateGrant => {
            r#"{"KeyId":"$aes","GranteePrincipal":"arn:aws:iam::111122223333:user/Alice","Operations":["Encrypt","Decrypt"],"Constraints":{"EncryptionContextSubset":{"a":"b"}},"Name":"one"}"#
        }
        O::CreateKey => {
            r#"{"Description":"a key","KeySpec":"HMAC_256","KeyUsage":"GENERATE_VERIFY_MAC","Tags":[{"TagKey":"a","TagValue":"b"}],"Policy":"{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"kms:*\",\"Resource\":\"*\"}}"}"#
        }
        O::Decrypt => r#"{"CiphertextBlob":"AQIDBA==","EncryptionContext":{"a":"b"},"KeyId":"$aes"}"#,
        O::DeleteAlias => r#"{"AliasName":"alias/aes"}"#,
        O::DeriveSharedSecret => {
            r#"{"KeyId":"$ecc","KeyAgreementAlgorithm":"ECDH","PublicKey":"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE"}"#
        }
        O::DescribeCustomKeyStores => r#"{"Limit":10}"#,
        O::ConnectCustomKeyStore | O::DisconnectCustomKeyStore | O::DeleteCustomKeyStore => {
            r#"{"CustomKeyStoreId":"cks-1234567890abcdef0"}"#
        }
        O::UpdateCustomKeyStore => r#"{"CustomKeyStoreId":"cks-1234567890abcdef0","NewCustomKeyStoreName":"other"}"#,
        O::EnableKeyRotation => r#"{"KeyId":"$aes","RotationPeriodInDays":90}"#,
        O::Encrypt => r#"{"KeyId":"alias/aes","Plaintext":"c2VjcmV0","EncryptionContext":{"a":"b"},"DryRun":false}"#,
        O::GenerateDataKey | O::GenerateDataKeyWithoutPlaintext => {
            r#"{"KeyId":"$aes","NumberOfBytes":32,"EncryptionContext":{"a":"b"}}"#
        }
        O::GenerateDataKeyPair | O::GenerateDataKeyPairWithoutPlaintext => {
            r#"{"KeyId":"$aes","KeyPairSpec":"ECC_NIST_P256"}"#
        }
        O::GenerateMac => r#"{"KeyId":"$mac","Message":"c2VjcmV0","MacAlgorithm":"HMAC_SHA_256"}"#,
        O::VerifyMac => r#"{"KeyId":"$mac","Message":"c2VjcmV0","MacAlgorithm":"HMAC_SHA_256","Mac":"AAAA"}"#,
        O::GenerateRandom => r#"{"NumberOfBytes":16}"#,
        O::GetParametersForImport => {
            r#"{"KeyId":"$import","WrappingAlgorithm":"RSAES_OAEP_SHA_256","WrappingKeySpec":"RSA_2048"}"#
        }
        O::ImportKeyMaterial => {
            r#"{"KeyId":"$import","ImportToken":"AAAA","EncryptedKeyMaterial":"AAAA","ExpirationModel":"KEY_MATERIAL_DOES_NOT_EXPIRE"}"#
        }
        O::DeleteImportedKeyMaterial => r#"{"KeyId":"$import"}"#,
        O::GetPublicKey => r#"{"KeyId":"$ecc"}"#,
        O::ListAliases | O::ListKeys => r#"{"Limit":2}"#,
        O::ListRetirableGrants => r#"{"RetiringPrincipal":"arn:aws:iam::111122223333:user/Alice"}"#,
        O::PutKeyPolicy => {
            r#"{"KeyId":"$aes","PolicyName":"default","Policy":"{\"Version\":\"2012-10-17\",\"Statement\":[]}"}"#
        }
        O::ReEncrypt => r#"{"CiphertextBlob":"AQIDBA==","DestinationKeyId":"alias/aes"}"#,
        O::ReplicateKey => r#"{"KeyId":"$aes","ReplicaRegion":"us-east-1"}"#,
        O::UpdatePrimaryRegion => r#"{"KeyId":"$aes","PrimaryRegion":"us-east-1"}"#,
        O::RetireGrant => r#"{"GrantToken":"AAAA"}"#,
        O::RevokeGrant => {
            r#"{"KeyId":"$aes","GrantId":"0c237476b39f8bc44e45212e08498fbe3151305030726c0590dd8d3e9f3d6a60"}"#
        }
        O::ScheduleKeyDeletion => r#"{"KeyId":"$aes","PendingWindowInDays":7}"#,
        O::Sign => r#"{"KeyId":"$ecc","Message":"c2VjcmV0","MessageType":"RAW","SigningAlgorithm":"ECDSA_SHA_256"}"#,
        O::Verify => {
            r#"{"KeyId":"$ecc","Message":"c2VjcmV0","SigningAlgorithm":"ECDSA_SHA_256","Signature":"MAYCAQECAQE="}"#
        }
        O::TagResource => r#"{"KeyId":"$aes","Tags":[{"TagKey":"a","TagValue":"b"}]}"#,
        O::UntagResource => r#"{"KeyId":"$aes","TagKeys":["a"]}"#,
        O::UpdateAlias => r#"{"AliasName":"alias/aes","TargetKeyId":"$import"}"#,
        O::UpdateKeyDescription => r#"{"KeyId":"$aes","Description":"another"}"#,
        _ => r#"{"KeyId":"$aes"}"#,
    }
}

//! A backend behind the shim, and keys to use through it.

use std::sync::Arc;
use std::time::Duration;

use kms_core::primitives::ecc::{EccPublicKey, signature_to_der};
use kms_core::primitives::hash::hash;
use kms_core::primitives::rsa::RsaPublicKey;
use kms_core::{
    Backend, Call, EncryptionAlgorithm, EncryptionContext, Error, HashAlgorithm, KeyId, KeySpec, KeyUsage, Locator,
    MacAlgorithm, MasterKey, SigningAlgorithm, SystemRandom,
};
use kms_pkcs11::{Pkcs11Backend, Residency, Token};
use test_tokens::{Rule, Shim, softhsm};

use crate::support::{module, options};

pub(crate) const BOTH: [Residency; 2] = [Residency::WrappedBlob, Residency::TokenObject];
pub(crate) const OAEP: EncryptionAlgorithm = EncryptionAlgorithm::RsaesOaepSha1;
pub(crate) const SESSIONS: usize = 8;

const PLAINTEXT: &[u8] = b"a plaintext";

/// A token behind the shim, reached.
pub(crate) struct Stand {
    pub(crate) shim: Shim,
    pub(crate) token: Arc<Token>,
}

impl Stand {
    pub(crate) fn new() -> Self {
        let shim = Shim::over(softhsm());
        let patience = Duration::from_secs(120);
        let options = options(shim.token()).with_sessions(SESSIONS).with_patience(patience);
        let token = Token::connect(module(shim.token()), options).unwrap();
        Self { shim, token }
    }

    /// A backend that knows what the token can do.
    pub(crate) fn backend(&self, residency: Residency) -> Pkcs11Backend {
        let backend = Pkcs11Backend::new(self.token.clone()).with_residency(residency);
        backend.capabilities(&Call::default()).unwrap();
        backend
    }

    /// How many calls of each of these there were.
    pub(crate) fn calls<const N: usize>(&self, functions: [&str; N]) -> [usize; N] {
        functions.map(|function| self.shim.calls(function))
    }

    /// The module opens another session although no more may be open than the token object knows of: nobody has
    /// forgotten one.
    pub(crate) fn assert_no_session_leaked(&self) {
        assert!(self.token.sessions() <= SESSIONS);
        let one_that_keeps_the_login = 1;
        let limit = self.shim.add(Rule::limit_sessions(self.token.sessions() + one_that_keeps_the_login + 1));
        let opened = self.shim.token().open();
        assert_eq!(self.shim.strikes(limit), 0);
        drop(opened);
        self.shim.remove(limit);
    }
}

/// A fresh place of the backend's residency.
pub(crate) fn place(backend: &Pkcs11Backend) -> Locator {
    backend.locator(KeyId::random(&SystemRandom).unwrap().into())
}

/// What can be done with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Seal,
    Open,
    Decrypt,
    Sign,
    Mac,
    Agree,
}

impl Operation {
    pub(crate) const ALL: [Self; 6] = [Self::Seal, Self::Open, Self::Decrypt, Self::Sign, Self::Mac, Self::Agree];

    /// The function that does it.
    pub(crate) const fn function(self) -> &'static str {
        match self {
            Self::Seal | Self::Open | Self::Sign | Self::Mac => "C_Sign",
            Self::Decrypt => "C_Decrypt",
            Self::Agree => "C_DeriveKey",
        }
    }
}

/// A key for each operation, and what its right answer is.
pub(crate) struct Keys {
    pub(crate) symmetric: Arc<dyn MasterKey>,
    pub(crate) rsa: Arc<dyn MasterKey>,
    pub(crate) sign: Arc<dyn MasterKey>,
    pub(crate) mac: Arc<dyn MasterKey>,
    agree: Arc<dyn MasterKey>,
    blob: Vec<u8>,
    pub(crate) ciphertext: Vec<u8>,
    code: Vec<u8>,
    peer: Vec<u8>,
    agreed: Vec<u8>,
}

impl Keys {
    pub(crate) fn make(backend: &Pkcs11Backend) -> Self {
        let call = Call::default();
        let make = |spec, usage| backend.create(&place(backend), spec, usage, &call).unwrap();
        let symmetric = make(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
        let rsa = make(KeySpec::Rsa2048, KeyUsage::EncryptDecrypt);
        let sign = make(KeySpec::EccNistP256, KeyUsage::SignVerify);
        let mac = make(KeySpec::Hmac256, KeyUsage::GenerateVerifyMac);
        let agree = make(KeySpec::EccNistP256, KeyUsage::KeyAgreement);
        let blob = symmetric.seal(PLAINTEXT, &EncryptionContext::empty(), &call).unwrap().as_bytes().to_vec();
        let public = RsaPublicKey::from_spki(rsa.public_key().unwrap()).unwrap();
        let ciphertext = public.encrypt_oaep(HashAlgorithm::Sha1, PLAINTEXT, &SystemRandom).unwrap();
        let code = mac.mac(MacAlgorithm::HmacSha256, PLAINTEXT, &call).unwrap().expose().to_vec();
        let peer = sign.public_key().unwrap().to_vec();
        let agreed = agree.agree(&peer, &call).unwrap().expose().to_vec();
        Self { symmetric, rsa, sign, mac, agree, blob, ciphertext, code, peer, agreed }
    }

    /// Does it, and answers whether what came out is right.
    pub(crate) fn perform(&self, operation: Operation, call: &Call) -> Result<bool, Error> {
        let context = EncryptionContext::empty();
        Ok(match operation {
            Operation::Seal => {
                let sealed = self.symmetric.seal(PLAINTEXT, &context, call)?;
                self.symmetric.open(sealed.as_bytes(), &context, call)?.expose() == PLAINTEXT
            }
            Operation::Open => self.symmetric.open(&self.blob, &context, call)?.expose() == PLAINTEXT,
            Operation::Decrypt => self.rsa.decrypt(OAEP, &self.ciphertext, call)?.expose() == PLAINTEXT,
            Operation::Sign => {
                let digest = hash(HashAlgorithm::Sha256, PLAINTEXT);
                let signature = self.sign.sign_digest(SigningAlgorithm::EcdsaSha256, &digest, call)?;
                self.signed(&digest, &signature)
            }
            Operation::Mac => self.mac.mac(MacAlgorithm::HmacSha256, PLAINTEXT, call)?.expose() == self.code,
            Operation::Agree => self.agree.agree(&self.peer, call)?.expose() == self.agreed,
        })
    }

    fn signed(&self, digest: &[u8], signature: &[u8]) -> bool {
        let public = EccPublicKey::from_spki(KeySpec::EccNistP256, &self.peer).unwrap();
        let der = signature_to_der(KeySpec::EccNistP256, signature).unwrap();
        public.verify_digest(digest, &der).is_ok()
    }

    pub(crate) fn assert_all_work(&self) {
        for operation in Operation::ALL {
            assert!(self.perform(operation, &Call::default()).unwrap(), "{operation:?}");
        }
    }
}

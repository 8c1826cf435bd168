//! Keys that are there: found in the token, or unwrapped from their record.

use std::sync::Arc;

use cryptoki::mechanism::MechanismType;
use cryptoki_sys::CK_MECHANISM_TYPE;
use kms_core::{Algorithm, AlgorithmSet, Call, Error, KeyInfo, KeySpec, KeyUsage, Locator, MasterKey, SignatureScheme};

use super::{Address, Pkcs11Backend, absent, face, object_place};
use crate::capability::oaep_works;
use crate::fault::{Fault, Remedy};
use crate::key::{Pkcs11Key, Place, Said, Shared};
use crate::nonces::Nonces;
use crate::object::{Described, Symmetric};
use crate::template::hmac;
use crate::token::Attempt;
use crate::wrapped::Record;

impl Pkcs11Backend {
    /// Finds a key that its token permits more than one usage, for one of them. `None`: the first that its spec has.
    ///
    /// Keys made by others often may both sign and decrypt; here a key is for one thing.
    ///
    /// A key in the token that this backend has open is not searched for again, only asked whether it still has its name:
    /// that another key has been given the same label meanwhile is noticed when nobody has it open.
    ///
    /// # Errors
    /// As [`Backend::open`](kms_core::Backend::open); `InvalidInput` if the token does not permit the usage.
    pub fn open_for(&self, at: &Locator, usage: Option<KeyUsage>, call: &Call) -> Result<Arc<dyn MasterKey>, Error> {
        let key = self.open_key(at, usage, call)?;
        Ok(Arc::new(key))
    }

    /// The same, as its own type: for the count of its nonces.
    ///
    /// # Errors
    /// As [`open_for`](Self::open_for).
    pub fn open_key(&self, at: &Locator, usage: Option<KeyUsage>, call: &Call) -> Result<Pkcs11Key, Error> {
        match self.address(at)? {
            Address::Wrapped => {
                let bytes = self.records.get(at.id())?.ok_or_else(|| absent(at))?;
                let key = self.wrapped_key(at, &bytes, call)?;
                match usage {
                    Some(usage) if usage != key.info().usage => Err(not_for(at, usage)),
                    _ => Ok(key),
                }
            }
            Address::Object { label, id } => {
                if let Some(shared) = self.opened(at)
                    && let Some(said) = shared.still_there(call)?
                {
                    return self.used_for(at, shared, said.spec, permitted(at, &said.usages, usage)?, call);
                }
                let (by_label, by_id) = (label, id);
                let described = self
                    .token
                    .run(call, move |attempt| attempt.find(by_label.as_deref(), by_id.as_deref()))?
                    .ok_or_else(|| absent(at))?;
                let said = Said { spec: described.spec, usages: described.usages.clone() };
                let (epoch, handle) = (described.epoch, described.handle);
                let key = self.object_key(at, described, usage, call)?;
                key.shared.keep(epoch, handle, said);
                Ok(key)
            }
        }
    }

    pub(super) fn existing_wrapped(
        &self,
        at: &Locator,
        bytes: &[u8],
        call: &Call,
    ) -> Result<Arc<dyn MasterKey>, Error> {
        let key = self.wrapped_key(at, bytes, call)?;
        Ok(face(key.info().clone(), key.shared))
    }

    pub(super) fn existing_object(
        &self,
        at: &Locator,
        described: Described,
        usage: Option<KeyUsage>,
        call: &Call,
    ) -> Result<Arc<dyn MasterKey>, Error> {
        let key = self.object_key(at, described, usage, call)?;
        Ok(face(key.info().clone(), key.shared))
    }

    fn wrapped_key(&self, at: &Locator, bytes: &[u8], call: &Call) -> Result<Pkcs11Key, Error> {
        let (roots, owned, id) = (self.roots.clone(), bytes.to_vec(), at.id());
        let record: Record = self.token.run(call, move |attempt| roots.verify(&attempt, &owned, id))?;
        let (spec, usage) = (record.spec, record.usage);
        let shared = match self.opened(at) {
            Some(shared) => shared,
            None => {
                let how = if record.derives { Symmetric::Derive } else { Symmetric::Hmac };
                let symmetric = (record.spec == KeySpec::SymmetricDefault).then_some(how);
                let public_key = record.public_key.clone();
                let place = Place::Wrapped { record: Box::new(record), roots: self.roots.clone() };
                let shared = Arc::new(Shared::new(self.token.clone(), place, symmetric, public_key, None));
                self.remember(at, &shared);
                shared
            }
        };
        self.used_for(at, shared, spec, usage, call)
    }

    fn object_key(
        &self,
        at: &Locator,
        mut described: Described,
        usage: Option<KeyUsage>,
        call: &Call,
    ) -> Result<Pkcs11Key, Error> {
        let usage = permitted(at, &described.usages, usage)?;
        described.usages = vec![usage];
        let shared = match self.opened(at) {
            Some(shared) => shared,
            None => {
                let Address::Object { label, id } = self.address(at)? else { return Err(absent(at)) };
                let place = object_place(&described, label, id);
                let symmetric = self.symmetric(&described, call)?;
                let nonces = (symmetric == Some(Symmetric::Direct)).then(|| Nonces::new(at.id(), self.records.clone()));
                let shared =
                    Arc::new(Shared::new(self.token.clone(), place, symmetric, described.public_key.clone(), nonces));
                self.remember(at, &shared);
                shared
            }
        };
        // What was just found need not be searched for again.
        shared.found(described.epoch, described.handle);
        self.used_for(at, shared, described.spec, usage, call)
    }

    fn used_for(
        &self,
        at: &Locator,
        shared: Arc<Shared>,
        spec: KeySpec,
        usage: KeyUsage,
        call: &Call,
    ) -> Result<Pkcs11Key, Error> {
        let info = KeyInfo::new(at.id(), spec, usage)?;
        let public_key = shared.public_key.clone();
        let algorithms =
            shared.run(call, move |attempt, key| algorithms(&attempt, key, spec, usage, public_key.as_deref()))?;
        Ok(Pkcs11Key::new(self.narrowed(info, algorithms), shared))
    }

    /// How a symmetric key is used: a key that may derive is no use where there is no derivation.
    fn symmetric(&self, described: &Described, call: &Call) -> Result<Option<Symmetric>, Error> {
        if described.symmetric != Some(Symmetric::Derive) {
            return Ok(described.symmetric);
        }
        let lists = self.token.run(call, |attempt| {
            let listed = attempt.raw.mechanisms(attempt.connection.slot)?;
            Ok([MechanismType::SP800_108_COUNTER_KDF, MechanismType::AES_GCM]
                .into_iter()
                .all(|one| listed.contains(&CK_MECHANISM_TYPE::from(one))))
        })?;
        Ok(Some(if lists { Symmetric::Derive } else { Symmetric::Hmac }))
    }

    fn narrowed(&self, info: KeyInfo, found: AlgorithmSet) -> KeyInfo {
        let known = self.capabilities.lock().as_ref().and_then(|known| known.can_make(info.spec, info.usage));
        info.limited_to(known.unwrap_or(found))
    }
}

/// The usage asked for, or the first there is.
fn permitted(at: &Locator, usages: &[KeyUsage], usage: Option<KeyUsage>) -> Result<KeyUsage, Error> {
    match usage {
        Some(usage) if usages.contains(&usage) => Ok(usage),
        Some(usage) => Err(not_for(at, usage)),
        None => usages.first().copied().ok_or_else(|| absent(at)),
    }
}

fn not_for(at: &Locator, usage: KeyUsage) -> Error {
    Error::invalid_input(format!("the key at {at} is not for {usage}"))
}

/// What a key that is there can do: by the mechanisms that the token lists, and for OAEP by trying, since tokens list
/// OAEP and mean SHA-1.
fn algorithms(
    attempt: &Attempt<'_>,
    key: cryptoki::object::ObjectHandle,
    spec: KeySpec,
    usage: KeyUsage,
    public_key: Option<&[u8]>,
) -> Result<AlgorithmSet, Fault> {
    let listed = attempt.raw.mechanisms(attempt.connection.slot)?;
    let has = |mechanism: MechanismType| listed.contains(&CK_MECHANISM_TYPE::from(mechanism));
    let mut can = AlgorithmSet::empty();
    for one in AlgorithmSet::of(spec, usage).iter() {
        let works = match one {
            Algorithm::Encryption(algorithm) if algorithm.oaep_hash().is_some() => {
                let tried = || oaep_works(attempt, public_key.unwrap_or_default(), key, algorithm);
                let mut outcome = tried();
                if let Err(Fault { remedy: Remedy::Doubt, .. }) = outcome {
                    // It says something of the token only if the device is there, and says it again.
                    attempt.session.get_session_info()?;
                    outcome = tried();
                }
                match outcome {
                    Ok(()) => true,
                    Err(Fault { remedy: Remedy::None | Remedy::Doubt | Remedy::Refusal, .. }) => false,
                    Err(fault) => return Err(fault),
                }
            }
            Algorithm::Encryption(_) => has(MechanismType::SHA256_HMAC) || has(MechanismType::AES_GCM),
            Algorithm::Mac(_) => has(hmac(spec)),
            Algorithm::Signing(algorithm) => match algorithm.scheme() {
                SignatureScheme::Ecdsa => has(MechanismType::ECDSA),
                SignatureScheme::RsaPss => has(MechanismType::RSA_PKCS_PSS),
                _ => has(MechanismType::RSA_PKCS),
            },
            Algorithm::KeyAgreement(_) => has(MechanismType::ECDH1_DERIVE),
            _ => false,
        };
        if works {
            can = can.with(one);
        }
    }
    Ok(can)
}

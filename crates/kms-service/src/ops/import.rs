//! Imported key material.

use kms_core::primitives::ecc::EccPrivateKey;
use kms_core::primitives::mac::hmac;
use kms_core::primitives::rsa::RsaPrivateKey;
use kms_core::{ErrorKind, KeyId, KeyMaterial, KeySpec, MacAlgorithm, MaterialId, Secret};

use super::Sealed;
use crate::api::{
    ExpirationModelType, GetParametersForImportRequest, GetParametersForImportResponse, ImportKeyMaterialRequest,
    ImportKeyMaterialResponse, ImportType, KeyMaterialState, KeyState, Named, OriginType,
};
use crate::facts::{Fact, Facts};
use crate::import::{Token, check_wrapping, material_id, unwrap};
use crate::record::{Generation, Import, KeyRecord};
use crate::sealed::SealedStore;
use crate::service::Inner;
use crate::step::Step;
use crate::time::DAY;
use crate::{Exception, KmsError, Timestamp};

pub(crate) mod destruction;

/// How far ahead the end of imported material may be, in days.
const MOST_DAYS: u32 = 365;
/// What the list of what is due calls it.
pub(crate) const DUE: &str = "expire";
/// How many numbers of generations beyond the last a failed import may have left material at.
pub(super) const SPARE: u32 = 8;

fn is_imported(key: &KeyRecord) -> Result<(), KmsError> {
    if key.origin == OriginType::External {
        return Ok(());
    }
    let text = format!("{} origin is {} which is not valid for this operation.", key.arn(), key.origin);
    Err(KmsError::with(Exception::UnsupportedOperation, text))
}

impl Sealed for GetParametersForImportRequest {
    fn perform(&self, step: &Step<'_>) -> Result<GetParametersForImportResponse, KmsError> {
        let (algorithm, wrapping) = (self.wrapping_algorithm.get()?, self.wrapping_key_spec.get()?);
        let more =
            [("wrappingalgorithm", Fact::Text(algorithm.as_str())), ("wrappingkeyspec", Fact::Text(wrapping.as_str()))];
        let facts = Facts { more: &more, ..Facts::default() };
        let admitted = step.admitted(&self.key_id, "kms:GetParametersForImport", &facts)?;
        let key = admitted.record();
        is_imported(key)?;
        admitted.check_state()?;
        let wrapping = check_wrapping(key.spec, algorithm, wrapping)?;
        let private = RsaPrivateKey::generate(wrapping, &step.service.random)?;
        let token = Token::new(key.id.id(), &key.region, algorithm, step.now, &private)?;
        Ok(GetParametersForImportResponse {
            key_id: admitted.arn().to_string(),
            import_token: token.seal(&step.service.store)?.into(),
            public_key: private.public_key().to_spki()?.into(),
            parameters_valid_to: Some(token.valid_to),
        })
    }
}

/// Recognises material: made of the public half of private keys, since those have several encodings, and else of the
/// bytes; keyed, so that it tells nobody anything.
pub(crate) fn fingerprint(
    store: &SealedStore,
    id: KeyId,
    spec: KeySpec,
    material: &KeyMaterial,
) -> Result<Vec<u8>, kms_core::Error> {
    material.check_form(spec)?;
    let public;
    let bytes = match material {
        KeyMaterial::Pkcs8(der) if spec.is_rsa() => {
            let key = RsaPrivateKey::from_pkcs8(der.expose())?.public_key();
            if key.spec() != spec {
                return Err(kms_core::Error::invalid_input("an RSA key of another size"));
            }
            public = key.to_spki()?;
            public.as_slice()
        }
        KeyMaterial::Pkcs8(der) => {
            public = EccPrivateKey::from_pkcs8(spec, der.expose())?.public_key().to_spki()?;
            public.as_slice()
        }
        KeyMaterial::Raw(secret) => secret.expose(),
        _ => return Err(ErrorKind::Unsupported.into()),
    };
    let key = store.derived_key("imported material");
    let mut message = Secret::zeroed(id.as_bytes().len() + bytes.len());
    let (head, tail) = message.expose_mut().split_at_mut(id.as_bytes().len());
    head.copy_from_slice(id.as_bytes());
    tail.copy_from_slice(bytes);
    Ok(hmac(MacAlgorithm::HmacSha256, key.expose(), message.expose()).expose().to_vec())
}

/// What an import does to the generations of a key.
enum Place {
    /// It is the first, or waits for a rotation.
    New(KeyMaterialState),
    /// It is that one again.
    Again(u32),
}

impl ImportKeyMaterialRequest {
    fn valid_to(&self, now: Timestamp) -> Result<Option<Timestamp>, KmsError> {
        match self.valid_to {
            Some(end) if end <= now => Err(KmsError::validation("ValidTo must be in the future.")),
            Some(end) if end > now + DAY * MOST_DAYS => {
                Err(KmsError::validation("ValidTo must be within 365 days from now."))
            }
            end => Ok(end),
        }
    }

    /// Where material with that fingerprint belongs.
    fn place(&self, key: &KeyRecord, fingerprint: &[u8], id: &str) -> Result<Place, KmsError> {
        let incorrect = || KmsError::new(Exception::IncorrectKeyMaterial);
        let kind = self.import_type.as_ref().map(Named::get).transpose()?;
        if self.key_material_id.as_deref().is_some_and(|wanted| wanted != id) {
            return Err(incorrect());
        }
        let same = key
            .generations
            .iter()
            .find(|one| one.import.as_ref().is_some_and(|import| import.fingerprint == fingerprint));
        match (kind, same) {
            (None | Some(ImportType::NewKeyMaterial), None) if key.generations.is_empty() => {
                Ok(Place::New(KeyMaterialState::Current))
            }
            (None | Some(ImportType::ExistingKeyMaterial), same) => {
                same.map(|same| Place::Again(same.number)).ok_or_else(incorrect)
            }
            (Some(_), Some(_)) => Err(incorrect()),
            (Some(_), None) => {
                let pending = key.generations.iter().find(|one| one.state == KeyMaterialState::PendingRotation);
                if let Some(pending) = pending {
                    return Err(KmsError::with(
                        Exception::KMSInvalidState,
                        format!(
                            "New key material (id: {id}) cannot be imported into KMS key {}, because another key \
                             material (id: {}) is pending rotation.",
                            key.id, pending.material_id
                        ),
                    ));
                }
                if key.is_replica() {
                    let text = format!("{} is not a multi-region primary key.", key.arn());
                    return Err(KmsError::with(Exception::UnsupportedOperation, text));
                }
                Ok(Place::New(KeyMaterialState::PendingRotation))
            }
        }
    }
}

impl Sealed for ImportKeyMaterialRequest {
    fn perform(&self, step: &Step<'_>) -> Result<ImportKeyMaterialResponse, KmsError> {
        let model = self.expiration_model.as_ref();
        let model = model.map_or(Ok(ExpirationModelType::KeyMaterialExpires), Named::get)?;
        let mut more = vec![("expirationmodel", Fact::Text(model.as_str()))];
        more.extend(self.valid_to.map(|end| ("validto", Fact::Time(end))));
        let facts = Facts { more: &more, ..Facts::default() };
        let admitted = step.admitted(&self.key_id, "kms:ImportKeyMaterial", &facts)?;
        let key = admitted.record();
        is_imported(key)?;
        admitted.check_state()?;
        let symmetric = key.spec == KeySpec::SymmetricDefault;
        let extra =
            self.import_type.is_some() || self.key_material_id.is_some() || self.key_material_description.is_some();
        if extra && !symmetric {
            return Err(KmsError::validation(
                "ImportType, KeyMaterialId and KeyMaterialDescription are valid only for symmetric encryption keys.",
            ));
        }
        let valid_to = self.valid_to(step.now)?;
        let (store, service) = (&step.service.store, step.service);
        let token = Token::open(store, &self.import_token, key.id.id(), &key.region, step.now)?;
        let (private, random) = (token.private_key()?, &service.random);
        let material = unwrap(token.algorithm, &private, &self.encrypted_key_material, key.spec, random)
            .map_err(|_| KmsError::new(Exception::InvalidCiphertext))?;
        // Told apart from a bad wrapping, since only who holds the token gets here.
        let print = fingerprint(store, key.id.id(), key.spec, &material)
            .map_err(|_| KmsError::new(Exception::IncorrectKeyMaterial))?;
        let id = material_id(key.id.id(), &print);
        let (number, is_new, seen) = match self.place(key, &print, &id)? {
            Place::Again(number) => {
                let seen = destruction::none_goes_on(service, key, number)?;
                (keep_again(service, key, number, material)?, false, seen)
            }
            Place::New(_) => (keep_new(service, key, &material)?, true, Vec::new()),
        };
        let changed = admitted.change(|key, edit| {
            let import = Import {
                present: true,
                description: self.key_material_description.clone().unwrap_or_default(),
                valid_to,
                seen_expired: None,
                destroyed_since: None,
                fingerprint: print.clone(),
            };
            match self.place(key, &print, &id)? {
                // Somebody else has imported the same meanwhile.
                Place::Again(other) if is_new || other != number => {
                    return Err(KmsError::with(Exception::DependencyTimeout, "Another import was first: try again."));
                }
                Place::Again(number) => {
                    for one in key.generations.iter_mut().filter(|one| one.number == number) {
                        let kept = one.import.take().map(|import| import.description).unwrap_or_default();
                        let description =
                            if self.key_material_description.is_some() { import.description.clone() } else { kept };
                        one.import = Some(Import { description, ..import.clone() });
                    }
                }
                Place::New(state) => {
                    if state == KeyMaterialState::Current {
                        key.current = number;
                    }
                    key.generations.push(Generation {
                        number,
                        material_id: id.clone(),
                        created: step.now,
                        state,
                        rotated: None,
                        import: Some(import),
                    });
                }
            }
            if let Some(end) = valid_to {
                edit.note_due(end, DUE, key)?;
            }
            if key.state == KeyState::PendingImport && !key.lacks_material() {
                key.state = KeyState::Enabled;
            }
            super::rotation::follow(edit, key)?;
            // Afterwards, so that what was read for the replicas is as old as this, or the change is made again.
            destruction::is_as_seen(edit, key, &seen)
        });
        if let Err(error) = &changed
            && is_new
            && error.is_certain()
        {
            // Nobody knows of it.
            service.home.destroy(MaterialId { key: key.id.id(), generation: number })?;
        }
        changed?;
        Ok(ImportKeyMaterialResponse { key_id: admitted.arn().to_string(), key_material_id: symmetric.then_some(id) })
    }
}

/// Keeps material that a generation had before, unless it is there: imported in another region, or by a request whose
/// answer was lost. What is at the number of a generation is its material: see [`keep_new`].
fn keep_again(service: &Inner, key: &KeyRecord, number: u32, material: KeyMaterial) -> Result<u32, KmsError> {
    let at = MaterialId { key: key.id.id(), generation: number };
    match service.home.import(at, key.spec, key.usage, material) {
        Ok(_) => Ok(number),
        Err(error) if error.kind() == ErrorKind::InvalidInput => {
            service.home.open(at, &service.home.call()).map_err(|_| error)?;
            Ok(number)
        }
        Err(error) => Err(error.into()),
    }
}

/// Keeps the material of a new generation, and says of which number. A number at which something is is passed over,
/// since it is other material, that an import has left which did not come to its end.
fn keep_new(service: &Inner, key: &KeyRecord, material: &KeyMaterial) -> Result<u32, KmsError> {
    let first = key.generations.iter().map(|one| one.number.saturating_add(1)).max().unwrap_or_default();
    for number in first..=first.saturating_add(SPARE) {
        let at = MaterialId { key: key.id.id(), generation: number };
        match service.home.import(at, key.spec, key.usage, copy(material)?) {
            Ok(_) => return Ok(number),
            Err(error) if error.kind() == ErrorKind::InvalidInput => {
                service.home.open(at, &service.home.call()).map_err(|_| error)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(KmsError::with(Exception::DependencyTimeout, "Too many imports at once: try again."))
}

fn copy(material: &KeyMaterial) -> Result<KeyMaterial, kms_core::Error> {
    match material {
        KeyMaterial::Raw(secret) => Ok(KeyMaterial::Raw(Secret::copy_from(secret.expose()))),
        KeyMaterial::Pkcs8(der) => Ok(KeyMaterial::Pkcs8(Secret::copy_from(der.expose()))),
        _ => Err(ErrorKind::Unsupported.into()),
    }
}

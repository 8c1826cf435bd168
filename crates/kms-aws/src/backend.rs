//! Making, finding and destroying keys behind the endpoint.

use std::fmt;
use std::sync::Arc;

use aws_sdk_kms::operation::create_alias::CreateAliasError;
use aws_sdk_kms::operation::delete_imported_key_material::DeleteImportedKeyMaterialError;
use aws_sdk_kms::operation::generate_random::GenerateRandomError;
use aws_sdk_kms::operation::schedule_key_deletion::ScheduleKeyDeletionError;
use aws_sdk_kms::types::{KeyMetadata, KeySpec as SdkKeySpec, KeyUsageType, OriginType};
use kms_core::{
    AlgorithmSet, Backend, Call, Error, KeyMaterial, KeySpec, KeyUsage, Locator, MasterKey, MaterialId, Supported,
};

use crate::arn::Arn;
use crate::client::{AwsClient, bad_answer};
use crate::fault::is;
use crate::import;
use crate::io::Deadline;
use crate::key::{AwsKey, absent};
use crate::metadata;

/// The shortest time that AWS KMS keeps a key which is to be deleted, in days.
const SHORTEST_WINDOW: i32 = 7;
/// The longest.
const LONGEST_WINDOW: i32 = 30;

/// Keys in one account and region of AWS KMS, or of another endpoint that speaks its API.
///
/// A [`Locator`]'s address is any name of a key: id, ARN, alias name, alias ARN. Since the endpoint chooses the ids of
/// its keys, a key is *made* at an alias: of several who make one at the same alias at once, one wins, and the others
/// get its key. The alias that [`locator`](Backend::locator) answers is `alias/kms/KEY-ID/GENERATION`.
///
/// AWS KMS destroys no key at once. [`destroy`](Backend::destroy) schedules the deletion for the earliest day: from then
/// on the key does nothing, until `CancelKeyDeletion` calls it off, or the seven days are over. Imported material is
/// deleted at once.
pub struct AwsBackend {
    client: AwsClient,
    supported: Vec<Supported>,
    window: i32,
}

impl AwsBackend {
    /// The keys that `client` reaches.
    #[must_use]
    pub fn new(client: AwsClient) -> Self {
        let pairs = KeySpec::ALL.iter().flat_map(|&spec| spec.usages().iter().map(move |&usage| (spec, usage)));
        let supported = pairs.map(|(spec, usage)| Supported::new(spec, usage, AlgorithmSet::of(spec, usage))).collect();
        Self { client, supported, window: SHORTEST_WINDOW }
    }

    /// Keeps keys that are to be destroyed for so many days, instead of seven.
    ///
    /// # Errors
    /// `InvalidInput` unless there are 7 to 30.
    pub fn with_pending_window_in_days(mut self, days: i32) -> Result<Self, Error> {
        if !(SHORTEST_WINDOW..=LONGEST_WINDOW).contains(&days) {
            return Err(Error::invalid_input("AWS KMS keeps a key for 7 to 30 days before it deletes it"));
        }
        self.window = days;
        Ok(self)
    }

    /// What the endpoint says of the key at a place.
    fn find(&self, at: &Locator, deadline: Deadline) -> Result<Option<KeyMetadata>, Error> {
        if let Ok(arn) = at.address().parse::<Arn>()
            && arn.region() != self.client.region()
        {
            let region = self.client.region();
            return Err(Error::invalid_input(format!("{arn}: this is the backend of the region {region}")));
        }
        self.client.describe(at.address(), deadline)
    }

    fn opened(&self, at: &Locator, described: &KeyMetadata, deadline: Deadline) -> Result<Arc<dyn MasterKey>, Error> {
        Ok(Arc::new(AwsKey::described(&self.client, described, at.id(), deadline)?))
    }

    /// The key that is at a place where one of `spec` for `usage` is to be.
    fn same(
        &self,
        at: &Locator,
        described: &KeyMetadata,
        (spec, usage): (KeySpec, KeyUsage),
        deadline: Deadline,
    ) -> Result<Arc<dyn MasterKey>, Error> {
        let info = metadata::info(described, at.id())?;
        if (info.spec, info.usage) != (spec, usage) {
            return Err(Error::invalid_input(format!("a {} key for {} is at {at}", info.spec, info.usage)));
        }
        self.opened(at, described, deadline)
    }

    /// Makes a key that nothing names yet.
    fn make(
        &self,
        alias: &str,
        (spec, usage): (KeySpec, KeyUsage),
        origin: OriginType,
        deadline: Deadline,
    ) -> Result<KeyMetadata, Error> {
        let request = self.client.kms.create_key().origin(origin).description(format!("Made for {alias}"));
        let request = request.key_spec(SdkKeySpec::from(spec.as_str())).key_usage(KeyUsageType::from(usage.as_str()));
        let made = self.client.ask(deadline, alias, request.send())?;
        made.key_metadata.ok_or_else(|| bad_answer("a description of the new key"))
    }

    /// Names a new key. Answers what is at the place after it: that key, or the one of somebody who was faster.
    fn name(&self, alias: &str, made: KeyMetadata, deadline: Deadline) -> Result<Named, Error> {
        let request = self.client.kms.create_alias().alias_name(alias).target_key_id(made.key_id());
        match self.client.try_ask(deadline, request.send()) {
            Ok(Ok(_)) => Ok(Named::New(made)),
            Ok(Err(failed)) if is::<CreateAliasError>(&failed, "AlreadyExistsException") => {
                let there = self.client.describe(alias, deadline)?.ok_or_else(|| absent(alias, &self.client))?;
                // The first attempt may have made it, and its answer been lost.
                if there.key_id() == made.key_id() {
                    return Ok(Named::New(made));
                }
                self.schedule_deletion(made.key_id(), deadline)?;
                Ok(Named::There(there))
            }
            Ok(Err(failed)) => {
                let error = self.client.error(*failed, alias);
                // Nothing is to be left behind, but a key that may have its name by now is not left behind.
                if !error.may_have_run() {
                    self.clear_away(&made, deadline);
                }
                Err(error)
            }
            Err(late) => Err(late),
        }
    }

    /// Schedules the deletion of a key that came to nothing. What that failed of is told, not whether this does: a key
    /// without a name and use is left if it does not, whose description says what it was made for.
    fn clear_away(&self, made: &KeyMetadata, deadline: Deadline) {
        drop(self.schedule_deletion(made.key_id(), deadline));
    }

    fn schedule_deletion(&self, key: &str, deadline: Deadline) -> Result<(), Error> {
        let request = self.client.kms.schedule_key_deletion().key_id(key).pending_window_in_days(self.window);
        match self.client.try_ask(deadline, request.send())? {
            Ok(_) => Ok(()),
            Err(failed) if is::<ScheduleKeyDeletionError>(&failed, "NotFoundException") => Ok(()),
            // Somebody else was faster; or its state forbids it.
            Err(failed) if is::<ScheduleKeyDeletionError>(&failed, "KMSInvalidStateException") => {
                match self.client.describe(key, deadline)? {
                    Some(described) if !metadata::is_pending_deletion(&described) => {
                        Err(self.client.error(*failed, key))
                    }
                    _ => Ok(()),
                }
            }
            Err(failed) => Err(self.client.error(*failed, key)),
        }
    }

    fn delete_material(&self, key: &str, deadline: Deadline) -> Result<(), Error> {
        let request = self.client.kms.delete_imported_key_material().key_id(key);
        match self.client.try_ask(deadline, request.send())? {
            Ok(_) => Ok(()),
            // Nothing was imported, or the key is on its way out.
            Err(failed) if is::<DeleteImportedKeyMaterialError>(&failed, "KMSInvalidStateException") => Ok(()),
            Err(failed) => Err(self.client.error(*failed, key)),
        }
    }
}

/// What is at a place after a key was to be made there.
enum Named {
    New(KeyMetadata),
    There(KeyMetadata),
}

/// The alias that a key is to be made at.
fn alias(at: &Locator) -> Result<&str, Error> {
    if at.address().starts_with("alias/") {
        return Ok(at.address());
    }
    Err(Error::invalid_input(format!(
        "no key at {at}, and the endpoint chooses the ids of its keys: a new one is made at alias/NAME"
    )))
}

impl Backend for AwsBackend {
    fn supported(&self) -> &[Supported] {
        &self.supported
    }

    fn locator(&self, id: MaterialId) -> Locator {
        Locator::new(id, format!("alias/kms/{}/{}", id.key, id.generation))
    }

    /// Two requests, CreateKey and CreateAlias. If the answer to the first is lost, a key may be left that has no name;
    /// its description says what it was made for.
    fn create(&self, at: &Locator, spec: KeySpec, usage: KeyUsage, call: &Call) -> Result<Arc<dyn MasterKey>, Error> {
        spec.check_usage(usage)?;
        let deadline = Deadline::of(call);
        if let Some(there) = self.find(at, deadline)? {
            return self.same(at, &there, (spec, usage), deadline);
        }
        let alias = alias(at)?;
        let made = self.make(alias, (spec, usage), OriginType::AwsKms, deadline)?;
        match self.name(alias, made, deadline)? {
            Named::New(described) => self.opened(at, &described, deadline),
            Named::There(described) => self.same(at, &described, (spec, usage), deadline),
        }
    }

    fn open(&self, at: &Locator, call: &Call) -> Result<Arc<dyn MasterKey>, Error> {
        let deadline = Deadline::of(call);
        let described = self.find(at, deadline)?.ok_or_else(|| absent(at.address(), &self.client))?;
        self.opened(at, &described, deadline)
    }

    /// The key's origin is `EXTERNAL`. The material leaves this process encrypted under a key that the endpoint made for
    /// the purpose (RFC 8017 RSAES-OAEP with SHA-256 and RSA-4096; RSA keys under AES, RFC 5649, besides).
    fn import(
        &self,
        at: &Locator,
        spec: KeySpec,
        usage: KeyUsage,
        material: KeyMaterial,
        call: &Call,
    ) -> Result<Arc<dyn MasterKey>, Error> {
        spec.check_usage(usage)?;
        let material = import::checked(spec, material)?;
        let deadline = Deadline::of(call);
        let occupied = || Error::invalid_input(format!("another key is at {at}"));
        if self.find(at, deadline)?.is_some() {
            return Err(occupied());
        }
        let alias = alias(at)?;
        let made = self.make(alias, (spec, usage), OriginType::External, deadline)?;
        let brought = import::into(&self.client, made.key_id(), spec, &material, deadline);
        if let Err(error) = brought {
            self.clear_away(&made, deadline);
            return Err(error);
        }
        match self.name(alias, made, deadline)? {
            Named::New(made) => {
                // It was PendingImport when it was made.
                let described = self.client.describe(made.key_id(), deadline)?;
                self.opened(at, &described.ok_or_else(|| absent(made.key_id(), &self.client))?, deadline)
            }
            Named::There(_) => Err(occupied()),
        }
    }

    fn destroy(&self, at: &Locator, call: &Call) -> Result<(), Error> {
        let deadline = Deadline::of(call);
        let Some(described) = self.find(at, deadline)? else { return Ok(()) };
        if described.origin() == Some(&OriginType::External) {
            self.delete_material(described.key_id(), deadline)?;
        }
        if metadata::is_pending_deletion(&described) {
            return Ok(());
        }
        self.schedule_deletion(described.key_id(), deadline)
    }

    /// Asks for one random byte. Whoever may not have it was answered, too.
    fn health(&self, call: &Call) -> Result<(), Error> {
        let asked = self.client.kms.generate_random().number_of_bytes(1).send();
        match self.client.try_ask(Deadline::of(call), asked)? {
            Ok(_) => Ok(()),
            Err(failed) if is::<GenerateRandomError>(&failed, "AccessDeniedException") => Ok(()),
            Err(failed) => Err(self.client.error(*failed, self.client.region())),
        }
    }
}

impl fmt::Debug for AwsBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsBackend").field("region", &self.client.region()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use kms_core::ErrorKind;

    use super::*;

    #[test]
    fn keys_are_made_at_aliases() {
        let id = kms_core::KeyId::from_bytes([7; 16]).into();
        assert_eq!(alias(&Locator::new(id, "alias/a")).unwrap(), "alias/a");
        let error = alias(&Locator::new(id, "1234abcd-12ab-34cd-56ef-1234567890ab")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}

//! Shares an encrypted snapshot with another account, which copies it under a key of its own.
//!
//! Both sides consent: the key's policy names the other account, and that account lets one of its users. Neither alone is
//! enough. Once the copy is made, the first account can take its key back, and the copy still opens.

#![expect(clippy::std_instead_of_alloc, clippy::std_instead_of_core, reason = "never built without std")]

use std::error::Error;
use std::sync::Arc;

use kms_core::message::{self, DecryptOptions, EncryptOptions, WrappingKeys};
use kms_core::{Backend, Call, EncryptionContext, Key, KeyId, KeySpec, KeyUsage, SystemRandom};
use kms_service::api::{CreateKeyRequest, PutKeyPolicyRequest};
use kms_service::{
    AccountId, Caller, Policy, PolicyKind, Region, SealedStore, Service, ServiceBuilder, ServiceKey, Simulation,
};
use kms_soft::{SealedBackend, SoftBackend};
use kms_store::Memory;

const OWNER: &str = "111122223333";
const OTHER: &str = "444455556666";

fn service(region: &Region) -> Result<Service, Box<dyn Error>> {
    let soft = SoftBackend::new(SystemRandom);
    let at = SoftBackend::locator(KeyId::random(&SystemRandom)?.into());
    let root = Key::new(soft.create(&at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &Call::default())?);
    let store = SealedStore::open(Arc::new(Memory::new()), &root)?;
    let backend = SealedBackend::new(root, store.records(), SystemRandom)?;
    Ok(ServiceBuilder::new(store, Arc::new(backend)).regions([region.clone()]).build()?)
}

/// A policy that leaves all to its own account, and lets the other one read what was encrypted for this snapshot.
fn shared() -> String {
    format!(
        r#"{{"Version": "2012-10-17", "Statement": [
            {{"Sid": "Owner", "Effect": "Allow", "Principal": {{"AWS": "{OWNER}"}}, "Action": "kms:*", "Resource": "*"}},
            {{"Sid": "Share", "Effect": "Allow", "Principal": {{"AWS": "{OTHER}"}}, "Action": "kms:Decrypt", "Resource": "*",
                "Condition": {{"StringEquals": {{"kms:EncryptionContext:snapshot": "snap-1"}}}}}}]}}"#
    )
}

/// A user of the other account who may read with whatever key is shared with them, and write with the keys of their own.
fn user(region: &Region) -> Result<Caller, Box<dyn Error>> {
    let policy = format!(
        r#"{{"Version": "2012-10-17", "Statement": [
            {{"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"}},
            {{"Effect": "Allow", "Action": "kms:GenerateDataKey", "Resource": "arn:aws:kms:*:{OTHER}:key/*"}}]}}"#
    );
    let policy = Policy::parse(PolicyKind::Identity, &policy)?;
    let principal = format!("arn:aws:iam::{OTHER}:user/restore").parse()?;
    Ok(Caller::new(principal, region.clone()).with_policies([Arc::new(policy)]))
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let region: Region = "eu-central-1".parse()?;
    let service = service(&region)?;
    let owner = Caller::root(OWNER.parse::<AccountId>()?, region.clone());
    let theirs = Caller::root(OTHER.parse::<AccountId>()?, region.clone());
    let restore = user(&region)?;
    let key = service.call(&owner, &CreateKeyRequest::default())?.key_metadata.arn;
    let own_key = service.call(&theirs, &CreateKeyRequest::default())?.key_metadata.arn;
    let under =
        |caller: &Caller, arn: &str| WrappingKeys::new().with(ServiceKey::new(service.clone(), caller.clone(), arn));
    let (call, read) = (Call::default(), DecryptOptions::new());

    // The owner's snapshot.
    let context = EncryptionContext::new([("snapshot", "snap-1")])?;
    let blocks = vec![7; 100_000];
    let options = EncryptOptions::new(context.clone());
    let snapshot = message::encrypt(&under(&owner, &key), &options, &blocks, &SystemRandom, &call)?;
    println!("{OWNER} made a snapshot of {} bytes under {key}", snapshot.len());

    // Nobody else opens it, until the policy says so; what it would change can be seen before.
    let refusal = message::decrypt(&under(&restore, &key), &read, &snapshot, &call);
    println!("before: {}", refusal.err().ok_or("a stranger opened the snapshot")?);
    let mut question = Simulation::new(restore.clone(), "kms:Decrypt").on(&*key);
    question.encryption_context = context.clone();
    question.key_policy = Some(shared());
    println!("with the policy: {}", service.simulate(&question)?);
    let put = PutKeyPolicyRequest { key_id: key.as_str().into(), policy: shared().into(), ..Default::default() };
    service.call(&owner, &put)?;

    // Now the user of the other account copies it under a key of their own account. One without a policy may not.
    let nobody = Caller::new(format!("arn:aws:iam::{OTHER}:user/nobody").parse()?, region);
    let refusal = message::decrypt(&under(&nobody, &key), &read, &snapshot, &call);
    println!("without their account's consent: {}", refusal.err().ok_or("a user opened it without consent")?);
    let opened = message::decrypt(&under(&restore, &key), &read, &snapshot, &call)?;
    let options = EncryptOptions::new(EncryptionContext::new([("copy-of", "snap-1")])?);
    let blocks_read = opened.plaintext.expose();
    let copy = message::encrypt(&under(&restore, &own_key), &options, blocks_read, &SystemRandom, &call)?;
    println!("{OTHER} copied it under {own_key}");

    // The owner takes the key back. The copy is no longer concerned.
    let policy = shared().replace("\"Share\", \"Effect\": \"Allow\"", "\"Share\", \"Effect\": \"Deny\"");
    service.call(&owner, &PutKeyPolicyRequest { policy: policy.into(), ..put })?;
    let refusal = message::decrypt(&under(&restore, &key), &read, &snapshot, &call);
    println!("taken back: {}", refusal.err().ok_or("the snapshot still opens")?);
    let opened = message::decrypt(&under(&restore, &own_key), &read, &copy, &call)?;
    assert_eq!(opened.plaintext.expose(), blocks);
    println!("the copy still opens");
    Ok(())
}

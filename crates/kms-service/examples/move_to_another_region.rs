//! Moves an encrypted file to a key of another region.
//!
//! A key never leaves its region, and what it has encrypted opens only there. So the file is opened with the key of the
//! one region and written anew under the key of the other, by somebody who may use both. The file is an envelope message:
//! any AWS Encryption SDK reads it.

#![expect(clippy::std_instead_of_alloc, clippy::std_instead_of_core, reason = "never built without std")]

use std::error::Error;
use std::sync::Arc;

use kms_core::message::{self, DecryptOptions, EncryptOptions, WrappingKeys};
use kms_core::{Backend, Call, EncryptionContext, Key, KeyId, KeySpec, KeyUsage, SystemRandom};
use kms_service::api::{CreateKeyRequest, DecryptRequest, EncryptRequest};
use kms_service::{AccountId, Caller, Exception, Region, SealedStore, Service, ServiceBuilder, ServiceKey};
use kms_soft::{SealedBackend, SoftBackend};
use kms_store::Memory;

/// A service with two regions. Its records are in memory, sealed under a root key that is made for it.
fn service(regions: [&Region; 2]) -> Result<Service, Box<dyn Error>> {
    let soft = SoftBackend::new(SystemRandom);
    let at = SoftBackend::locator(KeyId::random(&SystemRandom)?.into());
    let root = Key::new(soft.create(&at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &Call::default())?);
    let store = SealedStore::open(Arc::new(Memory::new()), &root)?;
    let backend = SealedBackend::new(root, store.records(), SystemRandom)?;
    Ok(ServiceBuilder::new(store, Arc::new(backend)).regions(regions.map(Region::clone)).build()?)
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let (frankfurt, virginia): (Region, Region) = ("eu-central-1".parse()?, "us-east-1".parse()?);
    let service = service([&frankfurt, &virginia])?;
    let account: AccountId = "111122223333".parse()?;
    // The same principal, in each region.
    let here = Caller::root(account, frankfurt);
    let there = Caller::root(account, virginia);

    let first = service.call(&here, &CreateKeyRequest::default())?.key_metadata.arn;
    let second = service.call(&there, &CreateKeyRequest::default())?.key_metadata.arn;
    println!("a key here:  {first}\na key there: {second}");

    // The file, under a data key of the first key. The context is bound to it, and recorded with each use of the key.
    let file = b"the books of the year".repeat(1000);
    let options = EncryptOptions::new(EncryptionContext::new([("file", "books.db")])?);
    let keys = WrappingKeys::new().with(ServiceKey::new(service.clone(), here.clone(), &*first));
    let message = message::encrypt(&keys, &options, &file, &SystemRandom, &Call::default())?;
    println!("encrypted here: {} bytes", message.len());

    // In the other region neither the file opens nor any ciphertext of the key: it is not to be had there.
    let elsewhere = WrappingKeys::new().with(ServiceKey::new(service.clone(), there.clone(), &*first));
    let refusal = message::decrypt(&elsewhere, &DecryptOptions::new(), &message, &Call::default());
    println!("opened there: {}", refusal.err().ok_or("the file opened in the wrong region")?);
    let plaintext = kms_core::Secret::copy_from(b"x").into();
    let encrypt = EncryptRequest { key_id: first.as_str().into(), plaintext, ..Default::default() };
    let ciphertext_blob = Some(service.call(&here, &encrypt)?.ciphertext_blob);
    let decrypt = DecryptRequest { ciphertext_blob, ..Default::default() };
    let refusal = service.call(&there, &decrypt).err().ok_or("the ciphertext opened in the wrong region")?;
    assert_eq!(refusal.exception(), Exception::AccessDenied);

    // Opened with the one, written under the other. The plaintext is only in this process, and wiped when it is dropped.
    let opened = message::decrypt(&keys, &DecryptOptions::new(), &message, &Call::default())?;
    let options = EncryptOptions::new(opened.header.context.clone());
    let keys = WrappingKeys::new().with(ServiceKey::new(service, there, &*second));
    let moved = message::encrypt(&keys, &options, opened.plaintext.expose(), &SystemRandom, &Call::default())?;
    println!("moved there: {} bytes", moved.len());

    // From now on the other region is enough.
    let read = message::decrypt(&keys, &DecryptOptions::new(), &moved, &Call::default())?;
    assert_eq!(read.plaintext.expose(), file);
    println!("opened there: {} bytes, for {}", file.len(), read.header.context.get("file").unwrap_or_default());
    Ok(())
}

//! Messages in the format of the AWS Encryption SDK.

use alloc::sync::Arc;
use alloc::vec::Vec;

use kms_core::message::{
    self, DecryptOptions, EncryptOptions, Header, KmsWrappingKey, Parsed, RawAesKey, WrappingKeys,
};
use kms_core::{Call, EncryptionContext, ErrorKind, Key, RandomSource, Secret};

use crate::known_answers::hex;
use crate::{Step, check, during};

/// Written by the AWS Encryption SDK for JavaScript under the raw AES key below: suite 0478, frames of 100 bytes.
const MESSAGE: &[u8] = include_bytes!("message.bin");
const KEY: [u8; 32] = hex("5de690a7e619549ed9e874f19055f9638f63d28306c692bc5895e6afe3da258d");
const PLAINTEXT: [u8; 65] = hex(concat!(
    "49eed9f896c0c30b1d4ad93f49bdfdad740c2b649bd6c5e970eeba7cc06f4bb80b3dacccf41b26",
    "b22da2251a9d83c0e41a5f3138d36ced2f493fa9d40d9177b0d1"
));

/// Reads what another implementation wrote.
pub(crate) fn read() -> Result<(), Step> {
    let failed = during(Step::Message);
    let key = RawAesKey::new("sh-raw", "aes-256", Secret::copy_from(&KEY)).map_err(&failed)?;
    let context = EncryptionContext::new([("tenant", "t-sh")]).map_err(&failed)?;
    let options = DecryptOptions::new().with_context(context);
    let opened = message::decrypt(&key, &options, MESSAGE, &Call::default()).map_err(&failed)?;
    check(opened.plaintext.expose() == PLAINTEXT, Step::Message)?;
    check(opened.header.context.get("region") == Some("eu-west-1"), Step::Message)
}

/// Writes under a key of a backend and a raw key, looks into the header, reads with either, and refuses a changed copy.
pub(crate) fn write(key: &Key, random: &Arc<dyn RandomSource>) -> Result<(), Step> {
    let failed = during(Step::Message);
    let raw = || RawAesKey::new("proof", "raw", Secret::copy_from(&KEY)).map_err(&failed);
    let kms = || KmsWrappingKey::new("arn:aws:kms:eu-west-1:111122223333:key/proof", key.clone()).map_err(&failed);
    let keys = WrappingKeys::new().with(kms()?).with(raw()?);
    let context = EncryptionContext::new([("tenant", "42")]).map_err(&failed)?;
    let (options, call) = (EncryptOptions::new(context).with_frame_len(64), Call::default());
    let plaintext: Vec<u8> = (0..200).collect();
    let mut message = message::encrypt(&keys, &options, &plaintext, random, &call).map_err(&failed)?;

    match Header::parse(&message).map_err(&failed)? {
        Parsed::Complete(header) => check(header.encrypted_data_keys.len() == 2, Step::Message)?,
        Parsed::Incomplete(_) => return Err(Step::Message),
    }
    let options = DecryptOptions::new();
    let opened = message::decrypt(&kms()?, &options, &message, &call).map_err(&failed)?;
    check(opened.plaintext.expose() == plaintext, Step::Message)?;
    let opened = message::decrypt(&raw()?, &options, &message, &call).map_err(&failed)?;
    check(opened.plaintext.expose() == plaintext, Step::Message)?;

    // The last byte is the final frame's tag.
    *message.last_mut().ok_or(Step::Message)? ^= 1;
    match message::decrypt(&keys, &options, &message, &call) {
        Err(error) => check(error.kind() == ErrorKind::Rejected, Step::Message),
        Ok(_) => Err(Step::Message),
    }
}

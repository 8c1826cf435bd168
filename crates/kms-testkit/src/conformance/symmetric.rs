//! SYMMETRIC_DEFAULT: what goes in comes out, under the same context only, and never twice in the same form.

use std::collections::BTreeSet;

use kms_core::{Call, EncryptionContext, Error, ErrorKind, blob};

use super::check::{At, Outcome, ensure, refused};
use super::run::{Made, Run};
use super::work::{context, equal, seal_and_open};

/// Plaintext lengths: none, around a block, around a hash, around the limit.
const LENGTHS: [usize; 7] = [0, 1, 16, 31, 32, 4095, blob::MAX_PLAINTEXT];
const SEALS: usize = 1000;
/// Where the nonce is in a blob of [`kms_core::blob`].
const NONCE: std::ops::Range<usize> = 22..38;

pub(super) fn run(run: &Run<'_, '_>) {
    let key = || run.shared(kms_core::KeySpec::SymmetricDefault, kms_core::KeyUsage::EncryptDecrypt);
    run.check("symmetric: plaintexts of 0 to 4,096 bytes come back under every context", "", || {
        for context in contexts()? {
            for len in LENGTHS.into_iter().filter(|&len| run.subject.takes(len)) {
                comes_back(&key()?, &context, len)
                    .at(format!("{len} bytes, context of {} bytes", context.aad().len()))?;
            }
        }
        Ok(())
    });
    run.check("symmetric: 4,097 bytes are InvalidInput", "", || {
        let too_long = vec![7; blob::MAX_PLAINTEXT + 1];
        refused(key()?.key().encrypt(&too_long, &context()?, &Call::default()), &[ErrorKind::InvalidInput])?;
        seal_and_open(&key()?.key(), b"the next one")
    });
    if let Some((lengths, reason)) = &run.subject.lengths {
        run.absent(format!("plaintexts and messages of other than {lengths:?} bytes"), reason);
        run.check("symmetric: a length that is declared not to be taken is InvalidInput", "", || {
            let outside = LENGTHS.into_iter().filter(|len| !lengths.contains(len));
            outside.into_iter().try_for_each(|len| {
                let answer = key()?.key().encrypt(&vec![7; len], &context()?, &Call::default());
                refused(answer, &[ErrorKind::InvalidInput]).at(format!("{len} bytes"))
            })
        });
    }
    run.check("symmetric: a wrong context is refused", "", || wrong_contexts(&key()?));
    run.check("symmetric: no nonce repeats in 1,000 ciphertexts", "", || {
        no_nonce_repeats(&key()?, run.subject.foreign_blobs.is_none())
    });
    run.check("symmetric: a ciphertext is of the declared format and names its key", "", || {
        names_its_key(&key()?, run.subject.foreign_blobs.as_deref())
    });
    run.check("symmetric: data keys of 1 to 1,024 bytes are fresh, and sealed", "", || data_keys(&key()?));
    if let Some(reason) = &run.subject.foreign_blobs {
        run.absent("ciphertexts in the format of kms_core::blob", reason);
    }
}

fn contexts() -> Result<[EncryptionContext; 4], Error> {
    let big = (0..8).map(|number| (format!("key {number}"), "v".repeat(1024 - 9)));
    let odd = [("", "empty key"), ("empty value", ""), ("имя", "значение"), ("nul", "a\0b")];
    Ok([EncryptionContext::empty(), context()?, EncryptionContext::new(big)?, EncryptionContext::new(odd)?])
}

fn comes_back(made: &Made, context: &EncryptionContext, len: usize) -> Outcome {
    let (key, call) = (made.key(), Call::default());
    let plaintext: Vec<u8> = (0..=u8::MAX).cycle().take(len).collect();
    let sealed = key.encrypt(&plaintext, context, &call)?;
    equal(&key.decrypt(sealed.as_bytes(), context, &call)?, &plaintext)?;
    let again = key.encrypt(&plaintext, context, &call)?;
    ensure(sealed != again, "two ciphertexts of one plaintext are equal")?;
    let shows = len >= 16 && sealed.as_bytes().windows(len).any(|window| window == plaintext);
    ensure(!shows, "the plaintext stands in the ciphertext")
}

fn wrong_contexts(made: &Made) -> Outcome {
    let right = EncryptionContext::new([("ab", "c"), ("tenant", "42")])?;
    let wrong: [&[(&str, &str)]; 8] = [
        &[],
        &[("tenant", "42")],
        &[("ab", "c")],
        &[("ab", "c"), ("tenant", "43")],
        &[("ab", "c"), ("Tenant", "42")],
        &[("a", "bc"), ("tenant", "42")],
        &[("ab", "c"), ("tenant", "42"), ("z", "")],
        &[("ab", "42"), ("tenant", "c")],
    ];
    let (key, call) = (made.key(), Call::default());
    let sealed = key.encrypt(b"payload", &right, &call)?;
    let (data_key, wrapped) = key.generate_data_key(32, &right, &call)?;
    for pairs in wrong {
        let context = EncryptionContext::new(pairs.iter().copied())?;
        for blob in [&sealed, &wrapped] {
            refused(key.decrypt(blob.as_bytes(), &context, &call), &[ErrorKind::Rejected]).at(format!("{pairs:?}"))?;
        }
        equal(&key.decrypt(sealed.as_bytes(), &right, &call)?, b"payload").at("after a refusal")?;
    }
    equal(&key.decrypt(wrapped.as_bytes(), &right, &call)?, data_key.expose())?;
    // A ciphertext without a context does not open under one either.
    let bare = key.encrypt(b"payload", &EncryptionContext::empty(), &call)?;
    refused(key.decrypt(bare.as_bytes(), &right, &call), &[ErrorKind::Rejected]).at("sealed without a context")
}

fn no_nonce_repeats(made: &Made, own_format: bool) -> Outcome {
    let (key, context, call) = (made.key(), context()?, Call::default());
    let mut seen = BTreeSet::new();
    for number in 0..SEALS {
        let sealed = key.encrypt(b"the same", &context, &call)?.into_bytes();
        let nonce = match own_format {
            true => sealed.get(NONCE).ok_or("a ciphertext too short for its nonce")?.to_vec(),
            false => sealed,
        };
        ensure(seen.insert(nonce), format!("the nonce of ciphertext {number} was there before"))?;
    }
    Ok(())
}

fn names_its_key(made: &Made, foreign: Option<&str>) -> Outcome {
    let sealed = made.key().encrypt(b"payload", &context()?, &Call::default())?;
    let (named, len) = (blob::material_id(sealed.as_bytes()), sealed.as_bytes().len());
    match (named, foreign) {
        (Ok(id), None) => {
            ensure(id == made.at.id(), format!("it names {id}, not {}", made.at.id()))?;
            ensure(len == b"payload".len() + 86, format!("a blob of {len} bytes"))
        }
        (Err(error), None) => Err(error).at("not a blob of kms_core::blob")?,
        // The service may have the same format, and names a key of its own.
        (Ok(id), Some(_)) => ensure(id != made.at.id(), "declared foreign, and yet a blob of this very key"),
        (Err(_), Some(_)) => Ok(()),
    }
}

fn data_keys(made: &Made) -> Outcome {
    let (key, context, call) = (made.key(), context()?, Call::default());
    for len in [1, 16, 24, 32, 64, 1024] {
        let (data_key, sealed) = key.generate_data_key(len, &context, &call).at(format!("{len} bytes"))?;
        ensure(data_key.len() == len, format!("{} bytes, not {len}", data_key.len()))?;
        equal(&key.decrypt(sealed.as_bytes(), &context, &call)?, data_key.expose()).at(format!("{len} bytes"))?;
        let (other, _) = key.generate_data_key(len, &context, &call)?;
        ensure(len < 16 || !other.ct_eq(data_key.expose()), "two data keys are equal")?;
    }
    for len in [0, 1025] {
        let answer = key.generate_data_key(len, &context, &call);
        refused(answer, &[ErrorKind::InvalidInput]).at(format!("{len} bytes"))?;
    }
    Ok(())
}

//! Symmetric ciphertexts that are not right: each is refused for what it is, and the next right one opens.

use kms_core::{Call, EncryptionContext, ErrorKind, Key, KeyId, KeySpec, KeyUsage, MaterialId, blob};

use super::check::{At, Fault, Outcome, refused};
use super::run::{Made, Run};
use super::work::{context, equal};

const FORGERIES: usize = 1000;
const PLAINTEXT: &[u8] = b"payload";
/// All that a forged blob may be called when nobody knows which byte means what.
const ANY: &[ErrorKind] = &[ErrorKind::IncorrectKey, ErrorKind::Malformed, ErrorKind::Rejected, ErrorKind::Unsupported];
const REJECTED: &[ErrorKind] = &[ErrorKind::Rejected];
const INCORRECT_KEY: &[ErrorKind] = &[ErrorKind::IncorrectKey];
const MALFORMED: &[ErrorKind] = &[ErrorKind::Malformed];
/// The shortest blob of [`kms_core::blob`].
const SHORTEST: usize = 86;

pub(super) fn run(run: &Run<'_, '_>) {
    let foreign = run.subject.foreign_blobs.is_some();
    let bench = || Bench::new(&run.shared(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt)?, foreign);
    run.check("forgery: every byte flipped alone is refused as what it is", "", || {
        let bench = bench()?;
        for index in 0..bench.sealed.len() {
            for mask in [0x01, 0x80] {
                let kinds = match index {
                    0 => MALFORMED,
                    1 => &[ErrorKind::Unsupported],
                    2..22 => INCORRECT_KEY,
                    _ => REJECTED,
                };
                bench.refuses(&flipped(&bench.sealed, index, mask), kinds).at(format!("byte {index} ^ {mask:#04x}"))?;
            }
        }
        Ok(())
    });
    run.check("forgery: every truncation is refused", "", || {
        let bench = bench()?;
        for len in 0..bench.sealed.len() {
            let kinds = if len < SHORTEST { MALFORMED } else { REJECTED };
            let cut: Vec<u8> = bench.sealed.iter().copied().take(len).collect();
            bench.refuses(&cut, kinds).at(format!("cut to {len} bytes"))?;
        }
        Ok(())
    });
    run.check("forgery: an extension is refused", "", || {
        let bench = bench()?;
        for extra in [0, 0xff] {
            bench.refuses(&[&*bench.sealed, &[extra]].concat(), REJECTED).at("longer by one byte")?;
        }
        let too_long = [&*bench.sealed, &[0; blob::MAX_BLOB]].concat();
        bench.refuses(&too_long, MALFORMED).at("longer than any blob")
    });
    run.check("forgery: bytes that were never a ciphertext are refused", "", || {
        let bench = bench()?;
        for byte in [0, 0xc1, 0xff] {
            for len in [1, 16, 100, blob::MAX_BLOB] {
                bench.refuses(&vec![byte; len], ANY).at(format!("{len} bytes of {byte:#04x}"))?;
            }
        }
        Ok(())
    });
    run.check("forgery: parts of two ciphertexts do not make one", "", || {
        let bench = bench()?;
        let other = bench.key.encrypt(PLAINTEXT, &bench.context, &Call::default())?.into_bytes();
        // Within the nonce, behind it, behind the commitment, before the tag.
        for at in [30, 38, 70, bench.sealed.len() - 16] {
            let (head, tail) = (bench.sealed.iter().take(at), other.iter().skip(at));
            let spliced: Vec<u8> = head.chain(tail).copied().collect();
            bench.refuses(&spliced, REJECTED).at(format!("spliced at {at}"))?;
        }
        Ok(())
    });
    run.check("forgery: another key's ciphertext is refused", "", || another_key(run, &bench()?));
    if !foreign {
        run.check("forgery: another generation's ciphertext is IncorrectKey", "", || generations(run));
    }
    run.check("forgery: 1,000 bad ciphertexts in a row, then a good one", "", || {
        let bench = bench()?;
        for number in 0..FORGERIES {
            let index = bench.sealed.len() - 1 - number % 16;
            let mask = u8::try_from(number / 16 + 1).unwrap_or(u8::MAX);
            let answer = bench.key.decrypt(&flipped(&bench.sealed, index, mask), &bench.context, &Call::default());
            refused(answer, bench.allowed(REJECTED)).at(format!("forgery {number}"))?;
        }
        bench.opens()
    });
}

/// A key, and a ciphertext of it to be spoilt.
struct Bench {
    key: Key,
    context: EncryptionContext,
    sealed: Vec<u8>,
    foreign: bool,
}

impl Bench {
    fn new(made: &Made, foreign: bool) -> Result<Self, Fault> {
        let (key, context) = (made.key(), context()?);
        let sealed = key.encrypt(PLAINTEXT, &context, &Call::default())?.into_bytes();
        Ok(Self { key, context, sealed, foreign })
    }

    fn allowed(&self, kinds: &'static [ErrorKind]) -> &'static [ErrorKind] {
        if self.foreign { ANY } else { kinds }
    }

    fn opens(&self) -> Outcome {
        let opened = self.key.decrypt(&self.sealed, &self.context, &Call::default()).at("the right one after it")?;
        equal(&opened, PLAINTEXT)
    }

    /// It does not open, and the next right one does.
    fn refuses(&self, forged: &[u8], kinds: &'static [ErrorKind]) -> Outcome {
        refused(self.key.decrypt(forged, &self.context, &Call::default()), self.allowed(kinds))?;
        self.opens()
    }
}

pub(super) fn flipped(bytes: &[u8], index: usize, mask: u8) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let Some(byte) = bytes.get_mut(index) {
        *byte ^= mask;
    }
    bytes
}

fn another_key(run: &Run<'_, '_>, bench: &Bench) -> Outcome {
    let other = run.symmetric()?;
    let answer = other.key().decrypt(&bench.sealed, &bench.context, &Call::default());
    let kinds: &[_] = if bench.foreign { ANY } else { INCORRECT_KEY };
    refused(answer, kinds).at("as it is")?;
    if !bench.foreign {
        let mut renamed = bench.sealed.clone();
        if let Some(id) = renamed.get_mut(2..18) {
            id.copy_from_slice(other.at.id().key.as_bytes());
        }
        let answer = other.key().decrypt(&renamed, &bench.context, &Call::default());
        refused(answer, REJECTED).at("with the id of the key that is to open it")?;
    }
    let theirs = other.key().encrypt(PLAINTEXT, &bench.context, &Call::default())?;
    equal(&other.key().decrypt(theirs.as_bytes(), &bench.context, &Call::default())?, PLAINTEXT)?;
    bench.opens()
}

/// Two generations of one KMS key know each other's ciphertexts apart, and have material of their own.
fn generations(run: &Run<'_, '_>) -> Outcome {
    let (context, call) = (context()?, Call::default());
    let key = KeyId::random(&kms_core::SystemRandom)?;
    let make = |generation| {
        let at = run.place_of(MaterialId { key, generation });
        let made = run.backend().create(&at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &call)?;
        let key = Key::new(made);
        let sealed = key.encrypt(PLAINTEXT, &context, &call)?.into_bytes();
        Ok::<_, Fault>((key, sealed))
    };
    let (old, new) = (make(0)?, make(1)?);
    for ((key, own), (_, foreign)) in [(&old, &new), (&new, &old)] {
        refused(key.decrypt(foreign, &context, &call), INCORRECT_KEY)?;
        equal(&key.decrypt(own, &context, &call)?, PLAINTEXT)?;
        let mut renamed = foreign.clone();
        if let (Some(to), Some(from)) = (renamed.get_mut(18..22), own.get(18..22)) {
            to.copy_from_slice(from);
        }
        refused(key.decrypt(&renamed, &context, &call), REJECTED).at("with the other generation's number")?;
    }
    Ok(())
}

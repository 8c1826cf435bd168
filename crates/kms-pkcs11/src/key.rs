//! One master key in a token.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use cryptoki::object::{ObjectClass, ObjectHandle};
use kms_core::primitives::rsa::RsaPublicKey;
use kms_core::{
    Call, CiphertextBlob, EncryptionAlgorithm, EncryptionContext, Error, ErrorKind, KeyAgreementAlgorithm, KeyInfo,
    MacAlgorithm, MasterKey, Secret, SigningAlgorithm, SystemRandom, blob,
};
use parking_lot::{Mutex, RwLock};

use crate::fault::{Fault, Remedy};
use crate::nonces::Nonces;
use crate::object::Symmetric;
use crate::operation::rejecting;
use crate::point;
use crate::session::Connection;
use crate::token::{Attempt, Token};
use crate::wrapped::{Record, Roots};

mod there;

pub(crate) use there::Said;

/// Where a key is, and how to get at it again.
#[derive(Debug)]
pub(crate) enum Place {
    /// An object in the token.
    Object { label: Option<String>, id: Option<Vec<u8>>, class: ObjectClass },
    /// A record, verified when the key was opened.
    Wrapped { record: Box<Record>, roots: Arc<Roots> },
}

/// A handle, and the connection that it is good in.
#[derive(Debug)]
struct Held {
    connection: Weak<Connection>,
    epoch: u64,
    handle: ObjectHandle,
    /// What it is the handle of, if that was asked.
    said: Option<Said>,
}

/// What all `Pkcs11Key`s of one key share.
pub(crate) struct Shared {
    pub(crate) token: Arc<Token>,
    pub(crate) place: Place,
    pub(crate) symmetric: Option<Symmetric>,
    pub(crate) public_key: Option<Vec<u8>>,
    pub(crate) nonces: Option<Nonces>,
    held: RwLock<Option<Held>>,
    destroyed: AtomicBool,
    /// A ciphertext under this key that is known to be good, and what it was made with.
    known: Mutex<Option<Known>>,
}

#[derive(Clone)]
enum Known {
    Oaep(EncryptionAlgorithm, Vec<u8>),
    Gcm([u8; 12], Vec<u8>),
}

impl Shared {
    pub(crate) fn new(
        token: Arc<Token>,
        place: Place,
        symmetric: Option<Symmetric>,
        public_key: Option<Vec<u8>>,
        nonces: Option<Nonces>,
    ) -> Self {
        Self {
            token,
            place,
            symmetric,
            public_key,
            nonces,
            held: RwLock::new(None),
            destroyed: AtomicBool::new(false),
            known: Mutex::new(None),
        }
    }

    /// The key's handle, searched for or unwrapped if this connection has none yet.
    pub(crate) fn handle(&self, attempt: &Attempt<'_>) -> Result<ObjectHandle, Fault> {
        if self.destroyed.load(Ordering::Acquire) {
            return Err(absent().into());
        }
        let good = |held: &Option<Held>| {
            let held = held.as_ref().filter(|held| held.epoch == attempt.connection.epoch)?;
            Some(held.handle)
        };
        let there = good(&*self.held.try_read_until(attempt.deadline).ok_or_else(busy)?);
        if let Some(handle) = there {
            return Ok(handle);
        }
        let mut held = self.held.try_write_until(attempt.deadline).ok_or_else(busy)?;
        if let Some(handle) = good(&held) {
            return Ok(handle);
        }
        let handle = match &self.place {
            Place::Object { label, id, class } => {
                attempt.find_handle(label.as_deref(), id.as_deref(), *class)?.ok_or_else(absent)?
            }
            Place::Wrapped { record, roots } => {
                // Of the session that keeps the login: it lives as long as the connection.
                let keeper = attempt.connection.keeper(attempt.deadline)?;
                roots.load(&Attempt { session: &keeper, ..*attempt }, record)?
            }
        };
        let epoch = attempt.connection.epoch;
        *held = Some(Held { connection: Arc::downgrade(attempt.connection), epoch, handle, said: None });
        Ok(handle)
    }

    /// Takes over the handle of an object that was just found. It is good in the connection it was found in only: in
    /// another it may be that of another key.
    pub(crate) fn found(&self, epoch: u64, handle: ObjectHandle) {
        *self.held.write() = Some(Held { connection: Weak::new(), epoch, handle, said: None });
    }

    fn forget(&self, handle: ObjectHandle) {
        let mut held = self.held.write();
        if held.as_ref().is_some_and(|held| held.handle == handle) {
            *held = None;
        }
    }

    /// Makes every further use fail, and leaves the session object, if it is one, to be destroyed.
    pub(crate) fn end(&self) {
        self.destroyed.store(true, Ordering::Release);
        self.discard();
    }

    fn discard(&self) {
        let held = self.held.write().take();
        if let (Some(held), Place::Wrapped { .. }) = (held, &self.place) {
            // A connection that is gone took its session objects along.
            if let Some(connection) = held.connection.upgrade() {
                connection.discard(held.handle);
            }
        }
    }

    pub(crate) fn run<T: Send + 'static>(
        self: &Arc<Self>,
        call: &Call,
        work: impl Fn(Attempt<'_>, ObjectHandle) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Error> {
        let shared = self.clone();
        self.token.run(call, move |attempt| {
            let handle = shared.handle(&attempt)?;
            let outcome = work(attempt, handle);
            if let Err(Fault { remedy: Remedy::Handle, .. }) = &outcome {
                shared.forget(handle);
            }
            outcome
        })
    }

    fn known(
        &self,
        wanted: impl Fn(&Known) -> bool,
        make: impl FnOnce() -> Result<Known, Fault>,
    ) -> Result<Known, Fault> {
        if let Some(known) = self.known.lock().as_ref().filter(|known| wanted(known)) {
            return Ok(known.clone());
        }
        let known = make()?;
        *self.known.lock() = Some(known.clone());
        Ok(known)
    }

    fn good_oaep(&self, algorithm: EncryptionAlgorithm) -> Result<Vec<u8>, Fault> {
        let known = self.known(
            |known| matches!(known, Known::Oaep(of, _) if *of == algorithm),
            || {
                let hash = algorithm.oaep_hash().ok_or_else(|| Error::unsupported(algorithm.as_str()))?;
                let public = RsaPublicKey::from_spki(self.public_key.as_deref().unwrap_or_default())?;
                Ok(Known::Oaep(algorithm, public.encrypt_oaep(hash, b"known", &SystemRandom)?))
            },
        )?;
        if let Known::Oaep(_, ciphertext) = known {
            Ok(ciphertext)
        } else {
            Err(Error::new(ErrorKind::Internal).into())
        }
    }

    /// One AES-GCM encryption, counted.
    fn seal_counted(
        &self,
        attempt: &Attempt<'_>,
        key: ObjectHandle,
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<([u8; 12], Vec<u8>), Fault> {
        let nonces = self.nonces.as_ref().ok_or(ErrorKind::Internal).map_err(Error::from)?;
        let mut nonce = nonces.next()?;
        let sealed = attempt.seal_gcm(key, &mut nonce, aad, plaintext)?;
        Ok((nonce, sealed))
    }

    fn good_gcm(&self, attempt: &Attempt<'_>, key: ObjectHandle) -> Result<([u8; 12], Vec<u8>), Fault> {
        let known = self.known(
            |known| matches!(known, Known::Gcm(..)),
            || self.seal_counted(attempt, key, b"", b"").map(|(nonce, sealed)| Known::Gcm(nonce, sealed)),
        )?;
        if let Known::Gcm(nonce, sealed) = known {
            Ok((nonce, sealed))
        } else {
            Err(Error::new(ErrorKind::Internal).into())
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.discard();
    }
}

fn busy() -> Error {
    Error::with_detail(ErrorKind::TimedOut, "another thread is looking for the key in the token")
}

fn absent() -> Error {
    Error::with_detail(ErrorKind::KeyUnavailable, "the key is not in the token any more")
}

fn wrong_kind() -> Error {
    Error::new(ErrorKind::Unsupported)
}

/// A master key in a token: made there or brought in, sensitive and not extractable.
///
/// Symmetric keys seal with one HMAC in the token and AES-GCM here, or with both in the token where it has the KDF; the
/// bytes are the same. Operations are tried again when the connection was lost meanwhile; all of them may be.
#[derive(Clone)]
pub struct Pkcs11Key {
    info: KeyInfo,
    pub(crate) shared: Arc<Shared>,
}

impl Pkcs11Key {
    pub(crate) const fn new(info: KeyInfo, shared: Arc<Shared>) -> Self {
        Self { info, shared }
    }

    /// For an AES key that does AES-GCM itself: how many ciphertexts were counted under it, the nonces set aside by
    /// this and other processes included, and how many there may be. `None` for every other key, which has no bound.
    ///
    /// # Errors
    /// If the count cannot be read.
    pub fn nonces_used(&self) -> Result<Option<(u64, u64)>, Error> {
        self.shared.nonces.as_ref().map(|nonces| Ok((nonces.used()?, Nonces::MOST))).transpose()
    }

    /// Whether it is time to rotate: an AES key that does AES-GCM itself, three quarters of whose nonces are gone.
    ///
    /// # Errors
    /// As [`nonces_used`](Self::nonces_used).
    pub fn needs_rotation(&self) -> Result<bool, Error> {
        Ok(self.nonces_used()?.is_some_and(|(used, most)| used >= most / 4 * 3))
    }

    fn symmetric(&self) -> Result<Symmetric, Error> {
        self.shared.symmetric.ok_or_else(wrong_kind)
    }

    /// The HMAC that derives a blob's key.
    fn prf(&self, input: &[u8], call: &Call) -> Result<Secret, Error> {
        let input = input.to_vec();
        self.shared.run(call, move |attempt, key| attempt.mac(MacAlgorithm::HmacSha256, key, &input))
    }
}

impl MasterKey for Pkcs11Key {
    fn info(&self) -> &KeyInfo {
        &self.info
    }

    fn public_key(&self) -> Option<&[u8]> {
        self.shared.public_key.as_deref()
    }

    fn fill_random(&self, out: &mut [u8], call: &Call) -> Result<(), Error> {
        let len = out.len();
        let random = self.shared.token.run(call, move |attempt| {
            let mut random = Secret::zeroed(len);
            attempt.random(random.expose_mut())?;
            Ok(random)
        })?;
        out.copy_from_slice(random.expose());
        Ok(())
    }

    fn seal(&self, plaintext: &[u8], context: &EncryptionContext, call: &Call) -> Result<CiphertextBlob, Error> {
        let id = &self.info.id;
        match self.symmetric()? {
            Symmetric::Hmac => blob::seal(id, |input| self.prf(input, call), &SystemRandom, plaintext, context),
            Symmetric::Derive => blob::seal_inside(id, &SystemRandom, plaintext, context, |derivation, aad, padded| {
                let (input, aad, padded) = (derivation.fixed_input(), aad.to_vec(), Secret::copy_from(padded.expose()));
                self.shared.run(call, move |attempt, key| attempt.seal_derived(key, &input, &aad, padded.expose()))
            }),
            Symmetric::Direct => blob::seal_direct(id, plaintext, context, |aad, plaintext| {
                let (aad, plaintext) = (aad.to_vec(), Secret::copy_from(plaintext));
                let shared = self.shared.clone();
                self.shared.run(call, move |attempt, key| shared.seal_counted(&attempt, key, &aad, plaintext.expose()))
            }),
        }
    }

    fn open(&self, blob: &[u8], context: &EncryptionContext, call: &Call) -> Result<Secret, Error> {
        let id = &self.info.id;
        match self.symmetric()? {
            Symmetric::Hmac => blob::open(id, |input| self.prf(input, call), blob, context),
            Symmetric::Derive => blob::open_inside(id, blob, context, |derivation, aad, sealed| {
                let (input, aad, sealed) = (derivation.fixed_input(), aad.to_vec(), sealed.to_vec());
                self.shared.run(call, move |attempt, key| attempt.open_derived(key, &input, &aad, &sealed))
            }),
            Symmetric::Direct => blob::open_direct(id, blob, context, |aad, nonce, sealed| {
                let (aad, nonce, sealed) = (aad.to_vec(), *nonce, sealed.to_vec());
                let shared = self.shared.clone();
                self.shared.run(call, move |attempt, key| {
                    rejecting(
                        || attempt.open_gcm(key, &nonce, &aad, &sealed),
                        || {
                            let (nonce, good) = shared.good_gcm(&attempt, key)?;
                            attempt.open_gcm(key, &nonce, b"", &good).map(drop)
                        },
                    )
                })
            }),
        }
    }

    fn decrypt(&self, algorithm: EncryptionAlgorithm, ciphertext: &[u8], call: &Call) -> Result<Secret, Error> {
        if !self.info.algorithms.contains(algorithm) || !self.info.spec.is_rsa() {
            return Err(wrong_kind());
        }
        // Tokens have many answers to a ciphertext that is not below the modulus.
        let public = RsaPublicKey::from_spki(self.shared.public_key.as_deref().unwrap_or_default())?;
        if !public.is_in_range(ciphertext) {
            return Err(Error::rejected());
        }
        let ciphertext = ciphertext.to_vec();
        let shared = self.shared.clone();
        self.shared.run(call, move |attempt, key| {
            rejecting(
                || attempt.decrypt_oaep(algorithm, key, &ciphertext),
                || attempt.decrypt_oaep(algorithm, key, &shared.good_oaep(algorithm)?).map(drop),
            )
        })
    }

    fn sign_digest(&self, algorithm: SigningAlgorithm, digest: &[u8], call: &Call) -> Result<Vec<u8>, Error> {
        if !self.info.algorithms.contains(algorithm) {
            return Err(wrong_kind());
        }
        if digest.len() != algorithm.hash().output_len() {
            return Err(Error::invalid_input("the digest does not have the length of the algorithm's hash"));
        }
        let digest = digest.to_vec();
        self.shared.run(call, move |attempt, key| attempt.sign(algorithm, key, &digest))
    }

    fn mac(&self, algorithm: MacAlgorithm, message: &[u8], call: &Call) -> Result<Secret, Error> {
        // A symmetric key could, and must not: its MACs are the keys of its ciphertexts.
        if !self.info.algorithms.contains(algorithm) {
            return Err(wrong_kind());
        }
        let message = Secret::copy_from(message);
        self.shared.run(call, move |attempt, key| attempt.mac(algorithm, key, message.expose()))
    }

    fn agree(&self, peer: &[u8], call: &Call) -> Result<Secret, Error> {
        let allowed = self.info.algorithms.contains(KeyAgreementAlgorithm::Ecdh);
        let len = self.info.spec.coordinate_len().filter(|_| allowed).ok_or_else(wrong_kind)?;
        let point = point::uncompressed(peer)?;
        self.shared.run(call, move |attempt, key| attempt.agree(key, &point, len))
    }
}

impl fmt::Debug for Pkcs11Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pkcs11Key").field(&self.info).finish()
    }
}

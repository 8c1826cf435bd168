//! What a key in a token costs over the token: `kms-pkcs11` and a bare `cryptoki` loop on the same token, in turn, at 1, 2
//! and 8 threads. Prints the median of the ratios of their times.
//!
//! The bare loop does what a program would write by hand: one session for each thread, the handle in a variable, and for
//! a symmetric key one HMAC in the token and AES-GCM outside, or the KDF and AES-GCM inside where the backend does that. It
//! heals nothing, and checks nothing.
//!
//! With `--at-least RATIO` as an argument it fails if a median is below. With `--soak N` it runs N requests on one
//! backend instead, and prints sessions and resident memory before and after.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::std_instead_of_alloc,
    reason = "a benchmark with an operating system under it stops at the first surprise"
)]

use core::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use cryptoki::mechanism::aead::GcmParams;
use cryptoki::mechanism::kbkdf::{
    Endianness, KbkdfCounterFormat, KbkdfDkmLengthFormat, KbkdfDkmLengthMethod, KbkdfParams, PrfDataParam,
    PrfDataParamType,
};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use cryptoki::types::Ulong;
use kms_core::primitives::aead::AesGcm;
use kms_core::{
    Backend, Call, EncryptionContext, Key, KeyId, KeySpec, KeyUsage, MessageType, RandomSource, Secret,
    SigningAlgorithm, SystemRandom,
};
use kms_pkcs11::{Pkcs11Backend, Residency};
use test_tokens::Bare;

mod reach;

const PLAINTEXT: [u8; 32] = [7; 32];
const DIGEST: [u8; 32] = [9; 32];

/// One operation on both sides.
struct Case<'a> {
    name: &'static str,
    /// How often it runs in one round, all threads together.
    times: usize,
    ours: Box<dyn Fn() + Sync + 'a>,
    bare: Box<dyn Fn(&Session) + Sync + 'a>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str| {
        let found = arguments.windows(2).find(|pair| pair[0] == name);
        found.map(|pair| pair[1].parse::<f64>().unwrap())
    };
    let timed = arguments.iter().any(|argument| argument == "--bench");
    let mut good = true;
    for (name, token) in [("SoftHSM", test_tokens::softhsm()), ("Kryoptic", test_tokens::kryoptic())] {
        let (backend, bare) = reach::reach(&token);
        if let Some(requests) = number("--soak") {
            soak(name, &backend, requests);
            continue;
        }
        for residency in [Residency::WrappedBlob, Residency::TokenObject] {
            let handles = Handles::new(&bare, residency);
            for case in cases(&backend, residency, &handles) {
                for threads in [1, 2, 8] {
                    let median = measure(&case, &bare, threads, if timed { 15 } else { 1 });
                    println!("{name}, {residency:?}, {}, {threads} threads: {median:.3} of the bare loop", case.name);
                    good &= number("--at-least").is_none_or(|wanted| median >= wanted);
                }
            }
        }
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The keys of the bare loop.
struct Handles {
    secret: ObjectHandle,
    p256: ObjectHandle,
    rsa: ObjectHandle,
}

impl Handles {
    fn new(bare: &Bare, residency: Residency) -> Self {
        let session = &bare.session;
        let token = Attribute::Token(residency == Residency::TokenObject);
        let secret = [
            token.clone(),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Sign(true),
            Attribute::Derive(true),
            Attribute::ValueLen(Ulong::try_from(32_usize).unwrap()),
        ];
        let private = [token.clone(), Attribute::Private(true), Attribute::Sensitive(true), Attribute::Sign(true)];
        let curve = Attribute::EcParams(vec![0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]);
        let bits = Attribute::ModulusBits(Ulong::try_from(2048_usize).unwrap());
        let pair = |mechanism: Mechanism<'_>, of| {
            let public = [token.clone(), Attribute::Verify(true), of];
            session.generate_key_pair(&mechanism, &public, &private).unwrap().1
        };
        Self {
            secret: session.generate_key(&Mechanism::GenericSecretKeyGen, &secret).unwrap(),
            p256: pair(Mechanism::EccKeyPairGen, curve),
            rsa: pair(Mechanism::RsaPkcsKeyPairGen, bits),
        }
    }
}

fn cases<'a>(backend: &Pkcs11Backend, residency: Residency, handles: &'a Handles) -> Vec<Case<'a>> {
    let create = |spec, usage| {
        let id = KeyId::random(&SystemRandom).unwrap().into();
        let mut uri = backend.token().uri();
        if residency == Residency::TokenObject {
            uri.object = Some(format!("{id}"));
        }
        let at = kms_core::Locator::new(id, uri.to_string());
        Key::new(backend.create(&at, spec, usage, &Call::default()).unwrap())
    };
    let symmetric = create(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
    let opening = symmetric.clone();
    let (p256, rsa) =
        (create(KeySpec::EccNistP256, KeyUsage::SignVerify), create(KeySpec::Rsa2048, KeyUsage::SignVerify));
    let (call, context) = (Call::default(), EncryptionContext::empty());
    let inside = backend.capabilities(&call).unwrap().derives_inside;
    let bare = BareSymmetric { key: handles.secret, inside };
    let sealed = symmetric.encrypt(&PLAINTEXT, &context, &call).unwrap().into_bytes();
    let bare_sealed = sealed.clone();
    let signs = |key: Key, algorithm| {
        move || drop(black_box(key.sign(algorithm, MessageType::Digest, &DIGEST, &Call::default()).unwrap()))
    };
    let pss = PkcsPssParams {
        hash_alg: MechanismType::SHA256,
        mgf: PkcsMgfType::MGF1_SHA256,
        s_len: Ulong::try_from(32_usize).unwrap(),
    };
    vec![
        Case {
            name: "encrypt",
            times: 1600,
            ours: Box::new({
                let (call, context) = (call.clone(), context.clone());
                move || drop(black_box(symmetric.encrypt(&PLAINTEXT, &context, &call).unwrap()))
            }),
            bare: Box::new(move |session| bare.encrypt(session)),
        },
        Case {
            name: "decrypt",
            times: 1600,
            ours: Box::new(move || drop(black_box(opening.decrypt(&sealed, &context, &call).unwrap()))),
            bare: Box::new(move |session| bare.decrypt(session, &bare_sealed)),
        },
        Case {
            name: "sign ECDSA P-256",
            times: 800,
            ours: Box::new(signs(p256, SigningAlgorithm::EcdsaSha256)),
            bare: Box::new(|session| drop(black_box(session.sign(&Mechanism::Ecdsa, handles.p256, &DIGEST).unwrap()))),
        },
        Case {
            name: "sign RSA-2048 PSS",
            times: 160,
            ours: Box::new(signs(rsa, SigningAlgorithm::RsassaPssSha256)),
            bare: Box::new(move |session| {
                drop(black_box(session.sign(&Mechanism::RsaPkcsPss(pss), handles.rsa, &DIGEST).unwrap()));
            }),
        },
    ]
}

/// What the token does for one ciphertext of a symmetric key: an HMAC, and AES-GCM outside; or, where the backend has it
/// so, the KDF and AES-GCM inside.
#[derive(Clone, Copy)]
struct BareSymmetric {
    key: ObjectHandle,
    inside: bool,
}

impl BareSymmetric {
    fn encrypt(self, session: &Session) {
        let mut buffer = [0; 134];
        SystemRandom.fill(&mut buffer[22..38]).unwrap();
        let (header, body) = buffer.split_at_mut(38);
        if self.inside {
            self.derived(session, header, |session, key| {
                drop(black_box(session.encrypt(&gcm(&mut [0; 12], header), key, &body[..64]).unwrap()));
            });
        } else {
            let cipher = self.cipher(session, header);
            black_box(cipher.seal_in_place(&[0; 12], header, &mut body[..64]).unwrap());
        }
    }

    /// What it opens is not sealed: the work is the same up to the comparison of the tag.
    fn decrypt(self, session: &Session, sealed: &[u8]) {
        let (header, body) = sealed.split_at(38);
        if self.inside {
            self.derived(session, header, |session, key| {
                black_box(session.decrypt(&gcm(&mut [0; 12], header), key, body).unwrap_err());
            });
        } else {
            let mut buffer = [0; 64];
            buffer.copy_from_slice(&body[..64]);
            let cipher = self.cipher(session, header);
            black_box(cipher.open_in_place(&[0; 12], header, &mut buffer, &[0; 16]).unwrap_err());
        }
    }

    /// An HMAC of as many bytes as the KDF of a blob has.
    fn cipher(self, session: &Session, header: &[u8]) -> AesGcm {
        let mut input = [0; 84];
        input[..38].copy_from_slice(header);
        let derived = session.sign(&Mechanism::Sha256Hmac, self.key, &input).unwrap();
        AesGcm::new(Secret::from(derived).expose()).unwrap()
    }

    fn derived(self, session: &Session, header: &[u8], work: impl FnOnce(&Session, ObjectHandle)) {
        let mut input = [0; 76];
        input[..38].copy_from_slice(header);
        let width = 32.try_into().unwrap();
        let counter = KbkdfCounterFormat::new(Endianness::Big, width);
        let length = KbkdfDkmLengthFormat::new(KbkdfDkmLengthMethod::SumOfKeys, Endianness::Big, width);
        let data = [
            PrfDataParam::new(PrfDataParamType::IterationVariable(Some(&counter))),
            PrfDataParam::new(PrfDataParamType::ByteArray(&input)),
            PrfDataParam::new(PrfDataParamType::DkmLength(&length)),
        ];
        let mechanism = Mechanism::KbkdfCounter(KbkdfParams::new(MechanismType::SHA256_HMAC, &data, None));
        let template = [
            Attribute::Token(false),
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
            Attribute::ValueLen(Ulong::try_from(32_usize).unwrap()),
        ];
        let key = session.derive_key(&mechanism, self.key, &template).unwrap();
        work(session, key);
        session.destroy_object(key).unwrap();
    }
}

fn gcm<'a>(nonce: &'a mut [u8; 12], aad: &'a [u8]) -> Mechanism<'a> {
    let tag_bits: cryptoki_sys::CK_ULONG = 128;
    Mechanism::AesGcm(GcmParams::new(nonce, aad, tag_bits.into()).unwrap())
}

/// The median of the bare side's time divided by ours.
fn measure(case: &Case<'_>, bare: &Bare, threads: usize, rounds: usize) -> f64 {
    let each = if rounds == 1 { 1 } else { case.times / threads };
    let ours = || timed(threads, |_| (0..each).for_each(|_| (case.ours)()), || ());
    let theirs = || {
        timed(
            threads,
            |session: Session| (0..each).for_each(|_| (case.bare)(&session)),
            || bare.pkcs11.open_rw_session(bare.slot).unwrap(),
        )
    };
    let mut ratios: Vec<f64> = (0..=rounds)
        .map(|round| {
            let (a, b) = if round.is_multiple_of(2) {
                let ours = ours();
                (ours, theirs())
            } else {
                let theirs = theirs();
                (ours(), theirs)
            };
            b / a
        })
        .skip(1) // The first round warms up.
        .collect();
    ratios.sort_by(f64::total_cmp);
    ratios[ratios.len() / 2]
}

/// Seconds that `threads` threads take, each with what `make` made for it before.
fn timed<T: Send>(threads: usize, work: impl Fn(T) + Sync, make: impl Fn() -> T) -> f64 {
    let made: Vec<T> = (0..threads).map(|_| make()).collect();
    let start = Instant::now();
    std::thread::scope(|scope| {
        for one in made {
            scope.spawn(|| work(one));
        }
    });
    start.elapsed().as_secs_f64()
}

/// Many requests, and what they leave behind.
fn soak(name: &str, backend: &Pkcs11Backend, requests: f64) {
    let (call, context) = (Call::default(), EncryptionContext::empty());
    let at = backend.locator(KeyId::random(&SystemRandom).unwrap().into());
    drop(backend.create(&at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &call).unwrap());
    let mut done = 0.0;
    let mut first = None;
    while done < requests {
        // Opened anew every thousand requests.
        let key = Key::new(backend.open(&at, &call).unwrap());
        for _ in 0..500 {
            let sealed = key.encrypt(&PLAINTEXT, &context, &call).unwrap();
            drop(key.decrypt(sealed.as_bytes(), &context, &call).unwrap());
        }
        done += 1000.0;
        if first.is_none() && done >= requests / 10.0 {
            first = Some((backend.token().sessions(), resident()));
        }
    }
    let (sessions, memory) = first.unwrap_or_default();
    println!(
        "{name}: after a tenth of {done} requests {sessions} sessions and {memory} KiB resident, after all {} and {} KiB",
        backend.token().sessions(),
        resident()
    );
}

/// Resident memory in KiB, where the system tells.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

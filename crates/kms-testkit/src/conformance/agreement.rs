//! MACs and ECDH: what two parties compute is the same.

use kms_core::primitives::ecc::EccPrivateKey;
use kms_core::{
    Algorithm, Call, ErrorKind, Key, KeyAgreementAlgorithm, KeySpec, MacAlgorithm, PublicKey, SystemRandom,
};

use super::check::{At, Outcome, ensure, refused};
use super::run::{Made, Run};
use super::subject::Subject;
use super::work::{equal, shared_with};

pub(super) fn run(run: &Run<'_, '_>) {
    for (spec, usage) in run.subject.pairs() {
        for algorithm in run.subject.advertised(spec, usage).iter() {
            let key = || run.shared(spec, usage);
            match algorithm {
                Algorithm::Mac(algorithm) => {
                    run.check("mac: a code is that of its key, its message and no other", algorithm, || {
                        mac(run.subject, &key()?, &run.create(spec, usage)?.key(), algorithm)
                    });
                }
                Algorithm::KeyAgreement(KeyAgreementAlgorithm::Ecdh) => {
                    run.check("ecdh: software agrees on the same secret", spec, || agrees(&key()?.key()));
                    run.check("ecdh: a secret that begins with a zero byte keeps its length", spec, || {
                        leading_zero(&key()?.key())
                    });
                    run.check("ecdh: two keys of the backend agree", spec, || {
                        let (ours, theirs) = (key()?.key(), run.create(spec, usage)?.key());
                        let call = Call::default();
                        let secret = ours.derive_shared_secret(&theirs.public_key()?, &call)?;
                        equal(&secret, theirs.derive_shared_secret(&ours.public_key()?, &call)?.expose())
                    });
                    run.check("ecdh: a peer on another curve is InvalidInput", spec, || other_curves(&key()?.key()));
                }
                _ => {}
            }
        }
    }
}

fn mac(subject: &Subject<'_>, made: &Made, other: &Key, algorithm: MacAlgorithm) -> Outcome {
    let (key, call) = (made.key(), Call::default());
    let lengths = [0, 1, 63, 64, 65, 127, 128, 129, 4095, 4096, 100_000];
    // A message of one byte more is tried, too.
    for len in lengths.into_iter().filter(|len| subject.takes(*len) && subject.takes(len + 1)) {
        let message = vec![7; len];
        let mac = key.generate_mac(algorithm, &message, &call).at(format!("{len} bytes"))?;
        let expected = algorithm.hash().output_len();
        ensure(mac.len() == expected, format!("{} bytes, not {expected}", mac.len()))?;
        equal(&key.generate_mac(algorithm, &message, &call)?, mac.expose()).at("the second time")?;
        key.verify_mac(algorithm, &message, mac.expose(), &call)?;
        let longer = [&*message, &[7]].concat();
        refused(key.verify_mac(algorithm, &longer, mac.expose(), &call), &[ErrorKind::Rejected])
            .at(format!("{len} bytes, and one more"))?;
        refused(other.verify_mac(algorithm, &message, mac.expose(), &call), &[ErrorKind::Rejected])
            .at("under another key")?;
    }
    Ok(())
}

fn agrees(key: &Key) -> Outcome {
    for _ in 0..8 {
        let peer = EccPrivateKey::generate(key.info().spec, &SystemRandom)?;
        let secret = key.derive_shared_secret(&PublicKey::from(peer.public_key()), &Call::default())?;
        equal(&secret, shared_with(&peer, &key.public_key()?)?.expose())?;
    }
    Ok(())
}

/// One in 256 does: peers are tried in software, which knows their half, until one is found.
fn leading_zero(key: &Key) -> Outcome {
    let public = key.public_key()?;
    for _ in 0..10_000 {
        let peer = EccPrivateKey::generate(key.info().spec, &SystemRandom)?;
        let expected = shared_with(&peer, &public)?;
        if expected.expose().first() == Some(&0) {
            let secret = key.derive_shared_secret(&PublicKey::from(peer.public_key()), &Call::default())?;
            return equal(&secret, expected.expose());
        }
    }
    ensure(false, "none of 10,000 secrets begins with a zero byte")
}

fn other_curves(key: &Key) -> Outcome {
    for curve in KeySpec::ALL.iter().copied().filter(|spec| spec.is_ecc() && *spec != key.info().spec) {
        let peer = PublicKey::from(EccPrivateKey::generate(curve, &SystemRandom)?.public_key());
        let answer = key.derive_shared_secret(&peer, &Call::default());
        refused(answer, &[ErrorKind::InvalidInput]).at(curve)?;
    }
    Ok(())
}

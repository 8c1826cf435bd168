//! What a backend advertises, against what it was said to lack and what it does.

use kms_core::primitives::ecc::EccPrivateKey;
use kms_core::{
    Algorithm, AlgorithmSet, Call, EncryptionAlgorithm, ErrorKind, KeyAgreementAlgorithm, KeySpec, KeyUsage,
    MacAlgorithm, PublicKey, SigningAlgorithm, SystemRandom,
};

use super::check::{At, Outcome, ensure, refused};
use super::run::{Made, Run};
use super::work::{context, works};

const UNSUPPORTED: &[ErrorKind] = &[ErrorKind::Unsupported];

pub(super) fn run(run: &Run<'_, '_>) {
    advertised(run);
    for &spec in KeySpec::ALL {
        for &usage in KeyUsage::ALL {
            if run.subject.advertised(spec, usage).is_empty() {
                run.check("create: what is not advertised is Unsupported", format!("{spec} {usage}"), || {
                    let at = run.place()?;
                    refused(run.backend().create(&at, spec, usage, &Call::default()), UNSUPPORTED)?;
                    refused(run.backend().open(&at, &Call::default()), &[ErrorKind::KeyUnavailable]).at("after it")
                });
            }
        }
    }
    for (spec, usage) in run.subject.pairs() {
        let on = format!("{spec} {usage}");
        run.check("info: a key is what was asked for", &on, || is_what_was_asked(run, spec, usage));
        run.check("algorithms: every one that is advertised works", &on, || works(&run.shared(spec, usage)?.key()));
        run.check("algorithms: every other is Unsupported", &on, || lacks_the_others(&run.shared(spec, usage)?));
    }
}

fn advertised(run: &Run<'_, '_>) {
    let (subject, supported) = (run.subject, run.backend().supported());
    let everything = || {
        let pairs = KeySpec::ALL.iter().flat_map(|&spec| KeyUsage::ALL.iter().map(move |&usage| (spec, usage)));
        pairs.flat_map(|(spec, usage)| AlgorithmSet::of(spec, usage).iter().map(move |one| (spec, usage, one)))
    };
    run.check("supported: SYMMETRIC_DEFAULT is there", "", || {
        let algorithms = subject.advertised(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
        ensure(algorithms.contains(EncryptionAlgorithm::SymmetricDefault), "not advertised")
    });
    run.check("supported: each key spec and usage is there once, with the algorithms it can have", "", || {
        for (index, one) in supported.iter().enumerate() {
            let (spec, usage) = (one.spec, one.usage);
            let twice = supported.iter().skip(index + 1).any(|other| other.spec == spec && other.usage == usage);
            ensure(!twice, format!("{spec} {usage} is there twice"))?;
            ensure(!one.algorithms.is_empty(), format!("{spec} {usage} is there without an algorithm"))?;
            let allowed = AlgorithmSet::of(spec, usage);
            if let Some(extra) = one.algorithms.iter().find(|&one| !allowed.contains(one)) {
                return Err(format!("{extra} is not an algorithm of {spec} keys for {usage}").into());
            }
        }
        Ok(())
    });
    for (spec, usage, algorithm) in everything() {
        let there = subject.advertised(spec, usage).contains(algorithm);
        let declared = subject.lacks.iter().find(|lack| lack.covers(spec, usage, algorithm));
        let on = || format!("{spec} {usage} {algorithm}");
        if !there {
            run.check("supported: what is missing is declared with its reason", on(), || {
                ensure(declared.is_some(), "neither advertised nor declared absent")
            });
        }
        if let Some(lack) = declared {
            run.check("supported: what is declared absent is absent", on(), || {
                ensure(!there, format!("advertised, and declared absent: {}", lack.reason))
            });
        }
    }
    for lack in &subject.lacks {
        let covers = everything().any(|(spec, usage, algorithm)| lack.covers(spec, usage, algorithm));
        run.check("supported: what is declared absent is something AWS KMS has", lack.what(), || {
            ensure(covers, "AWS KMS has no such thing either")
        });
        run.absent(lack.what(), &lack.reason);
    }
}

fn is_what_was_asked(run: &Run<'_, '_>, spec: KeySpec, usage: KeyUsage) -> Outcome {
    let made = run.shared(spec, usage)?;
    let info = made.master.info();
    ensure(info.id == made.at.id(), format!("its id is {}, not that of its locator, {}", info.id, made.at.id()))?;
    ensure(info.spec == spec && info.usage == usage, format!("a {} key for {}", info.spec, info.usage))?;
    let advertised = run.subject.advertised(spec, usage);
    ensure(info.algorithms == advertised, format!("{:?}, not {advertised:?} as advertised", info.algorithms))?;
    match made.master.public_key() {
        None => ensure(!spec.is_asymmetric(), "no public key"),
        Some(_) if !spec.is_asymmetric() => Err("a public key".into()),
        Some(der) => {
            let found = PublicKey::from_spki_der(der).at("its SubjectPublicKeyInfo")?.spec();
            ensure(found == spec, format!("its public key is a {found} key"))
        }
    }
}

/// The bare [`MasterKey`](kms_core::MasterKey) is asked: [`Key`](kms_core::Key) would not let these pass.
fn lacks_the_others(made: &Made) -> Outcome {
    let (master, call) = (&*made.master, Call::default());
    let (info, context) = (master.info(), context()?);
    let lacks = |algorithm: Algorithm| !info.algorithms.contains(algorithm);
    if lacks(EncryptionAlgorithm::SymmetricDefault.into()) {
        refused(master.seal(b"x", &context, &call), UNSUPPORTED).at("seal")?;
        refused(master.open(&[0xc1; 100], &context, &call), UNSUPPORTED).at("open")?;
        refused(master.generate_data_key(32, &context, &call), UNSUPPORTED).at("generate_data_key")?;
    }
    for &one in EncryptionAlgorithm::ALL {
        // SYMMETRIC_DEFAULT is not an algorithm of `decrypt`, whatever the key.
        if one == EncryptionAlgorithm::SymmetricDefault || lacks(one.into()) {
            refused(master.decrypt(one, &[0; 256], &call), UNSUPPORTED).at(format!("decrypt with {one}"))?;
        }
    }
    for &one in SigningAlgorithm::ALL {
        if lacks(one.into()) {
            let digest = vec![7; one.hash().output_len()];
            refused(master.sign_digest(one, &digest, &call), UNSUPPORTED).at(format!("sign_digest with {one}"))?;
        }
    }
    for &one in MacAlgorithm::ALL {
        if lacks(one.into()) {
            refused(master.mac(one, b"x", &call), UNSUPPORTED).at(format!("mac with {one}"))?;
        }
    }
    if lacks(KeyAgreementAlgorithm::Ecdh.into()) {
        let curve = if info.spec.is_ecc() { info.spec } else { KeySpec::EccNistP256 };
        let peer = EccPrivateKey::generate(curve, &SystemRandom)?.public_key().to_spki()?;
        refused(master.agree(&peer, &call), UNSUPPORTED).at("agree")?;
    }
    Ok(())
}

//! Making, finding and destroying keys.

use kms_core::{Call, ErrorKind, Key, KeyId, KeySpec, KeyUsage, MaterialId, SystemRandom};

use super::check::{At, Fault, Outcome, ensure, refused};
use super::run::{Made, Run};
use super::work::{Mark, works};

const SYMMETRIC: (KeySpec, KeyUsage) = (KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);
const KEY_UNAVAILABLE: &[ErrorKind] = &[ErrorKind::KeyUnavailable];

pub(super) fn run(run: &Run<'_, '_>) {
    run.check("health: the backend answers", "", || Ok(run.backend().health(&Call::default())?));
    run.check("locate: one id has one place, and the place the id", "", || {
        let id = KeyId::random(&SystemRandom)?.into();
        let (first, again) = (run.place_of(id), run.place_of(id));
        ensure(first == again && first.id() == id, format!("{first:?} and {again:?} for {id}"))
    });
    run.check("open: an absent key is KeyUnavailable", "", || {
        refused(run.backend().open(&run.place()?, &Call::default()), KEY_UNAVAILABLE)
    });
    // SYMMETRIC_DEFAULT is tried even if it is not advertised: no backend is without it.
    let mut pairs = run.subject.pairs();
    if !pairs.contains(&SYMMETRIC) {
        pairs.push(SYMMETRIC);
    }
    for &(spec, usage) in &pairs {
        let on = format!("{spec} {usage}");
        run.check("create: the same locator gives the same key", &on, || {
            let made = run.shared(spec, usage)?;
            let mark = Mark::of(&*made.master)?;
            let again = run.backend().create(&made.at, spec, usage, &Call::default())?;
            mark.is_of(&*again)?;
            works(&Key::new(again))
        });
        run.check("open: finds what create made", &on, || {
            let made = run.shared(spec, usage)?;
            let found = run.backend().open(&made.at, &Call::default())?;
            ensure(found.info() == made.master.info(), format!("found {:?}", found.info()))?;
            Mark::of(&*made.master)?.is_of(&*found)?;
            works(&Key::new(found))
        });
        run.check("create: another spec or usage at the locator is InvalidInput", &on, || {
            let made = run.shared(spec, usage)?;
            let mark = Mark::of(&*made.master)?;
            for &(other_spec, other_usage) in pairs.iter().filter(|&&other| other != (spec, usage)) {
                let answer = run.backend().create(&made.at, other_spec, other_usage, &Call::default());
                refused(answer, &[ErrorKind::InvalidInput]).at(format!("{other_spec} {other_usage}"))?;
            }
            mark.is_of(&*run.backend().open(&made.at, &Call::default())?)
        });
        if !run.subject.is_slow(spec) {
            run.check("destroy: the key is gone, and what was opened before is as declared", &on, || {
                destroyed(run, &run.create(spec, usage)?)
            });
        }
    }
    run.check("destroy: a key that is not there is destroyed", "", || {
        let at = run.place()?;
        run.backend().destroy(&at, &Call::default())?;
        Ok(run.backend().destroy(&at, &Call::default())?)
    });
    run.check("destroy: nothing at the locator opens what the key sealed", "", || {
        let made = run.symmetric()?;
        let mark = Mark::of(&*made.master)?;
        run.backend().destroy(&made.at, &Call::default())?;
        // Whether the place can be used again is the backend's affair.
        match run.backend().create(&made.at, SYMMETRIC.0, SYMMETRIC.1, &Call::default()) {
            Ok(new) => {
                ensure(mark.is_of(&*new).is_err(), "the destroyed key is back")?;
                works(&Key::new(new))
            }
            Err(error) => ensure(!error.is_transient(), format!("{error:?}")),
        }
    });
    run.check("destroy: the neighbours stay", "", || neighbours(run));
    if let Some(reason) = &run.subject.destroyed_usable {
        run.absent("the end of handles when their key is destroyed", reason);
    }
}

fn destroyed(run: &Run<'_, '_>, made: &Made) -> Outcome {
    let (backend, call) = (run.backend(), Call::default());
    let mark = Mark::of(&*made.master)?;
    works(&made.key())?;
    backend.destroy(&made.at, &call)?;
    refused(backend.open(&made.at, &call), KEY_UNAVAILABLE).at("open")?;
    backend.destroy(&made.at, &call).at("the second time")?;
    match &run.subject.destroyed_usable {
        Some(_) => {
            mark.is_of(&*made.master).at("declared usable through handles from before")?;
            works(&made.key()).at("declared usable through handles from before")
        }
        None => uses_no_more(made),
    }
}

fn uses_no_more(made: &Made) -> Outcome {
    use kms_core::Algorithm;
    use kms_core::primitives::ecc::EccPrivateKey;
    let (master, call, context) = (&*made.master, Call::default(), super::work::context()?);
    for algorithm in master.info().algorithms.iter() {
        match algorithm {
            Algorithm::Encryption(one) if one.oaep_hash().is_none() => {
                refused(master.seal(b"x", &context, &call), KEY_UNAVAILABLE)
            }
            Algorithm::Encryption(one) => {
                let sealed = made.key().public_key()?.encrypt(one, b"x", &SystemRandom)?;
                refused(master.decrypt(one, &sealed, &call), KEY_UNAVAILABLE)
            }
            Algorithm::Signing(one) => {
                refused(master.sign_digest(one, &vec![7; one.hash().output_len()], &call), KEY_UNAVAILABLE)
            }
            Algorithm::Mac(one) => refused(master.mac(one, b"x", &call), KEY_UNAVAILABLE),
            Algorithm::KeyAgreement(_) => {
                let peer = EccPrivateKey::generate(master.info().spec, &SystemRandom)?.public_key().to_spki()?;
                refused(master.agree(&peer, &call), KEY_UNAVAILABLE)
            }
            other => Err(format!("{other}: not an algorithm of this version of the suite").into()),
        }
        .at(format!("{algorithm} through a handle from before"))?;
    }
    Ok(())
}

/// The nearest neighbours there are: the generations before and behind of the same KMS key.
fn neighbours(run: &Run<'_, '_>) -> Outcome {
    let (backend, call) = (run.backend(), Call::default());
    let key = KeyId::random(&SystemRandom)?;
    let make = |generation| {
        let at = run.place_of(MaterialId { key, generation });
        let master = backend.create(&at, SYMMETRIC.0, SYMMETRIC.1, &call)?;
        let mark = Mark::of(&*master)?;
        Ok::<_, Fault>((Made { at, master }, mark))
    };
    let (before, gone, behind) = (make(0)?, make(1)?, make(2)?);
    backend.destroy(&gone.0.at, &call)?;
    refused(backend.open(&gone.0.at, &call), KEY_UNAVAILABLE).at("the destroyed one")?;
    for (made, mark) in [&before, &behind] {
        mark.is_of(&*made.master).at("a handle of a neighbour")?;
        mark.is_of(&*backend.open(&made.at, &call).at("a neighbour")?).at("a neighbour, opened again")?;
    }
    Ok(())
}

//! Keys that were made elsewhere: what fits does what it did there, and what does not leaves nothing behind.

use kms_core::{Call, ErrorKind, KeyMaterial, KeySpec, KeyUsage, Secret};

use super::check::{At, Outcome, refused};
use super::known::Known;
use super::run::Run;
use super::work::Mark;

pub(super) fn run(run: &Run<'_, '_>) {
    if let Some(reason) = &run.subject.no_imports {
        run.absent("keys that were made elsewhere", reason);
    }
    for (spec, reason) in &run.subject.lacks_imports {
        run.absent(format!("{spec} keys that were made elsewhere"), reason);
    }
    for (spec, usage) in run.subject.pairs() {
        let on = format!("{spec} {usage}");
        if run.subject.no_import_of(spec).is_some() {
            run.check("import: what is declared not to be taken is Unsupported", &on, || {
                refuses(run, spec, usage, run.known(spec)?.material()?, &[ErrorKind::Unsupported])
            });
            continue;
        }
        run.check("import: the key does what software does with the same material", &on, || {
            does_the_same(run, spec, usage)
        });
        run.check("import: material that does not fit is InvalidInput, and leaves nothing behind", &on, || {
            does_not_fit(run, spec, usage)
        });
        run.check("import: an occupied locator is InvalidInput, and keeps its key", &on, || occupied(run, spec, usage));
    }
    if run.subject.no_imports.is_none() {
        run.check("import: what is not advertised is refused", "", || not_advertised(run));
    }
}

fn does_the_same(run: &Run<'_, '_>, spec: KeySpec, usage: KeyUsage) -> Outcome {
    let foreign = run.subject.foreign_blobs.is_some();
    let mut materials = vec![run.known(spec)?];
    if let Some(lengths) = spec.material_len()
        && lengths.start() != lengths.end()
    {
        materials.push(Known::raw(lengths.start() + 1)?.into());
        materials.push(Known::raw(*lengths.end())?.into());
    }
    for known in materials {
        let made = run.import(spec, usage, known.material()?)?;
        known.is_in(&made.key(), foreign, run.subject)?;
        let found = run.backend().open(&made.at, &Call::default())?;
        known.is_in(&found.into(), foreign, run.subject).at("opened again")?;
    }
    Ok(())
}

fn refuses(run: &Run<'_, '_>, spec: KeySpec, usage: KeyUsage, material: KeyMaterial, kinds: &[ErrorKind]) -> Outcome {
    let (at, call) = (run.place()?, Call::default());
    refused(run.backend().import(&at, spec, usage, material, &call), kinds)?;
    refused(run.backend().open(&at, &call), &[ErrorKind::KeyUnavailable]).at("after it")
}

fn does_not_fit(run: &Run<'_, '_>, spec: KeySpec, usage: KeyUsage) -> Outcome {
    let invalid = |what: &str, material| refuses(run, spec, usage, material, &[ErrorKind::InvalidInput]).at(what);
    let raw = |len: usize| KeyMaterial::Raw(Secret::from(vec![7; len]));
    let curve = if spec == KeySpec::EccNistP256 { KeySpec::EccNistP384 } else { KeySpec::EccNistP256 };
    let other_curve = run.known(curve)?;
    match spec.material_len() {
        Some(lengths) => {
            for len in [0, 1, lengths.start() - 1, lengths.end() + 1] {
                invalid(&format!("{len} bytes"), raw(len))?;
            }
            invalid("a private key", other_curve.material()?)
        }
        None => {
            invalid("raw bytes", raw(32))?;
            invalid("a key of another spec", other_curve.material()?)?;
            let size = if spec == KeySpec::Rsa2048 { KeySpec::Rsa3072 } else { KeySpec::Rsa2048 };
            invalid("an RSA key of another size", run.known(size)?.material()?)?;
            for der in [&b""[..], b"0", b"\x30\x03\x02\x01\x00", &[0xff; 64]] {
                let garbage = KeyMaterial::Pkcs8(Secret::copy_from(der));
                refuses(run, spec, usage, garbage, &[ErrorKind::Malformed]).at("what is no PKCS#8")?;
            }
            Ok(())
        }
    }
}

fn occupied(run: &Run<'_, '_>, spec: KeySpec, usage: KeyUsage) -> Outcome {
    let (made, call) = (run.shared(spec, usage)?, Call::default());
    let mark = Mark::of(&*made.master)?;
    let answer = run.backend().import(&made.at, spec, usage, run.known(spec)?.material()?, &call);
    refused(answer, &[ErrorKind::InvalidInput])?;
    mark.is_of(&*made.master).at("after it")?;
    mark.is_of(&*run.backend().open(&made.at, &call)?).at("after it, opened again")
}

/// A key spec and usage that do not go together, and one that the subject was said to lack.
fn not_advertised(run: &Run<'_, '_>) -> Outcome {
    let kinds = &[ErrorKind::Unsupported, ErrorKind::InvalidInput];
    for &usage in KeyUsage::ALL {
        for spec in [KeySpec::Hmac256, KeySpec::SymmetricDefault, KeySpec::EccSecgP256k1] {
            if run.subject.advertised(spec, usage).is_empty() {
                let material = run.known(spec)?.material()?;
                refuses(run, spec, usage, material, kinds).at(format!("{spec} {usage}"))?;
            }
        }
    }
    Ok(())
}

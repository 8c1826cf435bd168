//! What a backend shows of itself, searched for the bytes of keys that the suite knows.

use std::error::Error as _;

use base64ct::{Base64Unpadded, Base64UrlUnpadded, Encoding};
use kms_core::{Call, Error, KeyMaterial, KeySpec, KeyUsage, RandomSource, Secret, SystemRandom};

use super::check::{Fault, Outcome, ensure};
use super::run::{Made, Run};
use super::work::context;

/// How many bytes in a row are no accident.
const RUN: usize = 8;

pub(super) fn run(run: &Run<'_, '_>) {
    for (spec, usage) in run.subject.pairs() {
        if let Some(lengths) = spec.material_len()
            && run.subject.no_import_of(spec).is_none()
        {
            run.check("leaks: no text shows a key", format!("{spec} {usage}"), || {
                let secret = letters(*lengths.start())?;
                let texts = shown(run, spec, usage, &secret)?;
                texts.iter().try_for_each(|text| is_clean(text, secret.expose()))
            });
        }
    }
}

/// Random letters: bytes that a text can hold as they are.
fn letters(len: usize) -> Result<Secret, Error> {
    let mut secret = Secret::zeroed(len);
    SystemRandom.fill(secret.expose_mut())?;
    for byte in secret.expose_mut() {
        *byte = b'A' + *byte % 26 + if *byte >= 128 { 32 } else { 0 };
    }
    Ok(secret)
}

/// Everything there is to see about a key made of `secret`, errors on the way included.
fn shown(run: &Run<'_, '_>, spec: KeySpec, usage: KeyUsage, secret: &Secret) -> Result<Vec<String>, Fault> {
    let (backend, call, context) = (run.backend(), Call::default(), context()?);
    let raw = |bytes: &[u8]| KeyMaterial::Raw(Secret::copy_from(bytes));
    let made = run.import(spec, usage, raw(secret.expose()))?;
    let Made { at, master } = &made;
    let mut texts =
        vec![format!("{at} {at:?}"), format!("{:?} {:?}", made.key(), master.info()), format!("{:?}", &**master)];
    let mut fails = |error: Option<Error>| {
        if let Some(error) = error {
            texts.push(format!("{error} {error:?}"));
            let mut source = error.source();
            while let Some(error) = source {
                texts.push(format!("{error} {error:?}"));
                source = error.source();
            }
        }
    };
    let import = |at, spec, material| backend.import(at, spec, usage, material, &call).err();
    fails(import(at, spec, raw(secret.expose())));
    let fresh = run.place()?;
    fails(import(&fresh, spec, raw(&secret.expose().repeat(8))));
    fails(import(&fresh, spec, raw(secret.expose().get(1..).unwrap_or_default())));
    fails(import(&fresh, spec, KeyMaterial::Pkcs8(Secret::copy_from(secret.expose()))));
    fails(import(&fresh, KeySpec::EccNistP256, raw(secret.expose())));
    fails(import(&fresh, KeySpec::EccNistP256, KeyMaterial::Pkcs8(Secret::copy_from(secret.expose()))));
    fails(backend.create(at, KeySpec::Rsa2048, usage, &call).err());
    fails(master.open(b"not a blob", &context, &call).err());
    fails(master.seal(&[7; 10_000], &context, &call).err());
    fails(master.agree(b"not a key", &call).err());
    texts.extend(run.subject.shows.iter().flat_map(|shows| shows()));
    backend.destroy(at, &call)?;
    texts.extend(master.seal(b"x", &context, &call).err().map(|error| format!("{error} {error:?}")));
    Ok(texts)
}

fn is_clean(text: &str, secret: &[u8]) -> Outcome {
    for (form, needle) in forms(secret) {
        // Not the text itself: it holds the key.
        ensure(!text.contains(&needle), format!("a text of {} bytes holds key bytes as {form}", text.len()))?;
    }
    Ok(())
}

/// Every stretch of the secret, in the forms in which bytes get into texts.
fn forms(secret: &[u8]) -> Vec<(&'static str, String)> {
    let mut forms = Vec::new();
    for window in secret.windows(RUN) {
        let each = |one: fn(&u8) -> String, between: &str| window.iter().map(one).collect::<Vec<_>>().join(between);
        forms.push(("they are", String::from_utf8_lossy(window).into_owned()));
        forms.push(("hexadecimal digits", each(|byte| format!("{byte:02x}"), "")));
        forms.push(("hexadecimal digits", each(|byte| format!("{byte:02X}"), "")));
        forms.push(("hexadecimal digits with colons", each(|byte| format!("{byte:02x}"), ":")));
        forms.push(("a list of numbers", each(u8::to_string, ", ")));
        forms.push(("a list of numbers", each(u8::to_string, ",\n    ")));
        forms.push(("escapes", window.escape_ascii().to_string()));
    }
    // Nine bytes are twelve digits; a stretch may begin at each of the three places of a group.
    for window in secret.windows(RUN + 1) {
        forms.push(("base64", Base64Unpadded::encode_string(window)));
        forms.push(("base64url", Base64UrlUnpadded::encode_string(window)));
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_in_every_form_and_nothing_else_is() {
        let secret = *b"\x01secret key of 32 bytes \xfe\xff letters";
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        for text in [
            hex.to_uppercase(),
            hex,
            format!("{secret:?}"),
            format!("{secret:#?}"),
            secret.escape_ascii().to_string(),
            String::from_utf8_lossy(&secret).into_owned(),
            base64ct::Base64::encode_string(&secret),
            base64ct::Base64Url::encode_string(&secret[1..]),
            base64ct::Base64::encode_string(&[b"xx", &secret[3..]].concat()),
        ] {
            assert!(is_clean(&format!("key={text};"), &secret).is_err(), "{text}");
        }
        assert!(is_clean("SoftKey(KeyInfo { spec: SymmetricDefault, usage: EncryptDecrypt })", &secret).is_ok());
    }
}

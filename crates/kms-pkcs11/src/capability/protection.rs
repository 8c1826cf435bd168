//! What the protection of a key is worth: attempts to take one out that may not be.

use cryptoki::object::{Attribute, AttributeType};
use kms_core::MacAlgorithm;

use super::symmetric::{SYMMETRIC, wrapping_key};
use super::{Capabilities, asked};
use crate::fault::Fault;
use crate::template::Name;
use crate::token::Attempt;
use crate::wrap::WrapMechanism;

/// Tries to read, change, copy and wrap a key that was made sensitive and not extractable. An attempt counts as a
/// success if it gives the key's bytes, or a key whose bytes could be had.
pub(super) fn extraction(attempt: &Attempt<'_>, found: &mut Capabilities) -> Result<(), Fault> {
    let Ok(made) = asked(attempt.generate(SYMMETRIC, Name::NOBODY, false, found.optional))? else { return Ok(()) };
    let outcome = attempts(attempt, found, made.handle);
    attempt.unmake(&made);
    found.extraction = outcome?;
    Ok(())
}

fn attempts(
    attempt: &Attempt<'_>,
    found: &Capabilities,
    key: cryptoki::object::ObjectHandle,
) -> Result<Vec<(&'static str, bool)>, Fault> {
    let session = attempt.session;
    let mut outcomes = Vec::new();

    let read = asked(session.get_attributes(key, &[AttributeType::Value]).map_err(Fault::from))?;
    let has_value = |one: &Attribute| matches!(one, Attribute::Value(value) if !value.is_empty());
    outcomes.push(("read CKA_VALUE", read.is_ok_and(|values| values.iter().any(has_value))));

    let weaker = [
        (Attribute::Extractable(true), "make it extractable", "copy it as extractable"),
        (Attribute::Sensitive(false), "make it readable", "copy it as readable"),
    ];
    for (attribute, changing, copying) in weaker {
        let set = asked(session.update_attributes(key, core::slice::from_ref(&attribute)).map_err(Fault::from))?;
        outcomes.push((changing, set.is_ok()));
        let template = [Attribute::Token(false), attribute];
        let copy = asked(session.copy_object(key, &template).map_err(Fault::from))?;
        if let Ok(copy) = copy {
            session.destroy_object(copy)?;
        }
        outcomes.push((copying, copy.is_ok()));
    }

    if let Ok(under) = asked(wrapping_key(attempt, found.optional))? {
        let mut wrapped_out = false;
        for mechanism in WrapMechanism::ALL {
            let Ok(wrapped) = asked(attempt.wrap(mechanism, under.handle, key))? else { continue };
            // It counts only if what was wrapped is the key.
            let template = SYMMETRIC.secret(Name::NOBODY, true, found.optional);
            if let Ok(back) = asked(attempt.unwrap(mechanism, under.handle, &wrapped, &template))? {
                let of = |key| attempt.mac(MacAlgorithm::HmacSha256, key, b"the same?");
                if let (Ok(ours), Ok(theirs)) = (asked(of(key))?, asked(of(back))?) {
                    wrapped_out |= ours.ct_eq(theirs.expose());
                }
                session.destroy_object(back)?;
            }
        }
        attempt.unmake(&under);
        outcomes.push(("wrap it under a key made for that", wrapped_out));
    }
    Ok(outcomes)
}

//! Handles of objects that change.

use cryptoki::error::RvError;
use cryptoki::object::{Attribute, AttributeType};
use test_tokens::{Rule, Shim, Token, kryoptic, nss};

use crate::{find, generate, refusal, shim, sign};

#[test]
fn renumbered_objects_have_other_handles_and_no_old_ones() {
    let shim = shim();
    let bare = shim.token().open();
    let old = generate(&bare.session, b"key").unwrap();
    let tag = sign(&bare.session, old).unwrap();
    let mut seen = vec![old];
    for round in 1..=3 {
        shim.add(Rule::renumber());
        for old in &seen {
            assert_eq!(refusal(sign(&bare.session, *old)), RvError::KeyHandleInvalid);
            let read = bare.session.get_attributes(*old, &[AttributeType::Id]);
            assert_eq!(refusal(read), RvError::ObjectHandleInvalid);
            assert_eq!(refusal(bare.session.destroy_object(*old)), RvError::ObjectHandleInvalid);
        }
        let found = find(&bare.session, b"key").unwrap();
        let [new] = found.as_slice() else { panic!("{found:?}") };
        assert!(!seen.contains(new), "round {round}");
        assert_eq!(sign(&bare.session, *new).unwrap(), tag);
        let id = bare.session.get_attributes(*new, &[AttributeType::Id]).unwrap();
        assert_eq!(id, [Attribute::Id(b"key".to_vec())]);
        seen.push(*new);
    }

    // What is made now is numbered like what is found.
    let made = generate(&bare.session, b"another").unwrap();
    assert_eq!(find(&bare.session, b"another").unwrap(), [made]);
    bare.session.destroy_object(made).unwrap();
    assert_eq!(find(&bare.session, b"another").unwrap(), []);
}

fn can_be_renumbered(real: Token) {
    let shim = Shim::over(real);
    let bare = shim.token().open();
    let old = generate(&bare.session, b"key").unwrap();
    let tag = sign(&bare.session, old).unwrap();
    shim.add(Rule::renumber());
    assert_eq!(refusal(sign(&bare.session, old)), RvError::KeyHandleInvalid);
    let found = find(&bare.session, b"key").unwrap();
    assert_eq!(sign(&bare.session, *found.first().unwrap()).unwrap(), tag);
}

#[test]
fn objects_of_nss_can_be_renumbered() {
    can_be_renumbered(nss());
}

#[test]
fn objects_of_kryoptic_can_be_renumbered() {
    can_be_renumbered(kryoptic());
}

#[test]
fn the_real_token_is_reached_without_the_shim() {
    let shim = shim();
    let bare = shim.token().open();
    let behind = shim.real().open();
    let key = generate(&behind.session, b"key").unwrap();
    assert_eq!(shim.calls("C_GenerateKey"), 0);
    assert_eq!(find(&bare.session, b"key").unwrap().len(), 1);
    behind.session.destroy_object(key).unwrap();
    assert_eq!(find(&bare.session, b"key").unwrap(), []);
}

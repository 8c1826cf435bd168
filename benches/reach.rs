//! A token from both sides: through the backend, and through bare `cryptoki`.

use std::sync::Arc;

use kms_core::Secret;
use kms_pkcs11::{Module, PinSource, Pkcs11Backend, Token, TokenOptions, Uri};
use test_tokens::Bare;

pub(crate) fn reach(token: &test_tokens::Token) -> (Pkcs11Backend, Bare) {
    token.enter();
    let mut uri = Uri::default();
    uri.token = Some(token.label().to_owned());
    let pin = token.pin().to_owned();
    let ask = PinSource::Ask(Arc::new(move |_| Ok(Secret::copy_from(pin.as_bytes()))));
    let reached = Token::connect(Module::load(token.module(), None).unwrap(), TokenOptions::new(&uri).with_pin(ask));
    (Pkcs11Backend::new(reached.unwrap()), token.open())
}

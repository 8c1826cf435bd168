//! A backend over a token for tests.

use std::sync::Arc;

use kms_core::Secret;
use kms_pkcs11::{Module, PinSource, Pkcs11Backend, Token, TokenOptions, Uri};

/// How to reach `token`.
pub(crate) fn options(token: &test_tokens::Token) -> TokenOptions {
    let mut uri = Uri::default();
    uri.token = Some(token.label().to_owned());
    let pin = token.pin().to_owned();
    TokenOptions::new(&uri).with_pin(PinSource::Ask(Arc::new(move |_| Ok(Secret::copy_from(pin.as_bytes())))))
}

/// The module of `token`, with this process in its environment.
pub(crate) fn module(token: &test_tokens::Token) -> Arc<Module> {
    token.enter();
    let parameter = token.reserved().map(|text| text.to_str().unwrap().to_owned());
    Module::load(token.module(), parameter.as_deref()).unwrap()
}

/// The backend over `token`, which has to live as long.
pub(crate) fn backend(token: test_tokens::Token) -> (test_tokens::Token, Pkcs11Backend) {
    let reached = Token::connect(module(&token), options(&token)).unwrap();
    (token, Pkcs11Backend::new(reached))
}

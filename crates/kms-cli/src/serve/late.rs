//! An HSM that need not be there yet.

use std::sync::OnceLock;
use std::time::{Duration, Instant};
use std::{fmt, sync::Arc};

use kms_core::{
    Backend, Call, Error, ErrorKind, KeyMaterial, KeySpec, KeyUsage, Locator, MasterKey, MaterialId, Records, Supported,
};
use kms_pkcs11::{Module, Pkcs11Backend, Token, TokenOptions, Uri};
use parking_lot::Mutex;

/// How long the answer of an HSM that could not be reached stands.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// The keys of an HSM that is looked for when it is first needed, and again until it is found: a server starts without it,
/// and serves its keys when it is there. Once found, the token sees to it itself.
pub(super) struct LateHsm {
    uri: Uri,
    options: TokenOptions,
    patience: Duration,
    records: Arc<dyn Records>,
    found: OnceLock<Pkcs11Backend>,
    last: Mutex<Option<(Instant, ErrorKind, String)>>,
}

impl LateHsm {
    pub(super) fn new(uri: Uri, options: TokenOptions, patience: Duration, records: Arc<dyn Records>) -> Self {
        let options = options.with_patience(patience);
        Self { uri, options, patience, records, found: OnceLock::new(), last: Mutex::new(None) }
    }

    /// The backend, if the token is there.
    fn backend(&self) -> Result<&Pkcs11Backend, Error> {
        if let Some(found) = self.found.get() {
            return Ok(found);
        }
        // One looks, and the others wait for what it finds.
        let Some(mut last) = self.last.try_lock_for(self.patience) else {
            return Err(Error::with_detail(ErrorKind::Busy, format!("the token {} is being looked for", self.uri)));
        };
        if let Some(found) = self.found.get() {
            return Ok(found);
        }
        if let Some((at, kind, text)) = &*last
            // A token locks itself after a few wrong PINs: one is tried once.
            && (at.elapsed() < AGAIN_AFTER || *kind == ErrorKind::Unauthorized)
        {
            return Err(Error::with_detail(*kind, text.clone()));
        }
        match self.connect() {
            Ok(backend) => {
                *last = None;
                Ok(self.found.get_or_init(|| backend))
            }
            Err(error) => {
                *last = Some((Instant::now(), error.kind(), error.detail().unwrap_or_default().to_owned()));
                Err(error)
            }
        }
    }

    fn connect(&self) -> Result<Pkcs11Backend, Error> {
        let path = self.uri.module_path.as_deref();
        let path = path.ok_or_else(|| Error::invalid_input("no module is named for the HSM"))?;
        let token = Token::connect(Module::load(path, None)?, self.options.clone())?;
        Ok(Pkcs11Backend::new(token).with_records(self.records.clone()))
    }
}

impl Backend for LateHsm {
    fn supported(&self) -> &[Supported] {
        self.backend().map_or(&[], Backend::supported)
    }

    fn locator(&self, id: MaterialId) -> Locator {
        Locator::new(id, self.uri.without_object().address().to_string())
    }

    fn create(&self, at: &Locator, spec: KeySpec, usage: KeyUsage, call: &Call) -> Result<Arc<dyn MasterKey>, Error> {
        self.backend()?.create(at, spec, usage, call)
    }

    fn open(&self, at: &Locator, call: &Call) -> Result<Arc<dyn MasterKey>, Error> {
        self.backend()?.open(at, call)
    }

    fn import(
        &self,
        at: &Locator,
        spec: KeySpec,
        usage: KeyUsage,
        material: KeyMaterial,
        call: &Call,
    ) -> Result<Arc<dyn MasterKey>, Error> {
        self.backend()?.import(at, spec, usage, material, call)
    }

    fn destroy(&self, at: &Locator, call: &Call) -> Result<(), Error> {
        self.backend()?.destroy(at, call)
    }

    fn health(&self, call: &Call) -> Result<(), Error> {
        self.backend()?.health(call)
    }
}

impl fmt::Debug for LateHsm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LateHsm").field("uri", &self.uri.address()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_that_is_not_there_is_an_answer_and_no_panic() {
        let uri: Uri = "pkcs11:token=payments?module-path=/nowhere/module.so&pin-source=env:PIN".parse().unwrap();
        let options = TokenOptions::new(&uri);
        let hsm = LateHsm::new(uri, options, Duration::from_secs(1), Arc::new(kms_core::InMemory::default()));
        assert!(hsm.health(&Call::default()).is_err());
        assert!(hsm.supported().is_empty());
        let at = hsm.locator(kms_core::KeyId::from_bytes([7; 16]).into());
        assert_eq!(at.address(), "pkcs11:token=payments");
    }
}

//! The backend: master keys in a token, or wrapped under a key of it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{SystemTime, UNIX_EPOCH};

use kms_core::{
    AlgorithmSet, Backend, Call, Error, ErrorKind, InMemory, KeyInfo, KeyMaterial, KeySpec, KeyUsage, Locator,
    MasterKey, MaterialId, Records, Supported,
};
use parking_lot::{Mutex, MutexGuard};

use crate::capability::{Capabilities, probe};
use crate::fault::Fault;
use crate::import::{Checked, Way, bring_in};
use crate::key::{Pkcs11Key, Place, Shared};
use crate::object::{Described, LABEL_PREFIX, Symmetric, hmac_spec};
use crate::template::{Name, Optional, Purpose};
use crate::token::Token;
use crate::uri::Uri;
use crate::wrapped::{KeyOrigin, Record, Roots};

mod existing;
mod listing;

pub use listing::ListedKey;

/// Where a master key lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Residency {
    /// Outside the token, wrapped under a root key that never leaves it; inside while it is used. For any number of
    /// keys.
    #[default]
    WrappedBlob,
    /// An object in the token. For few keys: tokens slow down with the number of their objects.
    TokenObject,
}

/// Master keys in a token.
///
/// An address that names an object, by label or identifier, is that of a key in the token:
/// `pkcs11:token=hsm;object=invoices`, `pkcs11:token=hsm;id=%01%02`. An address that names only the token is that of a
/// wrapped key, whose record is under the key's id: `pkcs11:token=hsm`. [`locator`](Self::locator) makes an address of
/// the backend's [`Residency`].
///
/// What the token can do is asked once, when [`supported`](Backend::supported) is first called, or a key is made:
/// see [`capabilities`](Self::capabilities).
///
/// ```no_run
/// use kms_core::{Backend, Call, EncryptionContext, Key, KeyId, KeySpec, KeyUsage, SystemRandom};
/// use kms_pkcs11::{Directory, Module, Pkcs11Backend, Token, TokenOptions, Uri};
///
/// let uri: Uri = "pkcs11:token=hsm?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/kms/pin".parse()?;
/// let module = Module::load("/usr/lib/softhsm/libsofthsm2.so", None)?;
/// let token = Token::connect(module, TokenOptions::new(&uri))?;
/// let backend = Pkcs11Backend::new(token).with_records(Directory::new("/var/lib/kms/wrapped"));
///
/// let call = Call::default();
/// let at = backend.locator(KeyId::random(&SystemRandom)?.into());
/// let key = Key::new(backend.create(&at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &call)?);
/// let (data_key, sealed) = key.generate_data_key(32, &EncryptionContext::empty(), &call)?;
/// # Ok::<(), kms_core::Error>(())
/// ```
pub struct Pkcs11Backend {
    token: Arc<Token>,
    records: Arc<dyn Records>,
    residency: Residency,
    import_wrapped: bool,
    roots: Arc<Roots>,
    capabilities: Mutex<Option<Arc<Capabilities>>>,
    supported: OnceLock<Vec<Supported>>,
    /// Keys in use, so that all who open one share its handle, and destroying it ends them all.
    open: Mutex<BTreeMap<(String, MaterialId), Weak<Shared>>>,
    /// One key is made at a time: of two threads that make the same, the second has to find it.
    making: Mutex<()>,
}

/// What an address says.
enum Address {
    Wrapped,
    Object { label: Option<String>, id: Option<Vec<u8>> },
}

impl Pkcs11Backend {
    /// Keys of `token`. Records of wrapped keys are kept in memory, and gone with the process, until
    /// [`with_records`](Self::with_records) says where.
    #[must_use]
    pub fn new(token: Arc<Token>) -> Self {
        Self {
            token,
            records: Arc::new(InMemory::default()),
            residency: Residency::default(),
            import_wrapped: false,
            roots: Arc::default(),
            capabilities: Mutex::new(None),
            supported: OnceLock::new(),
            open: Mutex::default(),
            making: Mutex::new(()),
        }
    }

    /// Where records of wrapped keys are kept, and counts of nonces.
    #[must_use]
    pub fn with_records(mut self, records: impl Records + 'static) -> Self {
        self.records = Arc::new(records);
        self
    }

    /// Where new keys live, as far as [`locator`](Self::locator) and [`supported`](Backend::supported) are asked.
    #[must_use]
    pub const fn with_residency(mut self, residency: Residency) -> Self {
        self.residency = residency;
        self
    }

    /// Brings keys in wrapped even where the token takes them by value.
    #[must_use]
    pub const fn with_wrapped_import(mut self) -> Self {
        self.import_wrapped = true;
        self
    }

    /// The token.
    #[must_use]
    pub const fn token(&self) -> &Arc<Token> {
        &self.token
    }

    /// The address of new key material.
    #[must_use]
    pub fn locator(&self, id: MaterialId) -> Locator {
        let mut uri = self.token.uri();
        if self.residency == Residency::TokenObject {
            uri.id = Some(object_id(id));
        }
        Locator::new(id, uri.to_string())
    }

    /// What the token can do: asked the first time.
    ///
    /// # Errors
    /// The faults of the token.
    pub fn capabilities(&self, call: &Call) -> Result<Arc<Capabilities>, Error> {
        let mut known = self.capabilities.lock();
        if let Some(known) = &*known {
            return Ok(known.clone());
        }
        let asked = Arc::new(self.token.run(call, probe)?);
        *known = Some(asked.clone());
        Ok(asked)
    }

    fn address(&self, at: &Locator) -> Result<Address, Error> {
        let uri: Uri = at.address().parse()?;
        let ours = self.token.uri();
        let differs =
            |theirs: &Option<String>, ours: &Option<String>| theirs.is_some() && ours.is_some() && theirs != ours;
        if differs(&uri.token, &ours.token) || differs(&uri.serial, &ours.serial) {
            return Err(Error::invalid_input(format!("{at} is not in the token {ours}")));
        }
        Ok(if uri.names_object() { Address::Object { label: uri.object, id: uri.id } } else { Address::Wrapped })
    }

    fn opened(&self, at: &Locator) -> Option<Arc<Shared>> {
        self.open.lock().get(&(at.address().to_owned(), at.id())).and_then(Weak::upgrade)
    }

    fn remember(&self, at: &Locator, shared: &Arc<Shared>) {
        let mut open = self.open.lock();
        // Those that were dropped are swept out whenever the map has doubled, so that it stays as small as what is open.
        if open.len() >= 64 && open.len().is_power_of_two() {
            open.retain(|_, shared| shared.strong_count() > 0);
        }
        open.insert((at.address().to_owned(), at.id()), Arc::downgrade(shared));
    }

    /// The algorithms of a new key, or why there are none.
    fn algorithms(
        &self,
        known: &Capabilities,
        wrapped: bool,
        spec: KeySpec,
        usage: KeyUsage,
    ) -> Result<AlgorithmSet, Error> {
        let lack = || {
            let reason = known.lacks.iter().find(|lack| lack.spec == spec && lack.usage == usage);
            Error::unsupported(reason.map_or_else(
                || format!("the token makes no {spec} keys for {usage}"),
                |lack| format!("the token makes no {spec} keys for {usage}: {}", lack.reason),
            ))
        };
        let algorithms = known.can_make(spec, usage).ok_or_else(lack)?;
        if wrapped && !known.wraps.contains(&spec) {
            return Err(Error::unsupported(format!(
                "the token does not wrap {spec} keys: make it an object in the token, \
                 with an address that ends in ;object=NAME"
            )));
        }
        Ok(algorithms)
    }

    /// Makes or brings in a key that is to be an object in the token.
    fn make_object(
        &self,
        at: &Locator,
        spec: KeySpec,
        usage: KeyUsage,
        (label, id): (Option<String>, Option<Vec<u8>>),
        material: Option<Checked>,
        call: &Call,
    ) -> Result<Arc<dyn MasterKey>, Error> {
        let known = self.capabilities(call)?;
        self.algorithms(&known, false, spec, usage)?;
        let symmetric = spec == KeySpec::SymmetricDefault;
        let purpose = Purpose::Master { spec, usage, derives: symmetric && known.derives_inside };
        let fresh_id = id.clone().unwrap_or_else(|| object_id(at.id()));
        let fresh_label = label.clone().unwrap_or_else(|| format!("{LABEL_PREFIX}{spec} {}", at.id()));
        let (way, optional) = self.way(&known, material.is_some())?;
        if let Some(Checked::Secret(secret)) = &material
            && spec != KeySpec::SymmetricDefault
            && label.is_some()
            && !known.optional.allowed_mechanisms
            && hmac_spec(None, "", secret.len()) != Some(spec)
        {
            return Err(Error::unsupported(format!(
                "nothing in this token could tell that an HMAC key of {} bytes is a {spec} key: \
                 bring it in without an object name",
                secret.len()
            )));
        }
        let described = self.token.run(call, move |attempt| {
            if let Some(there) = attempt.find(label.as_deref(), id.as_deref())? {
                // A retry after a lost answer finds what the first try made.
                return Ok(there);
            }
            let name = Name { id: &fresh_id, label: &fresh_label, token: true };
            let made = match &material {
                None => attempt.generate(purpose, name, false, optional)?,
                Some(material) => bring_in(&attempt, purpose, spec, name, material, way, false, optional)?,
            };
            Ok(Described {
                handle: made.handle,
                epoch: attempt.connection.epoch,
                spec,
                usages: vec![usage],
                symmetric: symmetric.then_some(if known.derives_inside { Symmetric::Derive } else { Symmetric::Hmac }),
                public_key: made.public_key,
                label: fresh_label.clone(),
                id: fresh_id.clone(),
            })
        })?;
        if described.spec != spec || !described.usages.contains(&usage) {
            return Err(occupied(at));
        }
        self.existing_object(at, described, Some(usage), call)
    }

    /// Makes or brings in a key that is to be kept wrapped.
    fn make_wrapped(
        &self,
        at: &Locator,
        spec: KeySpec,
        usage: KeyUsage,
        material: Option<Checked>,
        call: &Call,
    ) -> Result<Arc<dyn MasterKey>, Error> {
        let known = self.capabilities(call)?;
        self.algorithms(&known, true, spec, usage)?;
        let wrap = known.wrap.ok_or_else(|| Error::unsupported("the token wraps no keys"))?;
        let derives = spec == KeySpec::SymmetricDefault && known.derives_inside;
        let (way, optional) = self.way(&known, material.is_some())?;
        let record = Record {
            root: [0; 16],
            id: at.id(),
            spec,
            usage,
            origin: if material.is_some() { KeyOrigin::External } else { KeyOrigin::Token },
            created: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
            label: String::new(),
            wrap,
            attributes: known.unwrapped,
            derives,
            public_key: None,
            wrapped: Vec::new(),
        };
        let roots = self.roots.clone();
        let sealed = self.token.run(call, move |attempt| {
            let purpose = record.purpose();
            let made = match &material {
                None => attempt.generate(purpose, Name::NOBODY, true, optional)?,
                Some(material) => bring_in(&attempt, purpose, spec, Name::NOBODY, material, way, true, optional)?,
            };
            let record = Record { public_key: made.public_key.clone(), ..record.clone() };
            let sealed = roots.seal(&attempt, known.optional, made.handle, record);
            attempt.unmake(&made);
            sealed
        })?;
        self.records.insert(at.id(), &sealed)?;
        self.existing_wrapped(at, &sealed, call)
    }

    /// Waits until no other key is being made.
    fn one_at_a_time(&self, call: &Call) -> Result<MutexGuard<'_, ()>, Error> {
        let busy = || Error::with_detail(ErrorKind::Busy, "another key is being made in the token");
        match call.budget {
            None => Ok(self.making.lock()),
            Some(budget) => self.making.try_lock_for(budget).ok_or_else(busy),
        }
    }

    /// How material gets into the token, and with which optional attributes.
    fn way(&self, known: &Capabilities, needed: bool) -> Result<(Way, Optional), Error> {
        match known.wrap {
            Some(wrap) if needed && known.unwraps && (self.import_wrapped || !known.creates) => {
                Ok((Way::Unwrap(wrap), known.unwrapped))
            }
            _ if !needed || known.creates && !self.import_wrapped => Ok((Way::Create, known.optional)),
            _ => Err(Error::unsupported("the token takes no keys that were made elsewhere")),
        }
    }

    fn make(
        &self,
        at: &Locator,
        spec: KeySpec,
        usage: KeyUsage,
        material: Option<Checked>,
        call: &Call,
    ) -> Result<Arc<dyn MasterKey>, Error> {
        match self.address(at)? {
            Address::Object { label, id } => self.make_object(at, spec, usage, (label, id), material, call),
            Address::Wrapped => self.make_wrapped(at, spec, usage, material, call),
        }
    }
}

/// The CKA_ID of key material in a token: its id, so that no two are alike, and it says which it is.
fn object_id(id: MaterialId) -> Vec<u8> {
    [&id.key.as_bytes()[..], &id.generation.to_be_bytes()].concat()
}

fn occupied(at: &Locator) -> Error {
    Error::invalid_input(format!("another key is at {at}"))
}

fn absent(at: &Locator) -> Error {
    Error::with_detail(ErrorKind::KeyUnavailable, format!("no key at {at}"))
}

impl Backend for Pkcs11Backend {
    /// Asks the token if it was not asked before; empty if it does not answer.
    fn supported(&self) -> &[Supported] {
        if let Some(supported) = self.supported.get() {
            return supported;
        }
        let Ok(known) = self.capabilities(&Call::default()) else { return &[] };
        let wrapped = self.residency == Residency::WrappedBlob;
        self.supported.get_or_init(|| {
            known.supported.iter().filter(|one| !wrapped || known.wraps.contains(&one.spec)).copied().collect()
        })
    }

    fn locator(&self, id: MaterialId) -> Locator {
        Self::locator(self, id)
    }

    fn create(&self, at: &Locator, spec: KeySpec, usage: KeyUsage, call: &Call) -> Result<Arc<dyn MasterKey>, Error> {
        spec.check_usage(usage)?;
        // Some tokens show a key while it is being made, with half of its attributes.
        let _one_at_a_time = self.one_at_a_time(call)?;
        match self.open(at, call) {
            Ok(key) if key.info().spec == spec && key.info().usage == usage => Ok(key),
            Ok(_) => Err(occupied(at)),
            Err(error) if error.kind() == ErrorKind::KeyUnavailable => match self.make(at, spec, usage, None, call) {
                // Another process was first.
                Err(error) if error.kind() == ErrorKind::InvalidInput => match self.open(at, call) {
                    Ok(key) if key.info().spec == spec && key.info().usage == usage => Ok(key),
                    _ => Err(error),
                },
                made => made,
            },
            Err(error) => Err(error),
        }
    }

    fn open(&self, at: &Locator, call: &Call) -> Result<Arc<dyn MasterKey>, Error> {
        self.open_for(at, None, call)
    }

    fn import(
        &self,
        at: &Locator,
        spec: KeySpec,
        usage: KeyUsage,
        material: KeyMaterial,
        call: &Call,
    ) -> Result<Arc<dyn MasterKey>, Error> {
        spec.check_usage(usage)?;
        let material = Checked::new(spec, material)?;
        let _one_at_a_time = self.one_at_a_time(call)?;
        match self.open(at, call) {
            Ok(_) => Err(occupied(at)),
            Err(error) if error.kind() == ErrorKind::KeyUnavailable => self.make(at, spec, usage, Some(material), call),
            Err(error) => Err(error),
        }
    }

    fn destroy(&self, at: &Locator, call: &Call) -> Result<(), Error> {
        match self.address(at)? {
            Address::Wrapped => self.records.remove(at.id())?,
            Address::Object { label, id } => {
                self.token.run(call, move |attempt| attempt.destroy(label.as_deref(), id.as_deref()))?;
            }
        }
        let ended = self.open.lock().remove(&(at.address().to_owned(), at.id()));
        if let Some(shared) = ended.and_then(|shared| shared.upgrade()) {
            shared.end();
        }
        Ok(())
    }

    fn health(&self, call: &Call) -> Result<(), Error> {
        self.token.run(call, |attempt| {
            attempt.session.get_session_info()?;
            attempt.random(&mut [0; 16])
        })
    }
}

impl fmt::Debug for Pkcs11Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pkcs11Backend")
            .field("token", &self.token)
            .field("residency", &self.residency)
            .finish_non_exhaustive()
    }
}

/// For `run`, whose closures answer faults.
impl From<ErrorKind> for Fault {
    fn from(kind: ErrorKind) -> Self {
        Error::from(kind).into()
    }
}

/// What a caller is given for what all share.
fn face(info: KeyInfo, shared: Arc<Shared>) -> Arc<dyn MasterKey> {
    Arc::new(Pkcs11Key::new(info, shared))
}

/// The description of a place in the token.
fn object_place(described: &Described, label: Option<String>, id: Option<Vec<u8>>) -> Place {
    let purpose = Purpose::Master {
        spec: described.spec,
        usage: described.usages.first().copied().unwrap_or(KeyUsage::EncryptDecrypt),
        derives: false,
    };
    Place::Object { label, id, class: purpose.class() }
}

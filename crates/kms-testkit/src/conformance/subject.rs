//! What is put to the test, and what it says of itself.

use std::ops::RangeInclusive;

use kms_core::{Algorithm, AlgorithmSet, Backend, Error, KeyMaterial, KeySpec, KeyUsage, Locator, MaterialId};

use super::attacks::Attack;

/// A backend, and what it says of itself.
///
/// Everything said is held against what happens, in both directions: a backend that can do what it was said to lack
/// fails as one that cannot do what it advertises.
///
/// ```
/// use kms_core::{KeySpec, SystemRandom};
/// use kms_soft::SoftBackend;
/// use kms_testkit::conformance::Subject;
///
/// let backend = SoftBackend::new(SystemRandom);
/// let subject = Subject::new("soft", &backend, SoftBackend::locator)
///     .with_slow([KeySpec::Rsa3072, KeySpec::Rsa4096])
///     .with_destroyed_keys_usable("a handle shares the key with the backend, which forgets its own share");
/// ```
#[must_use]
pub struct Subject<'a> {
    pub(super) name: String,
    pub(super) backend: &'a dyn Backend,
    pub(super) locate: Box<dyn Fn(MaterialId) -> Locator + 'a>,
    pub(super) lacks: Vec<Lack>,
    pub(super) no_imports: Option<String>,
    pub(super) lacks_imports: Vec<(KeySpec, String)>,
    pub(super) slow: Vec<KeySpec>,
    pub(super) destroyed_usable: Option<String>,
    pub(super) foreign_blobs: Option<String>,
    pub(super) lengths: Option<(RangeInclusive<usize>, String)>,
    pub(super) reopen: Option<Box<Reopen<'a>>>,
    pub(super) attacks: Vec<Attack<'a>>,
    pub(super) shows: Option<Box<dyn Fn() -> Vec<String> + 'a>>,
}

pub(super) type Reopen<'a> = dyn Fn() -> Result<Box<dyn Backend + 'a>, Error> + 'a;

/// Something that AWS KMS has and this backend does not.
#[derive(Debug)]
pub(super) struct Lack {
    pub(super) spec: KeySpec,
    /// `None`: every usage.
    pub(super) usage: Option<KeyUsage>,
    /// `None`: every algorithm.
    pub(super) algorithm: Option<Algorithm>,
    pub(super) reason: String,
}

impl Lack {
    pub(super) fn covers(&self, spec: KeySpec, usage: KeyUsage, algorithm: Algorithm) -> bool {
        self.spec == spec
            && self.usage.is_none_or(|one| one == usage)
            && self.algorithm.is_none_or(|one| one == algorithm)
    }

    pub(super) fn what(&self) -> String {
        match (self.usage, self.algorithm) {
            (Some(usage), Some(algorithm)) => format!("{algorithm} of {} keys for {usage}", self.spec),
            (Some(usage), None) => format!("{} keys for {usage}", self.spec),
            _ => format!("{} keys", self.spec),
        }
    }
}

impl<'a> Subject<'a> {
    /// `backend`, which has everything that AWS KMS has, takes imports, makes keys fast and puts its keys where
    /// `locate` says. The suite makes its own ids, and asks for the same id twice when it means the same place.
    ///
    /// Keys that the suite made are destroyed at its end.
    pub fn new(name: impl Into<String>, backend: &'a dyn Backend, locate: impl Fn(MaterialId) -> Locator + 'a) -> Self {
        Self {
            name: name.into(),
            backend,
            locate: Box::new(locate),
            lacks: Vec::new(),
            no_imports: None,
            lacks_imports: Vec::new(),
            slow: Vec::new(),
            destroyed_usable: None,
            foreign_blobs: None,
            lengths: None,
            reopen: None,
            attacks: Vec::new(),
            shows: None,
        }
    }

    /// It makes no keys of `spec`, for this reason.
    pub fn without_spec(self, spec: KeySpec, reason: impl Into<String>) -> Self {
        self.lacking(spec, None, None, reason.into())
    }

    /// It makes no keys of `spec` for `usage`.
    pub fn without_usage(self, spec: KeySpec, usage: KeyUsage, reason: impl Into<String>) -> Self {
        self.lacking(spec, Some(usage), None, reason.into())
    }

    /// Its keys of `spec` for `usage` do not have `algorithm`.
    pub fn without_algorithm(
        self,
        spec: KeySpec,
        usage: KeyUsage,
        algorithm: impl Into<Algorithm>,
        reason: impl Into<String>,
    ) -> Self {
        self.lacking(spec, Some(usage), Some(algorithm.into()), reason.into())
    }

    fn lacking(mut self, spec: KeySpec, usage: Option<KeyUsage>, algorithm: Option<Algorithm>, reason: String) -> Self {
        self.lacks.push(Lack { spec, usage, algorithm, reason });
        self
    }

    /// It takes no keys that were made elsewhere.
    pub fn without_imports(mut self, reason: impl Into<String>) -> Self {
        self.no_imports = Some(reason.into());
        self
    }

    /// It makes keys of `spec`, and takes none that were made elsewhere.
    pub fn without_imports_of(mut self, spec: KeySpec, reason: impl Into<String>) -> Self {
        self.lacks_imports.push((spec, reason.into()));
        self
    }

    /// Keys of these specs take long to make: one is made for each usage, and work that grows with the size of the
    /// ciphertext is done in samples.
    pub fn with_slow(mut self, specs: impl IntoIterator<Item = KeySpec>) -> Self {
        self.slow.extend(specs);
        self
    }

    /// A key that was opened before it was destroyed goes on working. Otherwise it must answer `KeyUnavailable`.
    pub fn with_destroyed_keys_usable(mut self, reason: impl Into<String>) -> Self {
        self.destroyed_usable = Some(reason.into());
        self
    }

    /// Its ciphertexts are not those of [`kms_core::blob`] but a remote service's own: what they refuse is looked at
    /// without knowing which byte means what.
    pub fn with_foreign_blobs(mut self, reason: impl Into<String>) -> Self {
        self.foreign_blobs = Some(reason.into());
        self
    }

    /// It encrypts plaintexts and authenticates messages of so many bytes only; others are `InvalidInput`.
    pub fn with_lengths(mut self, lengths: RangeInclusive<usize>, reason: impl Into<String>) -> Self {
        self.lengths = Some((lengths, reason.into()));
        self
    }

    /// How to start afresh over the same keys, as after a restart of the process.
    ///
    /// Called once, last of all. The first backend is not used after it.
    pub fn with_reopen(mut self, reopen: impl Fn() -> Result<Box<dyn Backend + 'a>, Error> + 'a) -> Self {
        self.reopen = Some(Box::new(reopen));
        self
    }

    /// An attempt to get a key out, and what comes of it.
    ///
    /// `attempt` is given the locator of a key of `spec` for `usage`: one that was made there, and one that was
    /// imported if imports are taken. It answers what it got out, or the refusal. What it got out is tried: it
    /// counts as the key only if it is.
    pub fn with_attack(
        mut self,
        name: impl Into<String>,
        (spec, usage): (KeySpec, KeyUsage),
        expected: Extraction,
        attempt: impl Fn(&Locator) -> Result<KeyMaterial, Error> + 'a,
    ) -> Self {
        self.attacks.push(Attack { name: name.into(), spec, usage, expected, attempt: Box::new(attempt) });
        self
    }

    /// What else it shows: its own `Debug`, that of its key types, its log. Searched for key bytes.
    pub fn with_texts(mut self, shows: impl Fn() -> Vec<String> + 'a) -> Self {
        self.shows = Some(Box::new(shows));
        self
    }

    /// Whether it takes plaintexts and messages of `len` bytes.
    pub(super) fn takes(&self, len: usize) -> bool {
        self.lengths.as_ref().is_none_or(|(lengths, _)| lengths.contains(&len))
    }

    /// What the backend advertises for such keys; empty if it makes none.
    pub(super) fn advertised(&self, spec: KeySpec, usage: KeyUsage) -> AlgorithmSet {
        let mut all = self.backend.supported().iter();
        all.find(|one| one.spec == spec && one.usage == usage).map_or_else(AlgorithmSet::empty, |one| one.algorithms)
    }

    /// Every pair of key spec and usage that the backend advertises.
    pub(super) fn pairs(&self) -> Vec<(KeySpec, KeyUsage)> {
        self.backend.supported().iter().map(|one| (one.spec, one.usage)).collect()
    }

    pub(super) fn is_slow(&self, spec: KeySpec) -> bool {
        self.slow.contains(&spec)
    }

    /// Why keys of `spec` are not taken from elsewhere; `None` if they are.
    pub(super) fn no_import_of(&self, spec: KeySpec) -> Option<&str> {
        let of_spec = self.lacks_imports.iter().find(|(one, _)| *one == spec).map(|(_, reason)| reason);
        self.no_imports.as_ref().or(of_spec).map(String::as_str)
    }
}

/// What is declared to come of an attack.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Extraction {
    /// The key stays where it is.
    Refused,
    /// The key gets out, for this reason.
    Succeeds(String),
}

impl Extraction {
    /// The key gets out, because …
    #[must_use]
    pub fn succeeds_because(reason: impl Into<String>) -> Self {
        Self::Succeeds(reason.into())
    }
}

impl std::fmt::Debug for Subject<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subject").field("name", &self.name).field("lacks", &self.lacks).finish_non_exhaustive()
    }
}

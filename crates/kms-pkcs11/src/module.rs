//! A PKCS#11 module: loaded and initialised once in a process, and initialised anew when its device comes back.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fmt;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use cryptoki::context::Pkcs11;
use cryptoki::error::{Error as Pkcs11Error, RvError};
use kms_core::{Error, ErrorKind};
use parking_lot::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::fault::{Fault, describe};
use crate::raw::{self, Raw};

/// C_Initialize belongs to the process, not to whoever calls it: this is the one place that does.
static LOADED: Mutex<BTreeMap<PathBuf, Arc<Module>>> = Mutex::new(BTreeMap::new());

/// A PKCS#11 module of this process.
///
/// One file is loaded and initialised once, however often it is asked for, and stays so until the process ends. When
/// the device behind it is lost and comes back, most modules have to be finalised and initialised anew; that is done
/// here, once for all threads, when no call is running.
pub struct Module {
    path: PathBuf,
    parameter: Option<CString>,
    pkcs11: Pkcs11,
    raw: Raw,
    /// Whether it was initialised here. What somebody else has initialised is not ours to finalise.
    ours: bool,
    /// Held for reading by every call, and for writing while the module is initialised anew.
    gate: RwLock<()>,
    /// Counts the initialisations. Sessions and handles die with the one they are of.
    generation: AtomicU64,
    /// The logins there are, with all tokens of the module.
    connections: AtomicUsize,
}

/// Counts a login of a module as long as it lives.
pub(crate) struct InUse(Arc<Module>);

/// Leave to call into a module: while one lives, the module stays initialised.
pub(crate) struct Entered<'a> {
    pub(crate) generation: u64,
    _gate: RwLockReadGuard<'a, ()>,
}

impl Module {
    /// Loads a module and initialises it, unless it is loaded.
    ///
    /// `parameter` is the string that some modules want at initialisation: NSS's soft token names its directory in it
    /// (`configdir='sql:DIR' certPrefix='' keyPrefix='' secmod='secmod.db' flags= `). `None` for all others.
    ///
    /// # Errors
    /// `KeyUnavailable` if the file is not there or is no PKCS#11 module; `InvalidInput` if the module is loaded with
    /// another parameter; `Disconnected` if it cannot be initialised.
    pub fn load(path: impl AsRef<Path>, parameter: Option<&str>) -> Result<Arc<Self>, Error> {
        let path = path.as_ref();
        let about = |error: &dyn fmt::Display| {
            Error::with_detail(ErrorKind::KeyUnavailable, format!("the PKCS#11 module {}: {error}", path.display()))
        };
        let path = path.canonicalize().map_err(|error| about(&error))?;
        let parameter = parameter.map(raw::parameter).transpose();
        let parameter = parameter.map_err(|_| Error::invalid_input("a module's parameter cannot hold a zero byte"))?;
        let mut loaded = LOADED.lock();
        if let Some(module) = loaded.get(&path) {
            if module.parameter == parameter {
                return Ok(module.clone());
            }
            return Err(Error::invalid_input(format!(
                "the PKCS#11 module {} is loaded with another parameter: a process initialises a module once",
                path.display()
            )));
        }
        let pkcs11 = Pkcs11::new(&path).map_err(|error| about(&error))?;
        let raw = Raw::load(&path).map_err(|error| about(&error))?;
        let ours = match raw::initialize(&pkcs11, parameter.as_deref()) {
            Ok(()) => true,
            Err(Pkcs11Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => false,
            Err(error) => {
                return Err(Error::with_detail(
                    ErrorKind::Disconnected,
                    format!("the PKCS#11 module {}: {}", path.display(), describe(&error)),
                ));
            }
        };
        let module = Arc::new(Self {
            path: path.clone(),
            parameter,
            pkcs11,
            raw,
            ours,
            gate: RwLock::new(()),
            generation: AtomicU64::new(1),
            connections: AtomicUsize::new(0),
        });
        loaded.insert(path, module.clone());
        Ok(module)
    }

    /// The module's file, with links resolved.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) const fn pkcs11(&self) -> &Pkcs11 {
        &self.pkcs11
    }

    pub(crate) const fn raw(&self) -> &Raw {
        &self.raw
    }

    /// Waits until the module may be called.
    pub(crate) fn enter(&self, deadline: Instant) -> Result<Entered<'_>, Error> {
        // Calls of one thread may nest (a key is found while another is used): a waiting writer must not stop them.
        let gate = self
            .gate
            .try_read_recursive_until(deadline)
            .ok_or_else(|| Error::with_detail(ErrorKind::TimedOut, "the PKCS#11 module is being initialised anew"))?;
        Ok(Entered { generation: self.generation.load(Ordering::Acquire), _gate: gate })
    }

    /// Leave to call into the module, if it is to be had at once.
    pub(crate) fn enter_now(&self) -> Option<Entered<'_>> {
        let gate = self.gate.try_read_recursive()?;
        Some(Entered { generation: self.generation.load(Ordering::Acquire), _gate: gate })
    }

    /// Finalises and initialises the module, unless another thread has done so since `seen`.
    ///
    /// Waits until no call is running; a call that hangs in the device keeps the module as it is.
    pub(crate) fn restart(&self, seen: u64, deadline: Instant) -> Result<(), Error> {
        if !self.ours {
            return Err(Error::with_detail(
                ErrorKind::Disconnected,
                "the device is gone, and another part of this process initialised its module: it has to do so anew",
            ));
        }
        let gate = self.gate.try_write_until(deadline).ok_or_else(|| {
            Error::with_detail(
                ErrorKind::Disconnected,
                "the device is gone, and its module cannot be initialised anew while a call hangs in it",
            )
        })?;
        if self.generation.load(Ordering::Acquire) != seen {
            return Ok(());
        }
        self.initialise_anew(&gate)
    }

    /// Does what [`restart`](Self::restart) does if it disturbs nobody: false if the module is in use.
    pub(crate) fn restart_unused(&self, seen: u64, deadline: Instant) -> bool {
        let unused = || self.ours && self.connections.load(Ordering::Acquire) == 0;
        if !unused() {
            return false;
        }
        let Some(gate) = self.gate.try_write_until(deadline) else { return false };
        self.generation.load(Ordering::Acquire) != seen || (unused() && self.initialise_anew(&gate).is_ok())
    }

    fn initialise_anew(&self, _gate: &RwLockWriteGuard<'_, ()>) -> Result<(), Error> {
        // A module whose device is gone may fail to say goodbye.
        let _already_gone = self.pkcs11.clone().finalize();
        self.generation.fetch_add(1, Ordering::AcqRel);
        match raw::initialize(&self.pkcs11, self.parameter.as_deref()) {
            Ok(()) | Err(Pkcs11Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
            Err(error) => {
                let Fault { error, .. } = error.into();
                Err(Error::with_detail(ErrorKind::Disconnected, error.to_string()))
            }
        }
    }

    /// Says that there is a login, until what is returned is dropped.
    pub(crate) fn in_use(self: &Arc<Self>) -> InUse {
        self.connections.fetch_add(1, Ordering::AcqRel);
        InUse(self.clone())
    }

    /// How often the module was initialised in this process.
    #[must_use]
    pub fn initialisations(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }
}

impl Deref for InUse {
    type Target = Module;

    fn deref(&self) -> &Module {
        &self.0
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::AcqRel);
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").field("path", &self.path).field("initialisations", &self.initialisations()).finish()
    }
}

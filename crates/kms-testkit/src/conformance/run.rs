//! A run in progress: its checks, its keys and its report.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use kms_core::{
    Backend, Call, Error, Key, KeyId, KeyMaterial, KeySpec, KeyUsage, Locator, MasterKey, MaterialId, SystemRandom,
};

use super::check::{Fault, Outcome};
use super::known::Known;
use super::report::{Absent, Failure, Passed, Report};
use super::subject::Subject;

pub(super) struct Run<'s, 'a> {
    pub(super) subject: &'s Subject<'a>,
    report: RefCell<Report>,
    keys: RefCell<BTreeMap<(KeySpec, KeyUsage), Result<Made, String>>>,
    known: RefCell<BTreeMap<KeySpec, Rc<Known>>>,
    places: RefCell<Vec<Locator>>,
}

/// A key and where it is.
#[derive(Clone)]
pub(super) struct Made {
    pub(super) at: Locator,
    pub(super) master: Arc<dyn MasterKey>,
}

impl Made {
    pub(super) fn key(&self) -> Key {
        Key::new(self.master.clone())
    }
}

impl<'s, 'a> Run<'s, 'a> {
    pub(super) fn new(subject: &'s Subject<'a>) -> Self {
        Self::named(subject, subject.name.clone())
    }

    /// With another name on its report.
    pub(super) fn named(subject: &'s Subject<'a>, name: String) -> Self {
        Self {
            subject,
            report: RefCell::new(Report::new(name)),
            keys: RefCell::default(),
            known: RefCell::default(),
            places: RefCell::default(),
        }
    }

    pub(super) fn backend(&self) -> &'a dyn Backend {
        self.subject.backend
    }

    /// Runs one check. Whatever it does, the others still run.
    pub(super) fn check(&self, check: &'static str, on: impl ToString, body: impl FnOnce() -> Outcome) {
        let outcome = caught(body);
        let (mut report, on) = (self.report.borrow_mut(), on.to_string());
        match outcome {
            Ok(()) => report.passed.push(Passed { check, on }),
            Err(Fault(what)) => report.failures.push(Failure { check, on, what }),
        }
    }

    /// Notes what was not tried because the subject does not have it.
    pub(super) fn absent(&self, what: impl Into<String>, reason: impl Into<String>) {
        self.report.borrow_mut().absent.push(Absent { what: what.into(), reason: reason.into() });
    }

    /// The place of a key that was not there before.
    pub(super) fn place(&self) -> Result<Locator, Error> {
        Ok(self.place_of(KeyId::random(&SystemRandom)?.into()))
    }

    /// The place of this material. What is made there is destroyed at the end.
    pub(super) fn place_of(&self, id: MaterialId) -> Locator {
        let at = (self.subject.locate)(id);
        self.places.borrow_mut().push(at.clone());
        at
    }

    /// A key of its own.
    pub(super) fn create(&self, spec: KeySpec, usage: KeyUsage) -> Result<Made, Error> {
        let at = self.place()?;
        let master = self.backend().create(&at, spec, usage, &Call::default())?;
        Ok(Made { at, master })
    }

    pub(super) fn symmetric(&self) -> Result<Made, Error> {
        self.create(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt)
    }

    /// A key at a place of its own that is made of `material`.
    pub(super) fn import(&self, spec: KeySpec, usage: KeyUsage, material: KeyMaterial) -> Result<Made, Error> {
        let at = self.place()?;
        let master = self.backend().import(&at, spec, usage, material, &Call::default())?;
        Ok(Made { at, master })
    }

    /// The one key of `spec` and `usage` that the checks share: made at its first use, never destroyed by a check.
    pub(super) fn shared(&self, spec: KeySpec, usage: KeyUsage) -> Result<Made, Fault> {
        let mut keys = self.keys.borrow_mut();
        let made = keys.entry((spec, usage)).or_insert_with(|| self.create(spec, usage).map_err(|e| format!("{e:?}")));
        made.clone().map_err(|error| Fault(format!("no key to try it on: {error}")))
    }

    /// Material for `spec` that the suite made in software: one for the whole run, as RSA keys take long.
    pub(super) fn known(&self, spec: KeySpec) -> Result<Rc<Known>, Error> {
        if let Some(known) = self.known.borrow().get(&spec) {
            return Ok(known.clone());
        }
        let known = Rc::new(Known::random(spec)?);
        self.known.borrow_mut().insert(spec, known.clone());
        Ok(known)
    }

    /// Destroys all that was made, through `backend`.
    pub(super) fn clean_up(&self, backend: &dyn Backend) {
        self.check("destroy: all that the suite made can be destroyed", "", || self.destroy_all(backend));
    }

    /// The first fault, after all has been tried.
    pub(super) fn destroy_all(&self, backend: &dyn Backend) -> Outcome {
        let destroy = |at: &Locator| backend.destroy(at, &Call::default());
        let faults: Vec<Error> = self.places.take().iter().filter_map(|at| destroy(at).err()).collect();
        faults.into_iter().next().map_or(Ok(()), |error| Err(error.into()))
    }

    pub(super) fn finish(self) -> Report {
        self.report.into_inner()
    }
}

/// What `body` found, a panic included.
pub(super) fn caught(body: impl FnOnce() -> Outcome) -> Outcome {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| Err(Fault(format!("panicked: {}", text(&*panic)))))
}

fn text(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "without a text",
    }
}

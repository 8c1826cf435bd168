//! What every [`Backend`](kms_core::Backend) must do, as one function that any of them passes.
//!
//! [`run`] makes keys, uses them, spoils their ciphertexts, destroys them, and holds every answer against the rules of
//! [`kms_core::Backend`] and [`kms_core::MasterKey`]. What a backend lacks is declared in its [`Subject`] by name and
//! with the reason; what is neither advertised nor declared fails, as does what is declared and there all the same.
//! Making, opening and destroying `SYMMETRIC_DEFAULT` keys cannot be declared away.
//!
//! [`parity`] puts the same material into two backends, which must read and confirm what the other made.
//!
//! `docs/BACKENDS.md` tells how to write a backend; the example `own_backend` is one.
//!
//! ```
//! # use kms_core::{Backend, Call, Error, KeyMaterial, KeySpec, KeyUsage, Locator, MasterKey, SystemRandom};
//! use kms_soft::SoftBackend;
//! use kms_testkit::conformance::{Subject, parity};
//!
//! let (ours, theirs) = (SoftBackend::new(SystemRandom), SoftBackend::new(SystemRandom));
//! let subject = |name, backend| {
//!     // RSA keys take long to make: not in an example.
//!     [KeySpec::Rsa2048, KeySpec::Rsa3072, KeySpec::Rsa4096].into_iter().fold(
//!         Subject::new(name, backend, SoftBackend::locator),
//!         |subject, spec| subject.without_imports_of(spec, "not in an example"),
//!     )
//! };
//! let report = parity(&subject("ours", &ours), &subject("theirs", &theirs));
//! report.assert_passed();
//! println!("{report}");
//! ```

mod agreement;
mod attacks;
mod calls;
mod capabilities;
mod check;
mod concurrency;
mod forgery;
mod import;
mod known;
mod leaks;
mod lifecycle;
mod oaep;
mod parity;
mod random;
mod report;
mod restart;
mod run;
mod signing;
mod subject;
mod symmetric;
mod work;

pub use self::report::{Absent, Failure, Passed, Report};
pub use self::subject::{Extraction, Subject};

use self::run::Run;

/// Runs every check on `subject`. A check that fails, or panics, does not keep the others from running.
///
/// Checks run on keys at fresh places; what was there before is not touched.
pub fn run(subject: &Subject<'_>) -> Report {
    let run = Run::new(subject);
    capabilities::run(&run);
    lifecycle::run(&run);
    symmetric::run(&run);
    forgery::run(&run);
    oaep::run(&run);
    signing::run(&run);
    agreement::run(&run);
    random::run(&run);
    import::run(&run);
    calls::run(&run);
    leaks::run(&run);
    concurrency::run(&run);
    attacks::run(&run);
    restart::run(&run);
    run.finish()
}

/// Puts the same material into both, for all that both have and both import, and has each read and confirm what the
/// other made. What only one has is listed as absent.
pub fn parity(ours: &Subject<'_>, theirs: &Subject<'_>) -> Report {
    let name = format!("{} and {}", ours.name, theirs.name);
    let (ours, theirs) = (Run::named(ours, name), Run::new(theirs));
    parity::run(&ours, &theirs);
    ours.clean_up(ours.backend());
    ours.check("destroy: all that was imported into the other can be destroyed", "", || {
        theirs.destroy_all(theirs.backend())
    });
    ours.finish()
}

//! Eight threads at once, on shared keys and on keys of their own: every answer is right.

use std::sync::{Arc, Barrier};
use std::thread;

use kms_core::{Backend, Call, ErrorKind, Key, KeySpec, KeyUsage, Locator, MasterKey};

use super::check::{At, Fault, Outcome, refused};
use super::run::{Run, caught};
use super::work::{Mark, seal_and_open, works};

const THREADS: usize = 8;
const ROUNDS: usize = 12;
/// Keys that each thread makes, uses and destroys.
const OWN: usize = 3;
const SYMMETRIC: (KeySpec, KeyUsage) = (KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);

pub(super) fn run(run: &Run<'_, '_>) {
    run.check("threads: eight at once, on shared keys and on their own, are all answered right", "", || mixed(run));
    run.check("threads: eight that make one key at once make one", "", || one_key(run));
}

fn mixed(run: &Run<'_, '_>) -> Outcome {
    let mut shared = vec![run.shared(SYMMETRIC.0, SYMMETRIC.1)?.key()];
    for (spec, usage) in run.subject.pairs() {
        if !run.subject.is_slow(spec) && (spec, usage) != SYMMETRIC {
            shared.push(run.shared(spec, usage)?.key());
        }
    }
    let places: Vec<Vec<Locator>> = (0..THREADS)
        .map(|_| (0..OWN).map(|_| run.place()).collect::<Result<_, _>>())
        .collect::<Result<_, kms_core::Error>>()?;
    let (backend, shared) = (run.backend(), &shared);
    together(|number| {
        let own = places.get(number).map_or(&[][..], Vec::as_slice);
        for round in 0..ROUNDS {
            // Each thread goes through the keys from another one on, so that different operations meet.
            let turned = shared.iter().cycle().skip(number).take(shared.len());
            for key in turned {
                let info = key.info();
                // RSA takes too long to be done in every round.
                if !info.spec.is_rsa() || round == 0 {
                    works(key).at(format!("round {round}, {} {}", info.spec, info.usage))?;
                }
            }
            for key in shared.iter().take(1) {
                let text = format!("thread {number}, round {round}");
                seal_and_open(key, text.as_bytes()).at(&text)?;
            }
            if let Some(at) = own.get(round) {
                comes_and_goes(backend, at).at(format!("a key of thread {number}"))?;
            }
        }
        Ok(())
    })
}

fn comes_and_goes(backend: &dyn Backend, at: &Locator) -> Outcome {
    let call = Call::default();
    works(&Key::new(backend.create(at, SYMMETRIC.0, SYMMETRIC.1, &call)?))?;
    works(&Key::new(backend.open(at, &call)?))?;
    backend.destroy(at, &call)?;
    refused(backend.open(at, &call), &[ErrorKind::KeyUnavailable])
}

fn one_key(run: &Run<'_, '_>) -> Outcome {
    for round in 0..ROUNDS {
        let (backend, at) = (run.backend(), run.place()?);
        let made = answers(|_| Ok(backend.create(&at, SYMMETRIC.0, SYMMETRIC.1, &Call::default())?))?;
        let marks = made.iter().map(|master| Mark::of(&**master)).collect::<Result<Vec<_>, Fault>>()?;
        let found = backend.open(&at, &Call::default())?;
        let everyone = || made.iter().chain([&found]).map(Arc::as_ref);
        marks
            .iter()
            .try_for_each(|mark| everyone().try_for_each(|master: &dyn MasterKey| mark.is_of(master)))
            .at(format!("round {round}"))?;
    }
    Ok(())
}

fn together(work: impl Fn(usize) -> Outcome + Sync) -> Outcome {
    answers(work).map(|_| ())
}

/// The answers of all threads, which begin at the same moment; the first fault if there is one.
fn answers<T: Send>(work: impl Fn(usize) -> Result<T, Fault> + Sync) -> Result<Vec<T>, Fault> {
    let barrier = Barrier::new(THREADS);
    thread::scope(|scope| {
        let one = |number| {
            let (work, barrier) = (&work, &barrier);
            scope.spawn(move || {
                barrier.wait();
                let mut answer = None;
                caught(|| work(number).map(|done| answer = Some(done)))?;
                answer.ok_or_else(|| Fault::from("no answer"))
            })
        };
        let threads: Vec<_> = (0..THREADS).map(one).collect();
        // Every one is waited for before the first fault is told.
        let done: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
        done.into_iter().map(|one| one.unwrap_or_else(|_| Err("a thread panicked".into()))).collect()
    })
}

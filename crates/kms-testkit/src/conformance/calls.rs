//! Deadlines: a generous one changes nothing, and none at all has two outcomes.

use std::time::Duration;

use kms_core::{Call, Error, ErrorKind, Key, KeySpec, KeyUsage};

use super::check::{At, Fault, Outcome, ensure};
use super::run::Run;
use super::work::{Mark, context, equal, works};

const SYMMETRIC: (KeySpec, KeyUsage) = (KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt);

pub(super) fn run(run: &Run<'_, '_>) {
    run.check("call: a generous budget and a trace id change nothing", "", || generous(run));
    run.check("call: a budget of nothing is enough, TimedOut or Busy", "", || nothing(run));
}

fn generous(run: &Run<'_, '_>) -> Outcome {
    let call = Call::default().with_budget(Duration::from_secs(600)).with_trace([7; 16]);
    let (backend, at, context) = (run.backend(), run.place()?, context()?);
    backend.health(&call)?;
    let key = Key::new(backend.create(&at, SYMMETRIC.0, SYMMETRIC.1, &call)?);
    let sealed = key.encrypt(b"payload", &context, &call)?;
    let found = Key::new(backend.open(&at, &call)?);
    equal(&found.decrypt(sealed.as_bytes(), &context, &call)?, b"payload")?;
    key.fill_random(&mut [0; 32], &call)?;
    Ok(backend.destroy(&at, &call)?)
}

fn nothing(run: &Run<'_, '_>) -> Outcome {
    let none = Call::default().with_budget(Duration::ZERO);
    let (backend, at, context) = (run.backend(), run.place()?, context()?);
    let made = run.shared(SYMMETRIC.0, SYMMETRIC.1)?;
    let (key, mark) = (made.key(), Mark::of(&*made.master)?);
    let sealed = key.encrypt(b"payload", &context, &Call::default())?;
    done_or_late(backend.health(&none)).at("health")?;
    done_or_late(key.encrypt(b"payload", &context, &none)).at("encrypt")?;
    if let Some(opened) = done_or_late(key.decrypt(sealed.as_bytes(), &context, &none)).at("decrypt")? {
        equal(&opened, b"payload").at("decrypt")?;
    }
    done_or_late(key.generate_data_key(32, &context, &none)).at("generate_data_key")?;
    done_or_late(key.fill_random(&mut [0; 32], &none)).at("fill_random")?;
    done_or_late(backend.open(&made.at, &none)).at("open")?;
    // Whether the key was made or not: asking again makes one, and one only.
    let early = done_or_late(backend.create(&at, SYMMETRIC.0, SYMMETRIC.1, &none)).at("create")?;
    let master = backend.create(&at, SYMMETRIC.0, SYMMETRIC.1, &Call::default()).at("create, again")?;
    works(&Key::new(master.clone()))?;
    if let Some(early) = early {
        Mark::of(&*early)?.is_of(&*master)?;
    }
    done_or_late(backend.destroy(&at, &none)).at("destroy")?;
    backend.destroy(&at, &Call::default()).at("destroy, again")?;
    mark.is_of(&*made.master).at("after all that")
}

/// What was answered, if it was in time.
fn done_or_late<T>(answer: Result<T, Error>) -> Result<Option<T>, Fault> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) => {
            let late = matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Busy);
            ensure(late, format!("{error:?}; expected success, TimedOut or Busy")).map(|()| None)
        }
    }
}

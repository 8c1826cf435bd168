//! A fresh start over the same keys: what was there is there, what was destroyed is not.

use kms_core::{Backend, Call, ErrorKind, Key, KeyInfo, Locator};

use super::check::{At, Fault, Outcome, ensure, refused};
use super::run::Run;
use super::subject::Reopen;
use super::work::{Mark, works};

/// Ends the run: cleans up through whichever backend is the last.
pub(super) fn run(run: &Run<'_, '_>) {
    let Some(reopen) = &run.subject.reopen else {
        run.clean_up(run.backend());
        return;
    };
    let mut last = None;
    run.check("restart: keys are found, and work; destroyed ones are not", "", || {
        let (kept, gone) = prepare(run)?;
        let fresh = last.insert(start(&**reopen)?);
        found(&**fresh, &kept, &gone)
    });
    match last {
        Some(fresh) => run.clean_up(&*fresh),
        None => run.clean_up(run.backend()),
    }
}

fn start<'a>(reopen: &Reopen<'a>) -> Result<Box<dyn Backend + 'a>, Fault> {
    reopen().at("starting afresh")
}

/// What tells a key from others, and where it was.
type Kept = (Locator, KeyInfo, Mark);

fn prepare(run: &Run<'_, '_>) -> Result<(Vec<Kept>, Locator), Fault> {
    let gone = run.symmetric()?.at;
    run.backend().destroy(&gone, &Call::default())?;
    let mut kept = Vec::new();
    for (spec, usage) in run.subject.pairs() {
        let made = run.shared(spec, usage)?;
        kept.push((made.at.clone(), made.master.info().clone(), Mark::of(&*made.master)?));
    }
    Ok((kept, gone))
}

fn found(fresh: &dyn Backend, kept: &[Kept], gone: &Locator) -> Outcome {
    let call = Call::default();
    for (at, info, mark) in kept {
        let master = fresh.open(at, &call).at(format!("{} {}", info.spec, info.usage))?;
        ensure(master.info() == info, format!("found {:?} in the place of {info:?}", master.info()))?;
        mark.is_of(&*master)?;
        mark.is_of(&*fresh.create(at, info.spec, info.usage, &call)?).at("create at its locator")?;
        works(&Key::new(master))?;
    }
    refused(fresh.open(gone, &call), &[ErrorKind::KeyUnavailable]).at("the destroyed one")
}

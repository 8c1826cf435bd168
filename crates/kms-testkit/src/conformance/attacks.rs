//! Attempts to get a key out: what comes of each is what was declared, not what an attribute says.

use kms_core::{Error, KeyMaterial, KeySpec, KeyUsage, Locator};

use super::check::{At, Outcome};
use super::known::Known;
use super::run::{Made, Run};
use super::subject::Extraction;

/// One attempt.
pub(super) struct Attack<'a> {
    pub(super) name: String,
    pub(super) spec: KeySpec,
    pub(super) usage: KeyUsage,
    pub(super) expected: Extraction,
    pub(super) attempt: Box<Attempt<'a>>,
}

type Attempt<'a> = dyn Fn(&Locator) -> Result<KeyMaterial, Error> + 'a;

pub(super) fn run(run: &Run<'_, '_>) {
    for attack in &run.subject.attacks {
        run.check("attack: what comes of it on a key that was made there is what was declared", &attack.name, || {
            comes_of_it(run, attack, &run.create(attack.spec, attack.usage)?)
        });
        if run.subject.no_import_of(attack.spec).is_none() {
            run.check("attack: what comes of it on an imported key is what was declared", &attack.name, || {
                let material = run.known(attack.spec)?.material()?;
                comes_of_it(run, attack, &run.import(attack.spec, attack.usage, material)?)
            });
        }
        if let Extraction::Succeeds(reason) = &attack.expected {
            run.absent(format!("protection against {}", attack.name), reason);
        }
    }
}

fn comes_of_it(run: &Run<'_, '_>, attack: &Attack<'_>, made: &Made) -> Outcome {
    match ((attack.attempt)(&made.at), &attack.expected) {
        (Err(_), Extraction::Refused) => Ok(()),
        (Err(error), Extraction::Succeeds(_)) => Err(format!("declared to succeed, and refused: {error:?}").into()),
        (Ok(material), expected) => {
            let known = Known::of(attack.spec, &material).at("what it got out is no key")?;
            known.is_what_is_in(&made.key(), run.subject).at("what it got out is not the key")?;
            match expected {
                Extraction::Refused => Err("the key is out".into()),
                Extraction::Succeeds(_) => Ok(()),
            }
        }
    }
}

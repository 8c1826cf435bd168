//! What a token can do: asked once, by doing it, never discovered by a user's failed call.
//!
//! Tokens advertise mechanisms that they then refuse, refuse attributes that the standard has, and give the same number
//! different meanings. So each capability is tried with keys made for it in the session and destroyed after it, and
//! what comes out is compared with the core's own software.

use std::collections::BTreeSet;
use std::fmt;

use kms_core::{Algorithm, AlgorithmSet, KeySpec, KeyUsage, Supported};

use crate::fault::{Fault, Remedy};
use crate::template::Optional;
use crate::token::Attempt;
use crate::wrap::WrapMechanism;

mod asymmetric;
mod protection;
mod symmetric;

pub(crate) use asymmetric::oaep_works;

/// Something that a token does not do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lack {
    /// What: a key spec and usage, and the algorithm if others of it are there.
    pub spec: KeySpec,
    /// The usage.
    pub usage: KeyUsage,
    /// The algorithm; `None`: the token makes no such keys.
    pub algorithm: Option<Algorithm>,
    /// What the token said when it was asked.
    pub reason: String,
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.algorithm {
            Some(algorithm) => write!(f, "{algorithm} with {} keys: {}", self.spec, self.reason),
            None => write!(f, "{} keys for {}: {}", self.spec, self.usage, self.reason),
        }
    }
}

/// Who makes the nonce of AES-GCM, and what a forged tag looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GcmBehaviour {
    /// Whether the token makes the nonce itself, whatever it is given.
    pub token_makes_nonce: bool,
    /// What it answers to a forged tag.
    pub forged: String,
}

/// What a token can do, and what its protection of keys is worth.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Capabilities {
    /// The keys that can be made, and what they can do.
    pub supported: Vec<Supported>,
    /// What is not there, and what the token said.
    pub lacks: Vec<Lack>,
    /// Every mechanism that the token lists, by number.
    pub mechanisms: BTreeSet<u64>,
    /// Whether the keys of ciphertexts can be derived, and used, inside the token (SP 800-108, AES-GCM).
    pub derives_inside: bool,
    /// Whether keys can be kept outside, wrapped under a key of the token, and how; by key spec.
    pub wraps: Vec<KeySpec>,
    /// The name of the wrapping mechanism.
    pub wrap_mechanism: Option<&'static str>,
    /// AES-GCM under AES keys that were there before.
    pub gcm: Option<GcmBehaviour>,
    /// Whether a secret can be brought in by its value (C_CreateObject).
    pub creates: bool,
    /// Whether a secret can be brought in wrapped (C_UnwrapKey under a key that only the token has).
    pub unwraps: bool,
    /// What came of each attempt to take a key out that may not be: `None` if it was refused, else what was done.
    pub extraction: Vec<(&'static str, bool)>,
    /// Optional attributes that the token refuses.
    pub refused_attributes: Vec<&'static str>,
    /// The optional attributes of keys that are made, and of keys that are unwrapped.
    pub(crate) optional: Optional,
    pub(crate) unwrapped: Optional,
    pub(crate) wrap: Option<WrapMechanism>,
}

impl Capabilities {
    /// Whether every attempt to take a key out was refused.
    #[must_use]
    pub fn enforces_extraction(&self) -> bool {
        self.extraction.iter().all(|(_, succeeded)| !succeeded)
    }

    pub(crate) fn can_make(&self, spec: KeySpec, usage: KeyUsage) -> Option<AlgorithmSet> {
        self.supported.iter().find(|one| one.spec == spec && one.usage == usage).map(|one| one.algorithms)
    }

    /// What came of one spec and usage: `works` are the algorithms that do, `reason` is what the token said of others.
    fn found(&mut self, spec: KeySpec, usage: KeyUsage, works: AlgorithmSet, reason: &str) {
        if works.is_empty() {
            self.lacks.push(Lack { spec, usage, algorithm: None, reason: reason.to_owned() });
            return;
        }
        for algorithm in AlgorithmSet::of(spec, usage).iter().filter(|&one| !works.contains(one)) {
            self.lacks.push(Lack { spec, usage, algorithm: Some(algorithm), reason: reason.to_owned() });
        }
        self.supported.push(Supported::new(spec, usage, works));
    }
}

/// Asks the token.
pub(crate) fn probe(attempt: Attempt<'_>) -> Result<Capabilities, Fault> {
    let mechanisms = attempt.raw.mechanisms(attempt.connection.slot)?.into_iter().collect();
    let optional = symmetric::optional_attributes(&attempt)?;
    let refused = [
        ("CKA_COPYABLE", optional.copyable),
        ("CKA_MODIFIABLE", optional.modifiable),
        ("CKA_ALLOWED_MECHANISMS", optional.allowed_mechanisms),
    ];
    let mut found = Capabilities {
        supported: Vec::new(),
        lacks: Vec::new(),
        mechanisms,
        derives_inside: false,
        wraps: Vec::new(),
        wrap_mechanism: None,
        gcm: None,
        creates: false,
        unwraps: false,
        extraction: Vec::new(),
        refused_attributes: refused.iter().filter(|(_, takes)| !takes).map(|(name, _)| *name).collect(),
        optional,
        unwrapped: optional,
        wrap: None,
    };
    symmetric::wrapping(&attempt, &mut found)?;
    symmetric::derivation(&attempt, &mut found)?;
    symmetric::macs(&attempt, &mut found)?;
    symmetric::direct(&attempt, &mut found)?;
    symmetric::import(&attempt, &mut found)?;
    asymmetric::rsa(&attempt, &mut found)?;
    asymmetric::curves(&attempt, &mut found)?;
    protection::extraction(&attempt, &mut found)?;
    // A device that was lost meanwhile answered an error to everything: that is not what the token can do.
    attempt.session.get_session_info()?;
    Ok(found)
}

/// An answer of the token, or its refusal as a text. What says nothing about the capability goes on as the fault it is.
fn asked<T>(outcome: Result<T, Fault>) -> Result<Result<T, String>, Fault> {
    match outcome {
        Ok(answer) => Ok(Ok(answer)),
        Err(Fault { remedy: Remedy::None | Remedy::Doubt | Remedy::Refusal | Remedy::Handle, error }) => {
            Ok(Err(error.detail().unwrap_or("refused").to_owned()))
        }
        Err(fault) => Err(fault),
    }
}

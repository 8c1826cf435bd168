//! `kms hsm probe`: what a token can do.

use clap::{Args, Subcommand};
use kms_core::Call;
use kms_pkcs11::{Capabilities, Pkcs11Backend, Token};
use serde_json::{Value, json};

use super::Common;
use crate::failure::Failure;
use crate::hsm;
use crate::report::{self, printable};

/// See what an HSM can do
#[derive(Debug, Subcommand)]
pub(crate) enum HsmCommand {
    Probe(Probe),
}

/// Try what a token can do, and what its protection of keys is worth
///
/// Everything is done with keys that are made for it, and destroyed at the end; nothing stays in the token. It takes
/// some seconds, for RSA keys are made.
#[derive(Debug, Args)]
pub(crate) struct Probe {
    /// The PKCS#11 URI of the token [default: that of --backend]
    #[arg(value_name = "URI")]
    token: Option<String>,
}

impl HsmCommand {
    pub(crate) fn run(self, common: &Common) -> Result<(), Failure> {
        match self {
            Self::Probe(command) => command.run(common),
        }
    }
}

impl Probe {
    fn run(&self, common: &Common) -> Result<(), Failure> {
        let hsm = &common.keyring.hsm;
        let uri = match &self.token {
            Some(text) => Some(hsm::uri("the token", text)?),
            None => hsm.backend()?,
        };
        let uri = uri.ok_or_else(|| {
            Failure::usage("which token?")
                .hint("kms hsm probe 'pkcs11:token=NAME?module-path=FILE&pin-source=file:/PATH'")
        })?;
        let token = hsm.connect(&uri)?;
        common.report.waiting("Trying what the token can do …");
        let found = Pkcs11Backend::new(token.clone()).capabilities(&Call::default())?;
        common.report.result(&text(&token, &found), || to_json(&token, &found))
    }
}

fn text(token: &Token, found: &Capabilities) -> String {
    let mut keys = vec![["KEY SPEC", "USAGE", "ALGORITHMS"].map(String::from).to_vec()];
    for one in &found.supported {
        let algorithms: Vec<_> = one.algorithms.iter().map(|algorithm| algorithm.to_string()).collect();
        let (mut spec, mut usage) = (one.spec.to_string(), one.usage.to_string());
        // As wide as a terminal.
        for some in algorithms.chunks(3) {
            keys.push(vec![std::mem::take(&mut spec), std::mem::take(&mut usage), some.join(" ")]);
        }
    }
    let head = report::table(&[
        vec!["token".into(), printable(&token.uri().to_string())],
        vec!["module".into(), printable(&token.module().path().display().to_string())],
    ]);
    let mut text = format!("{head}\n{}\n", report::table(&keys));
    if !found.lacks.is_empty() {
        text.push_str("Lacking, and what the token said:\n");
        for lack in &found.lacks {
            text.push_str(&format!("  {}\n", printable(&lack.to_string())));
        }
        text.push('\n');
    }
    text.push_str(&report::table(&protection(found)));
    text
}

/// What does not belong to one kind of key.
fn protection(found: &Capabilities) -> Vec<Vec<String>> {
    let every = found.supported.iter().all(|one| found.wraps.contains(&one.spec));
    let specs: Vec<_> = found.wraps.iter().map(|spec| spec.as_str()).collect();
    let wrapped = match found.wrap_mechanism {
        Some(mechanism) if every => format!("all of these, by {mechanism}"),
        Some(mechanism) if !specs.is_empty() => format!("{}, by {mechanism}", specs.join(" ")),
        _ => "none: every key is an object in the token (--token-object)".into(),
    };
    let derives = match found.derives_inside {
        true => "inside the token (SP 800-108), and used there",
        false => "by an HMAC in the token; used outside",
    };
    let gcm = found.gcm.as_ref().map_or_else(
        || "not there: AES keys of others cannot be used".into(),
        |gcm| {
            let nonce =
                if gcm.token_makes_nonce { "the token makes the nonce" } else { "the nonce is given to the token" };
            format!("{nonce}; a forged tag: {}", printable(&gcm.forged))
        },
    );
    let import = match (found.creates, found.unwraps) {
        (true, true) => "by value (C_CreateObject), wrapped (C_UnwrapKey)",
        (true, false) => "by value (C_CreateObject)",
        (false, true) => "wrapped (C_UnwrapKey)",
        (false, false) => "none: it takes no keys that were made elsewhere",
    };
    let refused = match found.refused_attributes.as_slice() {
        [] => "none".into(),
        refused => refused.join(" "),
    };
    let out: Vec<_> = found.extraction.iter().filter(|(_, succeeded)| *succeeded).map(|(what, _)| *what).collect();
    let extraction = match out.as_slice() {
        [] => "every attempt refused".into(),
        out => format!("NOT REFUSED, keys can be taken out: {}", out.join("; ")),
    };
    [
        ("keys kept wrapped", wrapped),
        ("keys of ciphertexts", derives.into()),
        ("AES-GCM", gcm),
        ("import", import.into()),
        ("refused attributes", refused),
        ("extraction", extraction),
    ]
    .map(|(name, value)| vec![name.into(), value])
    .to_vec()
}

fn to_json(token: &Token, found: &Capabilities) -> Value {
    let supported = found.supported.iter().map(|one| {
        let algorithms: Vec<_> = one.algorithms.iter().map(|algorithm| algorithm.to_string()).collect();
        json!({ "KeySpec": one.spec.as_str(), "KeyUsage": one.usage.as_str(), "Algorithms": algorithms })
    });
    let lacks = found.lacks.iter().map(|lack| {
        json!({
            "KeySpec": lack.spec.as_str(),
            "KeyUsage": lack.usage.as_str(),
            "Algorithm": lack.algorithm.map(|algorithm| algorithm.to_string()),
            "Reason": lack.reason,
        })
    });
    let attempts = found.extraction.iter().map(|(what, succeeded)| json!({ "Attempt": what, "Succeeded": succeeded }));
    json!({
        "Token": token.uri().to_string(),
        "Module": token.module().path().display().to_string(),
        "Supported": supported.collect::<Vec<_>>(),
        "Lacking": lacks.collect::<Vec<_>>(),
        "Mechanisms": found.mechanisms,
        "WrapMechanism": found.wrap_mechanism,
        "WrappedKeySpecs": found.wraps.iter().map(|spec| spec.as_str()).collect::<Vec<_>>(),
        "DerivesInside": found.derives_inside,
        "AesGcm": found.gcm.as_ref().map(|gcm| {
            json!({ "TokenMakesNonce": gcm.token_makes_nonce, "AnswerToForgedTag": gcm.forged })
        }),
        "ImportByValue": found.creates,
        "ImportWrapped": found.unwraps,
        "RefusedAttributes": found.refused_attributes,
        "ExtractionRefused": found.enforces_extraction(),
        "ExtractionAttempts": attempts.collect::<Vec<_>>(),
    })
}

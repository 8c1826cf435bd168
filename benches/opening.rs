//! What it costs to open one key among many objects in SoftHSM: `Backend::open`, and a bare search for the same object.
//! Prints both medians in microseconds and the median of the ratios of their times.
//!
//! `--objects N` says how many objects there are beside the key; 1,000 if it does not.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::std_instead_of_alloc,
    reason = "a benchmark with an operating system under it stops at the first surprise"
)]

use core::hint::black_box;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, ObjectClass};
use cryptoki::types::Ulong;
use kms_core::{Backend, Call, KeyId, KeySpec, KeyUsage, SystemRandom};
use kms_pkcs11::Residency;
use test_tokens::Bare;

mod reach;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let timed = arguments.iter().any(|argument| argument == "--bench");
    let wanted = arguments.windows(2).find(|pair| pair[0] == "--objects").map(|pair| pair[1].parse().unwrap());
    let (objects, rounds) = (wanted.unwrap_or(if timed { 1000 } else { 10 }), if timed { 41 } else { 1 });

    let token = test_tokens::softhsm();
    fill(&token, objects);
    let (backend, bare) = reach::reach(&token);
    let backend = backend.with_residency(Residency::TokenObject);
    let there = bare.session.find_objects(&[Attribute::Token(true)]).unwrap().len();
    assert_eq!(there, objects, "what SoftHSM sees of the files");

    let call = Call::default();
    let at = backend.locator(KeyId::random(&SystemRandom).unwrap().into());
    drop(backend.create(&at, KeySpec::Hmac256, KeyUsage::GenerateVerifyMac, &call).unwrap());
    let id = [&at.id().key.as_bytes()[..], &at.id().generation.to_be_bytes()].concat();
    let search = [Attribute::Token(true), Attribute::Class(ObjectClass::SECRET_KEY), Attribute::Id(id)];

    let anew = || drop(black_box(backend.open(&at, &call).unwrap()));
    let find = || assert_eq!(black_box(bare.session.find_objects(&search).unwrap()).len(), 1);
    report(objects, "nobody has it open", rounds, anew, find);
    let _open = backend.open(&at, &call).unwrap();
    report(objects, "it is open already", rounds, anew, find);
}

/// One object, and the file that SoftHSM keeps it in copied, since SoftHSM takes a minute to make thousands.
fn fill(token: &test_tokens::Token, objects: usize) {
    let Bare { session, pkcs11, .. } = token.open();
    let template = [
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Label(b"one of many".to_vec()),
        Attribute::Id(b"one of many".to_vec()),
        Attribute::Sign(true),
        Attribute::ValueLen(Ulong::try_from(32_usize).unwrap()),
    ];
    session.generate_key(&Mechanism::GenericSecretKeyGen, &template).unwrap();
    drop(session);
    // What is initialised already does not look for files that it did not write.
    pkcs11.finalize().unwrap();
    let original = object_file(token.directory());
    for number in 1..objects {
        let name = format!("00000000-0000-0000-0000-{number:012x}");
        fs::copy(&original, original.with_file_name(format!("{name}.object"))).unwrap();
        fs::write(original.with_file_name(format!("{name}.lock")), "").unwrap();
    }
}

/// The one file of an object below `directory`, beside that of the token itself.
fn object_file(directory: &Path) -> PathBuf {
    let mut found = Vec::new();
    let mut left = vec![directory.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else if path.extension().is_some_and(|is| is == "object")
                && path.file_stem().is_some_and(|is| is != "token")
            {
                found.push(path);
            }
        }
    }
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn report(objects: usize, state: &str, rounds: usize, ours: impl Fn(), bare: impl Fn()) {
    let time = |work: &dyn Fn()| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64() * 1e6
    };
    let mut measured = [Vec::new(), Vec::new(), Vec::new()];
    for round in 0..=rounds {
        let (a, b) = if round.is_multiple_of(2) {
            let ours = time(&ours);
            (ours, time(&bare))
        } else {
            let bare = time(&bare);
            (time(&ours), bare)
        };
        // The first round warms up.
        if round > 0 {
            measured.iter_mut().zip([a, b, b / a]).for_each(|(of, one)| of.push(one));
        }
    }
    let [ours, bare, ratio] = measured.map(|mut of| {
        of.sort_by(f64::total_cmp);
        of[of.len() / 2]
    });
    println!("{objects} objects, {state}: open {ours:.0} µs, bare search {bare:.0} µs, {ratio:.3} of the bare search");
}

//! What a message costs over the bare AEAD: both sides in turn, over the same buffers, so that what else runs on
//! the machine falls on both. Prints the median and the quartiles of the ratio of their times.
//!
//! With `--at-least RATIO` as an argument it fails if a median is below.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark stops at the first surprise")]

use core::time::Duration;
use std::process::ExitCode;
use std::time::Instant;

use kms_benches::{Bare, context, payload, wrapping_key};
use kms_core::message::{
    Advance, DecryptOptions, Decryptor, EncryptOptions, Encryptor, FRAME_OVERHEAD, KmsWrappingKey,
};
use kms_core::{Call, SystemRandom};

const SIZE: usize = 16 << 20;
/// Sequence number and nonce, before the ciphertext of a frame.
const FRAME_HEAD: usize = FRAME_OVERHEAD - kms_benches::TAG_LEN;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let wanted = arguments.windows(2).find(|pair| pair[0] == "--at-least").map(|pair| pair[1].parse().unwrap());
    // `cargo bench` says so; without, this only has to run.
    let rounds = if arguments.iter().any(|argument| argument == "--bench") { 60 } else { 1 };

    let mut good = true;
    for frame_len in [4096, 65_536] {
        for (name, ratios) in measure(frame_len, rounds) {
            let at = |quarter: usize| ratios[(ratios.len() - 1) * quarter / 4];
            let median = at(2);
            println!("message {name}, 16 MiB in frames of {frame_len}: {median:.3} of the bare AEAD's speed");
            println!("  quartiles {:.3} to {:.3}, {rounds} rounds", at(1), at(3));
            good &= wanted.is_none_or(|wanted: f64| median >= wanted);
        }
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Sorted ratios of the bare side's time to ours.
fn measure(frame_len: usize, rounds: usize) -> [(&'static str, Vec<f64>); 2] {
    let (keys, bare, plaintext) = (wrapping_key(), Bare::new(), payload(SIZE));
    // Where a buffer lies decides how fast it is, so both sides work in the same ones, at the same places.
    let mut sealed = payload(SIZE + SIZE / frame_len * FRAME_OVERHEAD + 4096);
    let mut opened = payload(SIZE);
    let body = encryptor(&keys, frame_len).header().len();

    let mut encrypt = Vec::new();
    let mut decrypt = Vec::new();
    for round in 0..=rounds {
        encrypt.push(ratio(round, &mut sealed, |side, sealed| match side {
            Side::Ours => {
                seal(&keys, frame_len, &plaintext, sealed);
            }
            Side::Bare => bare.seal_frames(&plaintext, frame_len, FRAME_HEAD, &mut sealed[body..]),
        }));
    }
    let mut bare_sealed = sealed.clone();
    bare.seal_frames(&plaintext, frame_len, FRAME_HEAD, &mut bare_sealed[body..]);
    let len = seal(&keys, frame_len, &plaintext, &mut sealed);
    for round in 0..=rounds {
        decrypt.push(ratio(round, &mut opened, |side, opened| match side {
            Side::Ours => open(&keys, &sealed[..len], opened),
            Side::Bare => bare.open_frames(&bare_sealed[body..], frame_len, FRAME_HEAD, opened),
        }));
        assert!(opened == plaintext);
    }
    [("encrypt", encrypt), ("decrypt", decrypt)].map(|(name, mut ratios)| {
        // The first round warms up.
        ratios.remove(0);
        ratios.sort_by(f64::total_cmp);
        (name, ratios)
    })
}

#[derive(Clone, Copy)]
enum Side {
    Ours,
    Bare,
}

/// The bare side's time, divided by ours. Who goes second finds the caches as the first left them: take turns.
fn ratio(round: usize, buffer: &mut [u8], mut work: impl FnMut(Side, &mut [u8])) -> f64 {
    let order = if round.is_multiple_of(2) { [Side::Ours, Side::Bare] } else { [Side::Bare, Side::Ours] };
    let times = order.map(|side| time(|| work(side, buffer)).as_secs_f64());
    match order[0] {
        Side::Ours => times[1] / times[0],
        Side::Bare => times[0] / times[1],
    }
}

fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn encryptor(keys: &KmsWrappingKey, frame_len: usize) -> Encryptor<'static> {
    let options = EncryptOptions::new(context()).with_frame_len(u32::try_from(frame_len).unwrap());
    Encryptor::new(keys, &options, &SystemRandom, &Call::default()).unwrap()
}

fn seal(keys: &KmsWrappingKey, frame_len: usize, plaintext: &[u8], out: &mut [u8]) -> usize {
    let mut encryptor = encryptor(keys, frame_len);
    let mut at = encryptor.header().len();
    out[..at].copy_from_slice(encryptor.header());
    let (full, last) = plaintext.split_at((plaintext.len() - 1) / frame_len * frame_len);
    for frame in full.chunks_exact(frame_len) {
        at += encryptor.seal_frame(frame, &mut out[at..]).unwrap();
    }
    at + encryptor.seal_final(last, &mut out[at..]).unwrap()
}

fn open(keys: &KmsWrappingKey, sealed: &[u8], out: &mut [u8]) {
    let mut decryptor = Decryptor::new(keys, &DecryptOptions::new(), &Call::default());
    let (mut at, mut len) = (0, 0);
    loop {
        match decryptor.advance(&sealed[at..], &mut out[len..]).unwrap() {
            Advance::Header { consumed, .. } => at += consumed,
            Advance::Plaintext { consumed, written, .. } => (at, len) = (at + consumed, len + written),
            Advance::Complete => break,
            other => unreachable!("{other:?}"),
        }
    }
    decryptor.finish().unwrap();
}

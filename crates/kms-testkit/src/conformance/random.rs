//! Randomness: of every length, never the same.

use std::collections::BTreeSet;

use kms_core::{Call, KeySpec, KeyUsage};

use super::check::{At, Fault, Outcome, ensure};
use super::run::{Made, Run};

const MEBIBYTE: usize = 1 << 20;

pub(super) fn run(run: &Run<'_, '_>) {
    run.check("random: 0 bytes to 1 MiB, never the same, no part twice", "", || {
        let made = run.shared(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt)?;
        for len in [0, 1, 32, 65_536, 65_537, MEBIBYTE] {
            differs(&made, len).at(format!("{len} bytes"))?;
        }
        let bytes: BTreeSet<_> = (0..64).map(|_| random(&made, 1)).collect::<Result<_, Fault>>()?;
        ensure(bytes.len() > 1, "64 single bytes are equal")
    });
}

fn random(made: &Made, len: usize) -> Result<Vec<u8>, Fault> {
    let mut out = vec![0; len];
    made.key().fill_random(&mut out, &Call::default())?;
    Ok(out)
}

/// In blocks of 32 bytes, of which no two are ever equal: one that was not filled would be as its neighbour.
fn differs(made: &Made, len: usize) -> Outcome {
    let both = [random(made, len)?, random(made, len)?];
    let blocks = || both.iter().flat_map(|bytes| bytes.chunks_exact(32));
    let seen: BTreeSet<_> = blocks().collect();
    ensure(seen.len() == blocks().count(), "a block of 32 bytes is there twice")?;
    // The last bytes, which may be less than a block.
    let all_zero = |bytes: &Vec<u8>| bytes.iter().rev().take(32).all(|&byte| byte == 0);
    ensure(len < 32 || !both.iter().any(all_zero), "the last 32 bytes are zero")
}

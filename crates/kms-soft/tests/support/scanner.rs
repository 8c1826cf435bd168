//! Looks for secrets in this process's own memory, as a core dump or a debugger would show it.
//!
//! The scanner never holds what it looks for: patterns are kept masked, and memory is masked as it is read.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::sync::{Mutex, PoisonError};

/// Never a constant to the compiler, which could otherwise unmask patterns ahead of time.
fn mask() -> u8 {
    core::hint::black_box(0xa5)
}

/// Bytes to look for.
pub(crate) struct Pattern {
    masked: Vec<u8>,
}

impl Pattern {
    /// The bytes that `byte` gives for each index, which are never together in memory.
    pub(crate) fn from_fn(len: usize, byte: impl Fn(usize) -> u8) -> Self {
        Self { masked: (0..len).map(|index| byte(index) ^ mask()).collect() }
    }

    /// The same bytes, last first: a big-endian number as a little-endian machine keeps it.
    pub(crate) fn reversed(&self) -> Self {
        Self { masked: self.masked.iter().rev().copied().collect() }
    }

    /// Where 16 neighbouring bytes of the pattern are in memory that can be written: the first 16, the last 16, and
    /// each 16 between them at a multiple of 8.
    pub(crate) fn traces(&self) -> Vec<String> {
        assert!(self.masked.len() >= 16, "too short to be told from chance");
        let last = self.masked.len() - 16;
        let parts: Vec<&[u8]> =
            (0..=last).filter(|at| at % 8 == 0 || *at == last).map(|at| &self.masked[at..at + 16]).collect();
        scan(&parts)
    }
}

const CHUNK: usize = 1 << 20;
/// Read twice, so that what lies across two chunks is seen.
const OVERLAP: usize = 15;

/// One scan at a time: what another has read would be found.
static SCAN: Mutex<()> = Mutex::new(());

fn scan(parts: &[&[u8]]) -> Vec<String> {
    let _alone = SCAN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut memory = File::open("/proc/self/mem").unwrap();
    let mut buffer = vec![0; CHUNK].into_boxed_slice();
    let own = buffer.as_ptr().addr()..buffer.as_ptr().addr() + CHUNK;
    // Which pairs of bytes begin a part: few places are worth a second look.
    let pair = |bytes: &[u8]| usize::from(bytes[0]) << 8 | usize::from(bytes[1]);
    let mut begins = vec![false; 1 << 16];
    parts.iter().for_each(|part| begins[pair(part)] = true);
    let mut traces = Vec::new();
    for line in fs::read_to_string("/proc/self/maps").unwrap().lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let name = fields.get(5).copied().unwrap_or("anonymous");
        if !fields[1].starts_with("rw") || name.starts_with("[v") {
            continue;
        }
        let (start, end) = fields[0].split_once('-').unwrap();
        let (mut at, end) = (usize::from_str_radix(start, 16).unwrap(), usize::from_str_radix(end, 16).unwrap());
        while at < end {
            let len = CHUNK.min(end - at);
            memory.seek(SeekFrom::Start(at.try_into().unwrap())).unwrap();
            if memory.read_exact(&mut buffer[..len]).is_err() {
                // The stack of a thread that has ended meanwhile.
                break;
            }
            buffer[..len].iter_mut().for_each(|byte| *byte ^= mask());
            for (offset, window) in buffer[..len].windows(16).enumerate() {
                let address = at + offset;
                if begins[pair(window)] && parts.contains(&window) && !own.contains(&address) {
                    traces.push(format!("{address:x} in {name}"));
                }
            }
            if len < CHUNK {
                break;
            }
            at += CHUNK - OVERLAP;
        }
    }
    // What is read away is not a trace for the next scan.
    buffer.fill(0);
    core::hint::black_box(&buffer);
    traces
}

//! What a computation leaves on the stack.
//!
//! The libraries wipe the secrets they name. What the compiler spills, moves or returns through memory has no name:
//! round keys broadcast to wide registers, the last blocks of a plaintext, a scalar on its way through a constructor.
//! It stays on the stack, below the stack pointer, until another call happens to overwrite it. So every computation
//! with a secret runs in a call of its own, and the room it used is overwritten when it returns.
//!
//! Safe code can do no better than that: nothing guarantees where the compiler puts things. `tests/memory.rs` of
//! `kms-soft` looks for what is left.

/// Room for AES-GCM: its widest kernel works on 64 blocks at once.
pub(crate) const SMALL: usize = 12 * 1024;
/// Room for elliptic curves and RSA.
pub(crate) const LARGE: usize = 32 * 1024;

/// Runs `work`, and overwrites the `N` bytes of stack that it used first.
///
/// Without `std` it only runs `work`: stacks may be smaller than `N` there.
pub(crate) fn wiped<const N: usize, R>(work: impl FnOnce() -> R) -> R {
    let result = apart(work);
    if cfg!(feature = "std") {
        overwrite::<N>();
    }
    result
}

/// Its own frame, so that nothing of `work` is in the caller's.
#[inline(never)]
pub(crate) fn apart<R>(work: impl FnOnce() -> R) -> R {
    work()
}

#[inline(never)]
fn overwrite<const N: usize>() {
    let mut room = [0_u8; N];
    // To the compiler the array is used, so it has to be written.
    core::hint::black_box(&mut room);
}

//! Valgrind's client requests: a sequence of instructions that does nothing on a processor and that valgrind reads as
//! a message ("The Client Request mechanism" in its manual; the sequence is that of `valgrind.h`).

/// Of the core.
const RUNNING_ON_VALGRIND: usize = 0x1001;
const CHANGE_ERR_DISABLEMENT: usize = 0x1801;
/// Of memcheck: ('M', 'C') in the upper half.
const MAKE_MEM_UNDEFINED: usize = 0x4d43_0001;
const MAKE_MEM_DEFINED: usize = 0x4d43_0002;
/// Of callgrind: ('C', 'T') in the upper half.
const START_INSTRUMENTATION: usize = 0x4354_0004;
const STOP_INSTRUMENTATION: usize = 0x4354_0005;

#[cfg(target_arch = "x86_64")]
fn request(code: usize, first: usize, second: usize) -> usize {
    let message = [code, first, second, 0, 0, 0];
    let mut answer = 0;
    // SAFETY: on a processor the rotations of rdi add up to 128 bits and the exchange is of a register with itself, so
    // nothing changes. Under valgrind `message` is read, and rdx is written; the requests sent here make valgrind
    // change its own books only. The block may read memory, so what is marked has been written by then.
    unsafe {
        core::arch::asm!(
            "rol rdi, 3", "rol rdi, 13", "rol rdi, 61", "rol rdi, 51", "xchg rbx, rbx",
            in("rax") message.as_ptr(), inout("rdx") answer, inout("rdi") 0_usize => _,
            options(nostack),
        );
    }
    answer
}

#[cfg(not(target_arch = "x86_64"))]
fn request(_: usize, _: usize, _: usize) -> usize {
    0
}

/// Whether valgrind runs this process. Never on processors other than x86_64, for which the request is not written.
pub(crate) fn is_running() -> bool {
    request(RUNNING_ON_VALGRIND, 0, 0) != 0
}

/// Makes the bytes undefined in the eyes of memcheck; their values stay.
pub(crate) fn mark_undefined(bytes: &mut [u8]) {
    request(MAKE_MEM_UNDEFINED, bytes.as_mut_ptr().addr(), bytes.len());
}

/// Makes the bytes defined, because they are public from here on.
pub(crate) fn mark_defined(bytes: &[u8]) {
    request(MAKE_MEM_DEFINED, bytes.as_ptr().addr(), bytes.len());
}

/// Runs `work` with memcheck's reports off. Undefined values go on being followed.
pub(crate) fn unreported<T>(work: impl FnOnce() -> T) -> T {
    request(CHANGE_ERR_DISABLEMENT, 1, 0);
    let result = work();
    request(CHANGE_ERR_DISABLEMENT, usize::MAX, 0);
    result
}

/// Runs `work` with callgrind counting.
pub(crate) fn counted<T>(work: impl FnOnce() -> T) -> T {
    request(START_INSTRUMENTATION, 0, 0);
    let result = core::hint::black_box(work());
    request(STOP_INSTRUMENTATION, 0, 0);
    result
}

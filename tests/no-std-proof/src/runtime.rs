//! What std and libc would bring: the entry point, memory, the functions the compiler calls, the exit.

use core::alloc::{GlobalAlloc, Layout};
use core::arch::{asm, global_asm};
use core::cell::UnsafeCell;
use core::panic::PanicInfo;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicUsize, Ordering};

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
compile_error!(
    "no-std-proof starts and exits in the manner of x86_64 Linux; for another processor write its `_start`, its \
     `exit` and its memory functions. `kms-core` itself has no such limit."
);

// The kernel enters with a stack pointer that is a multiple of 16. `call` leaves it as every function expects it.
global_asm!(
    ".globl _start",
    "_start:",
    "xor ebp, ebp", // the outermost frame
    "call {start}",
    "ud2",
    start = sym start,
);

extern "C" fn start() -> ! {
    exit(crate::run())
}

/// The system call `exit_group`.
fn exit(code: u8) -> ! {
    // SAFETY: exit_group (231) takes one integer, touches no memory of ours and does not return.
    unsafe { asm!("syscall", in("rax") 231, in("rdi") u64::from(code), options(noreturn, nostack)) }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    exit(255)
}

const HEAP: usize = 4 << 20;

/// Hands out memory from the front to the back and takes none back: the proof is short.
#[repr(align(64))]
struct Bump {
    memory: UnsafeCell<[u8; HEAP]>,
    used: AtomicUsize,
}

// SAFETY: `memory` is reached only through `alloc`, which gives every byte to one caller only (`used` is atomic).
unsafe impl Sync for Bump {}

#[global_allocator]
static ALLOCATOR: Bump = Bump { memory: UnsafeCell::new([0; HEAP]), used: AtomicUsize::new(0) };

// SAFETY: blocks are inside `memory`, do not overlap (each starts where the one before ended or later), have the
// alignment asked for because `memory` starts at a multiple of 64 and larger alignments are refused, and none is
// used again after it was freed.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let mut at = 0;
        let place = |used: usize| {
            at = used.checked_next_multiple_of(layout.align())?;
            at.checked_add(layout.size()).filter(|&end| end <= HEAP && layout.align() <= 64)
        };
        match self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, place) {
            // SAFETY: `at` is at most HEAP, so the pointer stays inside `memory`.
            Ok(_) => unsafe { self.memory.get().cast::<u8>().add(at) },
            Err(_) => null_mut(),
        }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

/// The C library's memory functions, which compiled code calls whether or not there is a C library. String
/// instructions, because a loop would be compiled to a call of the function it implements.
mod memory {
    use core::arch::asm;

    #[unsafe(no_mangle)]
    unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
        // SAFETY: the caller gives two ranges of `len` bytes that do not overlap; the direction flag is clear.
        unsafe {
            asm!("rep movsb", inout("rcx") len => _, inout("rdi") to => _, inout("rsi") from => _,
                 options(nostack, preserves_flags));
        }
        to
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
        if to.addr().wrapping_sub(from.addr()) >= len {
            // SAFETY: `to` is not inside the source, so copying forwards reads each byte before it is written.
            return unsafe { memcpy(to, from, len) };
        }
        let (last_to, last_from) = (to.wrapping_add(len).wrapping_sub(1), from.wrapping_add(len).wrapping_sub(1));
        // SAFETY: the caller gives two ranges of `len` bytes; from the last byte down, each is read before it is
        // written. The direction flag is clear again afterwards.
        unsafe {
            asm!("std", "rep movsb", "cld", inout("rcx") len => _, inout("rdi") last_to => _,
                 inout("rsi") last_from => _, options(nostack));
        }
        to
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn memset(to: *mut u8, byte: i32, len: usize) -> *mut u8 {
        // SAFETY: the caller gives a range of `len` bytes; the direction flag is clear.
        unsafe {
            asm!("rep stosb", inout("rcx") len => _, inout("rdi") to => _, in("al") byte as u8,
                 options(nostack, preserves_flags));
        }
        to
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn memcmp(left: *const u8, right: *const u8, len: usize) -> i32 {
        for index in 0..len {
            // SAFETY: the caller gives two ranges of `len` bytes, and `index` is below that.
            let one = unsafe { left.add(index).read() };
            // SAFETY: as above.
            let other = unsafe { right.add(index).read() };
            if one != other {
                return i32::from(one) - i32::from(other);
            }
        }
        0
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn bcmp(left: *const u8, right: *const u8, len: usize) -> i32 {
        // SAFETY: the contract is memcmp's.
        unsafe { memcmp(left, right, len) }
    }
}

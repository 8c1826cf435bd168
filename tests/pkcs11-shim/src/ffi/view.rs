//! What one call sees of the token: whether it is there, and the numbers of its objects.

use std::{ptr, slice};

use cryptoki_sys::{CK_OBJECT_HANDLE, CK_ULONG};

use crate::fatal;

/// Handles of the program have the generation in their upper half, the real module's handle in the lower one.
const HALF: u32 = CK_ULONG::BITS / 2;

#[derive(Clone, Copy)]
pub(super) struct View {
    pub(super) removed: bool,
    pub(super) generation: u32,
}

impl View {
    fn upper(self) -> CK_ULONG {
        CK_ULONG::from(self.generation) << HALF
    }

    /// The real module's handle; nothing for one of an earlier generation. The handle of no object is that everywhere.
    pub(super) fn real(self, handle: CK_OBJECT_HANDLE) -> Option<CK_OBJECT_HANDLE> {
        let real = handle ^ self.upper();
        match handle {
            0 => Some(0),
            _ => (real >> HALF == 0).then_some(real),
        }
    }

    /// Renumbers a handle that the real module has given out.
    ///
    /// # Safety
    /// The pointer is null or to a handle.
    pub(super) unsafe fn give(self, handle: *mut CK_OBJECT_HANDLE) {
        // SAFETY: one handle is as many as there are at a pointer to it.
        unsafe { self.give_all(handle, ptr::from_ref(&1)) };
    }

    /// Renumbers the handles that the real module has given out.
    ///
    /// # Safety
    /// The pointers are null, or to handles and to their number.
    pub(super) unsafe fn give_all(self, handles: *mut CK_OBJECT_HANDLE, count: *const CK_ULONG) {
        // SAFETY: as the caller promises.
        let Some(count) = (unsafe { count.as_ref() }) else { return };
        if handles.is_null() {
            return;
        }
        let count = usize::try_from(*count).unwrap_or_else(|_| fatal("more handles than memory"));
        // SAFETY: as the caller promises.
        for handle in unsafe { slice::from_raw_parts_mut(handles, count) } {
            if *handle >> HALF != 0 {
                fatal("a handle that leaves no room for the generation");
            }
            *handle |= self.upper();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_good_for_one_generation() {
        let mut given = [7, 8];
        let [first, second, third] = [0, 1, 2].map(|generation| View { removed: false, generation });
        // SAFETY: pointers to handles and to their number.
        unsafe { second.give_all(given.as_mut_ptr(), &2) };
        assert_eq!(given.map(|handle| second.real(handle)), [Some(7), Some(8)]);
        assert_eq!(given.map(|handle| third.real(handle)), [None, None]);
        assert_eq!(given.map(|handle| first.real(handle)), [None, None]);
        assert_eq!([first, second].map(|view| view.real(7)), [Some(7), None]);
        assert_eq!(third.real(0), Some(0));
    }
}

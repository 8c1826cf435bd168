//! The functions whose outcome the shim keeps in mind, or that show a token, or several objects.

use std::ffi::c_void;

use cryptoki_sys::{
    CK_BBOOL, CK_FALSE, CK_FLAGS, CK_NOTIFY, CK_OBJECT_HANDLE, CK_RV, CK_SESSION_HANDLE, CK_SLOT_ID, CK_SLOT_INFO,
    CK_ULONG, CKF_TOKEN_PRESENT, CKR_FUNCTION_NOT_SUPPORTED, CKR_OK,
};

use super::call;

pub(super) unsafe extern "C" fn C_Initialize(arguments: *mut c_void) -> CK_RV {
    call("C_Initialize", None, |shim, view| {
        let Some(function) = shim.real.functions().C_Initialize else { return CKR_FUNCTION_NOT_SUPPORTED };
        // SAFETY: what the program promises of its arguments.
        let answer = unsafe { function(arguments) };
        if answer == CKR_OK {
            shim.engine().initialized(view.removed);
        }
        answer
    })
}

pub(super) unsafe extern "C" fn C_Finalize(reserved: *mut c_void) -> CK_RV {
    call("C_Finalize", None, |shim, _| {
        let Some(function) = shim.real.functions().C_Finalize else { return CKR_FUNCTION_NOT_SUPPORTED };
        // SAFETY: what the program promises of its arguments.
        let answer = unsafe { function(reserved) };
        if answer == CKR_OK {
            shim.engine().finalized();
        }
        answer
    })
}

pub(super) unsafe extern "C" fn C_GetSlotList(
    present: CK_BBOOL,
    slots: *mut CK_SLOT_ID,
    count: *mut CK_ULONG,
) -> CK_RV {
    call("C_GetSlotList", None, |shim, view| {
        let Some(function) = shim.real.functions().C_GetSlotList else { return CKR_FUNCTION_NOT_SUPPORTED };
        // SAFETY: what the program promises of its arguments.
        let answer = unsafe { function(present, slots, count) };
        // SAFETY: the program gives a place for the number, or null, which the real module has refused.
        match unsafe { count.as_mut() } {
            Some(count) if view.removed && present != CK_FALSE => *count = 0,
            _ => return answer,
        }
        CKR_OK
    })
}

pub(super) unsafe extern "C" fn C_GetSlotInfo(slot: CK_SLOT_ID, info: *mut CK_SLOT_INFO) -> CK_RV {
    call("C_GetSlotInfo", None, |shim, view| {
        let Some(function) = shim.real.functions().C_GetSlotInfo else { return CKR_FUNCTION_NOT_SUPPORTED };
        // SAFETY: what the program promises of its arguments.
        let answer = unsafe { function(slot, info) };
        // SAFETY: the program gives a place for the answer, or null.
        match unsafe { info.as_mut() } {
            Some(info) if view.removed && answer == CKR_OK => info.flags &= !CKF_TOKEN_PRESENT,
            _ => {}
        }
        answer
    })
}

pub(super) unsafe extern "C" fn C_OpenSession(
    slot: CK_SLOT_ID,
    flags: CK_FLAGS,
    application: *mut c_void,
    notify: CK_NOTIFY,
    session: *mut CK_SESSION_HANDLE,
) -> CK_RV {
    call("C_OpenSession", None, |shim, _| {
        let answer = match shim.real.functions().C_OpenSession {
            // SAFETY: what the program promises of its arguments.
            Some(function) => unsafe { function(slot, flags, application, notify, session) },
            None => CKR_FUNCTION_NOT_SUPPORTED,
        };
        // SAFETY: the program gives a place for the handle, or null.
        let opened = unsafe { session.as_ref() }.filter(|_| answer == CKR_OK);
        shim.engine().opened(opened.copied(), slot);
        answer
    })
}

pub(super) unsafe extern "C" fn C_CloseSession(session: CK_SESSION_HANDLE) -> CK_RV {
    call("C_CloseSession", None, |shim, _| {
        let Some(function) = shim.real.functions().C_CloseSession else { return CKR_FUNCTION_NOT_SUPPORTED };
        // SAFETY: takes a number, which may be any.
        let answer = unsafe { function(session) };
        if answer == CKR_OK {
            shim.engine().closed(session);
        }
        answer
    })
}

pub(super) unsafe extern "C" fn C_CloseAllSessions(slot: CK_SLOT_ID) -> CK_RV {
    call("C_CloseAllSessions", None, |shim, _| {
        let Some(function) = shim.real.functions().C_CloseAllSessions else { return CKR_FUNCTION_NOT_SUPPORTED };
        // SAFETY: takes a number, which may be any.
        let answer = unsafe { function(slot) };
        if answer == CKR_OK {
            shim.engine().closed_all(slot);
        }
        answer
    })
}

pub(super) unsafe extern "C" fn C_FindObjects(
    session: CK_SESSION_HANDLE,
    objects: *mut CK_OBJECT_HANDLE,
    room: CK_ULONG,
    count: *mut CK_ULONG,
) -> CK_RV {
    call("C_FindObjects", None, |shim, view| {
        let Some(function) = shim.real.functions().C_FindObjects else { return CKR_FUNCTION_NOT_SUPPORTED };
        // SAFETY: what the program promises of its arguments.
        let answer = unsafe { function(session, objects, room, count) };
        if answer == CKR_OK {
            // SAFETY: the real module has put so many there.
            unsafe { view.give_all(objects, count) };
        }
        answer
    })
}

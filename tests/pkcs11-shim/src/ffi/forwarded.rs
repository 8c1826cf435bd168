//! The functions that go on to the real module with nothing changed but handles of objects.

use cryptoki_sys::{
    CK_ATTRIBUTE, CK_BYTE, CK_FLAGS, CK_INFO, CK_MECHANISM, CK_MECHANISM_INFO, CK_MECHANISM_TYPE, CK_OBJECT_HANDLE,
    CK_RV, CK_SESSION_HANDLE, CK_SESSION_INFO, CK_SLOT_ID, CK_TOKEN_INFO, CK_ULONG, CK_USER_TYPE, CK_UTF8CHAR,
    CKR_FUNCTION_NOT_SUPPORTED, CKR_KEY_HANDLE_INVALID, CKR_OBJECT_HANDLE_INVALID, CKR_OK,
    CKR_UNWRAPPING_KEY_HANDLE_INVALID, CKR_WRAPPING_KEY_HANDLE_INVALID,
};

use super::{call, mechanism_type};

/// `names`: the mechanism, for rules to know. `takes`: handles, with what to answer to one that is not valid any more.
/// `gives`: where the real module has put handles.
macro_rules! forwarded {
    ($(
        $name:ident($($argument:ident: $type:ty),*)
        $(names $mechanism:ident)? $(takes $($taken:ident or $code:ident),+)? $(gives $($given:ident),+)?;
    )+) => {$(
        pub(super) unsafe extern "C" fn $name($($argument: $type),*) -> CK_RV {
            // SAFETY: the program gives a mechanism.
            let mechanism = None$(.or(unsafe { mechanism_type($mechanism) }))?;
            call(stringify!($name), mechanism, |shim, view| {
                $($(let Some($taken) = view.real($taken) else { return $code };)+)?
                let Some(function) = shim.real.functions().$name else { return CKR_FUNCTION_NOT_SUPPORTED };
                // SAFETY: what the program promises of its arguments.
                let answer = unsafe { function($($argument),*) };
                // Not used where no handle is taken or given.
                let _ = view;
                $(if answer == CKR_OK {
                    $(
                        // SAFETY: the program gives a place for a handle, which is there now.
                        unsafe { view.give($given) };
                    )+
                })?
                answer
            })
        }
    )+};
}

type Session = CK_SESSION_HANDLE;
type Object = CK_OBJECT_HANDLE;
type Bytes = *mut CK_BYTE;
type Length = *mut CK_ULONG;
type Mechanism = *mut CK_MECHANISM;
type Template = *mut CK_ATTRIBUTE;

forwarded! {
    C_GetInfo(info: *mut CK_INFO);
    C_WaitForSlotEvent(flags: CK_FLAGS, slot: *mut CK_SLOT_ID, reserved: *mut core::ffi::c_void);

    C_GetTokenInfo(slot: CK_SLOT_ID, info: *mut CK_TOKEN_INFO);
    C_GetMechanismList(slot: CK_SLOT_ID, list: *mut CK_MECHANISM_TYPE, count: Length);
    C_GetMechanismInfo(slot: CK_SLOT_ID, mechanism: CK_MECHANISM_TYPE, info: *mut CK_MECHANISM_INFO);
    C_InitToken(slot: CK_SLOT_ID, pin: *mut CK_UTF8CHAR, length: CK_ULONG, label: *mut CK_UTF8CHAR);

    C_InitPIN(session: Session, pin: *mut CK_UTF8CHAR, length: CK_ULONG);
    C_SetPIN(session: Session, old: *mut CK_UTF8CHAR, old_length: CK_ULONG, new: *mut CK_UTF8CHAR, new_length: CK_ULONG);
    C_GetSessionInfo(session: Session, info: *mut CK_SESSION_INFO);
    C_GetOperationState(session: Session, state: Bytes, length: Length);
    C_SetOperationState(session: Session, state: Bytes, length: CK_ULONG, encryption: Object, authentication: Object)
        takes encryption or CKR_KEY_HANDLE_INVALID, authentication or CKR_KEY_HANDLE_INVALID;
    C_Login(session: Session, user: CK_USER_TYPE, pin: *mut CK_UTF8CHAR, length: CK_ULONG);
    C_Logout(session: Session);
    C_GetFunctionStatus(session: Session);
    C_CancelFunction(session: Session);

    C_CreateObject(session: Session, template: Template, count: CK_ULONG, object: *mut Object) gives object;
    C_CopyObject(session: Session, object: Object, template: Template, count: CK_ULONG, copy: *mut Object)
        takes object or CKR_OBJECT_HANDLE_INVALID gives copy;
    C_DestroyObject(session: Session, object: Object) takes object or CKR_OBJECT_HANDLE_INVALID;
    C_GetObjectSize(session: Session, object: Object, size: Length) takes object or CKR_OBJECT_HANDLE_INVALID;
    C_GetAttributeValue(session: Session, object: Object, template: Template, count: CK_ULONG)
        takes object or CKR_OBJECT_HANDLE_INVALID;
    C_SetAttributeValue(session: Session, object: Object, template: Template, count: CK_ULONG)
        takes object or CKR_OBJECT_HANDLE_INVALID;
    C_FindObjectsInit(session: Session, template: Template, count: CK_ULONG);
    C_FindObjectsFinal(session: Session);

    C_EncryptInit(session: Session, mechanism: Mechanism, key: Object)
        names mechanism takes key or CKR_KEY_HANDLE_INVALID;
    C_Encrypt(session: Session, data: Bytes, length: CK_ULONG, out: Bytes, out_length: Length);
    C_EncryptUpdate(session: Session, data: Bytes, length: CK_ULONG, out: Bytes, out_length: Length);
    C_EncryptFinal(session: Session, out: Bytes, out_length: Length);
    C_DecryptInit(session: Session, mechanism: Mechanism, key: Object)
        names mechanism takes key or CKR_KEY_HANDLE_INVALID;
    C_Decrypt(session: Session, data: Bytes, length: CK_ULONG, out: Bytes, out_length: Length);
    C_DecryptUpdate(session: Session, data: Bytes, length: CK_ULONG, out: Bytes, out_length: Length);
    C_DecryptFinal(session: Session, out: Bytes, out_length: Length);

    C_DigestInit(session: Session, mechanism: Mechanism) names mechanism;
    C_Digest(session: Session, data: Bytes, length: CK_ULONG, out: Bytes, out_length: Length);
    C_DigestUpdate(session: Session, data: Bytes, length: CK_ULONG);
    C_DigestKey(session: Session, key: Object) takes key or CKR_KEY_HANDLE_INVALID;
    C_DigestFinal(session: Session, out: Bytes, out_length: Length);

    C_SignInit(session: Session, mechanism: Mechanism, key: Object)
        names mechanism takes key or CKR_KEY_HANDLE_INVALID;
    C_Sign(session: Session, data: Bytes, length: CK_ULONG, out: Bytes, out_length: Length);
    C_SignUpdate(session: Session, data: Bytes, length: CK_ULONG);
    C_SignFinal(session: Session, out: Bytes, out_length: Length);
    C_SignRecoverInit(session: Session, mechanism: Mechanism, key: Object)
        names mechanism takes key or CKR_KEY_HANDLE_INVALID;
    C_SignRecover(session: Session, data: Bytes, length: CK_ULONG, out: Bytes, out_length: Length);
    C_VerifyInit(session: Session, mechanism: Mechanism, key: Object)
        names mechanism takes key or CKR_KEY_HANDLE_INVALID;
    C_Verify(session: Session, data: Bytes, length: CK_ULONG, signature: Bytes, signature_length: CK_ULONG);
    C_VerifyUpdate(session: Session, data: Bytes, length: CK_ULONG);
    C_VerifyFinal(session: Session, signature: Bytes, signature_length: CK_ULONG);
    C_VerifyRecoverInit(session: Session, mechanism: Mechanism, key: Object)
        names mechanism takes key or CKR_KEY_HANDLE_INVALID;
    C_VerifyRecover(session: Session, signature: Bytes, length: CK_ULONG, out: Bytes, out_length: Length);

    C_DigestEncryptUpdate(session: Session, data: Bytes, length: CK_ULONG, out: Bytes, out_length: Length);
    C_DecryptDigestUpdate(session: Session, data: Bytes, length: CK_ULONG, out: Bytes, out_length: Length);
    C_SignEncryptUpdate(session: Session, data: Bytes, length: CK_ULONG, out: Bytes, out_length: Length);
    C_DecryptVerifyUpdate(session: Session, data: Bytes, length: CK_ULONG, out: Bytes, out_length: Length);

    C_GenerateKey(session: Session, mechanism: Mechanism, template: Template, count: CK_ULONG, key: *mut Object)
        names mechanism gives key;
    C_GenerateKeyPair(
        session: Session, mechanism: Mechanism, public_template: Template, public_count: CK_ULONG,
        private_template: Template, private_count: CK_ULONG, public: *mut Object, private: *mut Object
    ) names mechanism gives public, private;
    C_WrapKey(session: Session, mechanism: Mechanism, wrapping: Object, key: Object, out: Bytes, out_length: Length)
        names mechanism takes wrapping or CKR_WRAPPING_KEY_HANDLE_INVALID, key or CKR_KEY_HANDLE_INVALID;
    C_UnwrapKey(
        session: Session, mechanism: Mechanism, unwrapping: Object, wrapped: Bytes, length: CK_ULONG,
        template: Template, count: CK_ULONG, key: *mut Object
    ) names mechanism takes unwrapping or CKR_UNWRAPPING_KEY_HANDLE_INVALID gives key;
    C_DeriveKey(
        session: Session, mechanism: Mechanism, base: Object, template: Template, count: CK_ULONG, key: *mut Object
    ) names mechanism takes base or CKR_KEY_HANDLE_INVALID gives key;

    C_SeedRandom(session: Session, seed: Bytes, length: CK_ULONG);
    C_GenerateRandom(session: Session, out: Bytes, length: CK_ULONG);
}

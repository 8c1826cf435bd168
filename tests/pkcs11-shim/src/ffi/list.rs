//! The list of functions, and the one function that a program looks up by name.

use cryptoki_sys::{CK_FUNCTION_LIST, CK_RV, CK_VERSION, CKR_ARGUMENTS_BAD, CKR_OK};

use super::{call, forwarded, tracked};

macro_rules! list {
    ($($module:ident: $($name:ident)+;)+) => {
        static LIST: CK_FUNCTION_LIST = CK_FUNCTION_LIST {
            version: CK_VERSION { major: 2, minor: 40 },
            C_GetFunctionList: Some(C_GetFunctionList),
            $($($name: Some($module::$name),)+)+
        };
    };
}

list! {
    tracked:
        C_Initialize C_Finalize C_GetSlotList C_GetSlotInfo C_OpenSession C_CloseSession C_CloseAllSessions C_FindObjects;
    forwarded:
        C_GetInfo C_WaitForSlotEvent C_GetTokenInfo C_GetMechanismList C_GetMechanismInfo C_InitToken C_InitPIN C_SetPIN
        C_GetSessionInfo C_GetOperationState C_SetOperationState C_Login C_Logout C_GetFunctionStatus C_CancelFunction
        C_CreateObject C_CopyObject C_DestroyObject C_GetObjectSize C_GetAttributeValue C_SetAttributeValue
        C_FindObjectsInit C_FindObjectsFinal C_EncryptInit C_Encrypt C_EncryptUpdate C_EncryptFinal C_DecryptInit
        C_Decrypt C_DecryptUpdate C_DecryptFinal C_DigestInit C_Digest C_DigestUpdate C_DigestKey C_DigestFinal
        C_SignInit C_Sign C_SignUpdate C_SignFinal C_SignRecoverInit C_SignRecover C_VerifyInit C_Verify
        C_VerifyUpdate C_VerifyFinal C_VerifyRecoverInit C_VerifyRecover C_DigestEncryptUpdate
        C_DecryptDigestUpdate C_SignEncryptUpdate C_DecryptVerifyUpdate C_GenerateKey C_GenerateKeyPair C_WrapKey
        C_UnwrapKey C_DeriveKey C_SeedRandom C_GenerateRandom;
}

/// The list of all other functions.
///
/// # Safety
/// The pointer is null or to a place for the answer.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn C_GetFunctionList(list: *mut *mut CK_FUNCTION_LIST) -> CK_RV {
    call("C_GetFunctionList", None, |_, _| {
        // SAFETY: as the program promises.
        let Some(list) = (unsafe { list.as_mut() }) else { return CKR_ARGUMENTS_BAD };
        // The program has no business to write there, whatever the type says.
        *list = (&raw const LIST).cast_mut();
        CKR_OK
    })
}

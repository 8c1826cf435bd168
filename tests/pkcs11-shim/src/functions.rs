//! The functions of PKCS #11 v2.40, by what their first argument stands for.

/// What a function speaks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The module, or a slot whether there is a token in it or not.
    Module,
    /// The token in a slot.
    Token,
    /// A session.
    Session,
}

const MODULE: &[&str] = &[
    "C_Initialize",
    "C_Finalize",
    "C_GetInfo",
    "C_GetFunctionList",
    "C_GetSlotList",
    "C_GetSlotInfo",
    "C_WaitForSlotEvent",
];

const TOKEN: &[&str] = &[
    "C_GetTokenInfo",
    "C_GetMechanismList",
    "C_GetMechanismInfo",
    "C_InitToken",
    "C_OpenSession",
    "C_CloseAllSessions",
];

#[rustfmt::skip]
const SESSION: &[&str] = &[
    "C_InitPIN", "C_SetPIN", "C_CloseSession", "C_GetSessionInfo", "C_GetOperationState", "C_SetOperationState",
    "C_Login", "C_Logout", "C_CreateObject", "C_CopyObject", "C_DestroyObject", "C_GetObjectSize",
    "C_GetAttributeValue", "C_SetAttributeValue", "C_FindObjectsInit", "C_FindObjects", "C_FindObjectsFinal",
    "C_EncryptInit", "C_Encrypt", "C_EncryptUpdate", "C_EncryptFinal", "C_DecryptInit", "C_Decrypt",
    "C_DecryptUpdate", "C_DecryptFinal", "C_DigestInit", "C_Digest", "C_DigestUpdate", "C_DigestKey",
    "C_DigestFinal", "C_SignInit", "C_Sign", "C_SignUpdate", "C_SignFinal", "C_SignRecoverInit", "C_SignRecover",
    "C_VerifyInit", "C_Verify", "C_VerifyUpdate", "C_VerifyFinal", "C_VerifyRecoverInit", "C_VerifyRecover",
    "C_DigestEncryptUpdate", "C_DecryptDigestUpdate", "C_SignEncryptUpdate", "C_DecryptVerifyUpdate",
    "C_GenerateKey", "C_GenerateKeyPair", "C_WrapKey", "C_UnwrapKey", "C_DeriveKey", "C_SeedRandom",
    "C_GenerateRandom", "C_GetFunctionStatus", "C_CancelFunction",
];

/// The subject of a function, and its name for ever; nothing if there is none with that name.
pub(crate) fn named(name: &str) -> Option<(&'static str, Subject)> {
    let of =
        |names: &[&'static str], subject| names.iter().find(|known| **known == name).map(|known| (*known, subject));
    of(MODULE, Subject::Module).or_else(|| of(TOKEN, Subject::Token)).or_else(|| of(SESSION, Subject::Session))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_is_known_once() {
        let mut names = [MODULE, TOKEN, SESSION].concat();
        // The function list has a version and one pointer for each.
        assert_eq!(names.len(), size_of::<cryptoki_sys::CK_FUNCTION_LIST>() / size_of::<usize>() - 1);
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 68);
        assert_eq!(named("C_Sign"), Some(("C_Sign", Subject::Session)));
        assert_eq!(named("C_Sing"), None);
    }
}

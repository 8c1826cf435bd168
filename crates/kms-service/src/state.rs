//! What each state of a key allows: the table of the AWS KMS developer guide, "Key states of AWS KMS keys".

use crate::api::{KeyState, Operation};
use crate::record::KeyRecord;
use crate::{Exception, KmsError, Timestamp};

/// The states that an operation is refused in, beside those that refuse nothing.
#[derive(Clone, Copy)]
struct Refused {
    disabled: bool,
    pending_deletion: bool,
    pending_import: bool,
    unavailable: bool,
    creating: bool,
    updating: bool,
}

const NEVER: Refused = Refused {
    disabled: false,
    pending_deletion: false,
    pending_import: false,
    unavailable: false,
    creating: false,
    updating: false,
};
/// Operations with the key's material.
const USE: Refused = Refused {
    disabled: true,
    pending_deletion: true,
    pending_import: true,
    unavailable: true,
    creating: true,
    ..NEVER
};
const PENDING_DELETION: Refused = Refused { pending_deletion: true, ..NEVER };

const fn refused(operation: Operation) -> Refused {
    use Operation as O;
    match operation {
        O::Encrypt
        | O::Decrypt
        | O::ReEncrypt
        | O::GenerateDataKey
        | O::GenerateDataKeyWithoutPlaintext
        | O::GenerateDataKeyPair
        | O::GenerateDataKeyPairWithoutPlaintext
        | O::Sign
        | O::Verify
        | O::GenerateMac
        | O::VerifyMac
        | O::DeriveSharedSecret
        | O::Encapsulate
        | O::Decapsulate
        | O::GetPublicKey => USE,
        O::CreateGrant => Refused { unavailable: false, ..USE },
        O::ReplicateKey | O::UpdatePrimaryRegion | O::RotateKeyOnDemand => Refused { updating: true, ..USE },
        O::EnableKeyRotation | O::DisableKeyRotation => {
            Refused { disabled: true, pending_deletion: true, creating: true, ..NEVER }
        }
        O::EnableKey | O::DisableKey => {
            Refused { pending_deletion: true, pending_import: true, creating: true, updating: true, ..NEVER }
        }
        O::CreateAlias | O::UpdateAlias | O::TagResource | O::UntagResource | O::UpdateKeyDescription => {
            PENDING_DELETION
        }
        O::ScheduleKeyDeletion => Refused { updating: true, ..PENDING_DELETION },
        O::GetParametersForImport => Refused { creating: true, updating: true, ..PENDING_DELETION },
        O::ImportKeyMaterial => Refused { creating: true, ..PENDING_DELETION },
        O::DeleteImportedKeyMaterial => Refused { creating: true, updating: true, ..NEVER },
        _ => NEVER,
    }
}

/// The state as callers see it. A key in a custom key store that is not connected is unavailable, enabled or not; what
/// waits for its deletion goes on waiting.
pub(crate) fn shown(key: &KeyRecord, connected: bool, now: Timestamp) -> KeyState {
    match key.state_at(now) {
        KeyState::Enabled | KeyState::Disabled if !connected => KeyState::Unavailable,
        state => state,
    }
}

/// Whether the key's state allows the operation. `connected`: the custom key store is, that the key is in.
///
/// # Errors
/// `DisabledException` and `KMSInvalidStateException`, with AWS's texts.
pub(crate) fn check(operation: Operation, key: &KeyRecord, connected: bool, now: Timestamp) -> Result<(), KmsError> {
    let is = |what: &str| Err(KmsError::with(Exception::KMSInvalidState, format!("{} is {what}.", key.arn())));
    let refused = refused(operation);
    if operation == Operation::CancelKeyDeletion {
        let pending = matches!(key.state, KeyState::PendingDeletion | KeyState::PendingReplicaDeletion);
        return if pending { Ok(()) } else { is("not pending deletion") };
    }
    match shown(key, connected, now) {
        KeyState::Disabled if refused.disabled => {
            Err(KmsError::with(Exception::Disabled, format!("{} is disabled.", key.arn())))
        }
        KeyState::PendingDeletion | KeyState::PendingReplicaDeletion if refused.pending_deletion => {
            is("pending deletion")
        }
        KeyState::PendingImport if refused.pending_import => is("pending import"),
        KeyState::Unavailable if refused.unavailable => is("unavailable"),
        KeyState::Creating if refused.creating => is("creating"),
        KeyState::Updating if refused.updating => is("updating"),
        _ => Ok(()),
    }
}

//! A stranger's bad ciphertext is rejected and costs nothing; a bad device is never taken for one.

use cryptoki_sys::{CKR_DEVICE_ERROR, CKR_FUNCTION_FAILED, CKR_GENERAL_ERROR};
use kms_core::{Backend, Call, EncryptionContext, ErrorKind};
use std::time::Duration;
use test_tokens::Rule;

use crate::stand::{BOTH, Keys, OAEP, Operation, Stand};

#[test]
fn a_thousand_bad_ciphertexts() {
    let stand = Stand::new();
    for residency in BOTH {
        let keys = Keys::make(&stand.backend(residency));
        let call = Call::default();
        assert!(keys.perform(Operation::Decrypt, &call).unwrap());
        stand.shim.forget();
        let sessions = stand.token.sessions();
        for number in 0..1000_usize {
            let mut bad = keys.ciphertext.clone();
            bad[1 + number % 255] ^= 1 << (number % 8);
            assert_eq!(keys.rsa.decrypt(OAEP, &bad, &call).unwrap_err().kind(), ErrorKind::Rejected, "{number}");
        }
        assert!(stand.shim.answers("C_Decrypt", CKR_GENERAL_ERROR) >= 1000, "the token's doubtful answer");
        let none = stand.calls(["C_Initialize", "C_Finalize", "C_Login", "C_OpenSession", "C_CloseSession"]);
        assert_eq!(none, [0; 5]);
        assert_eq!(stand.token.sessions(), sessions);
        keys.assert_all_work();
    }
}

#[test]
fn a_device_fault_on_a_good_ciphertext_gives_the_plaintext() {
    let stand = Stand::new();
    let keys = Keys::make(&stand.backend(BOTH[0]));
    for code in [CKR_DEVICE_ERROR, CKR_GENERAL_ERROR, CKR_FUNCTION_FAILED] {
        for times in [1, 2] {
            let rule = stand.shim.add(Rule::fail(code).on("C_Decrypt").times(times));
            assert!(keys.perform(Operation::Decrypt, &Call::default()).unwrap());
            assert_eq!(stand.shim.strikes(rule), usize::try_from(times).unwrap());
            stand.shim.clear();
        }
    }
}

#[test]
fn a_lasting_device_fault_is_never_a_rejection() {
    let stand = Stand::new();
    for residency in BOTH {
        let keys = Keys::make(&stand.backend(residency));
        let mut bad = keys.ciphertext.clone();
        bad[100] ^= 1;
        for function in ["C_Decrypt", "C_DecryptInit"] {
            for code in [CKR_DEVICE_ERROR, CKR_GENERAL_ERROR, CKR_FUNCTION_FAILED] {
                let rule = stand.shim.add(Rule::fail(code).on(function));
                for ciphertext in [&keys.ciphertext, &bad] {
                    let error = keys.rsa.decrypt(OAEP, ciphertext, &Call::default()).unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
                }
                assert!(stand.shim.strikes(rule) > 0);
                stand.shim.clear();
                keys.assert_all_work();
            }
        }
    }
}

/// While the token is out, nothing is said of its keys and nothing of what was sealed under them.
#[test]
fn a_removed_token_is_told_as_such() {
    let stand = Stand::new();
    for residency in BOTH {
        let backend = stand.backend(residency);
        let keys = Keys::make(&backend);
        let places: Vec<_> = backend.list(&Call::default()).unwrap().into_iter().map(|key| key.at).collect();
        let short = Call::default().with_budget(Duration::from_millis(200));
        let blob = keys.symmetric.seal(b"", &EncryptionContext::empty(), &Call::default()).unwrap();
        stand.shim.add(Rule::remove_token());
        let mut errors: Vec<_> =
            Operation::ALL.iter().map(|operation| keys.perform(*operation, &short).unwrap_err()).collect();
        errors.push(keys.symmetric.open(blob.as_bytes(), &EncryptionContext::empty(), &short).unwrap_err());
        errors.extend(places.iter().map(|at| backend.open(at, &short).unwrap_err()));
        errors.push(backend.list(&short).unwrap_err());
        errors.push(backend.health(&short).unwrap_err());
        for error in errors {
            assert!(error.is_transient(), "{error}");
        }
        stand.shim.clear();
        keys.assert_all_work();
        for at in places {
            backend.open(&at, &Call::default()).unwrap();
        }
    }
}

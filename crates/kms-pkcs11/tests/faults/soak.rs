//! Many threads and one fault after the other: whatever is answered is right, and all works when it is over.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use cryptoki::object::{Attribute, ObjectClass};
use cryptoki_sys::{
    CK_RV, CKR_DEVICE_ERROR, CKR_DEVICE_REMOVED, CKR_FUNCTION_FAILED, CKR_GENERAL_ERROR, CKR_HOST_MEMORY,
    CKR_KEY_HANDLE_INVALID, CKR_OBJECT_HANDLE_INVALID, CKR_OPERATION_ACTIVE, CKR_SESSION_CLOSED,
    CKR_SESSION_HANDLE_INVALID, CKR_TOKEN_NOT_PRESENT, CKR_USER_NOT_LOGGED_IN,
};
use kms_core::{Backend, Call};
use kms_pkcs11::Residency;
use test_tokens::Rule;

use crate::stand::{BOTH, Keys, Operation, SESSIONS, Stand};

const THREADS: usize = 8;
const EACH: usize = 200;

const CODES: [CK_RV; 12] = [
    CKR_DEVICE_ERROR,
    CKR_GENERAL_ERROR,
    CKR_FUNCTION_FAILED,
    CKR_HOST_MEMORY,
    CKR_SESSION_CLOSED,
    CKR_SESSION_HANDLE_INVALID,
    CKR_OPERATION_ACTIVE,
    CKR_USER_NOT_LOGGED_IN,
    CKR_KEY_HANDLE_INVALID,
    CKR_OBJECT_HANDLE_INVALID,
    CKR_DEVICE_REMOVED,
    CKR_TOKEN_NOT_PRESENT,
];

const FUNCTIONS: [&str; 12] = [
    "C_Sign",
    "C_SignInit",
    "C_Decrypt",
    "C_DecryptInit",
    "C_DeriveKey",
    "C_UnwrapKey",
    "C_OpenSession",
    "C_CloseSession",
    "C_Login",
    "C_FindObjects",
    "C_GetTokenInfo",
    "C_GetAttributeValue",
];

/// Numbers that look random and are the same in each run.
struct Dice {
    state: u64,
    /// How many doubtful answers to a decryption there were.
    doubtful: usize,
}

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state >> 33).unwrap() % sides
    }

    /// One of the first `count` codes. Two faults around an operation that works are told from a bad ciphertext only by
    /// the difference between them: those of a decryption differ from one to the next.
    fn code(&mut self, count: usize, function: &str) -> CK_RV {
        let code = self.roll(count);
        if code < 3 && function.starts_with("C_Decrypt") {
            self.doubtful += 1;
            return CODES[self.doubtful % 3];
        }
        CODES[code]
    }

    fn rule(&mut self) -> Rule {
        let times = u64::try_from(1 + self.roll(3)).unwrap();
        match self.roll(12) {
            0 => Rule::drop_sessions(),
            1 => Rule::log_out(),
            2 => Rule::renumber(),
            3 => Rule::restart(),
            4 => Rule::remove_token().times(1),
            5 => Rule::limit_sessions(1 + self.roll(SESSIONS)).times(times),
            6 => Rule::delay(Duration::from_millis(20)).times(times),
            7 => {
                let function = FUNCTIONS[self.roll(6)];
                Rule::lose(self.code(3, function)).on(function).times(times)
            }
            8 => Rule::hang().on(FUNCTIONS[self.roll(6)]).times(1),
            _ => {
                let function = FUNCTIONS[self.roll(FUNCTIONS.len())];
                Rule::fail(self.code(CODES.len(), function)).on(function).times(times)
            }
        }
    }
}

fn soak(residency: Residency, seed: u64) {
    let stand = Stand::new();
    let backend = stand.backend(residency);
    let keys = Keys::make(&backend);
    let done = AtomicUsize::new(0);
    let (mut rules, mut struck) = (Vec::new(), 0);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS)
            .map(|number| {
                let (keys, done) = (&keys, &done);
                scope.spawn(move || {
                    for turn in 0..EACH {
                        let operation = Operation::ALL[(number + turn) % Operation::ALL.len()];
                        let patient = Call::default().with_budget(Duration::from_secs(20));
                        let hasty = Call::default().with_budget(Duration::from_millis(100));
                        let call = [patient, Call::default(), hasty][turn % 3].clone();
                        match keys.perform(operation, &call) {
                            Ok(right) => {
                                assert!(right, "{operation:?}: a wrong answer");
                                done.fetch_add(1, Ordering::Relaxed);
                            }
                            Err(error) => assert!(error.is_transient(), "{operation:?}: {error}"),
                        }
                    }
                })
            })
            .collect();
        let mut dice = Dice { state: seed, doubtful: 0 };
        while !workers.iter().all(thread::ScopedJoinHandle::is_finished) {
            let rule = dice.rule();
            rules.push((stand.shim.add(rule.clone()), rule));
            thread::sleep(Duration::from_millis(2 + u64::try_from(dice.roll(8)).unwrap()));
            // What hangs, hangs for a while only: an operation without a budget waits for it.
            if dice.roll(4) == 0 {
                stand.shim.clear();
            }
        }
        stand.shim.clear();
    });
    for (rule, _) in &rules {
        struck += usize::from(stand.shim.strikes(*rule) > 0);
    }
    println!("{} operations answered, {struck} of {} rules struck", done.load(Ordering::Relaxed), rules.len());
    assert!(struck > 10 && done.load(Ordering::Relaxed) > THREADS * EACH / 4);
    keys.assert_all_work();
    keys.assert_all_work();

    // Two renewals, so that what was lost together with an answer is gone; then nothing may be left over.
    for _ in 0..2 {
        let rule = stand.shim.add(Rule::restart());
        keys.assert_all_work();
        assert!(stand.shim.strikes(rule) > 0);
    }
    backend.health(&Call::default()).unwrap();
    stand.assert_no_session_leaked();
    let bare = stand.shim.real().open();
    let of_sessions = [Attribute::Token(false), Attribute::Class(ObjectClass::SECRET_KEY)];
    let secrets = bare.session.find_objects(&of_sessions).unwrap().len();
    let in_use = if residency == Residency::WrappedBlob { 2 } else { 0 };
    assert_eq!(secrets, in_use, "the symmetric key and the HMAC key");
}

#[test]
fn wrapped_keys() {
    soak(BOTH[0], 0x9e37_79b9_7f4a_7c15);
}

#[test]
fn keys_in_the_token() {
    soak(BOTH[1], 0xd1b5_4a32_d192_ed03);
}

//! Throttling on demand, so that users can test how their programs back off.

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::throttled;
use crate::KmsError;
use crate::api::Operation;
use crate::policy::Principal;

/// Which requests are to be throttled: those that fit every part that is set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Throttle {
    /// The ARN of the principal who asks.
    pub principal: Option<String>,
    /// The ARN of the key.
    pub key: Option<String>,
    /// The operation.
    pub operation: Option<Operation>,
    /// How many of them. `None`: all, until it is taken back.
    pub times: Option<u64>,
}

/// The rules that are in force.
#[derive(Debug, Default)]
pub(crate) struct Forced {
    /// Whether there are any: requests look at this alone while there are none.
    any: AtomicBool,
    rules: Mutex<Vec<Throttle>>,
}

impl Forced {
    pub(crate) fn set(&self, rules: Vec<Throttle>) {
        self.any.store(!rules.is_empty(), Ordering::Release);
        *self.rules.lock() = rules;
    }

    /// # Errors
    /// `ThrottlingException` if a rule fits the request.
    pub(crate) fn check(&self, principal: &Principal, key: Option<&str>, operation: Operation) -> Result<(), KmsError> {
        if !self.any.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut rules = self.rules.lock();
        let fits = |rule: &&mut Throttle| {
            rule.principal.as_deref().is_none_or(|wanted| principal.arn() == Some(wanted))
                && rule.key.as_deref().is_none_or(|wanted| Some(wanted) == key)
                && rule.operation.is_none_or(|wanted| wanted == operation)
                && rule.times != Some(0)
        };
        let Some(rule) = rules.iter_mut().find(fits) else { return Ok(()) };
        if let Some(times) = &mut rule.times {
            *times -= 1;
        }
        Err(throttled())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_fits_by_all_its_parts_and_ends() {
        let forced = Forced::default();
        let ask = |name: &str, key, operation| {
            let principal = format!("arn:aws:iam::111122223333:user/{name}").parse().unwrap();
            forced.check(&principal, key, operation).is_ok()
        };
        assert!(ask("p", Some("k"), Operation::Encrypt));
        let rule = Throttle {
            principal: Some("arn:aws:iam::111122223333:user/p".into()),
            operation: Some(Operation::Encrypt),
            ..Throttle::default()
        };
        forced
            .set(vec![Throttle { times: Some(2), ..rule }, Throttle { key: Some("x".into()), ..Throttle::default() }]);
        assert!(ask("q", Some("k"), Operation::Encrypt));
        assert!(ask("p", Some("k"), Operation::Decrypt));
        assert!(!ask("p", Some("k"), Operation::Encrypt));
        assert!(!ask("p", None, Operation::Encrypt));
        assert!(ask("p", Some("k"), Operation::Encrypt), "both are used up");
        assert!(!ask("q", Some("x"), Operation::Sign));
        forced.set(Vec::new());
        assert!(ask("q", Some("x"), Operation::Sign));
    }
}

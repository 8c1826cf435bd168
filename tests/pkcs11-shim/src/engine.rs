//! What becomes of a call: the script, what its rules have counted, and what the program has open.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;
use std::{fs, io};

use cryptoki_sys::{
    CK_MECHANISM_TYPE, CK_RV, CK_SESSION_HANDLE, CK_SLOT_ID, CKR_DEVICE_REMOVED, CKR_SESSION_COUNT,
    CKR_TOKEN_NOT_PRESENT,
};

use crate::functions::Subject;
use crate::script::{self, Action, Rule};

/// A call, as far as rules can tell calls apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) function: &'static str,
    pub(crate) subject: Subject,
    pub(crate) mechanism: Option<CK_MECHANISM_TYPE>,
}

/// What becomes of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The rules that struck.
    pub(crate) rules: Vec<u64>,
    /// What to do on the real module, before anything else and before any other call.
    pub(crate) effects: Vec<Effect>,
    /// How long to wait.
    pub(crate) delay: Duration,
    /// The rules to wait for until they are gone.
    pub(crate) hangs: Vec<u64>,
    pub(crate) outcome: Outcome,
    /// Whether the token is out, as this call sees it.
    pub(crate) removed: bool,
    /// How often handles of objects have been renumbered.
    pub(crate) generation: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    CloseAllSessions(CK_SLOT_ID),
    LogOut(CK_SESSION_HANDLE),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Forward,
    Answer(CK_RV),
    Lose(CK_RV),
}

#[derive(Debug, Default)]
pub(crate) struct Engine {
    path: PathBuf,
    text: String,
    rules: Vec<(u64, Rule)>,
    counts: BTreeMap<u64, Count>,
    sessions: BTreeMap<CK_SESSION_HANDLE, CK_SLOT_ID>,
    opening: usize,
    removed: bool,
    generation: u32,
}

/// What a rule has counted.
#[derive(Debug, Default)]
struct Count {
    met: u64,
    struck: u64,
    ended: bool,
}

impl Engine {
    /// Follows the script at `path`, which need not be there.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, ..Self::default() }
    }

    /// Reads the script, if it is another than before.
    pub(crate) fn refresh(&mut self) -> Result<(), String> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(format!("{}: {error}", self.path.display())),
        };
        if text != self.text {
            self.rules = script::parse(&text)?;
            self.text = text;
        }
        Ok(())
    }

    /// Whether the script has one of these rules.
    pub(crate) fn has_any(&self, rules: &[u64]) -> bool {
        self.rules.iter().any(|(number, _)| rules.contains(number))
    }

    /// Whether a rule that does something to the real module may still strike.
    pub(crate) fn may_have_effects(&self) -> bool {
        self.rules.iter().any(|(number, rule)| {
            let struck = self.counts.get(number).map_or(0, |count| count.struck);
            matches!(rule.action, Action::DropSessions | Action::LogOut) && struck < rule.limit()
        })
    }

    /// Lets the rules meet a call.
    pub(crate) fn decide(&mut self, call: Call) -> Verdict {
        let mut verdict = Verdict {
            rules: Vec::new(),
            effects: Vec::new(),
            delay: Duration::ZERO,
            hangs: Vec::new(),
            outcome: Outcome::Forward,
            // What was out stays out until the module is initialised again.
            removed: self.removed && call.function != "C_Initialize",
            generation: 0,
        };
        for (number, rule) in std::mem::take(&mut self.rules) {
            if verdict.outcome == Outcome::Forward && self.meets(&rule, call) && self.strikes(number, &rule) {
                verdict.rules.push(number);
                self.strike(number, rule.action, &mut verdict);
            }
            self.rules.push((number, rule));
        }

        if call.function != "C_Initialize" {
            self.removed |= verdict.removed;
        }
        verdict.generation = self.generation;
        if verdict.outcome == Outcome::Forward && verdict.removed {
            verdict.outcome = match call.subject {
                Subject::Module => Outcome::Forward,
                Subject::Token => Outcome::Answer(CKR_TOKEN_NOT_PRESENT),
                Subject::Session => Outcome::Answer(CKR_DEVICE_REMOVED),
            };
        }
        if call.function == "C_OpenSession" && !matches!(verdict.outcome, Outcome::Answer(_)) {
            self.opening += 1;
        }
        verdict
    }

    fn meets(&self, rule: &Rule, call: Call) -> bool {
        let function = match (rule.on, rule.action) {
            (_, Action::LimitSessions(limit)) => {
                call.function == "C_OpenSession" && self.sessions.len() + self.opening >= limit
            }
            (Some(on), _) => call.function == on,
            (None, Action::RemoveToken) => !matches!(call.function, "C_Finalize" | "C_GetFunctionList"),
            (None, _) => !matches!(call.function, "C_Initialize" | "C_Finalize" | "C_GetFunctionList"),
        };
        function && (rule.mechanism.is_none() || rule.mechanism == call.mechanism)
    }

    fn strikes(&mut self, number: u64, rule: &Rule) -> bool {
        let count = self.counts.entry(number).or_default();
        count.met += 1;
        let strikes = !count.ended && count.met > rule.after && count.struck < rule.limit();
        count.struck += u64::from(strikes);
        strikes
    }

    fn strike(&mut self, number: u64, action: Action, verdict: &mut Verdict) {
        match action {
            Action::Fail(code) => verdict.outcome = Outcome::Answer(code),
            Action::Lose(code) => verdict.outcome = Outcome::Lose(code),
            Action::Delay(time) => verdict.delay += time,
            Action::Hang => verdict.hangs.push(number),
            Action::DropSessions => {
                let slots: BTreeSet<_> = std::mem::take(&mut self.sessions).into_values().collect();
                verdict.effects.extend(slots.into_iter().map(Effect::CloseAllSessions));
            }
            Action::LogOut => {
                let one_each: BTreeMap<_, _> = self.sessions.iter().map(|(session, slot)| (slot, *session)).collect();
                verdict.effects.extend(one_each.into_values().map(Effect::LogOut));
            }
            Action::Renumber => self.generation += 1,
            Action::RemoveToken => verdict.removed = true,
            Action::LimitSessions(_) => verdict.outcome = Outcome::Answer(CKR_SESSION_COUNT),
        }
    }

    /// The real module has been initialised, with or without a token in it.
    pub(crate) fn initialized(&mut self, removed: bool) {
        self.removed = removed;
        for (number, rule) in &self.rules {
            if let Some(count) = self.counts.get_mut(number) {
                count.ended |= rule.until_initialize && count.struck > 0;
            }
        }
    }

    /// The real module has been finalised, and all sessions went with it.
    pub(crate) fn finalized(&mut self) {
        self.sessions.clear();
    }

    /// The real module has opened a session, or, without one, has not.
    pub(crate) fn opened(&mut self, session: Option<CK_SESSION_HANDLE>, slot: CK_SLOT_ID) {
        self.opening -= 1;
        self.sessions.extend(session.map(|session| (session, slot)));
    }

    /// The real module has closed a session.
    pub(crate) fn closed(&mut self, session: CK_SESSION_HANDLE) {
        self.sessions.remove(&session);
    }

    /// The real module has closed all sessions with a token.
    pub(crate) fn closed_all(&mut self, slot: CK_SLOT_ID) {
        self.sessions.retain(|_, of| *of != slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Call = Call { function: "C_OpenSession", subject: Subject::Token, mechanism: None };

    #[test]
    fn sessions_count_from_when_they_are_asked_for_until_they_are_closed() {
        let mut engine = Engine { rules: vec![(1, Rule::limit_sessions(2))], ..Engine::default() };
        let forwards = |engine: &mut Engine| engine.decide(OPEN).outcome == Outcome::Forward;
        // Two threads at once: neither session is there yet when the third asks.
        assert_eq!([(); 3].map(|()| forwards(&mut engine)), [true, true, false]);
        engine.opened(Some(10), 1);
        engine.opened(None, 1);
        assert_eq!([(); 2].map(|()| forwards(&mut engine)), [true, false]);
        engine.opened(Some(11), 2);
        assert!(!forwards(&mut engine));
        engine.closed_all(2);
        assert!(forwards(&mut engine));
        engine.opened(Some(12), 2);
        engine.closed(10);
        engine.closed(10);
        assert_eq!([(); 2].map(|()| forwards(&mut engine)), [true, false]);
    }

    #[test]
    fn each_slot_with_sessions_is_closed_or_logged_out_once() {
        let mut engine = Engine { rules: vec![(1, Rule::log_out()), (2, Rule::drop_sessions())], ..Engine::default() };
        engine.sessions = BTreeMap::from([(10, 1), (11, 2), (12, 1)]);
        let call = Call { function: "C_Sign", subject: Subject::Session, mechanism: None };
        let verdict = engine.decide(call);
        assert_eq!(verdict.rules, [1, 2]);
        assert_eq!(
            verdict.effects,
            [Effect::LogOut(12), Effect::LogOut(11), Effect::CloseAllSessions(1), Effect::CloseAllSessions(2)]
        );
        assert_eq!(engine.decide(call).effects, []);
    }
}

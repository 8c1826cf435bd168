//! Rules, and their lines in a script.

use std::fmt;
use std::time::Duration;

use cryptoki_sys::{CK_MECHANISM_TYPE, CK_RV, CKR_DEVICE_ERROR};

use crate::codes::{self, code_name};
use crate::functions;

/// One rule of a script. Its text, in [`Display`](fmt::Display), is its line without the number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub(crate) action: Action,
    pub(crate) on: Option<&'static str>,
    pub(crate) mechanism: Option<CK_MECHANISM_TYPE>,
    pub(crate) after: u64,
    pub(crate) times: Option<u64>,
    pub(crate) until_initialize: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Fail(CK_RV),
    Lose(CK_RV),
    Delay(Duration),
    Hang,
    DropSessions,
    LogOut,
    Renumber,
    RemoveToken,
    LimitSessions(usize),
}

impl Rule {
    const fn new(action: Action) -> Self {
        Self { action, on: None, mechanism: None, after: 0, times: None, until_initialize: false }
    }

    /// Answers with `code`; the real module sees nothing.
    #[must_use]
    pub const fn fail(code: CK_RV) -> Self {
        Self::new(Action::Fail(code))
    }

    /// Lets the real module carry the call out and loses its answer: the program gets `code`.
    #[must_use]
    pub const fn lose(code: CK_RV) -> Self {
        Self::new(Action::Lose(code))
    }

    /// The module's other end has restarted: `CKR_DEVICE_ERROR` for everything until it is initialised again.
    #[must_use]
    pub const fn restart() -> Self {
        Self::fail(CKR_DEVICE_ERROR).until_initialize()
    }

    /// Lets the call wait, in whole milliseconds.
    #[must_use]
    pub const fn delay(time: Duration) -> Self {
        Self::new(Action::Delay(time))
    }

    /// Lets the call wait until the rule is taken away.
    #[must_use]
    pub const fn hang() -> Self {
        Self::new(Action::Hang)
    }

    /// Closes all sessions on the real module, once; the login ends with them.
    #[must_use]
    pub const fn drop_sessions() -> Self {
        Self::new(Action::DropSessions)
    }

    /// Logs out on the real module, once.
    #[must_use]
    pub const fn log_out() -> Self {
        Self::new(Action::LogOut)
    }

    /// Gives every object a new handle and none an old one, once.
    #[must_use]
    pub const fn renumber() -> Self {
        Self::new(Action::Renumber)
    }

    /// Takes the token out. It is back with the first `C_Initialize` after the rule is taken away.
    #[must_use]
    pub const fn remove_token() -> Self {
        Self::new(Action::RemoveToken)
    }

    /// Opens no session while `count` are open.
    #[must_use]
    pub const fn limit_sessions(count: usize) -> Self {
        Self::new(Action::LimitSessions(count))
    }

    /// For calls of this function only.
    ///
    /// # Panics
    /// If PKCS #11 v2.40 has no function with that name.
    #[must_use]
    #[expect(clippy::panic, reason = "a rule that meets no call would make a test that cannot fail")]
    pub fn on(mut self, function: &str) -> Self {
        let Some((name, _)) = functions::named(function) else { panic!("no function is called {function}") };
        self.on = Some(name);
        self
    }

    /// For calls that name this mechanism (`CKM_…`) only.
    #[must_use]
    pub const fn with_mechanism(mut self, mechanism: CK_MECHANISM_TYPE) -> Self {
        self.mechanism = Some(mechanism);
        self
    }

    /// Lets so many calls pass before it strikes.
    #[must_use]
    pub const fn after(mut self, calls: u64) -> Self {
        self.after = calls;
        self
    }

    /// Strikes so often, and never again.
    #[must_use]
    pub const fn times(mut self, calls: u64) -> Self {
        self.times = Some(calls);
        self
    }

    /// Ends with the first `C_Initialize` after it has struck.
    #[must_use]
    pub const fn until_initialize(mut self) -> Self {
        self.until_initialize = true;
        self
    }

    /// How often it strikes.
    pub(crate) fn limit(&self) -> u64 {
        let once = matches!(self.action, Action::DropSessions | Action::LogOut | Action::Renumber);
        self.times.unwrap_or(if once { 1 } else { u64::MAX })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.action {
            Action::Fail(code) => write!(f, "fail={}", code_name(code)),
            Action::Lose(code) => write!(f, "lose={}", code_name(code)),
            Action::Delay(time) => write!(f, "delay={}", time.as_millis()),
            Action::Hang => f.write_str("hang"),
            Action::DropSessions => f.write_str("drop-sessions"),
            Action::LogOut => f.write_str("log-out"),
            Action::Renumber => f.write_str("renumber"),
            Action::RemoveToken => f.write_str("remove-token"),
            Action::LimitSessions(count) => write!(f, "limit-sessions={count}"),
        }?;
        if let Some(function) = self.on {
            write!(f, " on={function}")?;
        }
        if let Some(mechanism) = self.mechanism {
            write!(f, " mechanism={mechanism:#x}")?;
        }
        if self.after > 0 {
            write!(f, " after={}", self.after)?;
        }
        if let Some(times) = self.times {
            write!(f, " times={times}")?;
        }
        if self.until_initialize {
            f.write_str(" until=initialize")?;
        }
        Ok(())
    }
}

/// The rules of a script with their numbers, or what is wrong with it.
pub(crate) fn parse(script: &str) -> Result<Vec<(u64, Rule)>, String> {
    let lines = script.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut rules = Vec::<(u64, Rule)>::new();
    for line in lines {
        let (number, rule) = parse_line(line).ok_or_else(|| format!("not a rule: {line}"))?;
        if rules.iter().any(|(known, _)| *known == number) {
            return Err(format!("a second rule with the number {number}"));
        }
        rules.push((number, rule));
    }
    Ok(rules)
}

fn parse_line(line: &str) -> Option<(u64, Rule)> {
    let mut words = line.split_whitespace();
    let number = words.next()?.parse().ok()?;
    let mut rule = Rule::new(parse_action(words.next()?)?);
    for word in words {
        let (key, value) = word.split_once('=')?;
        match key {
            "on" => rule.on = Some(functions::named(value)?.0),
            "mechanism" => rule.mechanism = Some(codes::number(value)?),
            "after" => rule.after = value.parse().ok()?,
            "times" => rule.times = Some(value.parse().ok()?),
            "until" if value == "initialize" => rule.until_initialize = true,
            _ => return None,
        }
    }
    Some((number, rule))
}

fn parse_action(word: &str) -> Option<Action> {
    Some(match word.split_once('=').unwrap_or((word, "")) {
        ("fail", code) => Action::Fail(codes::parse(code)?),
        ("lose", code) => Action::Lose(codes::parse(code)?),
        ("delay", time) => Action::Delay(Duration::from_millis(time.parse().ok()?)),
        ("hang", "") => Action::Hang,
        ("drop-sessions", "") => Action::DropSessions,
        ("log-out", "") => Action::LogOut,
        ("renumber", "") => Action::Renumber,
        ("remove-token", "") => Action::RemoveToken,
        ("limit-sessions", count) => Action::LimitSessions(count.parse().ok()?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_read_as_it_is_written() {
        let rules = [
            Rule::fail(CKR_DEVICE_ERROR).on("C_Sign").with_mechanism(0x251).after(2).times(1),
            Rule::fail(0x8000_0001),
            Rule::lose(CKR_DEVICE_ERROR).on("C_GenerateKey"),
            Rule::restart().after(10),
            Rule::delay(Duration::from_millis(250)),
            Rule::hang().on("C_Decrypt"),
            Rule::drop_sessions(),
            Rule::log_out().times(3),
            Rule::renumber(),
            Rule::remove_token(),
            Rule::limit_sessions(4),
        ];
        let numbered: Vec<_> = (1..).zip(rules).collect();
        let script: String = numbered.iter().map(|(number, rule)| format!("{number} {rule}\n")).collect();
        assert_eq!(parse(&script), Ok(numbered));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for line in [
            "hang",
            "1",
            "x hang",
            "1 hangs",
            "1 hang=1",
            "1 fail",
            "1 fail=CKR_NONE",
            "1 hang on=C_Sing",
            "1 hang after",
            "1 hang after=-1",
            "1 hang until=finalize",
            "1 hang on=C_Sign or=C_Verify",
            "1 delay=1.5",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
        assert!(parse("1 hang\n1 log-out").is_err());
        assert_eq!(parse("\n  # nothing\n"), Ok(Vec::new()));
    }
}

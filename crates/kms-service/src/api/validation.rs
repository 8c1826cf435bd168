//! What a value may be, and what AWS KMS says of one that is not.

use core::fmt;

use crate::KmsError;

/// What the value of a member may be. For a text the bounds are of its length in characters, for bytes of their number,
/// for a list of its elements', and for a number of the number itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) min: u32,
    pub(crate) max: u32,
    pub(crate) pattern: Option<Pattern>,
    /// Errors do not show the value.
    pub(crate) is_sensitive: bool,
    /// The trail does not show the value.
    pub(crate) is_hidden: bool,
    /// For the elements of a list.
    pub(crate) each: Option<&'static Self>,
}

/// A regular expression of the API's model, and the same as code.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pattern {
    pub(crate) expression: &'static str,
    pub(crate) matches: fn(&str) -> bool,
}

impl Rule {
    /// Anything.
    pub(crate) const ANY: Self = Self::between(0, u32::MAX);

    /// At least `min`, at most `max`.
    pub(crate) const fn between(min: u32, max: u32) -> Self {
        Self { min, max, pattern: None, is_sensitive: false, is_hidden: false, each: None }
    }

    /// … and that pattern.
    pub(crate) const fn matching(mut self, expression: &'static str, matches: fn(&str) -> bool) -> Self {
        self.pattern = Some(Pattern { expression, matches });
        self
    }

    /// … never shown: neither in an error nor in the trail.
    pub(crate) const fn sensitive(mut self) -> Self {
        self.is_sensitive = true;
        self.is_hidden = true;
        self
    }

    /// … of elements that keep to `rule`.
    pub(crate) const fn of(mut self, rule: &'static Self) -> Self {
        self.is_hidden = rule.is_hidden;
        self.is_sensitive = rule.is_sensitive;
        self.each = Some(rule);
        self
    }

    /// Whether a length is within the bounds.
    pub(crate) fn holds(&self, length: usize) -> bool {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        (self.min..=self.max).contains(&length)
    }

    /// The constraints of a text, in the words and the order of AWS.
    pub(crate) fn constraints(&self) -> Vec<String> {
        let mut all = vec![longest(self.max), shortest(self.min)];
        all.extend(self.pattern.map(|pattern| pattern.constraint()));
        all
    }
}

impl Pattern {
    pub(crate) fn constraint(&self) -> String {
        format!("Member must satisfy regular expression pattern: {}", self.expression)
    }
}

pub(crate) fn longest(max: u32) -> String {
    format!("Member must have length less than or equal to {max}")
}

pub(crate) fn shortest(min: u32) -> String {
    format!("Member must have length greater than or equal to {min}")
}

/// Where in a request a member is. Costs nothing unless it is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) enum At<'a> {
    /// The request itself.
    Request,
    /// A member of what is there.
    Member(&'a At<'a>, &'static str),
    /// An element of the list that is there, counted from 1.
    Element(&'a At<'a>, usize),
}

/// As AWS writes it: `tags.1.member.tagKey`.
impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request => Ok(()),
            Self::Member(At::Request, name) => f.write_str(name),
            Self::Member(parent, name) => write!(f, "{parent}.{name}"),
            Self::Element(parent, number) => write!(f, "{parent}.{number}.member"),
        }
    }
}

/// The most violations that are reported: a list may have any number of wrong elements, an answer may not.
pub(crate) const MAX_VIOLATIONS: usize = 100;

/// What is wrong with a request so far.
#[derive(Debug, Default)]
pub(crate) struct Violations(Vec<String>);

impl Violations {
    /// A member has a value that breaks `constraint`. `None` for a value that must not be shown.
    pub(crate) fn value(&mut self, value: Option<&dyn fmt::Display>, at: &At<'_>, constraint: impl fmt::Display) {
        let shown = value.map(|value| format!(" '{value}'")).unwrap_or_default();
        self.push(format_args!("Value{shown} at '{at}' failed to satisfy constraint: {constraint}"));
    }

    /// A member is not there.
    pub(crate) fn null(&mut self, at: &At<'_>) {
        self.push(format_args!("Value null at '{at}' failed to satisfy constraint: Member must not be null"));
    }

    fn push(&mut self, violation: fmt::Arguments<'_>) {
        if self.0.len() < MAX_VIOLATIONS {
            self.0.push(violation.to_string());
        }
    }

    /// Checks a length, in whatever unit.
    pub(crate) fn length(&mut self, length: usize, value: Option<&dyn fmt::Display>, rule: &Rule, at: &At<'_>) {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        if length < rule.min {
            self.value(value, at, shortest(rule.min));
        }
        if length > rule.max {
            self.value(value, at, longest(rule.max));
        }
    }

    /// Whether nothing is wrong.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of it as one `ValidationException`.
    pub(crate) fn into_result(self) -> Result<(), KmsError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let errors = if self.0.len() == 1 { "error" } else { "errors" };
        Err(KmsError::validation(format!("{} validation {errors} detected: {}", self.0.len(), self.0.join("; "))))
    }
}

/// The error of a member that other members make necessary.
pub(crate) fn missing(name: &'static str) -> KmsError {
    let mut violations = Violations::default();
    violations.null(&At::Member(&At::Request, name));
    // There is one, so this is an error.
    violations.into_result().err().unwrap_or_else(|| KmsError::new(crate::Exception::Validation))
}

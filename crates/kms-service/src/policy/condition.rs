//! One line of a `Condition` element: an operator, a key, and the values that it is compared with.

use ipnet::IpNet;
use jiff::Timestamp;

use super::arn::ArnPattern;
use super::context::Values;
use super::error::{Path, PolicyError};
use super::json::Json;
use super::operator::{Operator, Quantifier, Test};
use super::pattern::{Case, Matched, Reading, Template};
use super::scalar::{self, Decimal};
use super::statement::Effect;
use super::{PolicyKind, Request};

/// A condition, compiled.
#[derive(Debug)]
pub(super) struct Condition {
    operator: Operator,
    /// In lower case.
    key: Box<str>,
    wanted: Wanted,
}

/// What the policy says, by type.
#[derive(Debug)]
enum Wanted {
    Texts(Box<[Template]>),
    Numbers(Box<[Decimal]>),
    Times(Box<[Timestamp]>),
    Bytes(Box<[Box<[u8]>]>),
    Networks(Box<[IpNet]>),
    Arns(Box<[ArnPattern]>),
    Nulls(Box<[bool]>),
}

/// Reads a whole `Condition` element.
pub(super) fn conditions(
    json: &Json,
    kind: PolicyKind,
    variables: bool,
    path: &Path<'_>,
) -> Result<Box<[Condition]>, PolicyError> {
    let mut conditions = Vec::new();
    for (name, keys) in json.members(path)? {
        let path = path.member(name);
        let operator = Operator::named(name).ok_or_else(|| path.error("there is no such condition operator"))?;
        for (key, values) in keys.members(&path)? {
            let path = path.member(key);
            check_key(key, operator, kind).map_err(|problem| path.error(problem))?;
            let wanted = Wanted::read(values, operator.test, variables, &path)?;
            conditions.push(Condition { operator, key: key.to_ascii_lowercase().into(), wanted });
        }
    }
    Ok(conditions.into())
}

fn check_key(key: &str, operator: Operator, kind: PolicyKind) -> Result<(), &'static str> {
    // With a colon in front of it, and something on both sides.
    if key.split_once(':').is_none_or(|(service, name)| service.is_empty() || name.is_empty()) {
        return Err("a condition key looks like kms:ViaService or aws:SourceIp");
    }
    let starts = |prefix: &str| {
        key.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)) && key.len() > prefix.len()
    };
    let pairs = starts("kms:EncryptionContext:") || starts("aws:RequestTag/");
    if kind == PolicyKind::Key && operator.quantifier == Some(Quantifier::All) && pairs {
        // As AWS KMS: the statement would also apply to requests that lack the key.
        return Err(
            "OverlyPermissiveCondition: ForAllValues with a single-valued condition key matches requests without it",
        );
    }
    Ok(())
}

impl Wanted {
    fn read(json: &Json, test: Test, variables: bool, path: &Path<'_>) -> Result<Self, PolicyError> {
        const NUMBER: &str = "not a decimal number of up to 18 digits before the point and 9 after it";
        const TIME: &str = "neither a time of ISO 8601 (as 2026-01-31T12:00:00Z) nor seconds since 1970";
        let template = |wildcards| move |text: &str| Template::new(text, Reading { wildcards, variables });
        Ok(match test {
            Test::Text | Test::TextIgnoringCase => Self::Texts(list(json, path, template(false))?),
            Test::Like => Self::Texts(list(json, path, template(true))?),
            Test::Number(_) => Self::Numbers(list(json, path, |text| Decimal::parse(text).ok_or(NUMBER))?),
            Test::Time(_) => Self::Times(list(json, path, |text| scalar::time(text).ok_or(TIME))?),
            Test::Bool => Self::Texts(list(json, path, |text| {
                let variable = variables && text.starts_with("${");
                if scalar::boolean(text).is_none() && !variable {
                    return Err("neither true nor false");
                }
                Template::new(text, Reading { wildcards: false, variables })
            })?),
            Test::Bytes => Self::Bytes(list(json, path, |text| {
                scalar::bytes(text).map(Into::into).ok_or("not base64, with padding")
            })?),
            Test::Address => Self::Networks(list(json, path, |text| {
                scalar::network(text).ok_or("neither an IP address nor a network in CIDR notation")
            })?),
            Test::Arn => Self::Arns(list(json, path, |text| ArnPattern::condition(text, variables))?),
            Test::Null => Self::Nulls(list(json, path, |text| scalar::boolean(text).ok_or("neither true nor false"))?),
        })
    }
}

/// Reads the values of a key.
fn list<T>(
    json: &Json,
    path: &Path<'_>,
    mut read: impl FnMut(&str) -> Result<T, &'static str>,
) -> Result<Box<[T]>, PolicyError> {
    let mut values = Vec::new();
    json.each(path, |value, path| {
        values.push(read(value.scalar(path)?).map_err(|problem| path.error(problem))?);
        Ok(())
    })?;
    if values.is_empty() {
        return Err(path.error("there is no value in the list"));
    }
    Ok(values.into())
}

impl Condition {
    /// Whether the condition holds.
    pub(super) fn holds(&self, request: &Request<'_>, effect: Effect) -> bool {
        let values = match request.values(&self.key) {
            Some(Values::Many(values)) if values.is_empty() => None,
            other => other,
        };
        if let Wanted::Nulls(nulls) = &self.wanted {
            return nulls.contains(&values.is_none());
        }
        let pass = |value: &str| self.passes(value, request, effect);
        let Operator { quantifier, negated, if_exists, .. } = self.operator;
        match (values, quantifier) {
            (None, _) if if_exists => true,
            (None, None) => negated,
            (None, Some(quantifier)) => quantifier == Quantifier::All,
            // To the set operators, an empty text is a set without values.
            (Some(Values::One(value)), Some(quantifier)) if value.is_empty() => quantifier == Quantifier::All,
            (Some(Values::One(value)), _) => pass(&value),
            (Some(Values::Many(values)), Some(Quantifier::All)) => values.iter().all(|value| pass(value)),
            (Some(Values::Many(values)), Some(Quantifier::Any)) => values.iter().any(|value| pass(value)),
            // AWS does not define this. A match of any value is a match, and negated operators negate that.
            (Some(Values::Many(values)), None) if negated => values.iter().all(|value| pass(value)),
            (Some(Values::Many(values)), None) => values.iter().any(|value| pass(value)),
        }
    }

    /// Whether one value of the request passes.
    ///
    /// What cannot be compared (a variable without value, a number that is none) never matches. But in an `Allow`, it is not
    /// known to differ either.
    fn passes(&self, value: &str, request: &Request<'_>, effect: Effect) -> bool {
        match (self.compare(value, request), self.operator.negated) {
            (matched, false) => matched == Matched::Yes,
            (Matched::Unresolved, true) => effect == Effect::Deny,
            (matched, true) => matched == Matched::No,
        }
    }

    fn compare(&self, value: &str, request: &Request<'_>) -> Matched {
        let test = self.operator.test;
        match &self.wanted {
            Wanted::Texts(templates) => any(templates, |template| match test {
                Test::TextIgnoringCase => template.equals_ignoring_case(value, request),
                Test::Bool => match (scalar::boolean(value), template.resolved(request)) {
                    (Some(value), Some(wanted)) => (scalar::boolean(&wanted) == Some(value)).into(),
                    _ => Matched::Unresolved,
                },
                _ => template.matches(value, Case::Sensitive, request),
            }),
            Wanted::Numbers(numbers) => relation(numbers, Decimal::parse(value), test),
            Wanted::Times(times) => relation(times, scalar::time(value), test),
            Wanted::Bytes(wanted) => match scalar::bytes(value) {
                Some(value) => wanted.iter().any(|wanted| **wanted == *value).into(),
                None => Matched::Unresolved,
            },
            Wanted::Networks(networks) => match scalar::address(value) {
                Some(address) => networks.iter().any(|network| network.contains(&address)).into(),
                None => Matched::Unresolved,
            },
            Wanted::Arns(patterns) => any(patterns, |pattern| pattern.matches(value, request)),
            Wanted::Nulls(_) => Matched::No,
        }
    }
}

/// `Yes` if there is one, else `Unresolved` if there is one.
pub(super) fn any<T>(patterns: &[T], mut matches: impl FnMut(&T) -> Matched) -> Matched {
    let mut result = Matched::No;
    for pattern in patterns {
        match matches(pattern) {
            Matched::Yes => return Matched::Yes,
            Matched::Unresolved => result = Matched::Unresolved,
            Matched::No => {}
        }
    }
    result
}

fn relation<T: Ord>(wanted: &[T], value: Option<T>, test: Test) -> Matched {
    let (Test::Number(relations) | Test::Time(relations), Some(value)) = (test, value) else {
        return Matched::Unresolved;
    };
    wanted.iter().any(|wanted| relations.contains(&value.cmp(wanted))).into()
}

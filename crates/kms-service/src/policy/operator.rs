//! The operators of conditions, by name.

use core::cmp::Ordering;

/// What an operator compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Test {
    /// Texts, to the letter.
    Text,
    /// Texts, in any case.
    TextIgnoringCase,
    /// Texts with wildcards.
    Like,
    /// Numbers: in one of these relations to what the policy says.
    Number(&'static [Ordering]),
    /// Times, likewise.
    Time(&'static [Ordering]),
    /// Booleans.
    Bool,
    /// Bytes.
    Bytes,
    /// An address with networks.
    Address,
    /// ARNs, part by part.
    Arn,
    /// Whether there is no value.
    Null,
}

/// How many of the values of a multi-valued key have to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantifier {
    /// `ForAnyValue:`
    Any,
    /// `ForAllValues:`
    All,
}

/// An operator, such as `ForAllValues:StringNotEqualsIfExists`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operator {
    pub(super) quantifier: Option<Quantifier>,
    pub(super) test: Test,
    pub(super) negated: bool,
    pub(super) if_exists: bool,
}

const LESS: &[Ordering] = &[Ordering::Less];
const LESS_OR_EQUAL: &[Ordering] = &[Ordering::Less, Ordering::Equal];
const EQUAL: &[Ordering] = &[Ordering::Equal];
const GREATER_OR_EQUAL: &[Ordering] = &[Ordering::Greater, Ordering::Equal];
const GREATER: &[Ordering] = &[Ordering::Greater];

/// Name, test, whether negated.
const NAMES: &[(&str, Test, bool)] = &[
    ("StringEquals", Test::Text, false),
    ("StringNotEquals", Test::Text, true),
    ("StringEqualsIgnoreCase", Test::TextIgnoringCase, false),
    ("StringNotEqualsIgnoreCase", Test::TextIgnoringCase, true),
    ("StringLike", Test::Like, false),
    ("StringNotLike", Test::Like, true),
    ("NumericEquals", Test::Number(EQUAL), false),
    ("NumericNotEquals", Test::Number(EQUAL), true),
    ("NumericLessThan", Test::Number(LESS), false),
    ("NumericLessThanEquals", Test::Number(LESS_OR_EQUAL), false),
    ("NumericGreaterThan", Test::Number(GREATER), false),
    ("NumericGreaterThanEquals", Test::Number(GREATER_OR_EQUAL), false),
    ("DateEquals", Test::Time(EQUAL), false),
    ("DateNotEquals", Test::Time(EQUAL), true),
    ("DateLessThan", Test::Time(LESS), false),
    ("DateLessThanEquals", Test::Time(LESS_OR_EQUAL), false),
    ("DateGreaterThan", Test::Time(GREATER), false),
    ("DateGreaterThanEquals", Test::Time(GREATER_OR_EQUAL), false),
    ("Bool", Test::Bool, false),
    ("BinaryEquals", Test::Bytes, false),
    ("IpAddress", Test::Address, false),
    ("NotIpAddress", Test::Address, true),
    ("ArnEquals", Test::Arn, false),
    ("ArnLike", Test::Arn, false),
    ("ArnNotEquals", Test::Arn, true),
    ("ArnNotLike", Test::Arn, true),
    ("Null", Test::Null, false),
];

impl Operator {
    /// The operator of that name. `Null` asks whether a value exists: it has no `IfExists`, and no quantifier.
    pub(super) fn named(name: &str) -> Option<Self> {
        let (quantifier, rest) = match name.split_once(':') {
            None => (None, name),
            Some(("ForAnyValue", rest)) => (Some(Quantifier::Any), rest),
            Some(("ForAllValues", rest)) => (Some(Quantifier::All), rest),
            Some(_) => return None,
        };
        let (if_exists, rest) = match rest.strip_suffix("IfExists") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let &(_, test, negated) = NAMES.iter().find(|(known, ..)| *known == rest)?;
        let plain = quantifier.is_none() && !if_exists;
        (plain || test != Test::Null).then_some(Self { quantifier, test, negated, if_exists })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let operator = Operator::named("ForAllValues:StringNotLikeIfExists").unwrap();
        let wanted = Operator { quantifier: Some(Quantifier::All), test: Test::Like, negated: true, if_exists: true };
        assert_eq!(operator, wanted);
        for name in [
            "",
            "stringEquals",
            "StringEqual",
            "IfExists",
            "StringEqualsIfExistsIfExists",
            "ForAllValues:",
            "ForAnyValues:StringEquals",
            "ForAllValues:ForAnyValue:StringEquals",
            "NullIfExists",
            "ForAnyValue:Null",
            " Bool",
        ] {
            assert_eq!(Operator::named(name), None, "{name:?}");
        }
    }
}

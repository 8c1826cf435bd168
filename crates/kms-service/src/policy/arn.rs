//! Patterns of ARNs: in `Resource` elements and under the ARN operators.

use super::Request;
use super::pattern::{Case, Glob, Matched, Piece, Reading, Template, Token, matches_tokens, resolve};

/// The parts of an ARN: `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`. The last may have colons in it.
const PARTS: usize = 6;

/// A pattern of ARNs. A wildcard stays within its part; parts that are not there match anything, as AWS completes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ArnPattern {
    /// `*`.
    Any,
    /// Without variables: one pattern for each part.
    Fixed(Box<[Glob]>),
    /// With variables, whose values may have colons in them.
    Open(Box<[Piece]>),
}

impl ArnPattern {
    /// Reads the value of an ARN operator.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn condition(text: &str, variables: bool) -> Result<Self, &'static str> {
        if text == "*" {
            return Ok(Self::Any);
        }
        if !(text.starts_with("arn:") || variables && text.starts_with("${")) {
            return Err("neither * nor an ARN");
        }
        let reading = Reading { wildcards: true, variables };
        Ok(match Template::new(text, reading)? {
            Template::Open(pieces) => Self::Open(pieces),
            // No variables, and so no colons but those between the parts.
            Template::Fixed(_) => {
                let part = |part| Template::new(part, reading).map(Template::into_fixed);
                Self::Fixed(text.splitn(PARTS, ':').map(part).collect::<Result<_, _>>()?)
            }
        })
    }

    /// Reads an entry of a `Resource` element: variables stand after the fifth colon only.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn resource(text: &str, variables: bool) -> Result<Self, &'static str> {
        let early = |before: &str| before.matches(':').count() < PARTS - 1;
        if variables && text.split_once("${").is_some_and(|(before, _)| early(before)) {
            return Err("variables may only stand after the fifth colon of an ARN");
        }
        Self::condition(text, variables)
    }

    /// Compares with an ARN.
    pub(super) fn matches(&self, arn: &str, request: &Request<'_>) -> Matched {
        match self {
            Self::Any => Matched::Yes,
            Self::Fixed(patterns) => {
                let mut found = 0_usize;
                let mut patterns = patterns.iter();
                let same = arn.splitn(PARTS, ':').all(|part| {
                    found += 1;
                    patterns.next().is_none_or(|pattern| pattern.matches(part, Case::Sensitive))
                });
                (same && found == PARTS).into()
            }
            Self::Open(pieces) => {
                let Some(tokens) = resolve(pieces, request) else { return Matched::Unresolved };
                let mut found = 0_usize;
                let mut patterns = tokens.splitn(PARTS, |token| *token == Token::Char(':'));
                let same = arn.splitn(PARTS, ':').all(|part| {
                    found += 1;
                    patterns.next().is_none_or(|pattern| matches_tokens(pattern, part, Case::Sensitive))
                });
                (same && found == PARTS).into()
            }
        }
    }
}

//! Texts with wildcards and variables in them, compiled.

use std::borrow::Cow;

use super::Request;
use super::context::Values;

/// What a pattern is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// This character.
    Char(char),
    /// `?`: any one character.
    One,
    /// `*`: any characters, or none.
    Many,
}

/// A text with wildcards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Glob {
    /// `*`.
    Any,
    /// No wildcards.
    Exact(Box<str>),
    /// One `*`, at the end.
    Prefix(Box<str>),
    /// All else.
    Tokens(Box<[Token]>),
}

/// Which letters are the same.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Sensitive,
    /// The 26 letters of ASCII know no case.
    AsciiInsensitive,
}

impl Glob {
    /// `*` and `?` are wildcards.
    pub(super) fn new(text: &str) -> Self {
        Self::from_tokens(text.chars().map(|character| match character {
            '*' => Token::Many,
            '?' => Token::One,
            other => Token::Char(other),
        }))
    }

    fn from_tokens(tokens: impl IntoIterator<Item = Token>) -> Self {
        let mut tokens: Vec<Token> = tokens.into_iter().collect();
        // Two stars are one, and only cost time.
        tokens.dedup_by(|token, before| *token == Token::Many && *before == Token::Many);
        let literal = |tokens: &[Token]| -> Option<Box<str>> {
            let characters = tokens.iter().map(|token| match token {
                Token::Char(character) => Some(*character),
                Token::One | Token::Many => None,
            });
            characters.collect::<Option<String>>().map(Into::into)
        };
        match tokens.split_last() {
            Some((Token::Many, [])) => return Self::Any,
            Some((Token::Many, before)) => {
                if let Some(prefix) = literal(before) {
                    return Self::Prefix(prefix);
                }
            }
            _ => {
                if let Some(exact) = literal(&tokens) {
                    return Self::Exact(exact);
                }
            }
        }
        Self::Tokens(tokens.into())
    }

    pub(super) fn matches(&self, text: &str, case: Case) -> bool {
        let same = |pattern: &[u8], text: &[u8]| match case {
            Case::Sensitive => pattern == text,
            Case::AsciiInsensitive => pattern.eq_ignore_ascii_case(text),
        };
        match self {
            Self::Any => true,
            Self::Exact(exact) => same(exact.as_bytes(), text.as_bytes()),
            Self::Prefix(prefix) => {
                text.as_bytes().get(..prefix.len()).is_some_and(|start| same(prefix.as_bytes(), start))
            }
            Self::Tokens(tokens) => matches_tokens(tokens, text, case),
        }
    }
}

/// Goes back to the last star only: no pattern takes longer than the product of the lengths.
pub(super) fn matches_tokens(tokens: &[Token], text: &str, case: Case) -> bool {
    let same = |a: char, b: char| a == b || (case == Case::AsciiInsensitive && a.eq_ignore_ascii_case(&b));
    let (mut tokens, mut rest) = (tokens, text.chars());
    let mut star: Option<(&[Token], core::str::Chars<'_>)> = None;
    loop {
        let mut ahead = rest.clone();
        let advanced = match (tokens.split_first(), ahead.next()) {
            (None, None) => return true,
            (Some((Token::Many, after)), _) => {
                star = Some((after, rest.clone()));
                tokens = after;
                continue;
            }
            // Too short, and shorter still if the star took more.
            (Some(_), None) => return false,
            (Some((Token::One, after)), Some(_)) => Some(after),
            (Some((Token::Char(wanted), after)), Some(found)) if same(*wanted, found) => Some(after),
            _ => None,
        };
        match (advanced, &mut star) {
            (Some(after), _) => (tokens, rest) = (after, ahead),
            // The star takes one more character, if there is one.
            (None, Some((after, from))) => {
                if from.next().is_none() {
                    return false;
                }
                (tokens, rest) = (*after, from.clone());
            }
            (None, None) => return false,
        }
    }
}

/// A text with variables, and with wildcards where the place allows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Template {
    /// Without variables.
    Fixed(Glob),
    /// With variables.
    Open(Box<[Piece]>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Token(Token),
    Variable { key: Box<str>, default: Option<Box<str>> },
}

/// What a text is read as.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    /// `*` and `?` are wildcards.
    pub(super) wildcards: bool,
    /// `${…}` is a variable: in version 2012-10-17.
    pub(super) variables: bool,
}

/// How a text compares with a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Matched {
    Yes,
    No,
    /// The pattern has a variable that has no value in this request.
    Unresolved,
}

impl From<bool> for Matched {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

impl Template {
    /// Reads a text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn new(text: &str, reading: Reading) -> Result<Self, &'static str> {
        let token = |character| match character {
            '*' if reading.wildcards => Token::Many,
            '?' if reading.wildcards => Token::One,
            other => Token::Char(other),
        };
        if !reading.variables || !text.contains("${") {
            return Ok(Self::Fixed(Glob::from_tokens(text.chars().map(token))));
        }
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            pieces.extend(before.chars().map(token).map(Piece::Token));
            let (piece, after) = variable(after)?;
            pieces.push(piece);
            rest = after;
        }
        pieces.extend(rest.chars().map(token).map(Piece::Token));
        let fixed = pieces.iter().map(|piece| match piece {
            Piece::Token(token) => Some(token.clone()),
            Piece::Variable { .. } => None,
        });
        Ok(match fixed.collect::<Option<Vec<_>>>() {
            Some(tokens) => Self::Fixed(Glob::from_tokens(tokens)),
            None => Self::Open(pieces.into()),
        })
    }

    /// The pattern of a template without variables. One with variables matches nothing.
    pub(super) fn into_fixed(self) -> Glob {
        match self {
            Self::Fixed(glob) => glob,
            Self::Open(_) => Glob::Tokens(Box::new([])),
        }
    }

    /// Compares. The value of a variable is text, whatever characters are in it: a user named `*` is only that.
    pub(super) fn matches(&self, text: &str, case: Case, request: &Request<'_>) -> Matched {
        match self {
            Self::Fixed(glob) => glob.matches(text, case).into(),
            Self::Open(pieces) => match resolve(pieces, request) {
                Some(tokens) => matches_tokens(&tokens, text, case).into(),
                None => Matched::Unresolved,
            },
        }
    }

    /// Compares without wildcards, and with all letters of Unicode knowing no case.
    pub(super) fn equals_ignoring_case(&self, text: &str, request: &Request<'_>) -> Matched {
        let lower = |text: &str| text.chars().flat_map(char::to_lowercase).collect::<String>();
        let same =
            |pattern: &str| pattern.eq_ignore_ascii_case(text) || (!text.is_ascii() && lower(pattern) == lower(text));
        match self {
            Self::Fixed(Glob::Exact(exact)) => same(exact).into(),
            Self::Fixed(_) => Matched::No,
            Self::Open(pieces) => self.text(pieces, request).map_or(Matched::Unresolved, |text| same(&text).into()),
        }
    }

    /// The text, with values for variables; `None` if one has none.
    pub(super) fn resolved(&self, request: &Request<'_>) -> Option<Cow<'_, str>> {
        match self {
            Self::Fixed(Glob::Exact(exact)) => Some(Cow::Borrowed(exact)),
            Self::Fixed(_) => None,
            Self::Open(pieces) => self.text(pieces, request).map(Cow::Owned),
        }
    }

    fn text(&self, pieces: &[Piece], request: &Request<'_>) -> Option<String> {
        let characters = resolve(pieces, request)?.into_iter().map(|token| match token {
            Token::Char(character) => character,
            Token::One => '?',
            Token::Many => '*',
        });
        Some(characters.collect())
    }
}

pub(super) fn resolve(pieces: &[Piece], request: &Request<'_>) -> Option<Vec<Token>> {
    let mut tokens = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match piece {
            Piece::Token(token) => tokens.push(token.clone()),
            Piece::Variable { key, default } => {
                let values = request.values(key);
                let value = match (&values, default) {
                    (Some(Values::One(value)), _) => value,
                    // A multi-valued key is no variable.
                    (_, Some(default)) => &**default,
                    (_, None) => return None,
                };
                tokens.extend(value.chars().map(Token::Char));
            }
        }
    }
    Some(tokens)
}

/// Reads what follows `${`, up to and with the closing brace, and returns what is after it.
fn variable(text: &str) -> Result<(Piece, &str), &'static str> {
    const UNCLOSED: &str = "a variable ${…} has no end";
    for (sign, character) in [("*}", '*'), ("?}", '?'), ("$}", '$')] {
        if let Some(after) = text.strip_prefix(sign) {
            return Ok((Piece::Token(Token::Char(character)), after));
        }
    }
    let end = text.find([',', '}']).ok_or(UNCLOSED)?;
    let (key, after) = text.split_at_checked(end).ok_or(UNCLOSED)?;
    let (default, after) = match after.strip_prefix(',') {
        None => (None, after),
        Some(after) => {
            const QUOTES: &str = "the default of a variable stands in single quotes: ${key, 'default'}";
            let after = after.trim_start_matches(' ').strip_prefix('\'').ok_or(QUOTES)?;
            let (default, after) = after.split_once('\'').ok_or(QUOTES)?;
            (Some(default.into()), after.trim_start_matches(' '))
        }
    };
    let after = after.strip_prefix('}').ok_or(UNCLOSED)?;
    let key = key.trim();
    if key.is_empty() || key.contains(['{', '$', '*', '?']) {
        return Err("a variable ${…} names no condition key");
    }
    Ok((Piece::Variable { key: key.to_ascii_lowercase().into(), default }, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        for (pattern, yes, no) in [
            ("*", &["", "a", "ä/:*"][..], &[][..]),
            ("", &[""], &["a"]),
            ("a", &["a"], &["", "A", "aa"]),
            ("a*", &["a", "ab", "a*"], &["", "ba"]),
            ("*a", &["a", "ba", "aba"], &["", "ab"]),
            ("a?c", &["abc", "aäc", "a?c"], &["ac", "abbc"]),
            ("*a*b*", &["ab", "xaxbx", "aab"], &["ba", "a", "b"]),
            ("a**b", &["ab", "axb"], &["a", "abx"]),
            ("?*", &["a", "ab", "ä"], &[""]),
            ("*aab", &["aaab", "aabaab"], &["aaba"]),
        ] {
            let glob = Glob::new(pattern);
            for text in yes {
                assert!(glob.matches(text, Case::Sensitive), "{pattern} matches {text}");
            }
            for text in no {
                assert!(!glob.matches(text, Case::Sensitive), "{pattern} does not match {text}");
            }
        }
        assert!(Glob::new("kms:E*t").matches("KMS:encrypT", Case::AsciiInsensitive));
        assert!(Glob::new("kms:Gen*").matches("KMS:generateRandom", Case::AsciiInsensitive));
        // A prefix may end within a character.
        assert!(!Glob::new("ab*").matches("aä", Case::Sensitive));
    }

    /// What wildcards mean, without care for time.
    fn matches_by_definition(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, text) => text.is_none(),
            (Some(('*', after)), rest) => {
                matches_by_definition(after, text) || rest.is_some_and(|(_, rest)| matches_by_definition(pattern, rest))
            }
            (Some((wanted, after)), Some((found, rest))) => {
                (*wanted == '?' || wanted == found) && matches_by_definition(after, rest)
            }
            (Some(_), None) => false,
        }
    }

    proptest::proptest! {
        #[test]
        fn matches_are_those_of_the_definition(pattern in "[abä*?]{0,8}", text in "[abä]{0,8}") {
            let [pattern_characters, text_characters] = [&pattern, &text].map(|text| text.chars().collect::<Vec<_>>());
            let wanted = matches_by_definition(&pattern_characters, &text_characters);
            proptest::prop_assert_eq!(Glob::new(&pattern).matches(&text, Case::Sensitive), wanted);
            let reading = Reading { wildcards: true, variables: true };
            let fixed = Template::new(&pattern, reading).map(Template::into_fixed);
            proptest::prop_assert_eq!(fixed, Ok(Glob::new(&pattern)));
        }
    }

    #[test]
    fn a_pattern_made_to_take_long_does_not() {
        let glob = Glob::new(&"*a".repeat(500));
        assert!(!glob.matches(&"ab".repeat(400), Case::Sensitive));
    }
}

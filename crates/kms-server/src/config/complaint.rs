//! What is wrong with a configuration, and what to do about it.

use core::fmt;

/// Names that differ more than this are not taken for a slip (Jaro-Winkler similarity, 0 to 1).
const ALIKE: f64 = 0.8;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Complaint {
    /// Where: `kms.toml:12`, or the name of an environment variable; the member, where it is of no place in a file.
    pub place: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub advice: String,
    /// The server starts nevertheless.
    pub is_warning: bool,
}

impl Complaint {
    /// What keeps the server from starting.
    #[must_use]
    pub fn new(place: impl Into<String>, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into(), advice: advice.into(), is_warning: false }
    }

    /// What an operator should look at.
    #[must_use]
    pub fn warning(place: impl Into<String>, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { is_warning: true, ..Self::new(place, message, advice) }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_warning { "warning: " } else { "" };
        write!(f, "{}: {kind}{}", self.place, self.message)?;
        match self.advice.as_str() {
            "" => Ok(()),
            advice => write!(f, "\n    {advice}"),
        }
    }
}

/// What somebody who wrote `name` may have meant.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let alike = known.into_iter().map(|known| (strsim::jaro_winkler(name, known), known));
    alike.filter(|(alike, _)| *alike >= ALIKE).max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, known)| known)
}

/// What to do about a name that is not known.
pub(super) fn did_you_mean(name: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("Did you mean {near}?"),
        None => format!("There are: {}.", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        let known = ["addresses", "connections", "body_bytes"];
        assert_eq!(nearest("adresses", known), Some("addresses"));
        assert_eq!(nearest("connection", known), Some("connections"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(did_you_mean("colour", &known), "There are: addresses, connections, body_bytes.");
    }
}

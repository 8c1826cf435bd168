//! Numbers, times, networks and bytes, as policies and requests write them.

use core::iter::repeat_n;
use core::net::IpAddr;

use base64ct::{Base64, Encoding as _};
use ipnet::IpNet;
use jiff::Timestamp;

/// A decimal number: up to 18 digits before the point and 9 after it, compared exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Decimal(i128);

impl Decimal {
    pub(super) fn parse(text: &str) -> Option<Self> {
        const PLACES: usize = 9;
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = match digits.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (digits, ""),
        };
        let fits = (1..=18).contains(&whole.len()) && fraction.len() <= PLACES;
        if !fits || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let digits = whole.bytes().chain(fraction.bytes()).chain(repeat_n(b'0', PLACES - fraction.len()));
        // At most 27 digits: far from the bounds.
        let scaled = digits.fold(0, |number: i128, digit| number * 10 + i128::from(digit & 0x0f));
        Some(Self(if negative { -scaled } else { scaled }))
    }
}

/// A point in time: in the formats of the W3C's profile of ISO 8601 (a year, a month, a day, or a time with an offset), or
/// in seconds since 1970. What is left out is the first there is.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    if !text.is_ascii() {
        return None;
    }
    let number = text.strip_prefix('-').unwrap_or(text);
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    match (text.len(), digits) {
        (4, true) if number.len() == 4 => format!("{text}-01-01T00:00:00Z").parse().ok(),
        (_, true) => Timestamp::from_second(text.parse().ok()?).ok(),
        (7, false) => format!("{text}-01T00:00:00Z").parse().ok(),
        (10, false) => format!("{text}T00:00:00Z").parse().ok(),
        _ => text.parse().ok(),
    }
}

/// An address, or a network in CIDR notation. An address alone is a network of one.
pub(super) fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// An address. An IPv4 address in IPv6's clothes is the IPv4 address.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// Base64 (RFC 4648, section 4).
pub(super) fn bytes(text: &str) -> Option<Vec<u8>> {
    Base64::decode_vec(text).ok()
}

/// `true` or `false`, in any case.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_compare_exactly() {
        let number = |text| Decimal::parse(text).unwrap();
        assert_eq!(number("10"), number("10.000"));
        assert_eq!(number("-0"), number("+0.0"));
        assert!(number("9007199254740993") > number("9007199254740992"));
        assert!(number("-1.5") < number("-1.499999999"));
        for text in ["", ".", "1.", ".5", "1e3", "0x10", "1 ", "--1", "1.0000000001", "1234567890123456789", "1.2.3"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn times() {
        let at = |text: &str| time(text).map(Timestamp::as_second);
        for (text, second) in [
            ("2020", 1_577_836_800),
            ("2020-02", 1_580_515_200),
            ("2020-02-29", 1_582_934_400),
            ("2020-02-29T12:30Z", 1_582_979_400),
            ("2020-02-29T12:30:15Z", 1_582_979_415),
            ("2020-02-29T12:30:15.25Z", 1_582_979_415),
            ("2020-02-29T13:30:15+01:00", 1_582_979_415),
            ("1582979415", 1_582_979_415),
            ("-1", -1),
            ("0", 0),
        ] {
            assert_eq!(at(text), Some(second), "{text}");
        }
        for text in ["", "-", "2021-02-29", "2020-13", "2020-02-29T12:30:15", "tomorrow", "20:20", "1582979415.5", "ä"]
        {
            assert_eq!(at(text), None, "{text}");
        }
    }
}

//! Times in requests.

use jiff::civil::DateTime;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;
use kms_service::Timestamp;

fn timestamp(at: jiff::Timestamp) -> Option<Timestamp> {
    u64::try_from(at.as_millisecond()).ok().map(Timestamp::from_millis)
}

/// Reads the basic format of ISO 8601, as in `20150830T123600Z`, and nothing else.
pub(super) fn parse_basic(text: &[u8]) -> Option<Timestamp> {
    let [y1, y2, y3, y4, m1, m2, d1, d2, b'T', h1, h2, min1, min2, s1, s2, b'Z'] = *text else { return None };
    let digit = |byte: u8| byte.is_ascii_digit().then(|| byte - b'0');
    let two = |tens, ones| i8::try_from(digit(tens)? * 10 + digit(ones)?).ok();
    let year = i16::from(two(y1, y2)?) * 100 + i16::from(two(y3, y4)?);
    let (month, day) = (two(m1, m2)?, two(d1, d2)?);
    let (hour, minute, second) = (two(h1, h2)?, two(min1, min2)?, two(s1, s2)?);
    let civil = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    timestamp(TimeZone::UTC.to_timestamp(civil).ok()?)
}

/// Reads a `Date` header: the format of HTTP (RFC 9110, section 5.6.7), or the basic one.
pub(super) fn parse_header(text: &[u8]) -> Option<Timestamp> {
    if let Some(time) = parse_basic(text) {
        return Some(time);
    }
    timestamp(rfc2822::parse(core::str::from_utf8(text).ok()?).ok()?.timestamp())
}

/// Writes the basic format of ISO 8601.
pub(super) fn basic(at: Timestamp) -> String {
    let mut text = at.to_string();
    text.retain(|c| !matches!(c, '-' | ':'));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_strictly() {
        let time = parse_basic(b"20150830T123600Z").unwrap();
        assert_eq!(time.as_millis(), 1_440_938_160_000);
        assert_eq!(basic(time), "20150830T123600Z");
        assert_eq!(parse_header(b"Sun, 30 Aug 2015 12:36:00 GMT"), Some(time));
        assert_eq!(parse_header(b"20150830T123600Z"), Some(time));
        for wrong in [
            "",
            "20150830",
            "20150830T123600",
            "20150830T123600z",
            "20150830T123600Z ",
            "20151330T123600Z",
            "20150231T123600Z",
            "20150830T243600Z",
            "20150830T126000Z",
            "+0150830T123600Z",
            "2015-08-30T12:36:00Z",
            "19690830T123600Z",
            "2015083\u{661}T12360Z",
        ] {
            assert_eq!(parse_basic(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(parse_header(b"yesterday"), None);
    }
}

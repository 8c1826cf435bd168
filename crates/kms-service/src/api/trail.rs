//! JSON as the audit trail has it, written by hand: it is on the way of every request.

use crate::api::member::Member;

/// A text, quoted and escaped (RFC 8259, section 7).
pub(crate) fn text(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    out.reserve(rest.len().saturating_add(2));
    out.push(b'"');
    // Most texts need no escapes. A fold looks at many bytes at once, where a search goes one by one.
    if !rest.iter().fold(false, |any, &byte| any | is_escaped(byte)) {
        out.extend_from_slice(rest);
        return out.push(b'"');
    }
    while let Some(at) = rest.iter().position(|&byte| is_escaped(byte)) {
        let (plain, tail) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((&byte, tail)) = tail.split_first() else { break };
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
        }
        rest = tail;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

const fn is_escaped(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

/// What stands between members or elements: the opening bracket before the first, then commas.
#[derive(Debug)]
pub(crate) struct Separator(u8);

impl Separator {
    /// For an object.
    pub(crate) const OBJECT: Self = Self(b'{');
    /// For an array.
    pub(crate) const ARRAY: Self = Self(b'[');

    /// Writes it.
    pub(crate) fn put(&mut self, out: &mut Vec<u8>) {
        out.push(core::mem::replace(&mut self.0, b','));
    }

    /// Whether nothing was written yet.
    pub(crate) const fn is_first(&self) -> bool {
        self.0 != b','
    }
}

/// A structure; `null` if it has no member that the trail shows.
pub(crate) fn or_null<T: Member>(structure: &T, out: &mut Vec<u8>) {
    let start = out.len();
    structure.show(out);
    if out.get(start..) == Some(b"{}") {
        out.truncate(start);
        out.extend_from_slice(b"null");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_read_back() {
        let every: String = (0..=0x2_ff).filter_map(char::from_u32).chain("\u{1f511}\u{2028}".chars()).collect();
        for case in ["", "\"", "a\\", "\u{1}", "plain", &every] {
            let mut out = Vec::new();
            text(&mut out, case);
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), case);
        }
    }
}

//! The names of members in other cases, made when this is compiled.

/// A field's name in another case: at most `N` bytes.
#[derive(Debug)]
pub(crate) struct Name<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Name<N> {
    /// `key_id` as `KeyId`, as on the wire.
    pub(crate) const fn pascal(field: &str) -> Self {
        Self::of(b"", field, true, b"")
    }

    /// `key_id` as `keyId`, as in errors and the audit trail.
    pub(crate) const fn camel(field: &str) -> Self {
        Self::of(b"", field, false, b"")
    }

    /// `key_id` as `"keyId":`, in one piece for the audit trail. `N` is three more.
    pub(crate) const fn quoted(field: &str) -> Self {
        Self::of(b"\"", field, false, b"\":")
    }

    /// AWS has one name with a word in capitals, `AWSAccountId`, and CloudTrail lowers its first letter only.
    const fn of(before: &[u8], field: &str, upper_first: bool, after: &[u8]) -> Self {
        let mut name = Self { bytes: [0; N], len: 0 };
        name.push(before);
        let mut rest = field.as_bytes();
        let mut capitals: usize = if let [b'a', b'w', b's', b'_', ..] = rest { 3 } else { 0 };
        let mut upper = upper_first;
        let mut is_first = true;
        while let Some((&byte, tail)) = rest.split_first() {
            rest = tail;
            if byte == b'_' {
                upper = true;
                continue;
            }
            let in_capitals = capitals > 0 && (upper_first || !is_first);
            name.push(&[if upper || in_capitals { byte.to_ascii_uppercase() } else { byte }]);
            capitals = capitals.saturating_sub(1);
            upper = false;
            is_first = false;
        }
        name.push(after);
        name
    }

    /// Adds bytes, as far as there is room.
    const fn push(&mut self, mut bytes: &[u8]) {
        while let Some((&byte, tail)) = bytes.split_first() {
            bytes = tail;
            let Some((_, room)) = self.bytes.split_at_mut_checked(self.len) else { return };
            let Some((slot, _)) = room.split_first_mut() else { return };
            *slot = byte;
            self.len += 1;
        }
    }

    /// The name.
    pub(crate) const fn as_str(&self) -> &str {
        let Some((name, _)) = self.bytes.split_at_checked(self.len) else { return "" };
        match core::str::from_utf8(name) {
            Ok(name) => name,
            Err(_) => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases() {
        for (field, pascal, camel) in [
            ("key_id", "KeyId", "keyId"),
            ("limit", "Limit", "limit"),
            ("aws_account_id", "AWSAccountId", "aWSAccountId"),
            ("cloud_hsm_cluster_id", "CloudHsmClusterId", "cloudHsmClusterId"),
        ] {
            assert_eq!(Name::<32>::pascal(field).as_str(), pascal);
            assert_eq!(Name::<32>::camel(field).as_str(), camel);
            assert_eq!(Name::<32>::quoted(field).as_str(), format!("\"{camel}\":"));
        }
    }
}

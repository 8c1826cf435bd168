//! What is said of a root key as one line of text, for places other than a keyring file.
//!
//! ```text
//! key-file
//! argon2id$m=65536,t=3,p=4$00112233445566778899aabbccddeeff
//! master-key:pkcs11:token=payments;object=root
//! ```

use alloc::borrow::ToOwned;
use core::fmt;
use core::str::FromStr;

use kms_core::Error;

use super::{PassphraseCost, RootKind};

const KEY_FILE: &str = "key-file";
const PASSPHRASE: &str = "argon2id$";
const MASTER_KEY: &str = "master-key:";

impl fmt::Display for RootKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyFile => f.write_str(KEY_FILE),
            Self::Passphrase { cost, salt } => {
                write!(f, "{PASSPHRASE}m={},t={},p={}$", cost.memory_kib(), cost.passes(), cost.lanes())?;
                salt.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            Self::MasterKey { address } => write!(f, "{MASTER_KEY}{address}"),
        }
    }
}

/// Reads what [`Display`](fmt::Display) writes.
impl FromStr for RootKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text == KEY_FILE {
            return Ok(Self::KeyFile);
        }
        if let Some(address) = text.strip_prefix(MASTER_KEY) {
            return Ok(Self::MasterKey { address: address.to_owned() });
        }
        let known = text.strip_prefix(PASSPHRASE).and_then(passphrase);
        known.ok_or_else(|| Error::unsupported("this version does not know the kind of root key that is named"))?
    }
}

fn passphrase(text: &str) -> Option<Result<RootKind, Error>> {
    let (numbers, digits) = text.split_once('$')?;
    let mut numbers = numbers.split(',');
    let mut number = |name: &str| numbers.next()?.strip_prefix(name)?.parse().ok();
    let (memory, passes, lanes) = (number("m=")?, number("t=")?, number("p=")?);
    let salt = salt(digits)?;
    Some(PassphraseCost::new(memory, passes, lanes).map(|cost| RootKind::Passphrase { cost, salt }))
}

fn salt(digits: &str) -> Option<[u8; 16]> {
    let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let fits = digits.len() == 32 && digits.bytes().all(lower);
    let number = u128::from_str_radix(digits, 16).ok().filter(|_| fits)?;
    Some(number.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn every_kind_reads_back() {
        let cost = PassphraseCost::RECOMMENDED;
        for kind in [
            RootKind::KeyFile,
            RootKind::Passphrase { cost, salt: *b"0123456789abcdef" },
            RootKind::MasterKey { address: "pkcs11:token=a;object=b".into() },
        ] {
            assert_eq!(kind.to_string().parse::<RootKind>().unwrap(), kind);
        }
    }

    #[test]
    fn what_is_not_known_or_hostile_is_refused() {
        for text in [
            "",
            "key-file ",
            "argon2id$m=65536,t=3,p=4$00",
            "argon2id$m=65536,t=3$00112233445566778899aabbccddeeff",
            "argon2id$m=65536,t=3,p=4$+0112233445566778899aabbccddeeff",
            "argon2id$m=4194304,t=3,p=4$00112233445566778899aabbccddeeff",
            "argon2d$m=65536,t=3,p=4$00112233445566778899aabbccddeeff",
        ] {
            assert!(text.parse::<RootKind>().is_err(), "{text}");
        }
    }
}

//! PKCS#11 URIs (RFC 7512): which module, which token, which object, and where the PIN is. Never the PIN itself.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use kms_core::Error;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::pin::PinSource;

/// What may stand unescaped in an attribute of the path (RFC 7512, section 2.3), less what shells take for their own.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

/// A PKCS#11 URI: `pkcs11:token=…;object=…;id=…?module-path=…&pin-source=…`.
///
/// Its text never holds a PIN: `pin-value` is refused when a URI is read, since URIs end up in histories, process lists
/// and logs.
///
/// ```
/// use kms_pkcs11::Uri;
/// let uri: Uri = "pkcs11:token=payments;object=invoices%202026?pin-source=env:HSM_PIN".parse()?;
/// assert_eq!(uri.token.as_deref(), Some("payments"));
/// assert_eq!(uri.object.as_deref(), Some("invoices 2026"));
/// assert_eq!(uri.address().to_string(), "pkcs11:token=payments;object=invoices%202026");
/// assert!("pkcs11:token=payments?pin-value=1234".parse::<Uri>().is_err());
/// # Ok::<(), kms_core::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Uri {
    /// `token`: the token's label.
    pub token: Option<String>,
    /// `serial`: the token's serial number.
    pub serial: Option<String>,
    /// `manufacturer`: who made the token.
    pub manufacturer: Option<String>,
    /// `model`: the token's model.
    pub model: Option<String>,
    /// `object`: the label of the key (CKA_LABEL).
    pub object: Option<String>,
    /// `id`: the identifier of the key (CKA_ID).
    pub id: Option<Vec<u8>>,
    /// `module-path`: the module's file.
    pub module_path: Option<PathBuf>,
    /// `pin-source`: where the PIN is.
    pub pin_source: Option<PinSource>,
}

impl Uri {
    /// Whether it names a key, by label or identifier.
    #[must_use]
    pub const fn names_object(&self) -> bool {
        self.object.is_some() || self.id.is_some()
    }

    /// The same without the query: what a [`Locator`](kms_core::Locator) holds.
    #[must_use]
    pub fn address(&self) -> Self {
        Self { module_path: None, pin_source: None, ..self.clone() }
    }

    /// The same without the key: the token.
    #[must_use]
    pub fn without_object(&self) -> Self {
        Self { object: None, id: None, ..self.clone() }
    }
}

fn escape(text: &str) -> impl fmt::Display + '_ {
    utf8_percent_encode(text, ESCAPED)
}

fn decode(name: &str, value: &str) -> Result<String, Error> {
    let decoded = percent_decode_str(value).decode_utf8();
    Ok(decoded.map_err(|_| Error::malformed(format!("{name} in a PKCS#11 URI is not UTF-8")))?.into_owned())
}

/// Every `%` begins an escape: an address that was mistyped must not become another one.
fn check_escapes(text: &str) -> Result<(), Error> {
    let good = text
        .split('%')
        .skip(1)
        .all(|after| after.get(..2).is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit())));
    if good { Ok(()) } else { Err(Error::malformed("a % in a PKCS#11 URI is followed by two hexadecimal digits")) }
}

fn set<T>(place: &mut Option<T>, name: &str, value: T) -> Result<(), Error> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Error::malformed(format!("{name} stands twice in the PKCS#11 URI"))),
    }
}

impl FromStr for Uri {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let rest = text.strip_prefix("pkcs11:").ok_or_else(|| {
            Error::malformed("a PKCS#11 URI begins with pkcs11:, for example pkcs11:token=NAME;object=KEY")
        })?;
        check_escapes(rest)?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut uri = Self::default();
        for part in path.split(';').filter(|part| !part.is_empty()) {
            let (name, value) = pair(part)?;
            match name {
                "token" => set(&mut uri.token, name, decode(name, value)?)?,
                "serial" => set(&mut uri.serial, name, decode(name, value)?)?,
                "manufacturer" => set(&mut uri.manufacturer, name, decode(name, value)?)?,
                "model" => set(&mut uri.model, name, decode(name, value)?)?,
                "object" => set(&mut uri.object, name, decode(name, value)?)?,
                "id" => set(&mut uri.id, name, percent_decode_str(value).collect())?,
                // A key is found by name; whether it is secret or private follows from its spec.
                "type" if matches!(value, "secret-key" | "private") => {}
                _ => {
                    return Err(Error::unsupported(format!(
                        "{name:?} in a PKCS#11 URI; known: token, serial, manufacturer, model, object, id, type"
                    )));
                }
            }
        }
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = pair(part)?;
            match name {
                "module-path" => set(&mut uri.module_path, name, decode(name, value)?.into())?,
                "pin-source" => set(&mut uri.pin_source, name, decode(name, value)?.parse()?)?,
                "pin-value" => {
                    return Err(Error::invalid_input(
                        "a PIN does not belong in a URI, which others can read: \
                         put it in a file and name that with pin-source=file:/PATH, or use pin-source=env:NAME",
                    ));
                }
                _ => {
                    return Err(Error::unsupported(format!(
                        "{name:?} in the query of a PKCS#11 URI; known: module-path, pin-source"
                    )));
                }
            }
        }
        Ok(uri)
    }
}

fn pair(part: &str) -> Result<(&str, &str), Error> {
    part.split_once('=').ok_or_else(|| Error::malformed("a PKCS#11 URI is made of name=value, separated by ;"))
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("pkcs11:")?;
        let mut separator = "";
        let texts = [
            ("token", &self.token),
            ("serial", &self.serial),
            ("manufacturer", &self.manufacturer),
            ("model", &self.model),
            ("object", &self.object),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                write!(f, "{separator}{name}={}", escape(value))?;
                separator = ";";
            }
        }
        if let Some(id) = &self.id {
            write!(f, "{separator}id=")?;
            id.iter().try_for_each(|byte| write!(f, "%{byte:02x}"))?;
        }
        let mut separator = "?";
        if let Some(path) = &self.module_path {
            write!(f, "{separator}module-path={}", escape(&path.to_string_lossy()))?;
            separator = "&";
        }
        if let Some(source) = &self.pin_source {
            write!(f, "{separator}pin-source={}", escape(&source.to_string()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_reads_back() {
        for text in [
            "pkcs11:",
            "pkcs11:token=a",
            "pkcs11:token=a%3bb;serial=00%20ff;object=%e2%82%ac;id=%00%ff",
            "pkcs11:manufacturer=m;model=x?module-path=%2fusr%2flib%2fx.so&pin-source=env:PIN",
        ] {
            let uri: Uri = text.parse().unwrap();
            assert_eq!(uri.to_string().to_lowercase(), text.to_lowercase());
            assert_eq!(uri.to_string().parse::<Uri>().unwrap(), uri);
        }
    }

    #[test]
    fn what_it_does_not_understand_it_refuses() {
        for (text, part) in [
            ("token=a", "begins with pkcs11:"),
            ("pkcs11:token", "name=value"),
            ("pkcs11:token=a;token=b", "twice"),
            ("pkcs11:tokn=a", "tokn"),
            ("pkcs11:slot-id=3", "slot-id"),
            ("pkcs11:token=%4", "two hexadecimal"),
            ("pkcs11:token=%ff", "UTF-8"),
            ("pkcs11:token=a?pin-value=secret", "does not belong"),
            ("pkcs11:token=a?pin-source=1234", "pin-source"),
            ("pkcs11:type=cert", "type"),
        ] {
            let error = text.parse::<Uri>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
            assert!(!error.contains("secret") && !error.contains("1234"), "{error}");
        }
    }
}

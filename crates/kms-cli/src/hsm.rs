//! How an HSM is reached: its module, its token, its PIN.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use kms_core::{Error, ErrorKind, Secret};
use kms_pkcs11::{Module, PinSource, Token, TokenOptions, Uri};

use crate::failure::Failure;

/// Where the modules of PKCS#11 are, usually.
const USUAL_MODULES: &[&str] = &[
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
    "/opt/cloudhsm/lib/libcloudhsm_pkcs11.so",
    "/opt/nfast/toolkits/pkcs11/libcknfast.so",
    "/usr/safenet/lunaclient/lib/libCryptoki2_64.so",
    "/usr/lib/libCryptoki2_64.so",
    "/usr/lib/x86_64-linux-gnu/pkcs11/yubihsm_pkcs11.so",
    "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so",
];

/// Which HSM, and how to log in.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct HsmArguments {
    /// Use the keys of an HSM instead of a keyring's: its PKCS#11 URI (RFC 7512), for example
    /// 'pkcs11:token=NAME?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/PATH'. One with ;object=LABEL or
    /// ;id=%01 names the key to use where none is named
    // A text, so that no message repeats what is wrong in it: that may be a PIN.
    #[arg(long, global = true, value_name = "URI", env = "KMS_BACKEND", hide_env_values = true)]
    backend: Option<String>,

    /// The PKCS#11 module of the HSM, instead of module-path in the URI
    #[arg(long, global = true, value_name = "FILE", env = "KMS_PKCS11_MODULE", hide_env_values = true)]
    module: Option<PathBuf>,

    /// Read the PIN of the HSM from the first line of a file that only you can read, instead of pin-source in the URI
    /// (file:/PATH, env:NAME or keypad:). Without either it is asked for
    #[arg(long, global = true, value_name = "FILE", env = "KMS_PIN_FILE", hide_env_values = true)]
    pin_file: Option<PathBuf>,

    /// Where the HSM's wrapped keys and their names are kept [default: wrapped/TOKEN beside the keyring,
    /// TOKEN being the label in the URI]. Who can write there can make a name mean another key of the token
    #[arg(long, global = true, value_name = "DIR", env = "KMS_WRAPPED_KEYS", hide_env_values = true)]
    wrapped_keys: Option<PathBuf>,
}

impl HsmArguments {
    /// The HSM whose keys are used, if it is one.
    pub(crate) fn backend(&self) -> Result<Option<Uri>, Failure> {
        self.backend.as_deref().filter(|text| !text.is_empty()).map(|text| uri("--backend", text)).transpose()
    }

    /// Reaches the token and logs in.
    pub(crate) fn connect(&self, uri: &Uri) -> Result<Arc<Token>, Failure> {
        let path = self.module.as_deref().or(uri.module_path.as_deref()).ok_or_else(no_module)?;
        let module = Module::load(path, None).map_err(|error| {
            Failure::hinting(error, ErrorKind::KeyUnavailable, "module-path in the URI, or --module FILE, names it.")
        })?;
        let mut options = TokenOptions::new(uri);
        if let Some(path) = &self.pin_file {
            options = options.with_pin(PinSource::File(path.clone()));
        } else if uri.pin_source.is_none() {
            options = options.with_pin(PinSource::Ask(Arc::new(ask)));
        }
        Ok(Token::connect(module, options)?)
    }

    /// Where the records of a token's wrapped keys are. Each token has a folder of its own, so that names of one do not
    /// stand in the way of another's.
    pub(crate) fn wrapped_keys(&self, uri: &Uri, keyring: &Path) -> PathBuf {
        if let Some(path) = &self.wrapped_keys {
            return path.clone();
        }
        let token = uri.token.as_deref().or(uri.serial.as_deref()).unwrap_or("any");
        keyring.with_file_name("wrapped").join(file_name(token))
    }
}

/// A URI in an argument.
pub(crate) fn uri(argument: &str, text: &str) -> Result<Uri, Failure> {
    text.parse().map_err(|error: Error| {
        Failure::usage(error.detail().map_or_else(|| error.to_string(), str::to_owned)).about(argument)
    })
}

/// A token's label as the name of a folder.
fn file_name(token: &str) -> String {
    let mut name = String::new();
    for byte in token.bytes() {
        match byte {
            b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => name.push(byte.into()),
            _ => name.push_str(&format!("%{byte:02x}")),
        }
    }
    name
}

fn no_module() -> Failure {
    let there: Vec<_> = USUAL_MODULES.iter().copied().filter(|path| Path::new(path).exists()).collect();
    let hint = match there.as_slice() {
        [] => "For example ?module-path=/usr/lib/softhsm/libsofthsm2.so; the HSM's manual says where its module is."
            .into(),
        there => format!("On this machine there is {}.", there.join(", ")),
    };
    Failure::usage("which PKCS#11 module reaches the HSM? The URI has no module-path").hint(format!(
        "Add ?module-path=FILE to it, or name the module with --module FILE, or in KMS_PKCS11_MODULE.\n{hint}"
    ))
}

fn ask(token: &str) -> Result<Secret, Error> {
    if !std::io::stdin().is_terminal() && !std::io::stderr().is_terminal() {
        return Err(Error::with_detail(
            ErrorKind::Unauthorized,
            format!(
                "the token {token:?} wants a PIN, and there is no terminal to ask on: put it on the first line of a \
                 file, and name that with pin-source=file:/PATH in the URI or with --pin-file FILE"
            ),
        ));
    }
    let pin = rpassword::prompt_password(format!("PIN of the token {token:?}: "))
        .map_err(|error| Error::with_detail(ErrorKind::Unauthorized, format!("no PIN: {error}")))?;
    Ok(Secret::from(pin.into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_becomes_one_harmless_name() {
        assert_eq!(file_name("payments-2"), "payments-2");
        assert_eq!(file_name("../a b"), "%2e%2e%2fa%20b");
    }
}

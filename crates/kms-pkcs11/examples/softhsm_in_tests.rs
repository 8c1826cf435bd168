//! Testing a service that embeds the core with SoftHSM in place of the HSM it will have.
//!
//! The service takes a `&dyn Backend`, so that its tests choose where keys live: in memory for most, in SoftHSM for those
//! that are to meet a token. `cargo run -p kms-pkcs11 --example softhsm_in_tests` runs both.
//!
//! SoftHSM finds its tokens by the environment variable SOFTHSM2_CONF, which has to be set before the process starts:
//! this program makes a token in a directory of its own and starts itself again with it.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use kms_core::message::{self, DecryptOptions, EncryptOptions, KmsWrappingKey};
use kms_core::{Backend, Call, EncryptionContext, Key, KeyId, KeySpec, KeyUsage, Locator, MaterialId, SystemRandom};
use kms_pkcs11::{Module, PinSource, Pkcs11Backend, Token, TokenOptions, Uri};
use kms_soft::SoftBackend;

/// The service: keeps what tenants give it, each under a context of their own.
struct Vault {
    key: KmsWrappingKey,
}

impl Vault {
    fn new(backend: &dyn Backend, at: &Locator) -> Result<Self, kms_core::Error> {
        let key = backend.create(at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &Call::default())?;
        Ok(Self { key: KmsWrappingKey::new("arn:aws:kms:local:000000000000:key/vault", Key::new(key))? })
    }

    fn put(&self, tenant: &str, payload: &[u8]) -> Result<Vec<u8>, kms_core::Error> {
        let options = EncryptOptions::new(EncryptionContext::new([("tenant", tenant)])?);
        message::encrypt(&self.key, &options, payload, &SystemRandom, &Call::default())
    }

    fn get(&self, tenant: &str, stored: &[u8]) -> Result<Vec<u8>, kms_core::Error> {
        let opened = message::decrypt(&self.key, &DecryptOptions::new(), stored, &Call::default())?;
        match opened.header.context.get("tenant") {
            Some(owner) if owner == tenant => Ok(opened.plaintext.expose().to_vec()),
            _ => Err(kms_core::Error::rejected()),
        }
    }
}

/// What the service's tests check, wherever the keys are.
fn test_vault(backend: &dyn Backend, locate: impl Fn(MaterialId) -> Locator) -> Result<(), Box<dyn Error>> {
    let vault = Vault::new(backend, &locate(KeyId::random(&SystemRandom)?.into()))?;
    let stored = vault.put("42", b"payload")?;
    assert_eq!(vault.get("42", &stored)?, b"payload");
    assert!(vault.get("43", &stored).is_err(), "another tenant");
    Ok(())
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    if let Some(directory) = std::env::args_os().nth(1) {
        inside(Path::new(&directory))?;
        return Ok(ExitCode::SUCCESS);
    }
    test_vault(&SoftBackend::new(SystemRandom), SoftBackend::locator)?;
    println!("with keys in memory: passed");

    let directory = tempfile::tempdir()?;
    let path = directory.path();
    fs::create_dir(path.join("tokens"))?;
    let conf = path.join("softhsm2.conf");
    fs::write(&conf, format!("directories.tokendir = {}\n", path.join("tokens").display()))?;
    fs::write(path.join("pin"), "1234\n")?;
    make_private(&path.join("pin"))?;
    let made = Command::new("softhsm2-util")
        .args(["--init-token", "--free", "--label", "vault", "--so-pin", "12345678", "--pin", "1234"])
        .env("SOFTHSM2_CONF", &conf)
        .output();
    match made {
        Ok(output) if output.status.success() => {}
        Ok(output) => return Err(String::from_utf8_lossy(&output.stderr).into()),
        Err(error) => return Err(format!("softhsm2-util: {error}. Install SoftHSM: apt-get install softhsm2").into()),
    }
    let again = Command::new(std::env::current_exe()?).arg(path).env("SOFTHSM2_CONF", &conf).status()?;
    Ok(if again.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The same tests, with the token.
fn inside(directory: &Path) -> Result<(), Box<dyn Error>> {
    let uri: Uri = "pkcs11:token=vault".parse()?;
    let options = TokenOptions::new(&uri).with_pin(PinSource::File(directory.join("pin")));
    let backend = Pkcs11Backend::new(Token::connect(Module::load(softhsm(), None)?, options)?);
    test_vault(&backend, |id| backend.locator(id))?;
    println!("with keys in SoftHSM: passed");
    Ok(())
}

/// SoftHSM's module, where distributions put it.
fn softhsm() -> &'static str {
    let places = [
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib64/softhsm/libsofthsm2.so",
        "/usr/lib/pkcs11/libsofthsm2.so",
        "/usr/local/lib/softhsm/libsofthsm2.so",
        "/opt/homebrew/lib/softhsm/libsofthsm2.so",
    ];
    places.into_iter().find(|place| Path::new(place).exists()).unwrap_or("libsofthsm2.so")
}

fn make_private(path: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(())
}

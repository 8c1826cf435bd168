//! A root key in a file of its own: one line of text.
//!
//! ```text
//! KMS-ROOT-KEY-1 8d5e2a4c-…-1f2e3d4c5b6a q83v…=\n
//! ```
//!
//! The words are the format and its version, the id that the key's keyrings name, and the 32 random bytes in
//! base64 (RFC 4648, section 4). The id is made of the key, and so serves as its checksum.

use alloc::string::ToString;
use alloc::vec::Vec;
use std::fs::{File, Metadata};
use std::io::Read;
use std::path::Path;

use base64ct::{Base64, Encoding};
use kms_core::{Error, ErrorKind, KeyId, RandomSource, Secret, SystemRandom};

use super::{KEY_LEN, RootKey, RootKind, id_of};
use crate::keyring::file;

const PREFIX: &[u8] = b"KMS-ROOT-KEY-";
const VERSION: &[u8] = b"1";
const ID_LEN: usize = 36;
const BASE64_LEN: usize = 44;
/// Prefix, version, two spaces, newline.
const LINE_LEN: usize = PREFIX.len() + VERSION.len() + 2 + ID_LEN + BASE64_LEN + 1;
/// Nothing longer is read.
const MAX_LEN: usize = 256;

impl RootKey {
    /// Makes a random root key and keeps it in a new file that only its owner can read (mode 0600).
    ///
    /// **Who loses the file loses every key sealed under it.** A file that is there is never overwritten.
    ///
    /// # Errors
    /// `InvalidInput` if the file exists; `Io`; `Internal` if the random generator fails.
    pub fn create_key_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let mut secret = Secret::zeroed(KEY_LEN);
        SystemRandom.fill(secret.expose_mut())?;
        let line = encode(&secret)?;
        file::create_whole(path.as_ref(), line.expose())?;
        Self::in_memory(secret, RootKind::KeyFile)
    }

    /// Reads the root key in a file that [`create_key_file`](Self::create_key_file) made.
    ///
    /// # Errors
    /// `KeyUnavailable` if there is no such file; `Refused` if others than its owner can read it (on Unix);
    /// `Malformed` if it is not a key file, or damaged; `Unsupported` if it is of a newer version; `Io`.
    pub fn open_key_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let shown = path.display();
        let mut file = File::open(path).map_err(|error| {
            if error.kind() == std::io::ErrorKind::NotFound {
                return Error::with_detail(
                    ErrorKind::KeyUnavailable,
                    alloc::format!(
                        "there is no root key file {shown}: without it the keys sealed under it cannot be opened. Give \
                         the right path, or restore the file from a copy"
                    ),
                );
            }
            file::io("cannot open the root key file", path, error)
        })?;
        let metadata = file.metadata().map_err(|error| file::io("cannot examine the root key file", path, error))?;
        if !metadata.is_file() {
            return Err(Error::malformed(alloc::format!("the root key file {shown} is not a file")));
        }
        check_private(path, &metadata)?;
        let text = read(&mut file).map_err(|error| file::io("cannot read the root key file", path, error))?;
        let secret = decode(text.expose()).map_err(|error| {
            let why = error.detail().unwrap_or_default().to_string();
            Error::with_detail(error.kind(), alloc::format!("the root key file {shown}: {why}"))
        })?;
        Self::in_memory(secret, RootKind::KeyFile)
    }
}

#[cfg(unix)]
fn check_private(path: &Path, metadata: &Metadata) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;

    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let shown = path.display();
    Err(Error::with_detail(
        ErrorKind::Refused,
        alloc::format!(
            "the root key file {shown} is open to others than its owner (mode {mode:04o}): close it with \
             `chmod 600 {shown}`, and consider whether someone has read it"
        ),
    ))
}

/// Elsewhere the permissions are not of this form, and the directory's apply.
#[cfg(not(unix))]
fn check_private(_path: &Path, _metadata: &Metadata) -> Result<(), Error> {
    Ok(())
}

/// Reads into a buffer that is wiped and never moves; of a longer file, the first bytes.
fn read(file: &mut File) -> Result<Secret, std::io::Error> {
    let mut buffer = Secret::zeroed(MAX_LEN);
    let mut len = 0;
    while let Some(room) = buffer.expose_mut().get_mut(len..).filter(|room| !room.is_empty()) {
        match file.read(room) {
            Ok(0) => break,
            Ok(read) => len += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Secret::copy_from(buffer.expose().get(..len).unwrap_or_default()))
}

fn encode(secret: &Secret) -> Result<Secret, Error> {
    let mut base64 = Secret::zeroed(BASE64_LEN);
    Base64::encode(secret.expose(), base64.expose_mut()).map_err(|_| ErrorKind::Internal)?;
    // In its full capacity, which never grows: growth would leave a copy of the key behind.
    let mut line = Vec::with_capacity(LINE_LEN);
    line.extend(PREFIX);
    line.extend(VERSION);
    line.push(b' ');
    line.extend(id_of(secret).to_string().as_bytes());
    line.push(b' ');
    line.extend(base64.expose());
    line.push(b'\n');
    Ok(Secret::from(line))
}

/// Takes the line, with or without its end: a key copied by hand may have lost it.
fn decode(text: &[u8]) -> Result<Secret, Error> {
    let damaged = || Error::malformed("it is damaged: restore it from a copy");
    let rest = text.trim_ascii_end().strip_prefix(PREFIX).ok_or_else(|| Error::malformed("it is no root key file"))?;
    let mut words = rest.splitn(3, |&byte| byte == b' ');
    match words.next() {
        Some(VERSION) => {}
        Some(version) if !version.is_empty() && version.iter().all(u8::is_ascii_digit) => {
            return Err(Error::unsupported("it was made by a newer version of this software"));
        }
        _ => return Err(damaged()),
    }
    let id = words.next().and_then(|word| core::str::from_utf8(word).ok()).ok_or_else(damaged)?;
    let id: KeyId = id.parse().map_err(|_| damaged())?;
    let base64 = words.next().filter(|word| word.len() == BASE64_LEN).ok_or_else(damaged)?;
    let mut secret = Secret::zeroed(KEY_LEN + 1);
    let len = Base64::decode(base64, secret.expose_mut()).map_err(|_| damaged())?.len();
    let secret = secret.expose().get(..len).filter(|key| key.len() == KEY_LEN).map(Secret::copy_from);
    secret.filter(|secret| id_of(secret) == id).ok_or_else(damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_back() {
        let line = encode(&Secret::from(alloc::vec![7; 32])).unwrap();
        assert_eq!(line.len(), LINE_LEN);
        assert_eq!(decode(line.expose()).unwrap().expose(), [7; 32]);
        assert!(decode(&line.expose()[..LINE_LEN - 1]).is_ok());
        assert!(decode(&[&line.expose()[..LINE_LEN - 1], b"\r\n"].concat()).is_ok());
    }

    #[test]
    fn every_flip_and_every_cut_is_refused() {
        let line = encode(&Secret::from(alloc::vec![7; 32])).unwrap();
        for index in 0..LINE_LEN - 1 {
            let mut bad = line.expose().to_vec();
            bad[index] ^= 1;
            let kind = decode(&bad).unwrap_err().kind();
            let expected = if index == PREFIX.len() { ErrorKind::Unsupported } else { ErrorKind::Malformed };
            assert_eq!(kind, expected, "byte {index}");
            assert!(decode(&line.expose()[..index]).is_err(), "{index} bytes");
        }
    }
}

//! The limits of [`kms_service::store`], checked before an engine sees a request, so that all engines refuse the same.

use std::collections::BTreeSet;

use kms_core::Error;
use kms_service::store::{Guard, MAX_BYTES, MAX_KEY, MAX_PAGE, MAX_STEPS, MAX_VALUE, Transaction, Write};

/// How many of the newest transactions an engine knows again by their ids.
///
/// A caller that asks again after an unknown outcome does so at once. This is a few seconds of the fastest that 64
/// callers reach with SQLite, and hours or days of what changes of keys come to.
pub(crate) const REMEMBERED: u64 = 65_536;

/// Keys are 1 to [`MAX_KEY`] bytes.
pub(crate) fn key(key: &[u8]) -> Result<(), Error> {
    if key.is_empty() {
        return Err(Error::invalid_input("an empty key"));
    }
    if key.len() > MAX_KEY {
        return Err(Error::invalid_input(format!("a key of {} bytes: at most {MAX_KEY}", key.len())));
    }
    Ok(())
}

/// Pages are 1 to [`MAX_PAGE`] entries.
pub(crate) fn page(limit: usize) -> Result<(), Error> {
    if (1..=MAX_PAGE).contains(&limit) {
        return Ok(());
    }
    Err(Error::invalid_input(format!("a page of {limit} entries: 1 to {MAX_PAGE}")))
}

/// Everything that [`Store::commit`](kms_service::Store::commit) answers `InvalidInput` to.
pub(crate) fn transaction(transaction: &Transaction) -> Result<(), Error> {
    let steps = transaction.guards.len() + transaction.writes.len();
    if steps > MAX_STEPS {
        return Err(Error::invalid_input(format!("{steps} guards and writes: at most {MAX_STEPS}")));
    }
    for guard in &transaction.guards {
        key(guarded(guard))?;
    }
    let (mut written, mut bytes) = (BTreeSet::new(), 0);
    for write in &transaction.writes {
        key(target(write))?;
        bytes += target(write).len();
        if !written.insert(target(write)) {
            return Err(Error::invalid_input("a transaction that writes a key twice"));
        }
        let Write::Put(_, value) = write else { continue };
        if value.len() > MAX_VALUE {
            return Err(Error::invalid_input(format!("a value of {} bytes: at most {MAX_VALUE}", value.len())));
        }
        bytes += value.len();
    }
    if bytes > MAX_BYTES {
        return Err(Error::invalid_input(format!("a transaction of {bytes} bytes: at most {MAX_BYTES}")));
    }
    Ok(())
}

/// The key that a write changes.
pub(crate) fn target(write: &Write) -> &[u8] {
    match write {
        Write::Put(key, _) | Write::Delete(key) => key,
    }
}

/// The key that a guard looks at.
pub(crate) fn guarded(guard: &Guard) -> &[u8] {
    match guard {
        Guard::Absent(key) | Guard::Is(key, _) => key,
    }
}

/// The first string of bytes after all that begin with `prefix`; `None` if there is none.
pub(crate) fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_after_a_prefix() {
        assert_eq!(after_prefix(b"k/"), Some(b"k0".to_vec()));
        assert_eq!(after_prefix(b"k\xff\xff"), Some(b"l".to_vec()));
        assert_eq!(after_prefix(b"\xff\xff"), None);
        assert_eq!(after_prefix(b""), None);
    }
}

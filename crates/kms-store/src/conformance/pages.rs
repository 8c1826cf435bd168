//! Pages, in the order of keys.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use kms_core::ErrorKind;
use kms_service::Store;
use kms_service::store::{MAX_PAGE, MAX_STEPS, Stored, Write};

use super::{Make, commit, put, transaction};

fn fill(store: &dyn Store, keys: &[Vec<u8>]) {
    for keys in keys.chunks(MAX_STEPS) {
        commit(store, &transaction(vec![], keys.iter().map(|key| put(key, key)).collect()));
    }
}

/// All keys with a prefix, from pages of `limit`.
fn keys(store: &dyn Store, prefix: &[u8], limit: usize) -> Vec<Vec<u8>> {
    let mut keys: Vec<Vec<u8>> = Vec::new();
    loop {
        let page = store.list(prefix, keys.last().map(Vec::as_slice), limit).unwrap();
        assert!(page.len() <= limit, "a page of {} entries instead of {limit}", page.len());
        let last = page.len() < limit;
        keys.extend(page.into_iter().map(|(key, Stored { value, .. })| {
            assert_eq!(key, value, "another key's value");
            key
        }));
        if last {
            return keys;
        }
    }
}

/// A page holds the keys with its prefix and no others, also where the prefix ends in the highest bytes.
pub fn prefixes_are_exact(make: Make<'_>) {
    let store = &*make();
    let names: [&[u8]; 13] = [
        b"\x00",
        b"\x00\x00",
        b"a",
        b"k",
        b"k.",
        b"k/",
        b"k/1",
        b"k/1/m",
        b"k/2",
        b"k0",
        b"\xff",
        b"\xff\xff",
        b"\xff\xff\xff",
    ];
    fill(store, &names.map(<[u8]>::to_vec));
    for prefix in [b"".as_slice(), b"k", b"k/", b"k/1", b"k/3", b"\x00", b"\xff", b"\xff\xff", b"z"] {
        let wanted: Vec<_> = names.iter().filter(|name| name.starts_with(prefix)).map(|name| name.to_vec()).collect();
        for limit in [1, 2, MAX_PAGE] {
            assert_eq!(keys(store, prefix, limit), wanted, "prefix {}", prefix.escape_ascii());
        }
    }
    let page = |after: &[u8]| -> Vec<Vec<u8>> {
        store.list(b"k/", Some(after), 10).unwrap().into_iter().map(|(key, _)| key).collect()
    };
    assert_eq!(page(b"a").len(), 4, "after a key before the prefix");
    assert_eq!(page(b"k/").len(), 3, "after the prefix itself");
    assert_eq!(page(b"k/1\x00"), [b"k/1/m".to_vec(), b"k/2".to_vec()], "after a key that is not there");
    assert_eq!(page(b"k/2").len(), 0);
    assert_eq!(page(b"k0").len(), 0, "after a key behind the prefix");
}

/// Pages follow each other in the order of bytes, without a gap, at every size of page.
pub fn pages_are_in_order(make: Make<'_>) {
    let store = &*make();
    // In an order that is not that of the keys.
    let mut names: Vec<_> = (0..2500_u32).map(|n| format!("k/{:05}", n * 7919 % 2500).into_bytes()).collect();
    fill(store, &names);
    fill(store, &[b"j".to_vec(), b"l".to_vec()]);
    names.sort();
    for limit in [MAX_PAGE, MAX_PAGE - 1, 333, 2499] {
        if limit <= MAX_PAGE {
            assert_eq!(keys(store, b"k/", limit), names);
        } else {
            assert_eq!(store.list(b"k/", None, limit).unwrap_err().kind(), ErrorKind::InvalidInput);
        }
    }
    assert_eq!(store.list(b"k/", None, 0).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(store.list(b"k/", None, MAX_PAGE + 1).unwrap_err().kind(), ErrorKind::InvalidInput);
}

/// While others write, pages are in order, have each key that was there all the time exactly once, and none twice.
pub fn pages_hold_under_writes(make: Make<'_>) {
    let store = &*make();
    let stay: Vec<_> = (0..300_u32).map(|n| format!("k/{n:04}/stays").into_bytes()).collect();
    fill(store, &stay);
    let done = AtomicBool::new(false);
    let comes_and_goes = |salt: u32| {
        let mut n = salt;
        while !done.load(Ordering::Relaxed) {
            n = n.wrapping_mul(1_103_515_245).wrapping_add(12_345);
            let key = format!("k/{:04}/goes", n % 300).into_bytes();
            let write = if n & 0x8000 == 0 { put(&key, &key) } else { Write::Delete(key) };
            commit(store, &transaction(vec![], vec![write]));
        }
    };
    let comes_and_goes = &comes_and_goes;
    thread::scope(|scope| {
        scope.spawn(move || comes_and_goes(1));
        scope.spawn(move || comes_and_goes(2));
        for limit in [7, 50, 64, 299, 1000] {
            let found = keys(store, b"k/", limit);
            assert!(found.windows(2).all(|pair| pair.first() < pair.last()), "not in order, or twice");
            let stayed: Vec<_> = found.into_iter().filter(|key| key.ends_with(b"stays")).collect();
            if stayed != stay {
                done.store(true, Ordering::Relaxed);
            }
            assert_eq!(stayed, stay, "keys that were there all the time");
        }
        done.store(true, Ordering::Relaxed);
    });
}

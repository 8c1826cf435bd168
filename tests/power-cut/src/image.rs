//! The disk after a power cut.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use crate::chance::Dice;
use crate::recording::Record;

/// A piece that a disk writes as one, unless it tears it.
const PIECE: usize = 4096;
/// What it never tears.
const SECTOR: usize = 512;
/// How many of a hundred pieces that are kept are torn.
const TORN: usize = 10;

/// A power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "has no rules")]
pub struct Cut {
    /// How many records happened before it.
    pub after: usize,
    /// How many of a hundred un-synced pieces the disk has.
    pub kept: usize,
    /// For the dice: the same cut leaves the same.
    pub seed: u64,
}

/// A file, by the record that made it: the system uses the numbers of inodes again.
type File = usize;

#[derive(Default)]
struct Content {
    durable: Vec<u8>,
    /// With the records they come from.
    pending: Vec<(usize, Change)>,
}

enum Change {
    Write(usize, Vec<u8>),
    SetLength(usize),
}

enum Name {
    File(String, File),
    Directory(String),
    Link(String, String),
    Rename(String, String),
    Remove(String),
}

/// `None` is a directory.
type Names = BTreeMap<String, Option<File>>;

pub(crate) fn rebuild(records: &[Record], cut: Cut, into: &Path) {
    let mut dice = Dice(cut.seed);
    let mut inodes: HashMap<u64, File> = HashMap::new();
    let mut files: BTreeMap<File, Content> = BTreeMap::new();
    let mut names = Names::new();
    let mut renaming: Vec<(usize, Name)> = Vec::new();
    for (at, record) in records.iter().enumerate().take(cut.after) {
        let mut change = |inode: &u64, change| {
            let file = inodes.get(inode).unwrap_or_else(|| panic!("a file that was there before: {record:?}"));
            files.get_mut(file).unwrap().pending.push((at, change));
        };
        match record {
            Record::Write(inode, offset, bytes) => change(inode, Change::Write(*offset, bytes.clone())),
            Record::SetLength(inode, length) => change(inode, Change::SetLength(*length)),
            Record::Create(inode, name) => {
                inodes.insert(*inode, at);
                files.insert(at, Content::default());
                renaming.push((at, Name::File(name.clone(), at)));
            }
            Record::MakeDirectory(name) => renaming.push((at, Name::Directory(name.clone()))),
            Record::Link(from, to) => renaming.push((at, Name::Link(from.clone(), to.clone()))),
            Record::Rename(from, to) => renaming.push((at, Name::Rename(from.clone(), to.clone()))),
            Record::Remove(name) => renaming.push((at, Name::Remove(name.clone()))),
            Record::Synced(inode, began) => {
                let content = inodes.get(inode).and_then(|file| files.get_mut(file)).unwrap();
                let later = content.pending.partition_point(|(at, _)| at < began);
                for (_, change) in content.pending.drain(..later) {
                    match change {
                        Change::Write(offset, bytes) => write(&mut content.durable, offset, &bytes),
                        Change::SetLength(length) => content.durable.resize(length, 0),
                    }
                }
            }
            Record::NamesSynced(began) => {
                let later = renaming.partition_point(|(at, _)| at < began);
                renaming.drain(..later).for_each(|(_, name)| apply(&mut names, name));
            }
            Record::Acknowledge(_) | Record::Nothing => {}
        }
    }
    let some = dice.below(renaming.len() + 1);
    renaming.drain(..some).for_each(|(_, name)| apply(&mut names, name));
    lay_out(&names, files, cut.kept, &mut dice, into);
}

fn apply(names: &mut Names, name: Name) {
    match name {
        Name::File(name, file) => {
            names.insert(name, Some(file));
        }
        Name::Directory(name) => {
            names.insert(name, None);
        }
        Name::Link(from, to) => {
            let file = *names.get(&from).unwrap();
            names.insert(to, file);
        }
        Name::Rename(from, to) => {
            let file = names.remove(&from).unwrap();
            assert!(file.is_some(), "renaming directories is not followed");
            names.insert(to, file);
        }
        Name::Remove(name) => {
            names.remove(&name);
        }
    }
}

fn write(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content.get_mut(offset..end).unwrap().copy_from_slice(bytes);
}

/// The content that the disk has of a file.
fn survive(file: Content, kept: usize, dice: &mut Dice) -> Vec<u8> {
    let mut content = file.durable;
    let lengths = file.pending.iter().filter(|(_, change)| matches!(change, Change::SetLength(_))).count();
    let mut lengths_kept = dice.below(lengths + 1);
    for (_, change) in file.pending {
        match change {
            Change::SetLength(length) if lengths_kept > 0 => {
                lengths_kept -= 1;
                content.resize(length, 0);
            }
            Change::SetLength(_) => {}
            Change::Write(offset, bytes) => {
                for (at, piece) in pieces(offset, &bytes, PIECE) {
                    if !dice.percent(kept) {
                        continue;
                    }
                    if !dice.percent(TORN) {
                        write(&mut content, at, piece);
                        continue;
                    }
                    for (at, sector) in pieces(at, piece, SECTOR).filter(|_| dice.percent(50)).collect::<Vec<_>>() {
                        write(&mut content, at, sector);
                    }
                }
            }
        }
    }
    content
}

/// The bytes, cut where the file's offset is a multiple of `size`.
fn pieces(offset: usize, mut bytes: &[u8], size: usize) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = offset;
    core::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let (piece, rest) = bytes.split_at(bytes.len().min(size - at % size));
        let found = (at, piece);
        at += piece.len();
        bytes = rest;
        Some(found)
    })
}

fn lay_out(names: &Names, mut files: BTreeMap<File, Content>, kept: usize, dice: &mut Dice, into: &Path) {
    let mut contents: HashMap<File, Vec<u8>> = HashMap::new();
    // In the order of names: a directory comes before what is in it.
    for (name, file) in names {
        let path = into.join(name);
        let Some(file) = file else {
            fs::create_dir(path).unwrap();
            continue;
        };
        let content = contents.entry(*file).or_insert_with(|| {
            let content = files.remove(file).unwrap();
            survive(content, kept, dice)
        });
        fs::write(path, content).unwrap();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(records: &[Record], kept: usize, seed: u64) -> BTreeMap<String, Vec<u8>> {
        let home = tempfile::tempdir().unwrap();
        rebuild(records, Cut { after: records.len(), kept, seed }, home.path());
        let entries = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap());
        entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
    }

    #[test]
    fn what_was_synced_is_there_and_nothing_else_is_certain() {
        let mut records = vec![
            Record::Create(1, "a".into()),
            Record::Write(1, 0, vec![1; 8192]),
            Record::Nothing,
            // During the sync: not part of it.
            Record::Write(1, 0, vec![2; 4096]),
            Record::Synced(1, 2),
            Record::Nothing,
            Record::NamesSynced(5),
        ];
        for seed in 0..50 {
            assert_eq!(image(&records, 0, seed).remove("a"), Some(vec![1; 8192]));
        }
        let all: Vec<_> = (0..50).map(|seed| image(&records, 50, seed).remove("a").unwrap()).collect();
        assert!(all.iter().any(|content| content.starts_with(&[2; 4096])), "kept");
        assert!(all.iter().any(|content| content.starts_with(&[1; 4096])), "lost");
        let torn = |content: &&Vec<u8>| content.chunks(512).take(8).any(|sector| sector != &content[..512]);
        assert!(all.iter().any(|content| torn(&content)), "torn");
        assert!(all.iter().all(|content| content.ends_with(&[1; 4096])));

        // Names that nobody synced come in their order.
        records.extend([Record::Rename("a".into(), "b".into()), Record::Create(2, "c".into())]);
        let names: std::collections::BTreeSet<Vec<_>> =
            (0..50).map(|seed| image(&records, 0, seed).into_keys().collect()).collect();
        let wanted = [vec!["a"], vec!["b"], vec!["b", "c"]].map(|names| names.into_iter().map(String::from).collect());
        assert_eq!(names, wanted.into());
    }

    #[test]
    fn a_number_that_is_used_again_is_another_file() {
        let records = [
            Record::Create(1, "a".into()),
            Record::Write(1, 0, b"old".to_vec()),
            Record::Remove("a".into()),
            Record::Create(1, "b".into()),
            Record::Write(1, 0, b"new".to_vec()),
            Record::Nothing,
            Record::Synced(1, 5),
            Record::NamesSynced(5),
        ];
        assert_eq!(image(&records, 0, 1), BTreeMap::from([("b".into(), b"new".to_vec())]));
    }
}

//! What keys are after a number of calls, as far as the workload changes them.

use std::collections::{BTreeMap, BTreeSet};

/// A call of the workload, as its program reports it: one line before it is made, one after it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    /// Who made it: process and thread. Each has keys and aliases of its own.
    pub(crate) owner: String,
    /// The request id.
    pub(crate) id: String,
    /// What was asked, such as `tag KEY NAME VALUE`.
    pub(crate) words: Vec<String>,
    /// What was answered: an id, a ciphertext in hexadecimal, `-` for nothing, `error` for a refusal. `None` before that.
    pub(crate) answer: Option<String>,
}

impl Said {
    pub(crate) fn line(&self) -> String {
        let answer = self.answer.as_deref().unwrap_or("?");
        format!("said {} {} {answer} {}\n", self.owner, self.id, self.words.join(" "))
    }

    /// The calls in the lines that a program wrote, each once. The test harness writes to the same pipe.
    pub(crate) fn read<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<Self> {
        let (mut calls, mut places) = (Vec::<Self>::new(), BTreeMap::new());
        for line in lines {
            let Some((_, line)) = line.split_once("said ") else { continue };
            let mut words = line.split(' ').map(str::to_owned);
            let (Some(owner), Some(id), Some(answer)) = (words.next(), words.next(), words.next()) else { continue };
            match places.get(&id) {
                None => {
                    places.insert(id.clone(), calls.len());
                    let answer = (answer != "?").then_some(answer);
                    calls.push(Self { owner, id, words: words.collect(), answer });
                }
                Some(&place) => calls[place].answer = Some(answer),
            }
        }
        calls
    }

    pub(crate) fn is_acknowledged(&self) -> bool {
        self.answer.is_some()
    }
}

/// A key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) symmetric: bool,
    pub(crate) state: &'static str,
    /// The number in its policy; 0 for the default policy.
    pub(crate) policy: usize,
    pub(crate) rotations: usize,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) aliases: BTreeSet<String>,
    pub(crate) grants: BTreeSet<String>,
}

/// The keys of one owner, by id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Model {
    pub(crate) keys: BTreeMap<String, Known>,
    /// Ciphertexts that were answered: the key, the ciphertext, what it holds.
    pub(crate) ciphertexts: Vec<(String, String, String)>,
}

/// What stands for the id that a call would have been answered, had it been answered.
pub(crate) const UNTOLD: &str = "untold";

impl Model {
    /// After a call that had this answer.
    pub(crate) fn apply(&mut self, words: &[String], answer: &str) {
        if answer == "error" {
            return;
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut key = |id: &str, change: &mut dyn FnMut(&mut Known)| {
            if let Some(known) = self.keys.get_mut(id) {
                change(known);
            }
        };
        match words.as_slice() {
            ["create", kind] => {
                let known = Known {
                    symmetric: *kind == "symmetric",
                    state: "Enabled",
                    policy: 0,
                    rotations: 0,
                    tags: BTreeMap::new(),
                    aliases: BTreeSet::new(),
                    grants: BTreeSet::new(),
                };
                self.keys.insert(answer.to_owned(), known);
            }
            ["alias", name, target] | ["move-alias", name, target] => {
                for known in self.keys.values_mut() {
                    known.aliases.remove(*name);
                }
                if let Some(known) = self.keys.get_mut(*target) {
                    known.aliases.insert((*name).to_owned());
                }
            }
            ["delete-alias", name] => self.keys.values_mut().for_each(|known| {
                known.aliases.remove(*name);
            }),
            ["grant", id] => key(id, &mut |known| {
                known.grants.insert(answer.to_owned());
            }),
            ["revoke", id, grant] => key(id, &mut |known| {
                known.grants.remove(*grant);
            }),
            ["policy", id, number] => key(id, &mut |known| known.policy = number.parse().unwrap()),
            ["disable", id] | ["cancel", id] => key(id, &mut |known| known.state = "Disabled"),
            ["enable", id] => key(id, &mut |known| known.state = "Enabled"),
            ["delete", id] => key(id, &mut |known| known.state = "PendingDeletion"),
            ["rotate", id] => key(id, &mut |known| known.rotations += 1),
            ["tag", id, name, value] => key(id, &mut |known| {
                known.tags.insert((*name).to_owned(), (*value).to_owned());
            }),
            ["encrypt", id, text] => self.ciphertexts.push(((*id).to_owned(), answer.to_owned(), (*text).to_owned())),
            other => panic!("{other:?}"),
        }
    }

    /// Whether the keys are these, where `untold` stands for one id that nobody was told.
    pub(crate) fn is_seen_as(&self, seen: &BTreeMap<String, Known>) -> bool {
        let mut expected = self.keys.clone();
        if let Some(known) = expected.remove(UNTOLD) {
            let Some(id) = seen.keys().find(|id| !expected.contains_key(*id)) else { return false };
            expected.insert(id.clone(), known);
        }
        for (id, known) in &mut expected {
            if known.grants.remove(UNTOLD) {
                let more =
                    seen.get(id).and_then(|seen| seen.grants.iter().find(|grant| !known.grants.contains(*grant)));
                known.grants.extend(more.cloned().or_else(|| Some(UNTOLD.to_owned())));
            }
        }
        expected == *seen
    }
}

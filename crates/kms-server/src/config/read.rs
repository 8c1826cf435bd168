//! Reading a configuration, from a file and from variables.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Error, ValueDeserializer};

use super::complaint::did_you_mean;
use super::section::Section;
use super::sections::{Audit, CredentialsFile, Hsm, Kept, Listen, Logs, MetricsOffered, Root, Served, Tls, Xks};
use super::{Complaint, Config, Loaded, QuotaChoice, VARIABLES};

const HSM: &str = "hsm";
const QUOTAS: &str = "quotas";

/// The tables that have members of their own.
pub(super) const SECTIONS: [(&str, &[&str]); 10] = [
    ("listen", Listen::MEMBERS),
    ("tls", Tls::MEMBERS),
    ("service", Served::MEMBERS),
    ("store", Kept::MEMBERS),
    ("root", Root::MEMBERS),
    ("audit", Audit::MEMBERS),
    ("credentials", CredentialsFile::MEMBERS),
    ("xks", Xks::MEMBERS),
    ("metrics", MetricsOffered::MEMBERS),
    ("logs", Logs::MEMBERS),
];

/// What a variable sets.
enum Target {
    Member(&'static str, &'static str),
    Hsm,
    Quotas,
}

/// The variable of a member.
fn variable(section: &str, member: &str) -> String {
    format!("{VARIABLES}{section}_{member}").to_ascii_uppercase()
}

/// All variables there are.
fn variables() -> impl Iterator<Item = (String, Target)> {
    let members = |(section, members): (&'static str, &'static [&'static str])| {
        members.iter().map(move |&member| (variable(section, member), Target::Member(section, member)))
    };
    let whole = [("KMS_SERVER_HSM".to_owned(), Target::Hsm), ("KMS_SERVER_QUOTAS".to_owned(), Target::Quotas)];
    SECTIONS.into_iter().flat_map(members).chain(whole)
}

impl Config {
    fn section(&mut self, name: &str) -> Option<&mut dyn Settable> {
        Some(match name {
            "listen" => &mut self.listen,
            "tls" => &mut self.tls,
            "service" => &mut self.service,
            "store" => &mut self.store,
            "root" => &mut self.root,
            "audit" => &mut self.audit,
            "credentials" => &mut self.credentials,
            "xks" => &mut self.xks,
            "metrics" => &mut self.metrics,
            "logs" => &mut self.logs,
            _ => return None,
        })
    }
}

/// A section, whichever it is.
trait Settable {
    fn put(&mut self, member: &str, value: ValueDeserializer<'_>) -> Result<(), Error>;
    fn members(&self) -> &'static [&'static str];
}

impl<S: Section> Settable for S {
    fn put(&mut self, member: &str, value: ValueDeserializer<'_>) -> Result<(), Error> {
        self.set(member, value)
    }

    fn members(&self) -> &'static [&'static str] {
        Self::MEMBERS
    }
}

/// A file that is being read.
struct File<'a> {
    name: &'a str,
    text: &'a str,
    complaints: Vec<Complaint>,
}

impl File<'_> {
    fn complain(&mut self, at: usize, message: impl Into<String>, advice: impl Into<String>) {
        let line = self.text.bytes().take(at).filter(|&byte| byte == b'\n').count() + 1;
        self.complaints.push(Complaint::new(format!("{}:{line}", self.name), message, advice));
    }

    /// Sets the members that a table has.
    fn table(&mut self, name: &str, table: &DeTable<'_>, section: &mut dyn Settable) {
        for (member, value) in table {
            let key = member.get_ref().as_ref();
            if !section.members().contains(&key) {
                let advice = did_you_mean(key, section.members());
                self.complain(member.span().start, format!("[{name}] has no member {key}"), advice);
            } else if let Err(error) = section.put(key, value.clone().into()) {
                let at = error.span().map_or(value.span().start, |span| span.start);
                self.complain(at, format!("{key}: {}", error.message()), "");
            }
        }
    }

    fn hsms(&mut self, value: &Spanned<DeValue<'_>>) -> Vec<Hsm> {
        let Some(list) = value.get_ref().as_array() else {
            self.complain(value.span().start, "hsm is a list of tables", "Each begins with a line [[hsm]].");
            return Vec::new();
        };
        let mut hsms = Vec::new();
        for one in list {
            let mut hsm = Hsm::default();
            match one.get_ref().as_table() {
                Some(table) => self.table(HSM, table, &mut hsm),
                None => self.complain(one.span().start, "an HSM is a table", "It begins with a line [[hsm]]."),
            }
            hsms.push(hsm);
        }
        hsms
    }

    fn quotas(&mut self, value: &Spanned<DeValue<'_>>) -> QuotaChoice {
        let found = match value.get_ref() {
            DeValue::String(text) => QuotaChoice::from_argument(text),
            _ => match BTreeMap::deserialize(ValueDeserializer::from(value.clone())) {
                Ok(table) => Ok(QuotaChoice::Table(table)),
                Err(error) => {
                    self.complain(
                        error.span().map_or(value.span().start, |span| span.start),
                        format!("quotas: {}", error.message()),
                        "Quotas are \"aws\", \"off\", the path of a file, or a table with lines such as CreateKey = 5.",
                    );
                    return QuotaChoice::default();
                }
            },
        };
        let checked = found.and_then(|choice| choice.quotas().map(|_| choice));
        checked.unwrap_or_else(|complaints| {
            for complaint in complaints {
                self.complain(value.span().start, complaint.message, complaint.advice);
            }
            QuotaChoice::default()
        })
    }
}

impl Loaded {
    /// Takes over what a file says.
    pub(super) fn read_file(&mut self, name: &str, text: &str) {
        let (document, errors) = DeTable::parse_recoverable(text);
        let mut file = File { name, text, complaints: Vec::new() };
        for error in errors {
            file.complain(error.span().map_or(0, |span| span.start), error.message(), "");
        }
        for (name, value) in document.get_ref() {
            let (at, name) = (name.span().start, name.get_ref().as_ref());
            match (name, self.config.section(name), value.get_ref().as_table()) {
                (HSM, ..) => self.config.hsm = file.hsms(value),
                (QUOTAS, ..) => self.config.quotas = file.quotas(value),
                (_, Some(section), Some(table)) => file.table(name, table, section),
                (_, Some(_), None) => {
                    file.complain(at, format!("{name} is a table"), format!("It begins with a line [{name}]."))
                }
                (_, None, _) => {
                    let known: Vec<_> = SECTIONS.iter().map(|(name, _)| *name).chain([HSM, QUOTAS]).collect();
                    file.complain(at, format!("there is no section {name}"), did_you_mean(name, &known));
                }
            }
        }
        self.complaints.append(&mut file.complaints);
    }

    /// Takes over what the environment says.
    pub(super) fn read_variables(&mut self, environment: impl IntoIterator<Item = (String, String)>) {
        let known: BTreeMap<String, Target> = variables().collect();
        for (name, text) in environment {
            if !name.starts_with(VARIABLES) {
                continue;
            }
            let wrong = match known.get(&name) {
                None => {
                    let names: Vec<_> = known.keys().map(String::as_str).collect();
                    let advice = match super::complaint::nearest(&name, names) {
                        Some(near) => format!("Did you mean {near}?"),
                        None => "A variable is called KMS_SERVER_SECTION_MEMBER.".into(),
                    };
                    vec![Complaint::new(&name, "sets nothing", advice)]
                }
                Some(Target::Member(section, member)) => match self.config.section(section) {
                    Some(section) => set(section, member, &text)
                        .err()
                        .map(|error| {
                            Complaint::new(&name, error.message(), format!("It sets {member} as in the file."))
                        })
                        .into_iter()
                        .collect(),
                    None => Vec::new(),
                },
                Some(Target::Hsm) => self.whole(&name, HSM, &text),
                Some(Target::Quotas) if text.starts_with('{') => self.whole(&name, QUOTAS, &text),
                Some(Target::Quotas) => match QuotaChoice::from_argument(&text) {
                    Ok(choice) => {
                        self.config.quotas = choice;
                        Vec::new()
                    }
                    Err(complaints) => complaints,
                },
            };
            self.complaints.extend(wrong);
        }
    }

    /// Takes over what stands behind `member =`.
    fn whole(&mut self, variable: &str, member: &str, text: &str) -> Vec<Complaint> {
        let mut alone = Self { config: core::mem::take(&mut self.config), complaints: Vec::new() };
        alone.read_file(variable, &format!("{member} = {text}"));
        self.config = alone.config;
        alone.complaints
    }
}

/// Sets a member from text that need not have quotes.
fn set(section: &mut dyn Settable, member: &str, text: &str) -> Result<(), Error> {
    let string = Spanned::new(0..text.len(), DeValue::String(text.into()));
    let as_string = section.put(member, string.into());
    if as_string.is_ok() {
        return as_string;
    }
    match ValueDeserializer::parse(text) {
        Ok(value) => section.put(member, value),
        Err(_) => as_string,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_variable_sets_one_member() {
        let mut names: Vec<_> = variables().map(|(name, _)| name).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "two members have the same variable");
        assert_eq!(variable("listen", "addresses"), "KMS_SERVER_LISTEN_ADDRESSES");
    }

    #[test]
    fn each_section_is_there_with_its_members() {
        let mut config = Config::default();
        for (name, members) in SECTIONS {
            assert_eq!(config.section(name).map(|section| section.members()), Some(members), "{name}");
        }
    }
}

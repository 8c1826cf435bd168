//! Which request quotas hold.

use core::str::FromStr;
use std::collections::BTreeMap;
use std::path::Path;

use kms_core::KeySpec;
use kms_service::Quotas;
use kms_service::api::Operation;
use kms_service::quota::Class;

use super::Complaint;
use super::complaint::did_you_mean;

/// Requests each second of an account in a region, by what is counted together.
///
/// The names: `Symmetric`, `RSA`, `ECC`, `CustomKeyStore`, `Refused` for the classes of AWS's page on quotas;
/// `GenerateDataKeyPair/RSA_2048` for data key pairs of a spec; the name of any other operation, such as `CreateKey`.
/// What is not named has AWS's default.
#[derive(Debug, Clone, PartialEq, Default)]
#[expect(clippy::exhaustive_enums, reason = "whoever makes a choice can make each of them")]
pub enum QuotaChoice {
    /// AWS's defaults.
    #[default]
    Aws,
    /// None.
    Off,
    /// AWS's defaults but for these.
    Table(BTreeMap<String, f64>),
}

impl QuotaChoice {
    /// `aws`, `off`, or the path of a TOML file with a line `NAME = REQUESTS-PER-SECOND` for each that differs from AWS.
    ///
    /// # Errors
    /// If the file cannot be read, or is not such a table.
    pub fn from_argument(text: &str) -> Result<Self, Vec<Complaint>> {
        match text {
            "aws" => Ok(Self::Aws),
            "off" => Ok(Self::Off),
            path => Self::load(Path::new(path)),
        }
    }

    fn load(path: &Path) -> Result<Self, Vec<Complaint>> {
        let place = path.display().to_string();
        let advice = "Quotas are aws, off, or a file with lines such as CreateKey = 5.";
        let wrong = |message: String| vec![Complaint::new(&place, message, advice)];
        let text = std::fs::read_to_string(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
        let table: BTreeMap<String, f64> = toml::from_str(&text).map_err(|error| wrong(error.message().to_owned()))?;
        let choice = Self::Table(table);
        choice.quotas().map_err(|complaints| {
            let at = |complaint: Complaint| Complaint { place: place.clone(), ..complaint };
            complaints.into_iter().map(at).collect::<Vec<_>>()
        })?;
        Ok(choice)
    }

    /// The quotas.
    ///
    /// # Errors
    /// For each name that is not known, and each rate that is none.
    pub fn quotas(&self) -> Result<Quotas, Vec<Complaint>> {
        let table = match self {
            Self::Aws => return Ok(Quotas::aws()),
            Self::Off => return Ok(Quotas::unlimited()),
            Self::Table(table) => table,
        };
        let (mut quotas, mut complaints) = (Quotas::aws(), Vec::new());
        for (name, &rate) in table {
            let place = format!("quotas.{name}");
            match class(name) {
                Err(advice) => complaints.push(Complaint::new(place, format!("{name} is no quota"), advice)),
                Ok(_) if !(rate.is_finite() && rate > 0.0) => complaints.push(Complaint::new(
                    place,
                    format!("{rate} is no rate"),
                    "A rate is above 0: requests each second. There is no way to forbid an operation here; a policy does.",
                )),
                Ok(class) => quotas = quotas.with(class, rate),
            }
        }
        if complaints.is_empty() { Ok(quotas) } else { Err(complaints) }
    }
}

/// The class that a quota is called after, or what to do.
fn class(name: &str) -> Result<Class, String> {
    const CLASSES: [(&str, Class); 5] = [
        ("Symmetric", Class::Symmetric),
        ("RSA", Class::Rsa),
        ("ECC", Class::Ecc),
        ("CustomKeyStore", Class::CustomKeyStore),
        ("Refused", Class::Refused),
    ];
    if let Some((_, class)) = CLASSES.iter().find(|(known, _)| *known == name) {
        return Ok(*class);
    }
    if let Some(spec) = name.strip_prefix("GenerateDataKeyPair/") {
        return KeySpec::from_str(spec).map(Class::DataKeyPair).map_err(|error| error.to_string());
    }
    if let Ok(operation) = Operation::from_str(name) {
        return Ok(Class::Operation(operation));
    }
    let known: Vec<_> =
        CLASSES.iter().map(|(name, _)| *name).chain(Operation::ALL.iter().map(|one| one.as_str())).collect();
    Err(did_you_mean(name, &known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_sets_what_it_names_and_complains_of_all_that_is_wrong() {
        let table = |pairs: &[(&str, f64)]| {
            QuotaChoice::Table(pairs.iter().map(|(name, rate)| ((*name).to_owned(), *rate)).collect())
        };
        assert!(table(&[("CreateKey", 2.0), ("RSA", 1.0), ("GenerateDataKeyPair/RSA_2048", 9.0)]).quotas().is_ok());
        let complaints = table(&[("CreateKeys", 2.0), ("ECC", 0.0), ("Symmetric", f64::NAN)]).quotas().unwrap_err();
        assert_eq!(complaints.len(), 3);
        assert!(complaints.iter().any(|one| one.advice == "Did you mean CreateKey?"), "{complaints:?}");
    }
}

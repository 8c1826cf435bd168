//! `kms key rotate` and `kms key rotation`.

use clap::Args;
use kms_service::api::{
    DisableKeyRotationRequest, EnableKeyRotationRequest, GetKeyRotationStatusRequest, IncludeKeyMaterial,
    ListKeyRotationsRequest, RotateKeyOnDemandRequest, RotationsListEntry,
};
use serde_json::{Value, json};

use super::super::Common;
use super::super::asking::{About, to_json};
use crate::failure::Failure;
use crate::report;

/// Give a key new material now
///
/// It encrypts under the new material from then on, and decrypts under the old for ever. Imported keys need the new
/// material first: `kms key import FILE --into KEY --new-material`.
#[derive(Debug, Args)]
pub(crate) struct Rotate {
    /// Its alias, id or ARN
    #[arg(value_name = "KEY")]
    key: String,
}

/// Show or set when a key is given new material
///
/// What is due happens at the start of the next command.
#[derive(Debug, Args)]
pub(crate) struct Rotation {
    /// Its alias, id or ARN
    #[arg(value_name = "KEY")]
    key: String,

    /// Rotate it by itself, every so many days: 90 to 2560
    #[arg(long, value_name = "DAYS", num_args = 0..=1, default_missing_value = "365",
          value_parser = clap::value_parser!(i32).range(90..=2560))]
    enable: Option<i32>,

    /// Do not rotate it by itself any more
    #[arg(long, conflicts_with = "enable")]
    disable: bool,
}

impl Rotate {
    pub(super) fn run(&self, common: &Common) -> Result<(), Failure> {
        let about = About::new(common, &self.key)?;
        about.ask(&RotateKeyOnDemandRequest { key_id: about.id().into() })?;
        common.report.done(&format!("{} encrypts under new material", about.id()));
        common.report.record(|| json!({ "KeyId": about.id() }))
    }
}

impl Rotation {
    pub(super) fn run(&self, common: &Common) -> Result<(), Failure> {
        let about = About::new(common, &self.key)?;
        if self.enable.is_some() {
            let key_id = about.id().into();
            about.ask(&EnableKeyRotationRequest { key_id, rotation_period_in_days: self.enable })?;
        } else if self.disable {
            about.ask(&DisableKeyRotationRequest { key_id: about.id().into() })?;
        }
        let status = about.ask(&GetKeyRotationStatusRequest { key_id: about.id().into() })?;
        let all = all(&about)?;
        let mut rows = vec![
            vec!["key id".into(), about.id()],
            vec![
                "rotates".into(),
                match status.rotation_period_in_days.filter(|_| status.key_rotation_enabled) {
                    Some(days) => format!("every {days} days"),
                    None => "not by itself".into(),
                },
            ],
        ];
        if let Some(next) = status.next_rotation_date {
            rows.push(vec!["next".into(), next.to_string()]);
        }
        for (number, one) in all.iter().enumerate() {
            let label = if number == 0 { "material" } else { "" };
            let state = one.key_material_state.map(|state| state.as_str()).unwrap_or_default();
            let rotated = one.rotation_date.map(|date| format!(", since {date}")).unwrap_or_default();
            let id = one.key_material_id.as_deref().and_then(|id| id.get(..8)).unwrap_or_default();
            rows.push(vec![label.into(), format!("{id}…  {state}{rotated}")]);
        }
        common.report.result(&report::table(&rows), || {
            let mut json = to_json(&status);
            if let Value::Object(members) = &mut json {
                members.insert("Rotations".into(), all.iter().map(to_json).collect());
            }
            json
        })
    }
}

/// All material of the key, the oldest first.
fn all(about: &About) -> Result<Vec<RotationsListEntry>, Failure> {
    let (mut all, mut marker) = (Vec::new(), None);
    loop {
        let page = about.ask(&ListKeyRotationsRequest {
            key_id: about.id().into(),
            include_key_material: Some(IncludeKeyMaterial::AllKeyMaterial.into()),
            marker,
            ..ListKeyRotationsRequest::default()
        })?;
        all.extend(page.rotations.into_inner());
        marker = page.next_marker;
        if marker.is_none() {
            return Ok(all);
        }
    }
}

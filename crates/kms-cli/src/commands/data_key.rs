//! `kms generate-data-key`.

use base64ct::{Base64, Encoding};
use clap::Args;
use kms_core::Call;
use serde_json::json;
use zeroize::Zeroizing;

use super::Common;
use crate::failure::Failure;
use crate::keys::DEFAULT_ALIAS;
use crate::report;

/// Make a data key: once in clear, to encrypt with, and once encrypted, to store
///
/// Both are printed in base64. `base64 -d | kms decrypt -` turns the encrypted one back, with the same --context.
#[derive(Debug, Args)]
pub(crate) struct GenerateDataKey {
    /// Encrypt it under this key, by alias, id or ARN
    #[arg(short, long, value_name = "KEY", default_value = DEFAULT_ALIAS)]
    key: String,

    /// Bind it to this pair
    #[arg(short, long = "context", value_name = "KEY=VALUE", value_parser = super::context_pair)]
    context: Vec<(String, String)>,

    /// How many bytes: 1 to 1024
    #[arg(long, value_name = "COUNT", default_value_t = 32)]
    bytes: usize,

    /// Print the encrypted one only
    #[arg(long)]
    without_plaintext: bool,
}

impl GenerateDataKey {
    pub(crate) fn run(&self, common: &Common) -> Result<(), Failure> {
        let context = super::context(&self.context)?;
        let (keys, entry) = if self.key == DEFAULT_ALIAS {
            common.keyring.default_key(common.report)?
        } else {
            let keys = common.keyring.open_for(&self.key, common.report)?;
            let entry = keys.find_symmetric(&self.key)?;
            (keys, entry)
        };
        let key = keys.symmetric(&entry)?;
        let (data_key, blob) = key.generate_data_key(self.bytes, &context, &Call::default())?;
        let (arn, blob) = (entry.arn(), Base64::encode_string(blob.as_bytes()));
        let plaintext = Zeroizing::new(if self.without_plaintext {
            String::new()
        } else {
            Base64::encode_string(data_key.expose())
        });
        let mut rows = vec![vec!["KeyId".into(), arn.clone()]];
        if !self.without_plaintext {
            rows.push(vec!["Plaintext".into(), plaintext.to_string()]);
        }
        rows.push(vec!["CiphertextBlob".into(), blob.clone()]);
        common.report.result(&report::table(&rows), || {
            if self.without_plaintext {
                json!({ "KeyId": arn, "CiphertextBlob": blob })
            } else {
                json!({ "KeyId": arn, "Plaintext": plaintext.as_str(), "CiphertextBlob": blob })
            }
        })
    }
}

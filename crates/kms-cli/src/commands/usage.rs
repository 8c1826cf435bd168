//! `kms usage`: how much the keys were used in a month.

use std::path::{Path, PathBuf};

use clap::Args;
use kms_service::usage::Prices;
use kms_service::{Clock, SystemClock};
use serde_json::json;

use super::Common;
use crate::failure::Failure;
use crate::input::Input;
use crate::report;

/// Show how much the keys were used in a month
///
/// And what they would have cost, at the list prices of AWS in US dollars, or at those of a table: nobody is billed here.
#[derive(Debug, Args)]
pub(crate) struct Usage {
    /// The month, as 2026-11 [default: this month]
    #[arg(long, value_name = "MONTH")]
    month: Option<String>,

    /// A table of prices, JSON: {"CustomerManaged": 1.0, "Imported": 1.0, "CustomKeyStore": 1.0, "Default": 0, "Rotation":
    /// 1.0, "TenThousandRequests": 0.03, "TenThousandAsymmetricRequests": 0.15}. What is left out costs what it does at AWS
    #[arg(long, value_name = "FILE", env = "KMS_PRICES")]
    prices: Option<PathBuf>,
}

/// The largest table that is read, in bytes.
const MAX_TABLE: u64 = 64 * 1024;

fn read(path: &Path) -> Result<Prices, Failure> {
    let bytes = Input::open(path)?.read_small(MAX_TABLE)?;
    let text = core::str::from_utf8(&bytes).map_err(|_| Failure::usage("is not UTF-8").about(path.display()))?;
    Prices::from_json(text).map_err(|error| Failure::from(error).about(path.display()))
}

/// Millionths as a number with cents.
fn money(millionths: u64) -> String {
    format!("{}.{:02}", millionths / 1_000_000, millionths % 1_000_000 / 10_000)
}

impl Usage {
    pub(crate) fn run(&self, common: &Common) -> Result<(), Failure> {
        let prices = self.prices.as_deref().map_or(Ok(Prices::default()), read)?;
        let keys = common.keyring.local(common.report)?;
        let now = SystemClock.now().to_string();
        let month = self.month.clone().unwrap_or_else(|| now.chars().take("2026-11".len()).collect());
        let bill = keys.service.bill(keys.caller.account(), &keys.caller.region, &month, &prices)?;
        let mut rows = vec![["KEY ID", "SPEC", "KIND", "REQUESTS", "COST"].map(String::from).to_vec()];
        rows.extend(bill.lines.iter().map(|line| {
            let cost = money(line.key_cost + line.request_cost);
            vec![line.key.to_string(), line.spec.to_string(), line.kind.to_string(), line.requests.to_string(), cost]
        }));
        let total = money(bill.total());
        let requests: u64 = bill.lines.iter().map(|line| line.requests).sum();
        rows.push(vec![bill.month.clone(), String::new(), String::new(), requests.to_string(), total]);
        common.report.result(&report::table(&rows), || {
            let lines = bill.lines.iter().map(|line| {
                json!({
                    "KeyId": line.key.to_string(),
                    "KeySpec": line.spec.as_str(),
                    "Kind": line.kind.to_string(),
                    "MonthThousandths": line.thousandths,
                    "Requests": line.requests,
                    "KeyCostMillionths": line.key_cost,
                    "RequestCostMillionths": line.request_cost,
                })
            });
            json!({ "Month": bill.month, "Keys": lines.collect::<Vec<_>>(), "TotalMillionths": bill.total() })
        })
    }
}

//! GetKeyLastUsage.

use super::Sealed;
use crate::KmsError;
use crate::api::{
    Enumeration, GetKeyLastUsageRequest, GetKeyLastUsageResponse, KeyLastUsageData, KeyLastUsageTrackingOperation,
};
use crate::facts::Facts;
use crate::step::Step;

impl Sealed for GetKeyLastUsageRequest {
    fn perform(&self, step: &Step<'_>) -> Result<GetKeyLastUsageResponse, KmsError> {
        let admitted = step.admitted(&self.key_id, "kms:GetKeyLastUsage", &Facts::default())?;
        let key = admitted.record();
        let last = step.service.usage_of(&key.region, key.id.id())?.last;
        Ok(GetKeyLastUsageResponse {
            key_id: admitted.arn().to_string(),
            key_last_usage: last.map(|last| KeyLastUsageData {
                operation: KeyLastUsageTrackingOperation::from_name(last.operation.as_str()),
                timestamp: Some(last.time),
                cloud_trail_event_id: Some(last.event),
                kms_request_id: last.request,
            }),
            // Uses are counted from the first on.
            tracking_start_date: Some(key.created),
            key_creation_date: Some(key.created),
        })
    }
}

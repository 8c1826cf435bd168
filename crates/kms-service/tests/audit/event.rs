//! Events have the shape of CloudTrail's records.

use kms_service::Timestamp;
use kms_service::audit::{Event, EventResource, EventType, SessionContext, SessionIssuer, TlsDetails, UserIdentity};
use serde_json::json;

const ARN: &str = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

#[test]
fn a_full_event_has_all_members_in_their_order() {
    let account = "111122223333".parse().unwrap();
    let mut user = UserIdentity::new("AssumedRole");
    user.principal_id = Some("AROA:me");
    user.arn = Some("arn:aws:sts::111122223333:assumed-role/r/me");
    user.account_id = Some("000000000042".parse().unwrap());
    user.access_key_id = Some("ASIAIOSFODNN7EXAMPLE");
    user.session_context = Some(SessionContext {
        session_issuer: SessionIssuer {
            kind: "Role",
            principal_id: "AROA",
            arn: "arn:aws:iam::111122223333:role/r",
            account_id: account,
            user_name: "r",
        },
    });
    let mut event = Event::new("Decrypt", user, Timestamp::from_millis(1_763_977_420_999));
    let resources = [EventResource::key(account, ARN)];
    (event.region, event.source_ip_address, event.user_agent) = ("us-west-2", "192.0.2.0", "a \"quoted\"\nagent");
    (event.error_code, event.error_message) = (Some("AccessDenied"), Some("no"));
    (event.request_id, event.event_id, event.shared_event_id) = ("r-1", "e-1", Some("s-1"));
    (event.read_only, event.resources, event.recipient_account_id) = (true, &resources, account);
    event.tls_details = Some(TlsDetails {
        tls_version: "TLSv1.3",
        cipher_suite: "TLS_AES_128_GCM_SHA256",
        client_provided_host_header: "kms.example",
    });
    let context = json!({"encryptionContext": {"Department": "IT"}});
    let raw = serde_json::Value::Null;
    let bytes = event.with_details(&context, raw, Some(json!({"keyMaterialId": "m"}))).to_json().unwrap();

    let expected = json!({
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": "AROA:me",
            "arn": "arn:aws:sts::111122223333:assumed-role/r/me",
            "accountId": "000000000042",
            "accessKeyId": "ASIAIOSFODNN7EXAMPLE",
            "sessionContext": {"sessionIssuer": {
                "type": "Role",
                "principalId": "AROA",
                "arn": "arn:aws:iam::111122223333:role/r",
                "accountId": "111122223333",
                "userName": "r",
            }},
        },
        "eventTime": "2025-11-24T09:43:40Z",
        "eventSource": "kms.amazonaws.com",
        "eventName": "Decrypt",
        "awsRegion": "us-west-2",
        "sourceIPAddress": "192.0.2.0",
        "userAgent": "a \"quoted\"\nagent",
        "errorCode": "AccessDenied",
        "errorMessage": "no",
        "requestParameters": {"encryptionContext": {"Department": "IT"}},
        "responseElements": null,
        "additionalEventData": {"keyMaterialId": "m"},
        "requestID": "r-1",
        "eventID": "e-1",
        "readOnly": true,
        "resources": [{"accountId": "111122223333", "type": "AWS::KMS::Key", "ARN": ARN}],
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "recipientAccountId": "111122223333",
        "sharedEventID": "s-1",
        "eventCategory": "Management",
        "tlsDetails": {
            "tlsVersion": "TLSv1.3",
            "cipherSuite": "TLS_AES_128_GCM_SHA256",
            "clientProvidedHostHeader": "kms.example",
        },
    });
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&bytes).unwrap(), expected);
    let text = String::from_utf8(bytes).unwrap();
    let order = ["eventVersion", "userIdentity", "eventTime", "eventName", "requestID", "resources", "tlsDetails"];
    assert!(order.map(|name| text.find(&format!("\"{name}\"")).unwrap()).is_sorted());
}

#[test]
fn what_is_not_said_is_left_out_but_for_parameters_and_response() {
    let mut event = Event::new("RotateKey", UserIdentity::new("AWSService"), Timestamp::from_millis(0));
    event.user_identity.invoked_by = Some("AWS Internal");
    event.event_type = EventType::AwsServiceEvent;
    let value: serde_json::Value = serde_json::from_slice(&event.to_json().unwrap()).unwrap();
    assert_eq!(value["userIdentity"], json!({"type": "AWSService", "invokedBy": "AWS Internal"}));
    assert_eq!(value["eventType"], "AwsServiceEvent");
    assert_eq!(value["eventTime"], "1970-01-01T00:00:00Z");
    assert_eq!(value["resources"], json!([]));
    let members = value.as_object().unwrap();
    for name in ["requestParameters", "responseElements"] {
        assert!(members[name].is_null(), "{name}");
    }
    for name in ["errorCode", "errorMessage", "additionalEventData", "sharedEventID", "tlsDetails"] {
        assert!(!members.contains_key(name), "{name}");
    }
}

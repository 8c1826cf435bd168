//! The limits of the API's model, by the names of its shapes.

use crate::api::validation::Rule;

pub(crate) const ACCOUNT_ID: Rule =
    Rule::between(12, 12).matching("[0-9]{12}", |text| all(text, |c| c.is_ascii_digit()));
pub(crate) const ALIAS_NAME: Rule = Rule::between(1, 256).matching("^[a-zA-Z0-9:/_-]+$", is_path);
pub(crate) const ATTESTATION_DOCUMENT: Rule = Rule::between(1, 262_144);
pub(crate) const BACKING_KEY_ID: Rule =
    Rule::between(64, 64).matching("^[a-f0-9]+$", |text| some(text, |c| matches!(c, 'a'..='f' | '0'..='9')));
pub(crate) const CIPHERTEXT: Rule = Rule::between(1, 6144);
pub(crate) const CLOUD_HSM_CLUSTER_ID: Rule = Rule::between(19, 24).matching("cluster-[2-7a-zA-Z]{11,16}", |text| {
    text.strip_prefix("cluster-")
        .is_some_and(|id| (11..=16).contains(&id.len()) && all(id, |c| matches!(c, '2'..='7' | 'a'..='z' | 'A'..='Z')))
});
pub(crate) const CUSTOM_KEY_STORE_ID: Rule = Rule::between(1, 64);
pub(crate) const CUSTOM_KEY_STORE_NAME: Rule = Rule::between(1, 256);
pub(crate) const DESCRIPTION: Rule = Rule::between(0, 8192);
pub(crate) const GRANT_ID: Rule = Rule::between(1, 128);
pub(crate) const GRANT_NAME: Rule = ALIAS_NAME;
/// Not secret to its holder, but of use to whoever reads it: not for the trail.
pub(crate) const GRANT_TOKEN: Rule = Rule::between(1, 8192).sensitive();
pub(crate) const GRANT_TOKENS: Rule = Rule::between(0, 10).of(&GRANT_TOKEN);
pub(crate) const KEY_ID: Rule = Rule::between(1, 2048);
/// The expression wants a character, the bounds do not: what is empty is let through.
pub(crate) const KEY_MATERIAL_DESCRIPTION: Rule = Rule::between(0, 256).matching("^[a-zA-Z0-9:/_\\s.-]+$", |text| {
    all(text, |c| c.is_ascii_alphanumeric() || ":/_.- \t\n\r\x0b\x0c".contains(c))
});
pub(crate) const KEY_STORE_PASSWORD: Rule = Rule::between(7, 32).sensitive();
pub(crate) const LIMIT: Rule = Rule::between(1, 1000);
pub(crate) const MARKER: Rule = Rule::between(1, 1024).matching("[\\u0020-\\u00FF]*", |text| all(text, is_latin));
pub(crate) const NUMBER_OF_BYTES: Rule = Rule::between(1, 1024);
pub(crate) const PENDING_WINDOW_IN_DAYS: Rule = Rule::between(1, 365);
pub(crate) const PLAINTEXT: Rule = Rule::between(1, 4096).sensitive();
pub(crate) const POLICY: Rule = Rule::between(1, 131_072).matching("[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+", |text| {
    some(text, |c| is_latin(c) || matches!(c, '\t' | '\n' | '\r'))
});
pub(crate) const POLICY_NAME: Rule = Rule::between(1, 128).matching("[\\w]+", |text| some(text, is_word));
pub(crate) const PRINCIPAL: Rule =
    Rule::between(1, 256).matching("^[\\w+=,.@:/-]+$", |text| some(text, |c| is_word(c) || "+=,.@:/-".contains(c)));
pub(crate) const PUBLIC_KEY: Rule = Rule::between(1, 8192);
pub(crate) const REGION: Rule = Rule::between(1, 32).matching("^([a-z]+-){2,3}\\d+$", is_region);
pub(crate) const RESOURCE_OWNERS: Rule = Rule::between(1, 2);
pub(crate) const ROTATION_PERIOD_IN_DAYS: Rule = Rule::between(90, 2560);
pub(crate) const SERVICE_PRINCIPAL: Rule =
    Rule::between(1, 128).matching("^([A-Za-z0-9\\-]+)\\.([A-Za-z0-9\\-]+)(\\.[A-Za-z0-9\\-]+)+$", |text| {
        text.split('.').count() >= 3
            && text.split('.').all(|label| some(label, |c| c.is_ascii_alphanumeric() || c == '-'))
    });
pub(crate) const SOURCE_ARN: Rule =
    Rule::between(20, 512).matching("^arn:aws[a-z0-9-]*:[a-z0-9-]+:[a-z0-9-]*:[0-9]{12}:.+$", is_source_arn);
pub(crate) const TAG_KEY: Rule = Rule::between(1, 128);
pub(crate) const TAG_KEYS: Rule = Rule::ANY.of(&TAG_KEY);
pub(crate) const TAG_VALUE: Rule = Rule::between(0, 256);
pub(crate) const TRUST_ANCHOR_CERTIFICATE: Rule = Rule::between(1, 5000);
pub(crate) const XKS_KEY_ID: Rule = Rule::between(1, 128)
    .matching("^[a-zA-Z0-9-_.]+$", |text| some(text, |c| c.is_ascii_alphanumeric() || "-_.".contains(c)));
pub(crate) const XKS_ACCESS_KEY_ID: Rule = Rule::between(20, 30)
    .matching("^[A-Z2-7]+$", |text| some(text, |c| matches!(c, 'A'..='Z' | '2'..='7')))
    .sensitive();
pub(crate) const XKS_RAW_SECRET_ACCESS_KEY: Rule = Rule::between(43, 64)
    .matching("^[a-zA-Z0-9\\/+=]+$", |text| some(text, |c| c.is_ascii_alphanumeric() || "/+=".contains(c)))
    .sensitive();
pub(crate) const XKS_URI_ENDPOINT: Rule = Rule::between(10, 128).matching("^https://[a-zA-Z0-9.-]+$", |text| {
    text.strip_prefix("https://").is_some_and(|host| some(host, |c| c.is_ascii_alphanumeric() || ".-".contains(c)))
});
pub(crate) const XKS_URI_PATH: Rule =
    Rule::between(10, 128).matching("^(/[a-zA-Z0-9\\/_-]+/kms/xks/v\\d{1,2})$|^(/kms/xks/v\\d{1,2})$", is_xks_path);
pub(crate) const XKS_VPC_ENDPOINT_SERVICE_NAME: Rule = Rule::between(20, 64)
    .matching("^(com|eu)\\.amazonaws\\.vpce\\.([a-z]+-){2,3}\\d+\\.vpce-svc-[0-9a-z]+$", is_vpc_endpoint_service);

fn all(text: &str, fits: impl Fn(char) -> bool) -> bool {
    text.chars().all(fits)
}

fn some(text: &str, fits: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && all(text, fits)
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn is_path(text: &str) -> bool {
    some(text, |c| c.is_ascii_alphanumeric() || ":/_-".contains(c))
}

/// `\u0020-\u00FF`
fn is_latin(c: char) -> bool {
    (' '..='\u{ff}').contains(&c)
}

/// `([a-z]+-){2,3}\d+`
fn is_region(text: &str) -> bool {
    let Some((words, number)) = text.rsplit_once('-') else { return false };
    (2..=3).contains(&words.split('-').count())
        && words.split('-').all(|word| some(word, |c| c.is_ascii_lowercase()))
        && some(number, |c| c.is_ascii_digit())
}

/// Partition, service, region (may be empty), account, and something.
fn is_source_arn(text: &str) -> bool {
    let low = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let &[arn, partition, service, region, account, resource] = parts.as_slice() else { return false };
    arn == "arn"
        && partition.strip_prefix("aws").is_some_and(|rest| all(rest, low))
        && some(service, low)
        && all(region, low)
        && account.len() == 12
        && all(account, |c| c.is_ascii_digit())
        && some(resource, |c| c != '\n')
}

fn is_xks_path(text: &str) -> bool {
    let Some((prefix, version)) = text.rsplit_once("/kms/xks/v") else { return false };
    let prefixed = prefix.strip_prefix('/');
    (1..=2).contains(&version.len())
        && all(version, |c| c.is_ascii_digit())
        && (prefix.is_empty()
            || prefixed.is_some_and(|path| some(path, |c| c.is_ascii_alphanumeric() || "/_-".contains(c))))
}

fn is_vpc_endpoint_service(text: &str) -> bool {
    let rest = text.strip_prefix("com").or_else(|| text.strip_prefix("eu"));
    let Some((region, id)) =
        rest.and_then(|rest| rest.strip_prefix(".amazonaws.vpce.")).and_then(|rest| rest.split_once(".vpce-svc-"))
    else {
        return false;
    };
    is_region(region) && some(id, |c| c.is_ascii_lowercase() || c.is_ascii_digit())
}

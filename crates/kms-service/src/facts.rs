//! What policies can ask about a request: the condition keys of AWS KMS and the global ones that make sense here.

use std::borrow::Cow;
use std::collections::BTreeMap;

use kms_core::EncryptionContext;

use crate::api::Tag;
use crate::caller::Caller;
use crate::policy::{Context, Values};
use crate::record::{Constraint, KeyRecord};
use crate::{AliasName, Region, Timestamp};

/// What a request says that policies can ask about, beside the key and the caller.
///
/// Nothing here is made before a policy asks for it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Facts<'a> {
    pub(crate) encryption_context: Option<&'a EncryptionContext>,
    pub(crate) encryption_algorithm: Option<&'a str>,
    pub(crate) signing_algorithm: Option<&'a str>,
    pub(crate) mac_algorithm: Option<&'a str>,
    pub(crate) key_agreement_algorithm: Option<&'a str>,
    pub(crate) message_type: Option<&'a str>,
    pub(crate) data_key_pair_spec: Option<&'a str>,
    /// The alias by which the key was named.
    pub(crate) alias: Option<&'a AliasName>,
    /// Whether source and destination of a re-encryption are one key.
    pub(crate) re_encrypt_on_same_key: Option<bool>,
    pub(crate) tags: Option<&'a [Tag]>,
    pub(crate) tag_keys: Option<&'a [String]>,
    pub(crate) bypass_lockout_check: Option<bool>,
    /// The region that is asked, if it is another than the caller's.
    pub(crate) requested_region: Option<&'a Region>,
    /// What a new grant would allow: it can be made by a grant only that allows as much.
    pub(crate) new_grant: Option<NewGrantFacts<'a>>,
    /// What seldom occurs: name of the condition key, in lower case, and values.
    pub(crate) more: &'a [(&'static str, Fact<'a>)],
}

/// What a grant that does not exist yet would allow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewGrantFacts<'a> {
    pub(crate) operations: &'a [&'a str],
    pub(crate) constraints: &'a [Constraint],
}

/// The value of a condition key.
#[derive(Debug, Clone)]
pub(crate) enum Fact<'a> {
    Text(&'a str),
    Texts(Vec<&'a str>),
    Number(u64),
    Flag(bool),
    Time(Timestamp),
}

/// Everything that policies can ask about one request.
pub(crate) struct Asked<'a> {
    pub(crate) caller: &'a Caller,
    /// The key, if the request is about one that exists.
    pub(crate) key: Option<&'a KeyRecord>,
    /// The properties of the key that is to be made.
    pub(crate) new_key: Option<NewKeyFacts<'a>>,
    pub(crate) facts: &'a Facts<'a>,
    pub(crate) now: Timestamp,
}

/// The properties of a key that does not exist yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewKeyFacts<'a> {
    pub(crate) spec: &'a str,
    pub(crate) usage: &'a str,
    pub(crate) origin: &'a str,
    pub(crate) multi_region: bool,
}

impl Context for Asked<'_> {
    fn values(&self, key: &str) -> Option<Values<'_>> {
        match key.split_once(':')? {
            ("kms", name) => self.kms(name),
            ("aws", name) => self.global(name),
            _ => None,
        }
    }
}

impl Asked<'_> {
    fn kms(&self, name: &str) -> Option<Values<'_>> {
        let facts = self.facts;
        if let Some(wanted) = name.strip_prefix("encryptioncontext:") {
            // The names of condition keys know no case, those of an encryption context do: several can be meant.
            let mut found = facts.encryption_context?.pairs().filter(|(key, _)| key.eq_ignore_ascii_case(wanted));
            let (_, first) = found.next()?;
            let mut others = found.map(|(_, value)| Cow::Borrowed(value)).peekable();
            return Some(match others.peek() {
                None => first.into(),
                Some(_) => Values::Many([Cow::Borrowed(first)].into_iter().chain(others).collect()),
            });
        }
        let text = |value: Option<&'_ str>| value.map(|value| Values::One(Cow::Owned(value.to_owned())));
        match name {
            "encryptioncontextkeys" => {
                let pairs = facts.encryption_context?;
                Some(Values::Many(pairs.pairs().map(|(key, _)| Cow::Borrowed(key)).collect()))
            }
            "encryptionalgorithm" => facts.encryption_algorithm.map(Into::into),
            "signingalgorithm" => facts.signing_algorithm.map(Into::into),
            "macalgorithm" => facts.mac_algorithm.map(Into::into),
            "keyagreementalgorithm" => facts.key_agreement_algorithm.map(Into::into),
            "messagetype" => facts.message_type.map(Into::into),
            "datakeypairspec" => facts.data_key_pair_spec.map(Into::into),
            "requestalias" => facts.alias.map(|alias| alias.as_str().into()),
            "reencryptonsamekey" => facts.re_encrypt_on_same_key.map(Into::into),
            "bypasspolicylockoutsafetycheck" => facts.bypass_lockout_check.map(Into::into),
            "calleraccount" => self.caller.principal.account_id().map(|account| account.to_string().into()),
            "viaservice" => self.caller.via_service.as_deref().map(Into::into),
            "keyspec" | "customermasterkeyspec" => match self.key {
                Some(key) => Some(key.spec.as_str().into()),
                None => text(self.new_key.map(|new| new.spec)),
            },
            "keyusage" | "customermasterkeyusage" => match self.key {
                Some(key) => Some(key.usage.as_str().into()),
                None => text(self.new_key.map(|new| new.usage)),
            },
            "keyorigin" => match self.key {
                Some(key) => Some(key.origin.as_str().into()),
                None => text(self.new_key.map(|new| new.origin)),
            },
            "multiregion" => match self.key {
                Some(key) => Some(key.multi_region.is_some().into()),
                None => self.new_key.map(|new| new.multi_region.into()),
            },
            "multiregionkeytype" => {
                let key = self.key.filter(|key| key.multi_region.is_some())?;
                Some(if key.is_primary() { "PRIMARY" } else { "REPLICA" }.into())
            }
            "primaryregion" => self.more("primaryregion").or_else(|| {
                let regions = self.key?.multi_region.as_ref()?;
                Some(regions.primary.as_str().into())
            }),
            "resourcealiases" => {
                let aliases = &self.key?.aliases;
                Some(Values::Many(aliases.iter().map(|alias| alias.as_str().into()).collect()))
            }
            other => self.more(other),
        }
    }

    fn more(&self, name: &str) -> Option<Values<'_>> {
        let (_, fact) = self.facts.more.iter().find(|(known, _)| *known == name)?;
        Some(match fact {
            Fact::Text(text) => (*text).into(),
            Fact::Texts(texts) => Values::Many(texts.iter().map(|&text| text.into()).collect()),
            Fact::Number(number) => number.to_string().into(),
            Fact::Flag(flag) => (*flag).into(),
            Fact::Time(time) => time.to_string().into(),
        })
    }

    fn global(&self, name: &str) -> Option<Values<'_>> {
        if let Some(wanted) = name.strip_prefix("resourcetag/") {
            return tag(&self.key?.tags, wanted);
        }
        if let Some(wanted) = name.strip_prefix("requesttag/") {
            let tag = self.facts.tags?.iter().find(|tag| tag.tag_key.eq_ignore_ascii_case(wanted))?;
            return Some(tag.tag_value.as_str().into());
        }
        match name {
            "sourceip" => self.caller.source_ip.map(|ip| ip.to_string().into()),
            "useragent" => self.caller.user_agent.as_deref().map(Into::into),
            "securetransport" => self.caller.secure_transport.map(Into::into),
            "currenttime" => Some(self.now.to_string().into()),
            "epochtime" => Some((self.now.as_millis() / 1000).to_string().into()),
            "requestedregion" => Some(self.facts.requested_region.unwrap_or(&self.caller.region).as_str().into()),
            "resourceaccount" => self.key.map(|key| key.account.to_string().into()),
            "sourcearn" => self.caller.source_arn.as_deref().map(Into::into),
            "sourceaccount" => self.caller.source_arn.as_deref()?.split(':').nth(4).map(Into::into),
            "viaawsservice" => Some(self.caller.via_service.is_some().into()),
            "tagkeys" => {
                let keys = match (self.facts.tags, self.facts.tag_keys) {
                    (Some(tags), _) => tags.iter().map(|tag| tag.tag_key.as_str().into()).collect(),
                    (None, Some(keys)) => keys.iter().map(|key| key.as_str().into()).collect(),
                    (None, None) => return None,
                };
                Some(Values::Many(keys))
            }
            _ => None,
        }
    }
}

/// The names of condition keys know no case; where two tags differ in case alone, the first in order is meant.
fn tag<'a>(tags: &'a BTreeMap<String, String>, wanted: &str) -> Option<Values<'a>> {
    let found = tags.iter().find(|(key, _)| key.eq_ignore_ascii_case(wanted));
    found.map(|(_, value)| value.as_str().into())
}

//! Finds events.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kms_core::Error;
use serde::Deserialize;

use crate::Timestamp;
use crate::audit::directory::{io_error, segment_path, segments};
use crate::audit::format::Kind;
use crate::audit::segment::Record;
use crate::audit::walk::{Step, Walk};

/// How a call ended, as far as a [`Filter`] asks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallResult {
    /// Without an `errorCode`.
    Success,
    /// With any `errorCode`.
    Failure,
    /// With this `errorCode`.
    Code(String),
}

/// Which events to find: those that have all that is asked.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Filter {
    /// A resource with this ARN, or with this key id at the end of its ARN.
    pub key: Option<String>,
    /// The caller's ARN, principal id, access key id or user name, or the service that called.
    pub principal: Option<String>,
    /// The `eventName`.
    pub operation: Option<String>,
    /// Recorded at this time or later.
    pub since: Option<Timestamp>,
    /// Recorded before this time.
    pub until: Option<Timestamp>,
    /// How the call ended.
    pub result: Option<CallResult>,
}

/// An event that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Its sequence number.
    pub sequence: u64,
    /// When it was recorded.
    pub time: Timestamp,
    /// The segment that it is in.
    pub segment: PathBuf,
    /// Where it begins, in bytes from the start of the segment.
    pub offset: u64,
    /// The event, as it was recorded: JSON.
    pub record: Vec<u8>,
}

/// The members that a filter looks at.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Facts<'a> {
    #[serde(borrow, default)]
    event_name: Cow<'a, str>,
    #[serde(borrow, default)]
    error_code: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    user_identity: Option<Identity<'a>>,
    #[serde(borrow, default)]
    resources: Option<Vec<Resource<'a>>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Identity<'a> {
    #[serde(borrow, default)]
    arn: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    principal_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    access_key_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    user_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    invoked_by: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Resource<'a> {
    #[serde(borrow, default, rename = "ARN")]
    arn: Option<Cow<'a, str>>,
}

impl Filter {
    fn wants(&self, time: Timestamp, payload: &[u8]) -> bool {
        if self.since.is_some_and(|since| time < since) || self.until.is_some_and(|until| time >= until) {
            return false;
        }
        if self.key.is_none() && self.principal.is_none() && self.operation.is_none() && self.result.is_none() {
            return true;
        }
        let Ok(facts) = serde_json::from_slice::<Facts<'_>>(payload) else { return false };
        self.operation.as_deref().is_none_or(|operation| facts.event_name == operation)
            && self.result.as_ref().is_none_or(|result| match (result, facts.error_code.as_deref()) {
                (CallResult::Success, code) => code.is_none(),
                (CallResult::Failure, code) => code.is_some(),
                (CallResult::Code(wanted), code) => code == Some(wanted),
            })
            && self.key.as_deref().is_none_or(|key| facts.concerns(key))
            && self.principal.as_deref().is_none_or(|principal| facts.is_by(principal))
    }
}

impl Facts<'_> {
    fn concerns(&self, key: &str) -> bool {
        let is_it = |arn: &str| arn == key || arn.strip_suffix(key).is_some_and(|front| front.ends_with("key/"));
        self.resources.iter().flatten().filter_map(|resource| resource.arn.as_deref()).any(is_it)
    }

    fn is_by(&self, principal: &str) -> bool {
        let Some(who) = &self.user_identity else { return false };
        let names = [&who.arn, &who.principal_id, &who.access_key_id, &who.user_name, &who.invoked_by];
        names.into_iter().any(|name| name.as_deref() == Some(principal))
    }
}

/// Finds the events that a filter wants, the oldest first, in bounded memory. Reads beside writers, and checks the chain
/// of each segment as it goes; whether the log is whole, [`verify`](crate::audit::verify) says.
///
/// An item is an error where a segment cannot be read further; the next segment follows. An event that is not JSON is
/// found only by its time.
///
/// # Errors
/// `Io` if the directory cannot be read.
pub fn lookup(directory: &Path, filter: &Filter) -> Result<impl Iterator<Item = Result<Entry, Error>> + use<>, Error> {
    let listed = segments(directory).map_err(|error| io_error("cannot list", directory, error))?;
    let (last, directory, filter) = (listed.last().copied(), directory.to_path_buf(), Arc::new(filter.clone()));
    Ok(listed.into_iter().flat_map(move |first| {
        let (path, filter) = (segment_path(&directory, first), Arc::clone(&filter));
        match Walk::open(&path, last == Some(first)) {
            Ok((_, walk)) => Found { filter, path, walk: Some(walk), failed: None },
            Err(problem) => {
                let error = Error::malformed(format!("{}: {problem}", path.display()));
                Found { filter, path, walk: None, failed: Some(error) }
            }
        }
    }))
}

/// What was found in one segment.
struct Found {
    filter: Arc<Filter>,
    path: PathBuf,
    walk: Option<Walk>,
    failed: Option<Error>,
}

impl Iterator for Found {
    type Item = Result<Entry, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.failed.take() {
            return Some(Err(error));
        }
        let walk = self.walk.as_mut()?;
        loop {
            match walk.advance() {
                Ok(Step::End | Step::Unfinished(_)) => break,
                Ok(Step::Record) => {
                    let wanted = |record: &Record<'_>| {
                        record.kind == Kind::Event && self.filter.wants(record.time, record.payload)
                    };
                    if let Some(record) = walk.record().filter(wanted) {
                        return Some(Ok(Entry {
                            sequence: record.sequence,
                            time: record.time,
                            segment: self.path.clone(),
                            offset: record.offset,
                            record: record.payload.to_vec(),
                        }));
                    }
                }
                Err(defect) => {
                    self.walk = None;
                    let (path, offset, sequence) = (self.path.display(), defect.offset, defect.sequence);
                    let text = format!("{path}, byte {offset}, record {sequence}: {}", defect.problem);
                    return Some(Err(Error::malformed(text)));
                }
            }
        }
        self.walk = None;
        None
    }
}

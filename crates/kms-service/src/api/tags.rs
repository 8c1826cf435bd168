//! Tags.

use std::collections::BTreeSet;

use crate::api::Required;
use crate::api::structure::{request, response, structure};
use crate::{Exception, KmsError};

/// The most tags of a key.
pub const MAX_TAGS: usize = 50;

structure! {
    /// A tag of a key.
    #[derive(Clone, PartialEq, Eq)]
    Tag {
        /// The name: 1 to 128 characters, not beginning with `aws:`.
        tag_key: Required<String> => TAG_KEY,
        /// The value: at most 256 characters.
        tag_value: Required<String> => TAG_VALUE,
    }
}

impl Tag {
    /// A tag.
    #[must_use]
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { tag_key: Required::new(key.into()), tag_value: Required::new(value.into()) }
    }
}

/// What tags must be together: no two of one name, at most [`MAX_TAGS`], none reserved.
pub(crate) fn check_tags(tags: &[Tag]) -> Result<(), KmsError> {
    let refuse = |message: &'static str| Err(KmsError::with(Exception::Tag, message));
    let mut seen = BTreeSet::new();
    if !tags.iter().all(|tag| seen.insert(tag.tag_key.as_str())) {
        return refuse("Duplicate tag keys");
    }
    if tags.len() > MAX_TAGS {
        return refuse("Too many tags");
    }
    // A name may have characters of several bytes: `get` answers nothing in the middle of one.
    let is_reserved = |tag: &Tag| tag.tag_key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:"));
    if tags.iter().any(is_reserved) {
        return refuse("Tags beginning with aws: are reserved");
    }
    Ok(())
}

request! {
    /// Adds tags to a key, or changes their values. Answers nothing.
    TagResourceRequest: TagResource -> () where tags_fit {
        /// The key: its id or ARN.
        key_id: Required<String> => KEY_ID,
        /// The tags.
        tags: Required<Vec<Tag>>,
    }
}

fn tags_fit(request: &TagResourceRequest) -> Result<(), KmsError> {
    check_tags(&request.tags)
}

request! {
    /// Takes tags off a key. Answers nothing.
    UntagResourceRequest: UntagResource -> () {
        /// The key: its id or ARN.
        key_id: Required<String> => KEY_ID,
        /// The names of the tags: 1 to 128 characters.
        tag_keys: Required<Vec<String>> => TAG_KEYS,
    }
}

request! {
    /// Lists the tags of a key.
    ListResourceTagsRequest: ListResourceTags -> ListResourceTagsResponse {
        /// The key: its id or ARN.
        key_id: Required<String> => KEY_ID,
        /// The most entries of an answer: 1 to 1,000.
        limit: Option<i32> => LIMIT,
        /// Where the answer before ended: 1 to 1,024 characters.
        marker: Option<String> => MARKER,
    }
}

response! {
    /// What `ListResourceTags` answers.
    ListResourceTagsResponse: ListResourceTags {
        /// The tags.
        tags: Required<Vec<Tag>>,
        /// The marker of the request for more.
        next_marker: Option<String>,
        /// Whether there is more.
        truncated: bool,
    }
}

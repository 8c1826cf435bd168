//! Tags.

use super::Sealed;
use super::pages::{Page, SHORT};
use crate::api::{
    ListResourceTagsRequest, ListResourceTagsResponse, MAX_TAGS, Tag, TagResourceRequest, UntagResourceRequest,
};
use crate::facts::Facts;
use crate::step::Step;
use crate::{Exception, KmsError};

impl Sealed for TagResourceRequest {
    fn perform(&self, step: &Step<'_>) -> Result<(), KmsError> {
        let facts = Facts { tags: Some(&self.tags), ..Facts::default() };
        let admitted = step.admitted(&self.key_id, "kms:TagResource", &facts)?;
        admitted.change(|key, _| {
            key.tags.extend(super::keys::tags(&self.tags));
            if key.tags.len() > MAX_TAGS {
                return Err(KmsError::with(Exception::Tag, "Too many tags"));
            }
            Ok(())
        })
    }
}

impl Sealed for UntagResourceRequest {
    fn perform(&self, step: &Step<'_>) -> Result<(), KmsError> {
        let facts = Facts { tag_keys: Some(&self.tag_keys), ..Facts::default() };
        let admitted = step.admitted(&self.key_id, "kms:UntagResource", &facts)?;
        admitted.change(|key, _| {
            self.tag_keys.iter().for_each(|tag| {
                key.tags.remove(tag);
            });
            Ok(())
        })
    }
}

impl Sealed for ListResourceTagsRequest {
    fn perform(&self, step: &Step<'_>) -> Result<ListResourceTagsResponse, KmsError> {
        let admitted = step.admitted(&self.key_id, "kms:ListResourceTags", &Facts::default())?;
        let prefix = format!("tags of {}", admitted.arn()).into_bytes();
        let page = Page::new(step, prefix, self.limit, self.marker.as_deref(), SHORT)?;
        let after = page.after.as_deref();
        let beyond = |key: &&String| after.is_none_or(|after| key.as_bytes() > after);
        let keys = admitted.record().tags.keys().filter(beyond);
        let mut keys: Vec<_> = keys.take(page.limit + 1).cloned().collect();
        let next = page.cut(step, &mut keys, |key| key.clone().into_bytes())?;
        let tags =
            keys.iter().filter_map(|key| Some(Tag::new(key.as_str(), admitted.record().tags.get(key)?.as_str())));
        let tags: Vec<_> = tags.collect();
        Ok(ListResourceTagsResponse { tags: tags.into(), truncated: next.is_some(), next_marker: next })
    }
}

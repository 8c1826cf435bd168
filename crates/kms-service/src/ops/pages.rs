//! Pages of lists: limits and markers.

use base64ct::{Base64UrlUnpadded, Encoding};

use crate::sealed::SealedStore;
use crate::step::Step;
use crate::store::MAX_PAGE;
use crate::{Exception, KmsError};

/// How many entries a page has when nobody says: 50 for aliases, grants and tags, 100 for the rest.
pub(super) const SHORT: usize = 50;
pub(super) const LONG: usize = 100;

/// Where a page begins, and how long it is.
pub(super) struct Page {
    /// The place after which it begins.
    pub(super) after: Option<Vec<u8>>,
    pub(super) limit: usize,
    prefix: Vec<u8>,
}

impl Page {
    /// The page that a request asks for, of the list of what is at places that begin with `prefix`.
    ///
    /// # Errors
    /// `InvalidMarkerException` for a marker that was not handed out for this list.
    pub(super) fn new(
        step: &Step<'_>,
        prefix: Vec<u8>,
        limit: Option<i32>,
        marker: Option<&str>,
        default: usize,
    ) -> Result<Self, KmsError> {
        // With the one entry beyond it that says that there is more, a page is one of the store's.
        let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(default).min(MAX_PAGE - 1);
        let after = marker.map(|marker| open(&step.service.store, &prefix, marker)).transpose()?;
        Ok(Self { after, limit, prefix })
    }

    /// The places of the page, one more than it holds if there is one.
    pub(super) fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    /// Cuts off what is beyond the page, and says where the next one begins.
    pub(super) fn cut<T>(
        &self,
        step: &Step<'_>,
        entries: &mut Vec<T>,
        place: impl Fn(&T) -> Vec<u8>,
    ) -> Result<Option<String>, KmsError> {
        if entries.len() <= self.limit {
            return Ok(None);
        }
        entries.truncate(self.limit);
        let Some(last) = entries.last() else { return Ok(None) };
        let sealed = step.service.store.seal(&self.prefix, &place(last))?;
        Ok(Some(Base64UrlUnpadded::encode_string(&sealed)))
    }
}

/// Markers are sealed for their list: one that was made up, or of another list, is not taken.
fn open(store: &SealedStore, prefix: &[u8], marker: &str) -> Result<Vec<u8>, KmsError> {
    let invalid = || KmsError::new(Exception::InvalidMarker);
    let sealed = Base64UrlUnpadded::decode_vec(marker).map_err(|_| invalid())?;
    Ok(store.unseal(prefix, &sealed).map_err(|_| invalid())?.expose().to_vec())
}

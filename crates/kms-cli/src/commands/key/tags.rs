//! `kms key tag` and `kms key untag`.

use clap::Args;
use kms_service::api::{ListResourceTagsRequest, Tag, TagResourceRequest, UntagResourceRequest};

use super::super::Common;
use super::super::asking::{About, to_json};
use crate::failure::Failure;
use crate::report;

/// Give a key tags, or show those it has
#[derive(Debug, Args)]
pub(crate) struct TagKey {
    /// Its alias, id or ARN
    #[arg(value_name = "KEY")]
    key: String,

    /// The tags; without any, those there are are shown
    #[arg(value_name = "NAME=VALUE", value_parser = super::super::context_pair)]
    tags: Vec<(String, String)>,
}

/// Take tags from a key
#[derive(Debug, Args)]
pub(crate) struct UntagKey {
    /// Its alias, id or ARN
    #[arg(value_name = "KEY")]
    key: String,

    /// The names of the tags
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
}

impl TagKey {
    pub(super) fn run(&self, common: &Common) -> Result<(), Failure> {
        let about = About::new(common, &self.key)?;
        if !self.tags.is_empty() {
            let tag = |(name, value): &(String, String)| Tag {
                tag_key: name.clone().into(),
                tag_value: value.clone().into(),
            };
            let tags: Vec<Tag> = self.tags.iter().map(tag).collect();
            about.ask(&TagResourceRequest { key_id: about.id().into(), tags: tags.into() })?;
        }
        show(common, &about)
    }
}

impl UntagKey {
    pub(super) fn run(&self, common: &Common) -> Result<(), Failure> {
        let about = About::new(common, &self.key)?;
        about.ask(&UntagResourceRequest { key_id: about.id().into(), tag_keys: self.names.clone().into() })?;
        show(common, &about)
    }
}

fn show(common: &Common, about: &About) -> Result<(), Failure> {
    let (mut tags, mut marker) = (Vec::new(), None);
    loop {
        let request =
            ListResourceTagsRequest { key_id: about.id().into(), marker, ..ListResourceTagsRequest::default() };
        let page = about.ask(&request)?;
        tags.extend(page.tags.into_inner());
        marker = page.next_marker;
        if marker.is_none() {
            break;
        }
    }
    let row = |tag: &Tag| vec![report::printable(&tag.tag_key), report::printable(&tag.tag_value)];
    let rows: Vec<_> = tags.iter().map(row).collect();
    common.report.result(&report::table(&rows), || tags.iter().map(to_json).collect())
}

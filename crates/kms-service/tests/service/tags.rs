//! Tags.

use kms_service::Exception;
use kms_service::api::*;

use crate::desk::{Desk, refused};

fn tag(key: &str, tags: &[(String, String)]) -> TagResourceRequest {
    let tags: Vec<_> = tags.iter().map(|(key, value)| Tag::new(key.as_str(), value.as_str())).collect();
    TagResourceRequest { key_id: key.into(), tags: tags.into() }
}

fn pair(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

fn list(desk: &Desk, key: &str) -> Vec<(String, String)> {
    let (mut tags, mut marker) = (Vec::new(), None);
    loop {
        let page = desk.ask(ListResourceTagsRequest { key_id: key.into(), limit: Some(7), marker }).unwrap();
        tags.extend(page.tags.iter().map(|tag| pair(&tag.tag_key, &tag.tag_value)));
        match page.next_marker {
            Some(next) => marker = Some(next),
            None => return tags,
        }
    }
}

#[test]
fn tags_are_put_changed_and_taken_off() {
    let desk = Desk::new();
    let key = desk.create(CreateKeyRequest { tags: vec![Tag::new("a", "1")], ..Default::default() }).key_id;
    desk.ask(tag(&key, &[pair("b", ""), pair("a", "2")])).unwrap();
    assert_eq!(list(&desk, &key), [pair("a", "2"), pair("b", "")]);
    let untag = UntagResourceRequest { key_id: key.as_str().into(), tag_keys: vec!["a".into(), "c".into()].into() };
    desk.ask(untag).unwrap();
    assert_eq!(list(&desk, &key), [pair("b", "")]);
}

#[test]
fn a_key_has_fifty_tags() {
    let desk = Desk::new();
    let key = desk.key();
    let tags: Vec<_> = (0..50).map(|number| pair(&format!("{number:02}"), "")).collect();
    desk.ask(tag(&key, &tags)).unwrap();
    assert_eq!(list(&desk, &key), tags);
    refused(desk.ask(tag(&key, &[pair("more", "")])), Exception::Tag, "Too many tags");
    desk.ask(tag(&key, &[pair("00", "changed")])).unwrap();
    assert_eq!(list(&desk, &key).len(), 50);
    let too_many: Vec<_> = (0..51).map(|number| pair(&format!("{number:02}"), "")).collect();
    refused(desk.ask(tag(&key, &too_many)), Exception::Tag, "Too many tags");
}

#[test]
fn tags_that_are_none_are_refused_in_the_words_of_aws() {
    let desk = Desk::new();
    let key = desk.key();
    refused(desk.ask(tag(&key, &[pair("a", "1"), pair("a", "2")])), Exception::Tag, "Duplicate tag keys");
    for name in ["aws:a", "AWS:a", "Aws:"] {
        refused(desk.ask(tag(&key, &[pair(name, "")])), Exception::Tag, "Tags beginning with aws: are reserved");
    }
    let long = tag(&key, &[pair(&"k".repeat(129), "")]);
    refused(desk.ask(long), Exception::Validation, "at 'tags.1.member.tagKey' failed to satisfy constraint");
    let long = tag(&key, &[pair("k", &"v".repeat(257))]);
    refused(desk.ask(long), Exception::Validation, "at 'tags.1.member.tagValue' failed to satisfy constraint");
    desk.ask(tag(&key, &[pair(&"k".repeat(128), &"v".repeat(256))])).unwrap();
    let marker = ListResourceTagsRequest { key_id: key.into(), marker: Some("wrong".into()), ..Default::default() };
    assert_eq!(desk.ask(marker).unwrap_err().exception(), Exception::InvalidMarker);
}

//! The audit log's end is known to the store.

use std::fs;
use std::sync::Arc;

use kms_core::SystemRandom;
use kms_service::audit::{Log, Options, verify};
use kms_service::{SealedStore, Service, ServiceBuilder};
use kms_soft::SealedBackend;

use crate::desk::{Desk, HERE, region};

fn build(desk: &Desk, log: Log) -> Result<Service, kms_core::Error> {
    let sealed = SealedStore::open(desk.store.clone(), &desk.root).unwrap();
    let backend = SealedBackend::new(desk.root.clone(), sealed.records(), SystemRandom).unwrap();
    ServiceBuilder::new(sealed, Arc::new(backend)).regions([region(HERE)]).audit(Arc::new(log)).build()
}

#[test]
fn an_old_copy_of_the_audit_log_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("audit");
    let open = || Log::open(&path, Options::new("one").with_reserve(0)).unwrap();
    let mut desk = Desk::new();
    desk.service = build(&desk, open()).unwrap();
    desk.key();
    drop(std::mem::replace(&mut desk.service, Desk::new().service));
    let segment = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path());
    let segment = segment.filter(|path| path.extension().is_some_and(|name| name == "audit")).max().unwrap();
    let old = fs::read(&segment).unwrap();

    desk.service = build(&desk, open()).unwrap();
    desk.key();
    desk.service.run_due().unwrap();
    let anchors = desk.service.audit_anchors().unwrap();
    assert_eq!(anchors.len(), 1);
    drop(std::mem::replace(&mut desk.service, Desk::new().service));
    verify(&path, &[], Some(&anchors[0])).unwrap();

    fs::write(&segment, old).unwrap();
    let error = build(&desk, open()).unwrap_err();
    assert!(error.to_string().contains("its end was cut off"), "{error}");
    verify(&path, &[], Some(&anchors[0])).unwrap_err();
}

//! What `esdk-write` writes for others, we read ourselves.

use kms_testkit::runner::check;
use kms_testkit::write::{test_keys, write_corpus};

#[test]
fn our_corpus_reads_back() {
    let dir = tempfile::tempdir().unwrap();
    let written = write_corpus(dir.path(), &test_keys().unwrap()).unwrap();
    let report = check(&dir.path().join("manifest.json")).unwrap();
    println!("{report}");
    assert!(report.failures.is_empty(), "{:?}", report.failures);
    assert_eq!((report.counts(), written), ((1146, 0, 0), 1146));
}

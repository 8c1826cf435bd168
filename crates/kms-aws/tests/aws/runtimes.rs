//! Called from wherever: a thread, a task, a runtime's only thread.

use kms_aws::AwsBackend;
use kms_core::{Backend, Call, EncryptionContext, Key, KeyId, KeySpec, KeyUsage, Locator};

use crate::endpoint::Endpoint;

fn round_trip(endpoint: &Endpoint) {
    let backend = AwsBackend::new(endpoint.client());
    let at = Locator::new(KeyId::from_bytes([2; 16]).into(), "alias/runtimes");
    let (call, context) = (Call::default(), EncryptionContext::empty());
    let key = Key::new(backend.create(&at, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt, &call).unwrap());
    let sealed = key.encrypt(b"x", &context, &call).unwrap();
    assert_eq!(key.decrypt(sealed.as_bytes(), &context, &call).unwrap().expose(), b"x");
    // The client and its thread end here, in whatever this runs in.
}

#[test]
fn in_the_only_thread_of_a_runtime() {
    let endpoint = Endpoint::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { round_trip(&endpoint) });
}

#[test]
fn in_tasks_of_a_runtime_with_threads() {
    let endpoint = std::sync::Arc::new(Endpoint::start());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        round_trip(&endpoint);
        let of_task = endpoint.clone();
        tokio::spawn(async move { round_trip(&of_task) }).await.unwrap();
        let of_thread = endpoint.clone();
        tokio::task::spawn_blocking(move || round_trip(&of_thread)).await.unwrap();
    });
}

#[test]
fn in_many_threads_at_once() {
    let endpoint = Endpoint::start();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| round_trip(&endpoint));
        }
    });
}

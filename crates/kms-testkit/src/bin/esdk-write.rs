//! `esdk-write DIR`: writes messages of our own, of every suite, for other implementations to read.

use std::path::Path;
use std::process::ExitCode;

use kms_testkit::write::{test_keys, write_corpus};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(dir), None) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: esdk-write DIR");
        return ExitCode::from(2);
    };
    let dir = Path::new(&dir);
    match test_keys().and_then(|keys| write_corpus(dir, &keys)) {
        Ok(count) => {
            println!("wrote {count} messages to {}", dir.join("manifest.json").display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("esdk-write: {}: {error}", dir.display());
            ExitCode::FAILURE
        }
    }
}

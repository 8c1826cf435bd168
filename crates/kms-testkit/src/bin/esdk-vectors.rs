//! `esdk-vectors MANIFEST.json`: checks a corpus of messages, wherever it lies.
//!
//! Prints a line for each failure and each reason to decline, and at last `N passed, M failed, K declined`.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(manifest), None) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: esdk-vectors MANIFEST.json");
        return ExitCode::from(2);
    };
    let manifest = Path::new(&manifest);
    let report = match kms_testkit::runner::check(manifest) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("esdk-vectors: {}: {error}", manifest.display());
            return ExitCode::from(2);
        }
    };
    for (file, what) in &report.failures {
        println!("FAILED {file}: {what}");
    }
    for (why, count) in &report.declined {
        println!("declined {count}: {why}");
    }
    println!("{report}");
    if report.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

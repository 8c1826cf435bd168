//! Whether secrets show in what the processor does: instruction counts under callgrind, undefined secrets under
//! memcheck. See the README beside this crate; `run` builds it and starts it.
//!
//! Without arguments this program starts itself under valgrind once for each case, so that all cases begin with the
//! same memory.

mod counts;
mod driver;
mod fixed;
mod report;
mod undefined;
mod valgrind;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        [] => driver::run(),
        ["count", group, case] => under_valgrind(count(group, case)),
        ["undefined", case] => under_valgrind(undefined(case)),
        _ => Err("usage: side-channels".to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("side-channels: {text}");
            ExitCode::FAILURE
        }
    }
}

type Run = fn() -> Result<(), kms_core::Error>;

fn count(group: &str, case: &str) -> Option<Run> {
    let group = counts::GROUPS.get(group.parse::<usize>().ok()?)?;
    group.cases.get(case.parse::<usize>().ok()?).map(|case| case.run)
}

fn undefined(case: &str) -> Option<Run> {
    undefined::CASES.get(case.parse::<usize>().ok()?).map(|case| case.run)
}

fn under_valgrind(run: Option<Run>) -> Result<(), String> {
    if !valgrind::is_running() {
        return Err("this case is measured under valgrind only".to_owned());
    }
    run.ok_or("no such case")?().map_err(|error| error.to_string())
}

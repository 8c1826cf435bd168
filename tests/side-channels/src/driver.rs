//! Starts every case under valgrind and judges what came out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::counts::{GROUPS, Group};
use crate::report::{self, Allowed};
use crate::undefined::CASES;

const ALLOWED: &str = include_str!("../allowed.txt");

/// Everything: prints a line for each case, fails if one is not as it must be.
pub(crate) fn run() -> Result<(), String> {
    let directory = std::env::temp_dir().join(format!("kms-side-channels-{}", std::process::id()));
    fs::create_dir(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let failures = both(&directory);
    drop(fs::remove_dir_all(&directory));
    match failures? {
        0 => Ok(()),
        failures => Err(format!("{failures} failures")),
    }
}

fn both(directory: &Path) -> Result<usize, String> {
    println!("instruction counts (callgrind)");
    let mut failures = 0;
    for (index, group) in GROUPS.iter().enumerate() {
        failures += counts(directory, index, group)?;
    }
    println!("\nundefined secrets (memcheck)");
    let mut allowed = report::allow_list(ALLOWED)?;
    for (index, case) in CASES.iter().enumerate() {
        failures += undefined(directory, index, case.what, &mut allowed)?;
    }
    // An entry that nothing needs would hide the next thing of its name.
    for entry in allowed.iter().filter(|entry| !entry.used) {
        println!("    not seen, take it out of allowed.txt: {} | {}", entry.case, entry.place);
        failures += 1;
    }
    Ok(failures)
}

fn counts(directory: &Path, index: usize, group: &Group) -> Result<usize, String> {
    println!("  {}", group.what);
    let mut counts = Vec::new();
    for (case_index, case) in group.cases.iter().enumerate() {
        let out = directory.join("callgrind.out");
        let mut command = valgrind("callgrind");
        command.arg("--instr-atstart=no").arg(option("--callgrind-out-file", &out));
        // Numbers of fixed width: the length of the arguments moves the stack.
        start(command, &["count", &format!("{index:02}"), &format!("{case_index:02}")], case.what)?;
        let text = fs::read_to_string(&out).map_err(|error| error.to_string())?;
        let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
        let count: u64 = total.and_then(|total| total.trim().parse().ok()).ok_or("callgrind gave no count")?;
        println!("    {count:>12}  {}", case.what);
        counts.push(count);
    }
    let spread = counts.iter().max().zip(counts.iter().min()).map_or(0, |(most, least)| most - least);
    if counts.contains(&0) || spread > group.slack {
        println!("    FAILED: the counts differ by {spread}; allowed is {}", group.slack);
        return Ok(1);
    }
    Ok(0)
}

fn undefined(directory: &Path, index: usize, what: &str, allowed: &mut [Allowed]) -> Result<usize, String> {
    let out = directory.join("memcheck.xml");
    let mut command = valgrind("memcheck");
    command.args(["--error-limit=no", "--leak-check=no", "--num-callers=60", "--xml=yes"]);
    command.arg(option("--xml-file", &out));
    start(command, &["undefined", &format!("{index:02}")], what)?;
    let xml = fs::read_to_string(&out).map_err(|error| error.to_string())?;
    let places = report::places(&xml);
    let forbidden = report::forbidden(what, &places, allowed);
    println!("    {:>3} places  {what}", places.len());
    for place in &forbidden {
        println!("      NEW: {place}");
    }
    Ok(forbidden.len() + usize::from(what == "control" && places.is_empty()))
}

fn valgrind(tool: &str) -> Command {
    let mut command = Command::new("valgrind");
    // The environment is on the stack too.
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.arg(format!("--tool={tool}")).arg("--quiet");
    command
}

fn option(name: &str, path: &Path) -> String {
    format!("{name}={}", path.display())
}

fn start(mut command: Command, arguments: &[&str], what: &str) -> Result<(), String> {
    let program: PathBuf = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = command
        .arg(program)
        .args(arguments)
        .output()
        .map_err(|error| format!("valgrind: {error}; it is the package `valgrind`"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{what}: {}{}", output.status, String::from_utf8_lossy(&output.stderr)))
}

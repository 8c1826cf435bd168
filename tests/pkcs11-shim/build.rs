//! Keeps the module in memory once it is loaded: a second load goes on with the same counts.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
}

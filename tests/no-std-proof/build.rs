//! Links the binary with nothing but what Rust itself brings: no start files, no libc, no dynamic loader. If a
//! dependency pulled in std, the link would fail on a second panic handler and on libc's symbols.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for argument in ["-nostartfiles", "-nostdlib", "-static", "-no-pie"] {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
}

//! Has the linker fold functions that are the same octet by octet, where it can: Rust gives no function an address of its own.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // A debugger wants to know who was called.
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") && can_fold() {
        println!("cargo::rustc-link-arg-bins={FOLD}");
    }
}

/// Whether the linker takes the option: lld and gold do, others refuse what they do not know.
fn can_fold() -> bool {
    let set = |name: &str| std::env::var(name).unwrap_or_default();
    let (compiler, folder, linker) = (set("RUSTC"), set("OUT_DIR"), set("RUSTC_LINKER"));
    let source = Path::new(&folder).join("folding.rs");
    if std::fs::write(&source, "fn main() {}\n").is_err() {
        return false;
    }
    let mut probe = Command::new(compiler);
    probe.args(set("CARGO_ENCODED_RUSTFLAGS").split('\x1f').filter(|flag| !flag.is_empty()));
    probe.args(["--edition=2024", "--target", &set("TARGET"), "-C", &format!("link-arg={FOLD}"), "-o"]);
    probe.arg(Path::new(&folder).join("folding")).arg(&source);
    if !linker.is_empty() {
        probe.args(["-C", &format!("linker={linker}")]);
    }
    probe.output().is_ok_and(|output| output.status.success())
}

const FOLD: &str = "-Wl,--icf=all";

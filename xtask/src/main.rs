//! Project chores, run as `cargo xtask …` by the Makefile.

mod abi;
mod conformance;
mod results;
mod suite;

use std::path::PathBuf;

const USAGE: &str = "usage: cargo xtask abi [--check] | test [--forge-only | --rust-only] | conformance";

fn main() -> eyre::Result<()> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["abi"] => abi::export(&root),
        ["abi", "--check"] => abi::check(&root),
        ["test"] => suite::run(&root, suite::Parts { forge: true, rust: true }),
        ["test", "--forge-only"] => suite::run(&root, suite::Parts { forge: true, rust: false }),
        ["test", "--rust-only"] => suite::run(&root, suite::Parts { forge: false, rust: true }),
        ["conformance"] => conformance::check(&root),
        _ => {
            eprintln!("{USAGE}");
            std::process::exit(2);
        }
    }
}

//! Project chores. `cargo xtask abi [--check]` · `cargo xtask conformance --results <dir>`

mod abi;

use std::path::PathBuf;

const USAGE: &str = "usage: cargo xtask abi [--check]";

fn main() -> eyre::Result<()> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["abi"] => abi::export(&root),
        ["abi", "--check"] => abi::check(&root),
        _ => {
            eprintln!("{USAGE}");
            std::process::exit(2);
        }
    }
}

//! Compiles the protocol from its definition, in Rust: nothing but cargo is needed.

use std::{env, error::Error, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    let definition = root.join("ballast/v1/protocol_state.proto");
    println!("cargo:rerun-if-changed={}", definition.display());
    let described = protox::compile([&definition], [&root])?;
    // The client is for the tests, and for whoever wants to write one in Rust.
    tonic_prost_build::configure().build_transport(false).compile_fds(described)?;
    Ok(())
}

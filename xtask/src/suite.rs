//! Runs every test of the project and closes with `N passed, N failed`.

use crate::results::{self, Results};
use eyre::{Context, bail, ensure};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

#[derive(Clone, Copy)]
pub(crate) struct Parts {
    pub(crate) forge: bool,
    pub(crate) rust: bool,
}

/// Runs the chosen parts, stores their results, prints what failed, and fails if anything did.
pub(crate) fn run(root: &Path, parts: Parts) -> eyre::Result<()> {
    fs::create_dir_all(results::directory(root))?;
    let mut all = Results::new();
    let mut ran_clean = true;
    if parts.forge {
        let (results, clean) = forge(root)?;
        all.extend(results);
        ran_clean &= clean;
    }
    if parts.rust {
        let (results, clean) = rust(root)?;
        all.extend(results);
        ran_clean &= clean;
    }
    let failed: Vec<&String> = all.iter().filter(|(_, passed)| !**passed).map(|(name, _)| name).collect();
    for name in &failed {
        println!("FAILED {name}");
    }
    let summary = format!("{} passed, {} failed", all.len() - failed.len(), failed.len());
    fs::write(results::directory(root).join("summary.txt"), format!("{summary}\n"))?;
    println!("{summary}");
    if !failed.is_empty() || !ran_clean {
        bail!("the tests did not all pass");
    }
    Ok(())
}

/// The native binary of the installed package: npm's shim exits 0 whatever happens.
pub(crate) fn forge_binary(root: &Path) -> eyre::Result<PathBuf> {
    let os = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let path = root.join(format!("node_modules/@foundry-rs/forge-{os}-{arch}/bin/forge"));
    ensure!(path.exists(), "{} is missing: run `make setup`", path.display());
    Ok(path)
}

fn forge(root: &Path) -> eyre::Result<(Results, bool)> {
    println!("forge test");
    let output = Command::new(forge_binary(root)?)
        .args(["test", "--json"])
        .env("FORGE_SNAPSHOT_CHECK", "true")
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .wrap_err("cannot run forge")?;
    let text = String::from_utf8_lossy(&output.stdout);
    // Compiler messages may come before the report, which is one line.
    let report = text.lines().rev().find(|line| line.starts_with('{')).unwrap_or_default();
    let results = results::forge(report).wrap_err_with(|| format!("forge test printed:\n{text}"))?;
    fs::write(results::forge_file(root), report)?;
    if !output.status.success() {
        // The report alone does not say why; the plain run of the failures does.
        Command::new(forge_binary(root)?).args(["test", "--rerun", "-vv"]).current_dir(root).status()?;
    }
    println!("forge: {} tests", results.len());
    Ok((results, output.status.success()))
}

fn rust(root: &Path) -> eyre::Result<(Results, bool)> {
    println!("cargo test");
    let mut child = Command::new("sh")
        .args(["-c", "exec cargo test --workspace --no-fail-fast 2>&1"])
        .current_dir(root)
        .stdout(Stdio::piped())
        .spawn()
        .wrap_err("cannot run cargo")?;
    let mut file = fs::File::create(results::rust_file(root))?;
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines() {
            let line = line?;
            println!("{line}");
            writeln!(file, "{line}")?;
        }
    }
    let status = child.wait()?;
    let results = results::rust(&fs::read_to_string(results::rust_file(root))?);
    ensure!(!results.is_empty() || !status.success(), "cargo ran no test");
    Ok((results, status.success()))
}

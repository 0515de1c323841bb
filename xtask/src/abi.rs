//! Compiles the contracts with foundry-compilers and writes their ABIs to `abi/` (SPEC C15).

use eyre::{Context, bail, ensure};
use foundry_compilers::{
    ProjectBuilder, ProjectPathsConfig,
    artifacts::{EvmVersion, remappings::Remapping},
    compilers::solc::{Solc, SolcCompiler, SolcSettings},
    solc::SolcLanguage,
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// What Rust binds and what integrators call.
const EXPORTED: [&str; 14] = [
    "AaveV3Adapter",
    "AutomationUpkeep",
    "CompoundV3Adapter",
    "CurveStableSwapAdapter",
    "Erc4626Adapter",
    "IAdapter",
    "KillSwitchManager",
    "OracleSwapper",
    "PendlePtAdapter",
    "SidePocket",
    "StrategyHub",
    "SwapAdapter",
    "UniswapV3LpAdapter",
    "Vault",
];

/// Writes `abi/*.json`.
pub(crate) fn export(root: &Path) -> eyre::Result<()> {
    let directory = root.join("abi");
    fs::create_dir_all(&directory)?;
    for (path, text) in compile(root)? {
        fs::write(&path, text).wrap_err_with(|| format!("cannot write {}", path.display()))?;
    }
    println!("abi/: {} interfaces written", EXPORTED.len());
    Ok(())
}

/// Fails if `abi/*.json` is not what the sources give.
pub(crate) fn check(root: &Path) -> eyre::Result<()> {
    let stale: Vec<String> = compile(root)?
        .into_iter()
        .filter(|(path, text)| fs::read_to_string(path).ok().as_deref() != Some(text))
        .map(|(path, _)| path.file_name().unwrap_or_default().to_string_lossy().into_owned())
        .collect();
    ensure!(stale.is_empty(), "abi/ differs from the contracts in {}: run `make abi` and commit", stale.join(", "));
    println!("abi/: {} interfaces equal the contracts", EXPORTED.len());
    Ok(())
}

fn compile(root: &Path) -> eyre::Result<BTreeMap<PathBuf, String>> {
    let solc = Solc::new(root.join("tools/solc"))
        .wrap_err("tools/solc does not run: is node installed, has `make setup` been run?")?;
    let modules = root.join("node_modules");
    let openzeppelin: Remapping =
        format!("@openzeppelin/contracts/={}/@openzeppelin/contracts/", modules.display()).parse()?;
    let paths = ProjectPathsConfig::builder()
        .root(root)
        .sources(root.join("contracts"))
        .artifacts(root.join("target/abi-build/out"))
        .cache(root.join("target/abi-build/cache.json"))
        .lib(&modules)
        .remapping(openzeppelin)
        .build::<SolcLanguage>()?;
    // The settings of foundry.toml; an ABI does not depend on the optimiser, but two truths would be one too many.
    let mut settings = SolcSettings::default();
    settings.settings.optimizer.enabled = Some(true);
    settings.settings.optimizer.runs = Some(200);
    settings.settings.evm_version = Some(EvmVersion::Cancun);
    let project = ProjectBuilder::<SolcCompiler>::new(Default::default())
        .paths(paths)
        .settings(settings)
        .offline()
        .solc_jobs(1)
        .build(SolcCompiler::Specific(solc))?;
    // Not `compile()`: scripts and tests need the protocol packages, ABIs do not.
    let sources = foundry_compilers::utils::source_files(&root.join("contracts"), &["sol"]);
    let output = project.compile_files(sources)?;
    if output.has_compiler_errors() {
        bail!("{output}");
    }
    let mut files = BTreeMap::new();
    for (id, artifact) in output.artifact_ids() {
        if EXPORTED.contains(&id.name.as_str()) && id.source.starts_with(root.join("contracts")) {
            let abi = artifact.abi.as_ref().ok_or_else(|| eyre::eyre!("{} compiled without an ABI", id.name))?;
            let text = serde_json::to_string_pretty(abi)? + "\n";
            files.insert(root.join("abi").join(format!("{}.json", id.name)), text);
        }
    }
    ensure!(files.len() == EXPORTED.len(), "expected {EXPORTED:?}, the build has {:?}", files.keys());
    Ok(files)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    // SPEC C15
    #[test]
    fn the_published_abis_are_those_of_the_contracts() {
        check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()).unwrap();
    }
}

//! Gas as the contract tests recorded it (test/gas), beside the same moves with no checks.

use eyre::{OptionExt, WrapErr, ensure};
use std::{collections::BTreeMap, fs, path::Path};

/// Figures that a report cannot do without.
const REQUIRED: [&str; 7] = [
    "deposit",
    "withdraw from idle",
    "withdraw from Aave",
    "withdraw from MetaMorpho",
    "rebalance idle to two",
    "rebalance Aave to MetaMorpho",
    "rebalance MetaMorpho to Aave",
];

/// One move.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// Gas of Ballast's transaction.
    pub(crate) ballast: u64,
    /// Gas of the same move with no checks.
    pub(crate) floor: u64,
}

/// All moves that were recorded, by name.
pub(crate) fn read(snapshots: &Path) -> eyre::Result<Vec<Row>> {
    let ballast = figures(&snapshots.join("Ballast.json"))?;
    let floor = figures(&snapshots.join("Floor.json"))?;
    for name in REQUIRED {
        ensure!(ballast.contains_key(name), "snapshots/Ballast.json has no figure for {name:?}; run `make snapshots`");
    }
    let row = |(name, ballast)| {
        let floor = *floor
            .get(&name)
            .ok_or_eyre(format!("snapshots/Floor.json has no figure for {name:?}; run `make snapshots`"))?;
        Ok(Row { name, ballast, floor })
    };
    ballast.into_iter().map(row).collect()
}

fn figures(path: &Path) -> eyre::Result<BTreeMap<String, u64>> {
    let shown = path.display();
    let text = fs::read_to_string(path).wrap_err_with(|| format!("cannot read {shown}; run `make snapshots`"))?;
    let written: BTreeMap<String, String> =
        serde_json::from_str(&text).wrap_err_with(|| format!("{shown} is not a snapshot; run `make snapshots`"))?;
    let figure = |(name, gas): (String, String)| {
        let gas = gas.parse().wrap_err_with(|| format!("{shown}: {name:?} is {gas:?}, expected an amount of gas"))?;
        Ok((name, gas))
    };
    written.into_iter().map(figure).collect()
}

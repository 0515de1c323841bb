//! What the subcommands that play on a local chain share.

pub(crate) mod blocks;
pub(crate) mod keeper_process;
mod lifeline;

use alloy::{
    primitives::{Address, U256},
    rpc::types::TransactionReceipt,
    sol_types::SolEvent,
};
use eyre::{OptionExt, WrapErr};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The most of NAV that the operator lets a venue have, basis points: less than the contracts would, so that the money is spread.
pub(crate) const MAX_POSITION: u16 = 3_000;

/// `--project-root`, absolute.
pub(crate) fn project_root(path: &Path) -> eyre::Result<PathBuf> {
    path.canonicalize().wrap_err_with(|| format!("--project-root {} is not a folder", path.display()))
}

/// Removes what an earlier run wrote.
pub(crate) fn emptied(out: &Path) -> eyre::Result<()> {
    if out.exists() {
        fs::remove_dir_all(out).wrap_err_with(|| format!("cannot empty {}", out.display()))?;
    }
    Ok(())
}

/// The first event of its kind that a contract logged in a transaction.
pub(crate) fn logged<E: SolEvent>(receipt: &TransactionReceipt, from: Address) -> eyre::Result<E> {
    let logs = receipt.logs().iter().filter(|log| log.address() == from);
    let mut events = logs.filter_map(|log| E::decode_log(&log.inner).ok());
    Ok(events.next().ok_or_eyre("the vault logged nothing of the kind")?.data)
}

pub(crate) fn amount(value: U256) -> eyre::Result<u128> {
    u128::try_from(value).wrap_err("an amount above 2^128")
}

//! The keeper as its operator runs it: this binary, in a process of its own.

use ballast_devnet::keeper_config::SECRETS;
use eyre::{WrapErr, ensure};
use serde_json::Value;
use std::{path::PathBuf, process::Stdio};
use tokio::process::Command;

#[derive(Debug)]
pub(crate) struct KeeperProcess {
    pub(crate) config: PathBuf,
}

impl KeeperProcess {
    /// Runs a subcommand with `--json` and returns what it printed.
    pub(crate) async fn call(&self, arguments: &[&str]) -> eyre::Result<Value> {
        let binary = std::env::current_exe().wrap_err("cannot find this binary")?;
        let output = Command::new(binary)
            .args(arguments)
            .arg("--config")
            .arg(&self.config)
            .arg("--json")
            .envs(SECRETS)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .wrap_err("cannot run the keeper")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        let shown = arguments.join(" ");
        ensure!(
            output.status.success(),
            "`ballast {shown}` failed ({}):\n{}{errors}",
            output.status,
            String::from_utf8_lossy(&output.stdout)
        );
        serde_json::from_slice(&output.stdout).wrap_err_with(|| format!("`ballast {shown}` printed no JSON"))
    }
}

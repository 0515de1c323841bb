//! The `ballast` binary in a process of its own, as its operator runs it.

use ballast_devnet::keeper_config::SECRETS;
use eyre::{OptionExt, WrapErr};
use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::timeout,
};

/// How long it may take to say something.
const PATIENCE: Duration = Duration::from_secs(60);

/// What to run.
#[derive(Clone, Debug)]
pub(crate) struct Keeper {
    config: PathBuf,
    environment: Vec<(&'static str, String)>,
}

/// It runs, until it is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    lines: UnboundedReceiver<String>,
}

impl Keeper {
    pub(crate) fn new(config: &Path) -> Self {
        let environment = SECRETS.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Self { config: config.to_owned(), environment }
    }

    pub(crate) fn with_secret(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> eyre::Result<Process> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ballast"))
            .args(arguments)
            .arg("--config")
            .arg(&self.config)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .wrap_err("cannot run the keeper")?;
        let mut written = BufReader::new(child.stderr.take().ok_or_eyre("the keeper has no standard error")?).lines();
        let (said, lines) = unbounded_channel();
        // Read all the time: a full pipe would hold the keeper up.
        tokio::spawn(async move {
            while let Ok(Some(line)) = written.next_line().await {
                if said.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Process { child, lines })
    }
}

impl Process {
    /// Waits for a log line with these words.
    pub(crate) async fn says(&mut self, words: &str) -> eyre::Result<()> {
        let mut heard = Vec::new();
        let listen = async {
            while let Some(line) = self.lines.recv().await {
                if line.contains(words) {
                    return true;
                }
                heard.push(line);
            }
            false
        };
        let said = timeout(PATIENCE, listen).await.unwrap_or(false);
        eyre::ensure!(said, "the keeper did not say {words:?} but:\n{}", heard.join("\n"));
        Ok(())
    }

    /// SIGKILL.
    pub(crate) async fn kill(mut self) -> eyre::Result<()> {
        Ok(self.child.kill().await?)
    }
}

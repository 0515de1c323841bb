//! The keeper as its operator runs it: this binary, in a process of its own.

use super::lifeline::Lifeline;
use ballast_devnet::keeper_config::SECRETS;
use eyre::{OptionExt, WrapErr, ensure};
use serde_json::Value;
use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// How long a keeper that was told to stop may take.
const STOP: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct KeeperProcess {
    pub(crate) config: PathBuf,
}

impl KeeperProcess {
    fn command(&self, arguments: &[&str]) -> eyre::Result<Command> {
        let binary = std::env::current_exe().wrap_err("cannot find this binary")?;
        let mut command = Command::new(binary);
        command.args(arguments).arg("--config").arg(&self.config).envs(SECRETS).stdin(Stdio::null()).kill_on_drop(true);
        Ok(command)
    }

    /// Runs a subcommand with `--json` and returns what it printed.
    pub(crate) async fn call(&self, arguments: &[&str]) -> eyre::Result<Value> {
        let output = self.command(arguments)?.arg("--json").output().await.wrap_err("cannot run the keeper")?;
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

    /// Starts a subcommand that goes on until it is told to stop. Its log lines are kept, and written to `log`.
    pub(crate) fn spawn(&self, arguments: &[&str], log: &Path) -> eyre::Result<RunningKeeper> {
        let file = File::create(log).wrap_err_with(|| format!("cannot write {}", log.display()))?;
        let mut process = self
            .command(arguments)?
            .args(["--log-format", "json"])
            // What is looked for must not depend on how much the caller wants to see, or on whoever manages it.
            .env_remove("RUST_LOG")
            .env_remove("NOTIFY_SOCKET")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .wrap_err("cannot run the keeper")?;
        let lifeline = Lifeline::of(&process)?;
        let said = Log::default();
        let stderr = process.stderr.take().ok_or_eyre("the keeper has no standard error")?;
        tokio::spawn(said.clone().collect(stderr, file));
        Ok(RunningKeeper { lifeline: Some(lifeline), process, said })
    }
}

/// A keeper that runs. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct RunningKeeper {
    // Before the process: see `Lifeline`.
    lifeline: Option<Lifeline>,
    process: Child,
    said: Log,
}

impl RunningKeeper {
    /// The first log line of this message that is `wanted`, if it was there yet.
    ///
    /// # Errors
    /// If the keeper has ended, with its last lines: what is waited for will not come.
    pub(crate) fn said(&mut self, message: &str, wanted: impl Fn(&Value) -> bool) -> eyre::Result<Option<Line>> {
        let found = self.said.find(message, wanted);
        if found.is_none()
            && let Some(status) = self.process.try_wait()?
        {
            eyre::bail!("the keeper ended by itself ({status}): {}", self.said.end());
        }
        Ok(found)
    }

    /// SIGKILL: no destructor, no last word.
    pub(crate) async fn kill(mut self) -> eyre::Result<()> {
        ensure!(self.process.try_wait()?.is_none(), "the keeper ended by itself: {}", self.said.end());
        drop(self.lifeline.take());
        self.process.kill().await.wrap_err("cannot kill the keeper")
    }

    /// SIGTERM, as a service manager ends a service, and its exit code.
    pub(crate) async fn stop(mut self) -> eyre::Result<ExitStatus> {
        let id = self.process.id().ok_or_eyre("the keeper ended by itself")?.to_string();
        drop(self.lifeline.take());
        let told = Command::new("sh").args(["-c", r#"kill -s TERM "$1""#, "stop", &id]).status().await?;
        ensure!(told.success(), "the keeper could not be told to stop");
        let ended = timeout(STOP, self.process.wait()).await;
        Ok(ended.wrap_err_with(|| format!("the keeper did not stop within {STOP:?}: {}", self.said.end()))??)
    }
}

/// A log line: what happened, and its fields, of which `message` is one.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) level: String,
    pub(crate) fields: Value,
}

#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<Line>>>);

impl Log {
    async fn collect(self, stderr: impl AsyncRead + Unpin, mut file: File) {
        let mut lines = BufReader::new(stderr).lines();
        while let Ok(Some(text)) = lines.next_line().await {
            // The file is for people; the drill itself does not read it.
            drop(writeln!(file, "{text}"));
            // What is no log line is kept as one: the message of an error that ends it.
            let mut value: Value = serde_json::from_str(&text).unwrap_or_default();
            let level = value["level"].as_str().unwrap_or("ERROR").to_owned();
            let fields = match value["fields"].take() {
                Value::Null => serde_json::json!({ "message": text }),
                fields => fields,
            };
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Line { level, fields });
        }
    }

    fn find(&self, message: &str, wanted: impl Fn(&Value) -> bool) -> Option<Line> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().find(|line| line.fields["message"] == message && wanted(&line.fields)).cloned()
    }

    fn end(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().rev().take(3).rev().map(|line| line.fields.to_string()).collect::<Vec<_>>().join("\n")
    }
}

//! The node: an anvil process on a private loopback port that never outlives us.
//!
//! A parent that is killed runs no destructor, so anvil is started under a small shell that holds the read end of a pipe
//! whose write end is ours: the operating system closes it however we die, and the shell then ends anvil. This needs
//! nothing beyond POSIX sh, hence works on Linux and macOS alike.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::{Instant, timeout_at},
};

/// Chain id of every devnet, forked or not: keys that are accepted here are accepted nowhere else.
pub const CHAIN_ID: u64 = 31_337;

/// A cold start takes a quarter of a second; a fork first asks its remote node.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// Long enough to write a state dump.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
/// What is kept of anvil's error output for the message of a failed start.
const STDERR_LINES: usize = 20;

/// `$@` is anvil and its arguments. `cat` ends when our end of the pipe closes; anvil ignores SIGINT as a background job, hence TERM.
/// The states of past blocks go to a directory that is removed with the node: anvil leaves them behind when it is told to stop.
const SUPERVISOR: &str = r#"
states=$(mktemp -d) || exit 1
exec 3<&0
"$@" --cache-path "$states" 3<&- </dev/null &
node=$!
{
    cat <&3 >/dev/null
    kill -TERM "$node"
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        kill -0 "$node" || exit 0
        sleep 1
    done
    kill -KILL "$node"
} 2>/dev/null >/dev/null &
watcher=$!
exec 3<&- 0</dev/null
wait "$node"
status=$?
kill "$watcher" 2>/dev/null
rm -rf "$states"
exit "$status"
"#;

/// anvil could not be started, or did not stop.
#[derive(Debug, thiserror::Error)]
pub enum AnvilError {
    /// No binary for this platform.
    #[error("anvil is not at {0}; run `make setup` in the project root")]
    Missing(PathBuf),
    /// No published binary for this platform.
    #[error("there is no anvil package for {os} on {cpu}; supported are linux and macos on x86_64 and aarch64")]
    Platform {
        /// Operating system.
        os: &'static str,
        /// Processor.
        cpu: &'static str,
    },
    /// The process could not be run.
    #[error("anvil could not be run: {0}")]
    Io(#[from] std::io::Error),
    /// It ended before it listened.
    #[error("anvil ended before it was ready; its last words: {0}")]
    Ended(String),
    /// It did not listen in time.
    #[error("anvil did not listen within {seconds} s; its last words: {last_words}")]
    Slow {
        /// How long was waited.
        seconds: u64,
        /// Its error output.
        last_words: String,
    },
}

/// How to start the node.
#[derive(Clone, Debug, Default)]
pub struct AnvilOptions {
    /// Folder that holds `node_modules`.
    pub project_root: PathBuf,
    /// Loopback port; 0 lets the system choose.
    pub port: u16,
    /// JSON-RPC endpoint whose state the chain continues.
    pub fork_url: Option<String>,
    /// Block to fork from; the head when absent.
    pub fork_block: Option<u64>,
    /// State to start from, as written by `dump_state`.
    pub load_state: Option<PathBuf>,
    /// File to write the state to when the node stops.
    pub dump_state: Option<PathBuf>,
    /// Timestamp of the genesis block in seconds since the epoch; now when absent.
    pub genesis_timestamp: Option<u64>,
    /// Blocks whose state is kept; thousands when absent, most of them on disk.
    pub kept_states: Option<u32>,
}

/// A running node. Dropping it stops the process without waiting for it.
#[derive(Debug)]
pub struct Anvil {
    process: Child,
    /// Closing this is what stops the node.
    lifeline: Option<ChildStdin>,
    url: String,
}

/// Path of the native binary below `project_root` for this operating system and processor.
///
/// # Errors
/// [`AnvilError::Platform`] where no package exists, [`AnvilError::Missing`] where it is not installed.
pub fn anvil_binary(project_root: &Path) -> Result<PathBuf, AnvilError> {
    let (os, cpu) = (std::env::consts::OS, std::env::consts::ARCH);
    let platform = match (os, cpu) {
        ("linux", "x86_64") => "linux-amd64",
        ("linux", "aarch64") => "linux-arm64",
        ("macos", "x86_64") => "darwin-amd64",
        ("macos", "aarch64") => "darwin-arm64",
        _ => return Err(AnvilError::Platform { os, cpu }),
    };
    let path = project_root.join(format!("node_modules/@foundry-rs/anvil-{platform}/bin/anvil"));
    if path.is_file() { Ok(path) } else { Err(AnvilError::Missing(path)) }
}

impl Anvil {
    /// Starts the node and waits until it listens.
    ///
    /// # Errors
    /// Any [`AnvilError`]; the process is gone then.
    pub async fn start(options: &AnvilOptions) -> Result<Self, AnvilError> {
        let binary = anvil_binary(&options.project_root)?;
        let mut process = Command::new("sh")
            .args(["-c", SUPERVISOR, "anvil-supervisor"])
            .arg(binary)
            .args(arguments(options))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C in a terminal goes to the whole foreground group; the node must outlive it until we have shut down in order.
            .process_group(0)
            .spawn()?;
        let lifeline = process.stdin.take();
        let last_words = LastWords::default();
        if let Some(stderr) = process.stderr.take() {
            tokio::spawn(last_words.clone().collect(BufReader::new(stderr).lines()));
        }
        let Some(stdout) = process.stdout.take() else { return Err(AnvilError::Ended(last_words.text())) };
        let mut lines = BufReader::new(stdout).lines();
        let url = listening_url(&mut lines, &last_words).await?;
        // The pipe must be drained or a chatty node would block on it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { process, lifeline, url })
    }

    /// `http://127.0.0.1:<port>` of the node itself, which shows what the public endpoint hides: hand it to nobody.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Stops the node, writing its state dump if one was asked for, and waits until it is gone.
    ///
    /// # Errors
    /// [`AnvilError::Io`] if the process cannot be waited for.
    pub async fn stop(mut self) -> Result<(), AnvilError> {
        drop(self.lifeline.take());
        match tokio::time::timeout(STOP_TIMEOUT, self.process.wait()).await {
            Ok(status) => status.map(drop)?,
            Err(_) => self.process.kill().await?,
        }
        Ok(())
    }
}

fn arguments(options: &AnvilOptions) -> Vec<String> {
    let mut arguments: Vec<String> =
        ["--host", "127.0.0.1", "--no-mining", "--order", "fifo", "--hardfork", "prague", "--color", "never"]
            .map(str::to_owned)
            .into();
    arguments.extend(["--port".into(), options.port.to_string(), "--chain-id".into(), CHAIN_ID.to_string()]);
    // A bundle may fund the sender of its next transaction; public transactions are checked before they come here.
    arguments.push("--disable-pool-balance-checks".into());
    let mut option =
        |name: &str, value: Option<String>| arguments.extend(value.into_iter().flat_map(|v| [name.to_owned(), v]));
    option("--fork-url", options.fork_url.clone());
    option("--fork-block-number", options.fork_block.map(|n| n.to_string()));
    option("--load-state", options.load_state.as_ref().map(|p| p.display().to_string()));
    option("--dump-state", options.dump_state.as_ref().map(|p| p.display().to_string()));
    option("--timestamp", options.genesis_timestamp.map(|t| t.to_string()));
    option("--prune-history", options.kept_states.map(|n| n.to_string()));
    arguments
}

/// Reads the start-up banner to its end, which names the port the system chose.
async fn listening_url(
    lines: &mut Lines<BufReader<ChildStdout>>,
    last_words: &LastWords,
) -> Result<String, AnvilError> {
    let deadline = Instant::now() + START_TIMEOUT;
    loop {
        match timeout_at(deadline, lines.next_line()).await {
            Err(_) => return Err(AnvilError::Slow { seconds: START_TIMEOUT.as_secs(), last_words: last_words.text() }),
            Ok(Ok(Some(line))) => {
                if let Some(address) = line.trim().strip_prefix("Listening on ") {
                    return Ok(format!("http://{address}"));
                }
            }
            Ok(Ok(None) | Err(_)) => {
                // Its error output arrives on another pipe, an instant later.
                tokio::time::sleep(Duration::from_millis(100)).await;
                return Err(AnvilError::Ended(last_words.text()));
            }
        }
    }
}

/// The last lines of anvil's error output.
#[derive(Clone, Default)]
struct LastWords(Arc<Mutex<Vec<String>>>);

impl LastWords {
    async fn collect<R: AsyncRead + Unpin>(self, mut lines: Lines<BufReader<R>>) {
        while let Ok(Some(line)) = lines.next_line().await {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() == STDERR_LINES {
                kept.remove(0);
            }
            kept.push(line);
        }
    }

    fn text(&self) -> String {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_empty() { "(none)".into() } else { kept.join("\n") }
    }
}

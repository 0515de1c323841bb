//! Log lines, on standard error.

use clap::ValueEnum;
use std::{
    env, fs,
    io::{self, IsTerminal, Stderr, Write},
    os::unix::fs::MetadataExt,
};
use tracing::{Level, Metadata};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For a person
    Text,
    /// One object per line: timestamp, level, target, fields
    Json,
}

/// What is shown if `RUST_LOG` does not say otherwise.
const DEFAULT_FILTER: &str = "warn,ballast=info";
/// Libraries that would log whole requests, in which providers and KMS have their keys, whatever `RUST_LOG` asks for.
const QUIET: [&str; 11] = [
    "alloy_transport=warn",
    "alloy_rpc_client=warn",
    "aws_config=warn",
    "aws_runtime=warn",
    "aws_sdk_kms=warn",
    "aws_sigv4=warn",
    "aws_smithy_runtime=warn",
    "h2=warn",
    "hyper=warn",
    "hyper_util=warn",
    "reqwest=warn",
];

/// `RUST_LOG` chooses what is logged.
pub(crate) fn init(format: Option<Format>) {
    let filter = QUIET.iter().filter_map(|directive| directive.parse().ok()).fold(
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER)),
        EnvFilter::add_directive,
    );
    let journal = is_journal();
    let builder = tracing_subscriber::fmt().with_env_filter(filter);
    match format.unwrap_or(if journal { Format::Json } else { Format::Text }) {
        Format::Json => builder.json().with_writer(Lines { prefixed: journal }).init(),
        Format::Text => builder
            .with_ansi(!journal && io::stderr().is_terminal())
            .with_target(false)
            .with_writer(Lines { prefixed: journal })
            .init(),
    }
}

/// Whether standard error is the stream that the journal reads. A child of a service inherits the variable with a standard error of its
/// own, so it names device and inode (systemd.exec(5)).
fn is_journal() -> bool {
    let Ok(stream) = env::var("JOURNAL_STREAM") else { return false };
    let own = fs::metadata("/proc/self/fd/2").map(|file| format!("{}:{}", file.dev(), file.ino()));
    own.is_ok_and(|own| own == stream)
}

/// Standard error, with the level in front of each line where the journal takes it off again (sd-daemon(3)).
struct Lines {
    prefixed: bool,
}

struct Line {
    stderr: Stderr,
    prefix: &'static str,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line;

    fn make_writer(&'a self) -> Self::Writer {
        Line { stderr: io::stderr(), prefix: "" }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Self::Writer {
        let prefix = if self.prefixed { priority(*metadata.level()) } else { "" };
        Line { stderr: io::stderr(), prefix }
    }
}

impl Write for Line {
    /// The subscriber hands over a whole line at once.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut stderr = self.stderr.lock();
        stderr.write_all(&[self.prefix.as_bytes(), line].concat())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stderr.flush()
    }
}

/// The priorities of syslog(3).
fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "<3>",
        Level::WARN => "<4>",
        Level::INFO => "<6>",
        Level::DEBUG | Level::TRACE => "<7>",
    }
}

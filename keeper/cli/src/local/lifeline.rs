//! Processes that do not outlive this one, however it ends.
//!
//! A process that is killed runs no destructor, so a small shell stands beside each child and holds the read end of a pipe whose write
//! end is ours: the operating system closes it however we die, and the shell then kills the child. POSIX sh is all it needs.

use eyre::{OptionExt, WrapErr};
use std::process::Stdio;
use tokio::process::{Child, Command};

/// `$1` is the child.
const WATCH: &str = r#"cat > /dev/null; kill -KILL "$1" 2> /dev/null"#;

/// Kills a child when we are gone. To be dropped before the child is waited for: a process id that is free again may be another's.
#[derive(Debug)]
pub(super) struct Lifeline(#[allow(dead_code, reason = "held for its standard input")] Child);

impl Lifeline {
    pub(super) fn of(child: &Child) -> eyre::Result<Self> {
        let id = child.id().ok_or_eyre("a process that has ended needs no lifeline")?;
        let watch = Command::new("sh")
            .args(["-c", WATCH, "lifeline", &id.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // What a terminal's Ctrl-C ends must not be the watch before the child.
            .process_group(0)
            .kill_on_drop(true)
            .spawn();
        Ok(Self(watch.wrap_err("cannot run sh")?))
    }
}

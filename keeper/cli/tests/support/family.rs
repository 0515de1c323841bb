//! What a process starts, and whether all of it ends with it.

use super::until;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::process::Command;

/// Every process that descends from one, with its command, as seen while it runs.
#[derive(Debug)]
pub struct Family {
    seen: Arc<Mutex<BTreeMap<u32, String>>>,
    watch: tokio::task::JoinHandle<()>,
}

impl Family {
    pub fn of(parent: u32) -> Self {
        let seen: Arc<Mutex<BTreeMap<u32, String>>> = Arc::default();
        let shared = seen.clone();
        let watch = tokio::spawn(async move {
            let mut members = BTreeSet::from([parent]);
            loop {
                for (id, (parent, command)) in processes().await {
                    if members.contains(&parent) {
                        members.insert(id);
                        shared.lock().unwrap().insert(id, command);
                    }
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        Self { seen, watch }
    }

    pub fn has_anvil(&self) -> bool {
        self.has("anvil")
    }

    /// Whether a member's command had this in its name.
    pub fn has(&self, name: &str) -> bool {
        self.seen.lock().unwrap().values().any(|command| command.contains(name))
    }

    /// Waits until none of them is left; their parent has gone.
    pub async fn ends(self) {
        self.watch.abort();
        assert!(self.has_anvil(), "the node was never seen, so nothing is shown: {:?}", self.seen);
        let seen = self.seen.lock().unwrap().clone();
        until("its processes to end", async || {
            let running = processes().await;
            let same = |(id, command): (&u32, &String)| running.get(id).is_some_and(|(_, now)| now == command);
            (!seen.iter().any(same)).then_some(())
        })
        .await;
    }
}

/// Parent and command by process id.
async fn processes() -> BTreeMap<u32, (u32, String)> {
    let output = Command::new("ps").args(["-A", "-o", "pid=,ppid=,stat=,comm="]).output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let row = |line: &str| {
        let mut words = line.split_whitespace();
        let (id, parent) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        // A zombie has ended; its parent has only not asked yet.
        let alive = !words.next()?.starts_with('Z');
        alive.then(|| (id, (parent, words.collect::<Vec<_>>().join(" "))))
    };
    text.lines().filter_map(row).collect()
}

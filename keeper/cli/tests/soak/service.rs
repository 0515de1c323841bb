//! The keeper's process: started, killed, started again as a service manager would, and weighed.

use crate::support::{Keeper, Running};
use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::PathBuf,
};

/// What the process holds at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Chain seconds since the start of the soak.
    pub(crate) at: u64,
    /// KiB, `VmRSS` of /proc/<pid>/status.
    pub(crate) resident: u64,
    /// Entries of /proc/<pid>/fd.
    pub(crate) descriptors: usize,
}

pub(crate) struct Service {
    keeper: Keeper,
    folder: PathBuf,
    running: Option<Running>,
    /// Of the life that goes on.
    pub(crate) samples: Vec<Sample>,
    table: File,
    pub(crate) kills: u64,
    /// Times that it ended by itself, which a service manager answers with another start.
    pub(crate) gave_up: u64,
}

impl Service {
    pub(crate) fn new(keeper: Keeper, folder: PathBuf) -> Self {
        let mut table = File::create(folder.join("samples.csv")).unwrap();
        writeln!(table, "life,chain_seconds,resident_kib,descriptors").unwrap();
        Self { keeper, folder, running: None, samples: Vec::new(), table, kills: 0, gave_up: 0 }
    }

    pub(crate) fn start(&mut self) {
        let log = OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        self.samples.clear();
        self.running = Some(self.keeper.spawn_logging_to(log, &["run"]));
    }

    /// Whether it runs. If it has ended by itself, that is counted.
    pub(crate) fn runs(&mut self) -> bool {
        let ended = self.running.as_mut().is_some_and(Running::has_ended);
        if ended {
            self.running = None;
            self.gave_up += 1;
        }
        self.running.is_some()
    }

    /// SIGKILL.
    pub(crate) async fn kill(&mut self) {
        if self.runs()
            && let Some(running) = self.running.take()
        {
            running.kill().await;
            self.kills += 1;
        }
    }

    pub(crate) fn weigh(&mut self, at: u64) {
        let Some(running) = &self.running else { return };
        let process = PathBuf::from(format!("/proc/{}", running.id()));
        // Gone since the last look: it is started again at the next.
        let Ok(status) = fs::read_to_string(process.join("status")) else { return };
        let Some(resident) = status.lines().find_map(|line| line.strip_prefix("VmRSS:")) else { return };
        let Ok(descriptors) = fs::read_dir(process.join("fd")) else { return };
        let resident = resident.trim().trim_end_matches(" kB").parse().unwrap();
        let sample = Sample { at, resident, descriptors: descriptors.count() };
        writeln!(self.table, "{},{at},{resident},{}", self.kills + self.gave_up, sample.descriptors).unwrap();
        self.samples.push(sample);
    }

    /// SIGTERM, and what it ended with.
    pub(crate) async fn stop(&mut self) -> Option<i32> {
        self.running.take().unwrap().terminate("TERM").await.code
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("keeper.log")
    }
}

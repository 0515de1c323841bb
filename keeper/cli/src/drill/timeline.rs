//! What happened when: the steps of an incident, each held against the time it may take.
//!
//! A bound is in blocks, or in seconds of the chain's time. What the clock on the wall says is told and decides nothing: it is this
//! machine's.

use alloy::{
    eips::BlockNumberOrTag,
    providers::{DynProvider, Provider},
};
use clap::ValueEnum;
use eyre::{OptionExt, ensure};
use serde::Serialize;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

/// How bad it is (SPEC G3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
pub(crate) enum Level {
    /// Money is being lost, or the asset is not worth what it says
    #[value(name = "P0", alias = "p0")]
    P0,
    /// Nobody keeps the vault, or a key is in other hands
    #[value(name = "P1", alias = "p1")]
    P1,
    /// One venue is not what it was
    #[value(name = "P2", alias = "p2")]
    P2,
    /// A part that there is another of has failed
    #[value(name = "P3", alias = "p3")]
    P3,
}

impl Level {
    /// Seconds from the incident until it must be over (SPEC G3).
    pub(crate) const fn target(self) -> u64 {
        match self {
            Self::P0 => 15 * 60,
            Self::P1 => 60 * 60,
            Self::P2 => 4 * 60 * 60,
            Self::P3 => 24 * 60 * 60,
        }
    }
}

/// Seconds within which an incident is confirmed (SPEC G3).
pub(crate) const CONFIRM: Bound = Bound::Seconds(5 * 60);
/// Seconds within which people are told: the keeper's warning is in the journal (SPEC G3).
pub(crate) const NOTIFY: Bound = Bound::Seconds(30 * 60);

/// How long after the incident a step may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bound {
    Blocks(u64),
    /// Of the chain's time.
    Seconds(u64),
}

impl Bound {
    const fn holds(self, blocks: u64, seconds: u64) -> bool {
        match self {
            Self::Blocks(bound) => blocks <= bound,
            Self::Seconds(bound) => seconds <= bound,
        }
    }
}

/// Who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Who {
    World,
    Keeper,
    Standby,
    Operator,
    Guardian,
    Anyone,
    Depositor,
}

impl Who {
    const fn name(self) -> &'static str {
        match self {
            Self::World => "",
            Self::Keeper => "keeper",
            Self::Standby => "standby",
            Self::Operator => "operator",
            Self::Guardian => "guardian",
            Self::Anyone => "anyone",
            Self::Depositor => "depositor",
        }
    }
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Step {
    pub(crate) who: Who,
    pub(crate) what: String,
    pub(crate) block: u64,
    /// After the incident.
    pub(crate) blocks: u64,
    /// Of the chain's time, after the incident.
    pub(crate) seconds: u64,
    /// On this machine's clock, after the incident.
    pub(crate) wall_ms: u64,
    /// None for what the incident itself is.
    pub(crate) within: Option<Bound>,
}

/// An incident and what followed. The first step is the incident.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Incident {
    pub(crate) level: Level,
    pub(crate) title: &'static str,
    /// Seconds of the chain's time in which it must be over.
    pub(crate) target: u64,
    pub(crate) steps: Vec<Step>,
}

/// Incidents with what is known of them so far.
pub(crate) type Incidents = Arc<Mutex<Vec<Incident>>>;

/// An incident under way.
#[derive(Debug)]
pub(crate) struct Timeline {
    incidents: Incidents,
    /// Its place among them.
    place: usize,
    target: u64,
    block: u64,
    rpc: DynProvider,
    began: Instant,
    /// Of its first step's block, seconds since the epoch.
    timestamp: u64,
    /// Steps are printed as they happen.
    aloud: bool,
}

impl Timeline {
    /// It happens in a block, now.
    pub(crate) async fn begin(
        rpc: DynProvider,
        incidents: &Incidents,
        incident: Incident,
        (what, block): (String, u64),
        aloud: bool,
    ) -> eyre::Result<Self> {
        let timestamp = time_of(&rpc, block).await?;
        let Incident { level, title, target, .. } = incident;
        if aloud {
            crate::output::say(format_args!("\n{level:?}: {title}; to be over within {}", duration(target)))?;
            crate::output::say(format_args!("  {:>7} {:>11} {:>8}  {:<10} what", "blocks", "chain", "here", "who"))?;
        }
        let place = {
            let mut told = incidents.lock().unwrap_or_else(PoisonError::into_inner);
            told.push(incident);
            told.len() - 1
        };
        let incidents = incidents.clone();
        let timeline = Self { incidents, place, target, block, rpc, began: Instant::now(), timestamp, aloud };
        timeline.write(Step { who: Who::World, what, block, blocks: 0, seconds: 0, wall_ms: 0, within: None })?;
        Ok(timeline)
    }

    /// A step that has been seen to happen in, or at the time of, `block`.
    ///
    /// # Errors
    /// If that was too late.
    pub(crate) async fn step(&self, who: Who, what: impl Into<String>, block: u64, within: Bound) -> eyre::Result<()> {
        let blocks = block.checked_sub(self.block).ok_or_eyre("a step before the incident")?;
        let seconds = time_of(&self.rpc, block).await?.saturating_sub(self.timestamp);
        let wall_ms = u64::try_from(self.began.elapsed().as_millis())?;
        let what = what.into();
        let step = Step { who, what, block, blocks, seconds, wall_ms, within: Some(within) };
        self.write(step.clone())?;
        ensure!(
            within.holds(blocks, seconds),
            "too late: {} came {blocks} blocks ({seconds} s) after it, expected {within:?}",
            step.what
        );
        Ok(())
    }

    /// The last step: it is over, which the level bounds.
    pub(crate) async fn over(&self, who: Who, what: impl Into<String>, block: u64) -> eyre::Result<()> {
        self.step(who, what, block, self.in_time()).await
    }

    /// What bounds the whole of it.
    pub(crate) const fn in_time(&self) -> Bound {
        Bound::Seconds(self.target)
    }

    fn write(&self, step: Step) -> eyre::Result<()> {
        if self.aloud {
            let (chain, here) = (duration(step.seconds), step.wall_ms as f64 / 1_000.0);
            let within = match step.within {
                None => String::new(),
                Some(Bound::Blocks(0)) => " (in the same block)".to_owned(),
                Some(Bound::Blocks(1)) => " (in the next block)".to_owned(),
                Some(Bound::Blocks(blocks)) => format!(" (within {blocks} blocks)"),
                Some(Bound::Seconds(seconds)) => format!(" (within {})", duration(seconds)),
            };
            let (blocks, who) = (format!("+{}", step.blocks), step.who.name());
            crate::output::say(format_args!(
                "  {blocks:>7} {chain:>11} {here:>6.1} s  {who:<10} {}{within}",
                step.what
            ))?;
        }
        if let Some(incident) = self.incidents.lock().unwrap_or_else(PoisonError::into_inner).get_mut(self.place) {
            incident.steps.push(step);
        }
        Ok(())
    }
}

async fn time_of(rpc: &DynProvider, block: u64) -> eyre::Result<u64> {
    let header = rpc.get_block_by_number(BlockNumberOrTag::Number(block)).await?;
    Ok(header.ok_or_else(|| eyre::eyre!("the chain has no block {block}"))?.header.timestamp)
}

/// Seconds as a person says them.
pub(crate) fn duration(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        120..7_200 => format!("{} min {} s", seconds / 60, seconds % 60),
        7_200..172_800 => format!("{:.1} h", seconds as f64 / 3_600.0).replace(".0 ", " "),
        _ => format!("{:.1} days", seconds as f64 / 86_400.0).replace(".0 ", " "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_may_come_at_its_bound_and_not_after_it() {
        assert!(Bound::Blocks(1).holds(1, 999) && !Bound::Blocks(1).holds(2, 0));
        assert!(Bound::Seconds(300).holds(25, 300) && !Bound::Seconds(300).holds(0, 301));
    }

    // SPEC G3
    #[test]
    fn each_level_has_the_time_that_was_promised() {
        let promised = [Level::P0, Level::P1, Level::P2, Level::P3].map(Level::target).map(duration);
        assert_eq!(promised, ["15 min", "60 min", "4 h", "24 h"]);
        assert_eq!((CONFIRM, NOTIFY), (Bound::Seconds(300), Bound::Seconds(1_800)));
        assert_eq!([12, 312, 604_812].map(duration), ["12 s", "5 min 12 s", "7 days"]);
    }
}

//! What happened: hours in which something never happens say nothing about it.

use crate::schedule::Event;
use ballast_store::{Attempt, State, Transition};
use std::{collections::BTreeMap, fmt};

#[derive(Clone, Debug, Default)]
pub(crate) struct Census {
    pub(crate) blocks: u64,
    events: BTreeMap<&'static str, u64>,
    /// States in which an attempt was when the process was killed for its sake.
    killed: BTreeMap<State, u64>,
    /// Acts of the market that it refused, such as a loan while the feed was silent.
    pub(crate) refused_acts: u64,
    /// Most blocks that an attempt was under way.
    pub(crate) longest_attempt: u64,
    pub(crate) kills: u64,
    pub(crate) gave_up: u64,
    pub(crate) decisions: u64,
    pub(crate) rebalances: u64,
    pub(crate) calls: u64,
    ended: BTreeMap<State, u64>,
    reorganised: u64,
    found_late: u64,
    pub(crate) weight: String,
}

impl Census {
    pub(crate) fn event(&mut self, event: &Event) {
        let name = match event {
            Event::Kill => "kills",
            Event::Reorganise { .. } => "reorganisations",
            Event::Rpc { .. } => "RPC faults",
            Event::Relay { .. } => "relay faults",
            Event::Kms { .. } => "KMS faults",
            Event::BaseFee(_) => "base fee jumps",
            Event::Hurry { .. } => "hurries",
            Event::FeedSilent { .. } => "silent feeds",
            Event::Prices { .. } => "prices",
            Event::Debt { .. } => "rate changes",
            Event::Deposit { .. } | Event::Redeem => "deposits and redemptions",
        };
        *self.events.entry(name).or_default() += 1;
    }

    pub(crate) fn killed_at(&mut self, state: State) {
        *self.killed.entry(state).or_default() += 1;
    }

    pub(crate) fn attempt(&mut self, attempt: &Attempt, steps: &[Transition]) {
        *self.ended.entry(attempt.state).or_default() += 1;
        for step in steps {
            match (step.from, step.to) {
                (Some(State::Included), State::Submitted) => self.reorganised += 1,
                (Some(from), State::Submitted) if from.is_settled() => self.found_late += 1,
                _ => {}
            }
        }
    }
}

impl fmt::Display for Census {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |counts: &BTreeMap<State, u64>| {
            counts.iter().map(|(state, count)| format!("{count} {state}")).collect::<Vec<_>>().join(", ")
        };
        let events: Vec<_> = self.events.iter().map(|(name, count)| format!("{count} {name}")).collect();
        let Self { blocks, decisions, rebalances, calls, reorganised, found_late, .. } = self;
        write!(
            f,
            "{blocks} blocks, {decisions} decisions, {rebalances} rebalances, {calls} calls; attempts: {}; \
             {reorganised} reorganised away, {found_late} found late, at most {} blocks under way; {} kills ({} aimed: {}), \
             {} starts after it ended by itself; {}, {} acts of the market refused; {}",
            list(&self.ended),
            self.longest_attempt,
            self.kills,
            self.killed.values().sum::<u64>(),
            list(&self.killed),
            self.gave_up,
            events.join(", "),
            self.refused_acts,
            self.weight,
        )
    }
}

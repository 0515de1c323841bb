//! What happened in the runs: a simulation in which something never happens says nothing about it.

use crate::scenario::Run;
use ballast_executor::State;
use ballast_store::{Store, Subject};
use std::{collections::BTreeMap, fmt};

#[derive(Clone, Debug, Default)]
pub(crate) struct Census {
    pub(crate) crashes: u64,
    /// Attempts that ended so.
    ended: BTreeMap<State, u64>,
    /// Steps from included back to submitted.
    reorganised: u64,
    /// Attempts that waited for the Safe, and of those the ones that landed.
    awaited: u64,
    approved: u64,
    /// Calls without a decision that landed.
    calls: u64,
    /// Attempts that had been written off and were on the chain all the same.
    found_late: u64,
    /// Transactions that were withdrawn from the relay.
    withdrawn: u64,
    /// Writes that failed.
    pub(crate) failed_writes: u64,
}

impl Census {
    pub(crate) async fn count(&mut self, run: &Run, store: &Store) {
        for record in run.records() {
            let subject = Subject::Decision(record.hash().unwrap());
            for attempt in store.attempts(subject).await.unwrap() {
                *self.ended.entry(attempt.state).or_default() += 1;
                if attempt.facts.approval.is_some() {
                    self.awaited += 1;
                    self.approved += u64::from(attempt.state == State::Final);
                }
                for step in store.transitions(attempt.id).await.unwrap() {
                    match (step.from, step.to) {
                        (Some(State::Included), State::Submitted) => self.reorganised += 1,
                        (Some(from), State::Submitted) if from.is_settled() => self.found_late += 1,
                        _ => {}
                    }
                }
            }
        }
        for call in store.calls(1_000).await.unwrap() {
            let attempts = store.attempts(Subject::Call(call.id)).await.unwrap();
            self.calls += u64::from(attempts.iter().any(|attempt| attempt.state == State::Final));
        }
        self.withdrawn += run.network.with(|world| world.withdrawn);
        self.failed_writes += run.disk.failed_writes();
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.crashes += other.crashes;
        self.reorganised += other.reorganised;
        self.found_late += other.found_late;
        self.awaited += other.awaited;
        self.calls += other.calls;
        self.approved += other.approved;
        self.withdrawn += other.withdrawn;
        self.failed_writes += other.failed_writes;
        for (state, count) in &other.ended {
            *self.ended.entry(*state).or_default() += count;
        }
    }

    /// What never happened.
    pub(crate) fn missing(&self) -> Vec<String> {
        let ends = [State::Final, State::Reverted, State::Expired, State::Rejected];
        let ends = ends.iter().map(|state| (state.to_string(), self.ended.get(state).copied().unwrap_or_default()));
        let others = [
            ("crashes", self.crashes),
            ("reorganised", self.reorganised),
            ("found late", self.found_late),
            ("awaited the Safe", self.awaited),
            ("calls", self.calls),
            ("approved by the Safe", self.approved),
            ("withdrawn", self.withdrawn),
            ("failed writes", self.failed_writes),
        ];
        let all = ends.chain(others.map(|(name, count)| (name.to_owned(), count)));
        all.filter(|(_, count)| *count == 0).map(|(name, _)| name).collect()
    }
}

impl fmt::Display for Census {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "attempts:")?;
        for (state, count) in &self.ended {
            write!(f, " {count} {state}")?;
        }
        let Self { crashes, reorganised, found_late, withdrawn, failed_writes, awaited, approved, calls, .. } = self;
        write!(
            f,
            "; {crashes} crashes, {reorganised} reorganised away, {found_late} found late, {withdrawn} withdrawn, {failed_writes} failed writes, {approved} of {awaited} landed after the Safe's approval, {calls} calls landed"
        )
    }
}

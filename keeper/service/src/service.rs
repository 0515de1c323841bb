//! The loop of the running service, what it tells the service manager, and how it ends.

use crate::{Cycle, CycleError, Keeper, Supervisor};
use ballast_executor::ExecuteError;
use std::{future::Future, pin::pin, time::Duration};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, sleep},
};

/// Between two looks at the head while nothing is under way.
const HEAD_INTERVAL: Duration = Duration::from_secs(1);
/// The same while no provider answers.
const DOWN_INTERVAL: Duration = Duration::from_secs(5);
/// Signs of life in the time that the service manager waits for one.
const PINGS: u32 = 4;
/// Between two looks at the loop while nobody waits for signs of life.
const UNWATCHED: Duration = Duration::from_secs(3_600);
/// Characters of a hold's reason in the status line.
const STATUS_CHARS: usize = 160;

impl Keeper {
    /// Runs a cycle every `decide_every` blocks until `stop` is ready. What is under way then ends between two states of the outbox; the
    /// next start settles it.
    ///
    /// A cycle that fails is logged and the next one tried: what can be wrong for a moment (a provider, the relay, KMS) must not
    /// end the service. The supervisor gets a sign of life only if the loop made progress since the last one, and from the same
    /// task: a loop that is stuck, in whatever way, gives none.
    ///
    /// # Errors
    /// Only what makes going on pointless: the store is gone.
    pub async fn run(&self, supervisor: &Supervisor, stop: impl Future<Output = ()>) -> Result<(), CycleError> {
        self.look_back().await;
        let control = self.executor.control();
        let _pollers = self.market.start();
        let (stopping, stopped) = watch::channel(false);
        let (watching, serving) = (stopped.clone(), stopped.clone());
        // One task for both: a decision that keeps it from being polled keeps the signs of life from being given.
        let work = async {
            if !self.watches {
                return self.decide_until(stopped, supervisor).await;
            }
            let mut watch = pin!(self.watch_until(watching, supervisor));
            let mut decide = pin!(self.decide_until(stopped, supervisor));
            tokio::select! {
                () = &mut watch => decide.await,
                done = &mut decide => {
                    // A trip that is under way ends as everything does: between two states.
                    if done.is_ok() {
                        watch.await;
                    }
                    done
                }
            }
        };
        // Ends with the word to stop: answers under way are given beside what the cycle still does.
        let (mut work, mut served) = (pin!(work), pin!(self.serve_until(serving)));
        let mut serves = true;
        let mut stop = pin!(stop);
        let mut signs = interval(supervisor.watchdog().map_or(UNWATCHED, |patience| patience / PINGS));
        signs.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut seen = None;
        supervisor.ready();
        loop {
            tokio::select! {
                done = &mut work => {
                    stopping.send_replace(true);
                    if serves {
                        served.await;
                    }
                    return done;
                }
                () = &mut served, if serves => serves = false,
                () = &mut stop, if !control.is_stopping() => {
                    supervisor.stopping();
                    control.stop();
                    stopping.send_replace(true);
                }
                _ = signs.tick() => {
                    // Both must have moved, unless the watcher waits for the executor.
                    let beats = (control.beats(), self.watcher.beats());
                    let stands = |last: (u64, Option<u64>)| {
                        beats.0 == last.0 || (self.watches && beats.1.is_some() && beats.1 == last.1)
                    };
                    if !seen.is_some_and(stands) {
                        supervisor.alive();
                        seen = Some(beats);
                    }
                }
            }
        }
    }

    async fn decide_until(
        &self,
        mut stopped: watch::Receiver<bool>,
        supervisor: &Supervisor,
    ) -> Result<(), CycleError> {
        let mut last = None;
        let mut state = self.remembered().await?;
        loop {
            let mut pause = HEAD_INTERVAL;
            match self.observer.pool.head().await {
                Ok(head) if due(last, head.block.number, self.decide_every) => {
                    last = Some(head.block.number);
                    match self.cycle_if_asked(&mut state).await {
                        Ok(None) => {
                            let block = head.block.number;
                            tracing::debug!(block, "no trigger asks for a decision");
                            supervisor.status(&format!("block {block}: no trigger asks for a decision"));
                        }
                        Ok(Some(cycle)) => {
                            report(&cycle);
                            supervisor.status(&status(&cycle));
                        }
                        Err(error @ CycleError::Store(_)) => return Err(error),
                        Err(CycleError::Execute(error @ (ExecuteError::Stopping | ExecuteError::GaveWay))) => {
                            tracing::info!(%error, "the cycle ended early");
                        }
                        Err(error) => {
                            tracing::error!(%error, "the cycle failed; nothing more is sent for it");
                            supervisor.status(&format!("block {}: the cycle failed: {error}", head.block.number));
                        }
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(%error, "no provider answers");
                    supervisor.status(&format!("no provider answers: {error}"));
                    pause = DOWN_INTERVAL;
                }
            }
            self.executor.control().beat();
            tokio::select! {
                // An error would mean that nobody is left to say stop.
                _ = stopped.wait_for(|stopped| *stopped) => return Ok(()),
                () = self.hinted() => last = None,
                () = sleep(pause) => {}
            }
        }
    }
}

/// Whether the head is as far from the block of the last cycle as two cycles should be apart. In either direction: an endpoint that
/// once told of a block far ahead must not silence the keeper until the chain gets there.
fn due(last: Option<u64>, head: u64, decide_every: u64) -> bool {
    last.is_none_or(|last| head.abs_diff(last) >= decide_every)
}

fn report(cycle: &Cycle) {
    let block = cycle.record.snapshot.block.number;
    match &cycle.outcome {
        None => tracing::info!(decision = %cycle.decision_hash, block, "hold"),
        Some(outcome) => tracing::info!(
            decision = %cycle.decision_hash,
            block,
            state = ?outcome.state,
            tx = ?outcome.landing.as_ref().map(|landing| landing.tx_hash),
            reason = outcome.reason.as_deref().unwrap_or(""),
            "rebalance"
        ),
    }
}

/// A cycle on one line, for `systemctl status`.
fn status(cycle: &Cycle) -> String {
    let block = cycle.record.snapshot.block.number;
    match &cycle.outcome {
        None => {
            let gates: Vec<_> = cycle.record.decision.refusals().map(|gate| gate.detail.as_str()).collect();
            let why: String = gates.join("; ").chars().take(STATUS_CHARS).collect();
            format!("block {block}: hold ({why})")
        }
        Some(outcome) => match &outcome.landing {
            Some(landing) => format!("block {block}: rebalance {} in block {}", outcome.state, landing.block_number),
            None if outcome.waits() => format!("block {block}: a move waits for the Safe's approval"),
            None => format!("block {block}: rebalance {}", outcome.state),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SPEC X1
    #[test]
    fn a_cycle_is_due_after_its_blocks_and_when_the_head_was_not_what_it_seemed() {
        assert!(due(None, 0, 25));
        assert!(!due(Some(100), 100, 25) && !due(Some(100), 124, 25) && due(Some(100), 125, 25));
        assert!(!due(Some(100), 99, 25), "a reorganisation by a block is no reason");
        assert!(due(Some(u64::MAX), 126, 25), "an endpoint said the chain was at its end");
    }
}

//! Looks at every block for what is shown, beside the cycles, which look only as often as they decide.

use super::{
    dashboard, risk,
    shown::{Documents, Shown},
};
use crate::{Observer, Scorer, market::Market};
use ballast_chain::Conditions;
use ballast_types::{Doubt, Snapshot};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::time::sleep;

/// Between two looks at the head, and at what is not fresh any more.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// What is needed to follow the chain.
#[derive(Debug)]
pub(super) struct Follower {
    pub(super) observer: Observer,
    pub(super) scorer: Arc<Scorer>,
    pub(super) market: Arc<Market>,
    pub(super) shown: Arc<Shown>,
    /// The watcher's newest.
    pub(super) conditions: Arc<Mutex<Option<Conditions>>>,
}

impl Follower {
    /// Until it is dropped.
    pub(super) async fn run(self) {
        // Apart from each other: an endpoint that does not answer must not keep anything looking fresh.
        let aging = async {
            loop {
                sleep(LOOK_INTERVAL).await;
                self.shown.age().await;
            }
        };
        let looking = async {
            let (mut last, mut silent) = (None, false);
            loop {
                match self.look(&mut last).await {
                    Ok(()) => silent = false,
                    // Said once: the service says the same of its cycles, every time.
                    Err(error) if !silent => {
                        silent = true;
                        tracing::warn!(error, "what the server shows is not renewed");
                    }
                    Err(_) => {}
                }
                sleep(LOOK_INTERVAL).await;
            }
        };
        tokio::join!(aging, looking);
    }

    async fn look(&self, last: &mut Option<alloy::primitives::B256>) -> Result<(), String> {
        let head = self.observer.pool().head().await.map_err(|error| error.to_string())?;
        if *last == Some(head.block.hash) {
            return Ok(());
        }
        let snapshot = self.observer.snapshot().await.map_err(|error| error.to_string())?;
        if let Some(Doubt::RpcDisagreement { detail }) =
            snapshot.doubts.iter().find(|doubt| matches!(doubt, Doubt::RpcDisagreement { .. }))
        {
            return Err(format!("the endpoints do not agree: {detail}"));
        }
        self.show(&snapshot).await?;
        *last = Some(snapshot.block.hash);
        Ok(())
    }

    async fn show(&self, snapshot: &Snapshot) -> Result<(), String> {
        let heard = self.market.heard();
        let policy = self.scorer.judged(snapshot, &heard);
        let states = dashboard::states(snapshot, &policy).map_err(|error| error.to_string())?;
        let conditions = self.conditions.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let remembered = self.shown.memory().and_then(|memory| memory.remembered());
        let document = dashboard::dashboard(snapshot, &policy, conditions.as_ref(), remembered.as_ref());
        let documents = Documents {
            dashboard: serde_json::to_value(document).map_err(|error| error.to_string())?,
            risk: serde_json::to_value(risk::document(snapshot, &self.scorer, &heard))
                .map_err(|error| error.to_string())?,
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        // A development chain's time may be ahead of the clock on the wall.
        let age = Duration::from_secs(now.saturating_sub(snapshot.block.timestamp));
        self.shown.put(states, documents, age).await.map_err(|error| error.to_string())
    }
}

//! What came of each decision after 7 and after 30 days, beside what its alternatives would have brought (SPEC P7).

use super::decimal::Yield;
use super::metrics::FAR;
use super::{History, HistoryError, seconds};
use crate::StoreError;
use crate::sql::Row;
use alloy_primitives::B256;
use std::ops::Range;

/// After how long a decision is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Horizon {
    Week,
    Month,
}

impl Horizon {
    pub const ALL: [Self; 2] = [Self::Week, Self::Month];

    #[must_use]
    pub const fn days(self) -> u64 {
        match self {
            Self::Week => 7,
            Self::Month => 30,
        }
    }

    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.days() * 86_400
    }
}

/// Yields over the horizon, fractions of NAV at the decision, costs included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub decision: B256,
    pub horizon: Horizon,
    /// Unix seconds, not before the horizon is over.
    pub measured_at: u64,
    /// What was earned.
    pub realised: Yield,
    /// What leaving everything where it was would have earned.
    pub hold: Yield,
    /// What the best single venue of the day of the decision would have earned.
    pub best_single: Yield,
    /// What the convex baseline would have earned.
    pub convex: Yield,
}

/// A decision whose outcome at a horizon can be measured and was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Due {
    pub decision: B256,
    pub horizon: Horizon,
    /// Unix seconds of the decision.
    pub decided_at: u64,
}

/// An outcome with the decision that it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Unix seconds of the decision.
    pub decided_at: u64,
    /// Whether something was to be moved.
    pub moved: bool,
    pub outcome: Outcome,
}

impl History {
    /// Notes that a decision was made: `timestamp` is that of its block, `action` `hold` or `rebalance`. The same again changes nothing.
    ///
    /// # Errors
    /// If the database fails, or refuses another action.
    pub async fn index_decision(
        &self,
        hash: B256,
        timestamp: u64,
        block: u64,
        action: &str,
    ) -> Result<(), HistoryError> {
        if !matches!(action, "hold" | "rebalance") {
            let expected = "hold or rebalance".to_owned();
            return Err(HistoryError::OutOfRange { what: "the action", value: action.to_owned(), expected });
        }
        let statement = self.engine.dialect(
            "INSERT INTO decisions (hash, timestamp, block, action) VALUES ($1, $2, $3, $4) ON CONFLICT (hash) DO NOTHING",
            "INSERT INTO decisions (hash, timestamp, block, action) VALUES ($1, to_timestamp($2::bigint), $3, $4)
             ON CONFLICT (hash) DO NOTHING",
        );
        let parameters =
            vec![hash.into(), seconds("timestamp", timestamp)?.into(), seconds("block", block)?.into(), action.into()];
        let mut connection = self.engine.write().await?;
        connection.execute(statement, parameters).await?;
        Ok(connection.commit().await?)
    }

    /// The time of the newest decision that was noted, Unix seconds.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn newest_decision(&self) -> Result<Option<u64>, HistoryError> {
        let statement = self.engine.dialect(
            "SELECT timestamp FROM decisions ORDER BY timestamp DESC LIMIT 1",
            "SELECT extract(epoch FROM timestamp)::bigint FROM decisions ORDER BY timestamp DESC LIMIT 1",
        );
        let found = self.engine.read().await?.fetch_first(statement, vec![]).await?;
        found.map(|mut row| Ok(row.unsigned("timestamp")?)).transpose()
    }

    /// What can be measured at `now` and was not, oldest first: every decision gets a row at each horizon.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn outcomes_due(&self, now: u64) -> Result<Vec<Due>, HistoryError> {
        let statement = self.engine.dialect(
            "SELECT d.hash, d.timestamp FROM decisions d WHERE d.timestamp <= $1
             AND NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.decision = d.hash AND o.horizon_days = $2)
             ORDER BY d.timestamp, d.hash",
            "SELECT d.hash, extract(epoch FROM d.timestamp)::bigint FROM decisions d WHERE d.timestamp <= to_timestamp($1::bigint)
             AND NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.decision = d.hash AND o.horizon_days = $2)
             ORDER BY d.timestamp, d.hash",
        );
        let mut due = Vec::new();
        let mut connection = self.engine.read().await?;
        for horizon in Horizon::ALL {
            let Some(latest) = now.min(FAR).checked_sub(horizon.seconds()) else { continue };
            let parameters = vec![seconds("now", latest)?.into(), seconds("horizon", horizon.days())?.into()];
            for mut row in connection.fetch(statement, parameters).await? {
                due.push(Due { decision: row.hash("hash")?, horizon, decided_at: row.unsigned("timestamp")? });
            }
        }
        due.sort_by_key(|one| (one.decided_at, one.decision, one.horizon));
        Ok(due)
    }

    /// Records an outcome. The same again changes nothing.
    ///
    /// # Errors
    /// [`HistoryError::Unknown`] if the decision was not indexed, [`HistoryError::OutOfRange`] if it was measured before its horizon was over,
    /// [`HistoryError::Conflict`] if another outcome is recorded.
    pub async fn put_outcome(&self, outcome: &Outcome) -> Result<(), HistoryError> {
        let statement = self.engine.dialect(
            "INSERT INTO outcomes (decision, horizon_days, measured_at, realised, hold, best_single, convex)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (decision, horizon_days) DO NOTHING",
            "INSERT INTO outcomes (decision, horizon_days, measured_at, realised, hold, best_single, convex)
             VALUES ($1, $2, to_timestamp($3::bigint), $4::text::numeric, $5::text::numeric, $6::text::numeric, $7::text::numeric)
             ON CONFLICT (decision, horizon_days) DO NOTHING",
        );
        let parameters = vec![
            outcome.decision.into(),
            seconds("horizon", outcome.horizon.days())?.into(),
            seconds("measured_at", outcome.measured_at)?.into(),
            outcome.realised.to_string().into(),
            outcome.hold.to_string().into(),
            outcome.best_single.to_string().into(),
            outcome.convex.to_string().into(),
        ];
        let mut connection = self.engine.write().await?;
        let known = self.engine.dialect(
            "SELECT timestamp FROM decisions WHERE hash = $1",
            "SELECT extract(epoch FROM timestamp)::bigint FROM decisions WHERE hash = $1",
        );
        let unknown = || HistoryError::Unknown { what: "the decision", key: outcome.decision.to_string() };
        let mut decided = connection.fetch_first(known, vec![outcome.decision.into()]).await?.ok_or_else(unknown)?;
        let over = decided.unsigned("timestamp")?.saturating_add(outcome.horizon.seconds());
        if outcome.measured_at < over {
            return Err(HistoryError::OutOfRange {
                what: "the time at which an outcome was measured",
                value: outcome.measured_at.to_string(),
                expected: format!("{over} or later, {} days after the decision", outcome.horizon.days()),
            });
        }
        let new = connection.execute(statement, parameters).await?;
        connection.commit().await?;
        if new == 0 {
            let recorded = self.outcomes(outcome.decision).await?;
            if !recorded.contains(outcome) {
                return Err(HistoryError::Conflict {
                    what: "the outcome of",
                    key: format!("{} after {} days", outcome.decision, outcome.horizon.days()),
                    recorded: format!("{recorded:?}"),
                });
            }
        }
        Ok(())
    }

    /// What is recorded of a decision, by horizon.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn outcomes(&self, decision: B256) -> Result<Vec<Outcome>, HistoryError> {
        let statement = self.engine.dialect(
            "SELECT decision, horizon_days, measured_at, realised, hold, best_single, convex FROM outcomes
             WHERE decision = $1 ORDER BY horizon_days",
            "SELECT decision, horizon_days, extract(epoch FROM measured_at)::bigint, realised::text, hold::text,
             best_single::text, convex::text FROM outcomes WHERE decision = $1 ORDER BY horizon_days",
        );
        let rows = self.engine.read().await?.fetch(statement, vec![decision.into()]).await?;
        rows.into_iter().map(outcome).collect()
    }

    /// The outcomes of all decisions made from `times.start` on and before `times.end`, by the time of the decision.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn judged(&self, times: Range<u64>) -> Result<Vec<Judged>, HistoryError> {
        let statement = self.engine.dialect(
            "SELECT d.timestamp, d.action, o.decision, o.horizon_days, o.measured_at, o.realised, o.hold, o.best_single, o.convex
             FROM outcomes o JOIN decisions d ON d.hash = o.decision
             WHERE d.timestamp >= $1 AND d.timestamp < $2 ORDER BY d.timestamp, d.hash, o.horizon_days",
            "SELECT extract(epoch FROM d.timestamp)::bigint, d.action, o.decision, o.horizon_days,
             extract(epoch FROM o.measured_at)::bigint, o.realised::text, o.hold::text, o.best_single::text, o.convex::text
             FROM outcomes o JOIN decisions d ON d.hash = o.decision
             WHERE d.timestamp >= to_timestamp($1::bigint) AND d.timestamp < to_timestamp($2::bigint)
             ORDER BY d.timestamp, d.hash, o.horizon_days",
        );
        let parameters = vec![seconds("from", times.start.min(FAR))?.into(), seconds("to", times.end.min(FAR))?.into()];
        let rows = self.engine.read().await?.fetch(statement, parameters).await?;
        let judged = |mut row: Row| {
            let (decided_at, moved) = (row.unsigned("timestamp")?, row.text("action")? == "rebalance");
            Ok(Judged { decided_at, moved, outcome: outcome(row)? })
        };
        rows.into_iter().map(judged).collect()
    }
}

fn outcome(mut row: Row) -> Result<Outcome, HistoryError> {
    let (decision, days) = (row.hash("decision")?, row.unsigned("horizon_days")?);
    let horizon = Horizon::ALL.into_iter().find(|horizon| horizon.days() == days);
    Ok(Outcome {
        decision,
        horizon: horizon.ok_or_else(|| StoreError::Row(format!("the horizon of {decision} is {days} days")))?,
        measured_at: row.unsigned("measured_at")?,
        realised: row.text("realised")?.parse()?,
        hold: row.text("hold")?.parse()?,
        best_single: row.text("best_single")?.parse()?,
        convex: row.text("convex")?.parse()?,
    })
}

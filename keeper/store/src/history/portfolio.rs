//! The portfolio over time.

use super::decimal::{Sharpe, Usdc};
use super::metrics::between;
use super::{History, HistoryError, seconds};
use std::collections::BTreeMap;
use std::ops::Range;

/// A row of `portfolio_snapshots`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortfolioSnapshot {
    /// Unix seconds.
    pub timestamp: u64,
    /// NAV.
    pub value: Usdc,
    /// What is where; idle included.
    pub allocations: BTreeMap<String, Usdc>,
    pub realized_pnl: Usdc,
    pub unrealized_pnl: Usdc,
    /// Spent so far, USD.
    pub gas: Usdc,
    pub sharpe: Option<Sharpe>,
}

impl History {
    /// Records a snapshot. The same again changes nothing.
    ///
    /// # Errors
    /// [`HistoryError::Conflict`] if another one is recorded of that time.
    pub async fn put_snapshot(&self, snapshot: &PortfolioSnapshot) -> Result<(), HistoryError> {
        let statement = self.engine.dialect(
            "INSERT INTO portfolio_snapshots (timestamp, value, allocations, realized_pnl, unrealized_pnl, gas, sharpe)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (timestamp) DO NOTHING",
            "INSERT INTO portfolio_snapshots (timestamp, value, allocations, realized_pnl, unrealized_pnl, gas, sharpe)
             VALUES (to_timestamp($1::bigint), $2::text::numeric, $3::text::jsonb, $4::text::numeric, $5::text::numeric, $6::text::numeric, $7::text::numeric)
             ON CONFLICT (timestamp) DO NOTHING",
        );
        // Decimals as text: a JSON number is a float to most readers.
        let allocations: BTreeMap<&str, String> =
            snapshot.allocations.iter().map(|(venue, amount)| (venue.as_str(), amount.to_string())).collect();
        let parameters = vec![
            seconds("timestamp", snapshot.timestamp)?.into(),
            snapshot.value.to_string().into(),
            serde_json::to_string(&allocations).map_err(crate::StoreError::from)?.into(),
            snapshot.realized_pnl.to_string().into(),
            snapshot.unrealized_pnl.to_string().into(),
            snapshot.gas.to_string().into(),
            snapshot.sharpe.map(|value| value.to_string()).into(),
        ];
        let mut connection = self.engine.write().await?;
        let new = connection.execute(statement, parameters).await?;
        connection.commit().await?;
        if new == 0 {
            let recorded = self.snapshots(snapshot.timestamp..snapshot.timestamp.saturating_add(1)).await?;
            if recorded.first() != Some(snapshot) {
                return Err(HistoryError::Conflict {
                    what: "the snapshot of",
                    key: snapshot.timestamp.to_string(),
                    recorded: format!("{recorded:?}"),
                });
            }
        }
        Ok(())
    }

    /// The snapshots of a range of times (half-open, Unix seconds), by time.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn snapshots(&self, times: Range<u64>) -> Result<Vec<PortfolioSnapshot>, HistoryError> {
        let statement = self.engine.dialect(
            "SELECT timestamp, value, allocations, realized_pnl, unrealized_pnl, gas, sharpe FROM portfolio_snapshots
             WHERE timestamp >= $1 AND timestamp < $2 ORDER BY timestamp",
            "SELECT extract(epoch FROM timestamp)::bigint, value::text, allocations::text, realized_pnl::text,
             unrealized_pnl::text, gas::text, sharpe::text FROM portfolio_snapshots
             WHERE timestamp >= to_timestamp($1::bigint) AND timestamp < to_timestamp($2::bigint) ORDER BY timestamp",
        );
        let rows = self.engine.read().await?.fetch(statement, between(times)?).await?;
        rows.into_iter()
            .map(|mut row| {
                let (timestamp, value) = (row.unsigned("timestamp")?, row.text("value")?.parse()?);
                let allocations: BTreeMap<String, String> =
                    serde_json::from_str(&row.text("allocations")?).map_err(crate::StoreError::from)?;
                let allocations = allocations.into_iter().map(|(venue, text)| Ok((venue, text.parse()?)));
                Ok(PortfolioSnapshot {
                    timestamp,
                    value,
                    allocations: allocations.collect::<Result<_, HistoryError>>()?,
                    realized_pnl: row.text("realized_pnl")?.parse()?,
                    unrealized_pnl: row.text("unrealized_pnl")?.parse()?,
                    gas: row.text("gas")?.parse()?,
                    sharpe: row.optional_text("sharpe")?.map(|text| text.parse()).transpose()?,
                })
            })
            .collect()
    }
}

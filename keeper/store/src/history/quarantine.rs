//! Rows that were not taken, with why: nothing that came is lost, and nothing of it is decided by.

use super::{History, HistoryError, seconds};
use crate::sql::{Connection, printable};

/// A row that was refused.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Quarantined {
    /// Where it came from: a file, an endpoint.
    pub origin: String,
    /// The row itself, as text.
    pub content: String,
    pub reason: String,
    /// Unix seconds at which it was refused for the first time.
    pub at: u64,
}

impl History {
    /// Puts rows away that could not even be read: malformed lines, unknown columns. The same row with the same reason is kept once.
    ///
    /// # Errors
    /// If the database fails; then none is there.
    pub async fn quarantine(&self, rows: &[Quarantined]) -> Result<(), HistoryError> {
        let mut connection = self.engine.write().await?;
        for row in rows {
            insert(&mut connection, row).await?;
        }
        Ok(connection.commit().await?)
    }

    /// The newest of them.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn quarantined(&self, limit: u32) -> Result<Vec<Quarantined>, HistoryError> {
        let statement =
            "SELECT origin, content, reason, at FROM quarantine ORDER BY at DESC, origin, content, reason LIMIT $1";
        let rows = self.engine.read().await?.fetch(statement, vec![i64::from(limit).into()]).await?;
        rows.into_iter()
            .map(|mut row| {
                Ok(Quarantined {
                    origin: row.text("origin")?,
                    content: row.text("content")?,
                    reason: row.text("reason")?,
                    at: row.unsigned("at")?,
                })
            })
            .collect()
    }
}

pub(super) async fn insert(connection: &mut Connection, row: &Quarantined) -> Result<(), HistoryError> {
    let statement =
        "INSERT INTO quarantine (origin, content, reason, at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    let parameters = vec![
        printable(&row.origin).into(),
        printable(&row.content).into(),
        printable(&row.reason).into(),
        seconds("at", row.at)?.into(),
    ];
    connection.execute(statement, parameters).await?;
    Ok(())
}

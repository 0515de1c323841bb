//! Alerts: raised once for as long as what they are about goes on and gets no worse, and resolved.

use super::{History, HistoryError, seconds};
use crate::StoreError;
use crate::sql::{Connection, Row, printable};
use std::fmt;

/// Number of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct AlertId(pub i64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Info,
    Warning,
    Critical,
}

impl Severity {
    const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Critical];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl Severity {
    /// The statements spell it the same.
    const fn rank(self) -> u8 {
        match self {
            Self::Info => 0,
            Self::Warning => 1,
            Self::Critical => 2,
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A row of `risk_alerts`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Alert {
    pub id: AlertId,
    /// Unix seconds at which it was raised.
    pub timestamp: u64,
    pub severity: Severity,
    /// What kind: `peg`, `utilisation`, `stale_source` …
    pub kind: String,
    /// Of what: a venue, a series.
    pub subject: String,
    pub message: String,
    /// Unix seconds.
    pub resolved_at: Option<u64>,
}

impl History {
    /// Raises an alert, unless one of this kind about this subject that is as severe or worse is unresolved: then it is that one's number, and
    /// nothing is written. One that was less severe is resolved by the one that takes its place: a warning that has become critical is told
    /// anew, and what has become less grave is not.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn raise_alert(
        &self,
        timestamp: u64,
        severity: Severity,
        kind: &str,
        subject: &str,
        message: &str,
    ) -> Result<AlertId, HistoryError> {
        let escalate = self.engine.dialect(
            "UPDATE risk_alerts SET is_resolved = 1, resolved_at = max(timestamp, $1) WHERE type = $2 AND subject = $3
             AND is_resolved = 0 AND CASE severity WHEN 'info' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END < $4",
            "UPDATE risk_alerts SET is_resolved = true, resolved_at = greatest(timestamp, to_timestamp($1::bigint))
             WHERE type = $2 AND subject = $3
             AND NOT is_resolved AND CASE severity WHEN 'info' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END < $4",
        );
        let escalated = vec![
            seconds("timestamp", timestamp)?.into(),
            kind.into(),
            subject.into(),
            i64::from(severity.rank()).into(),
        ];
        let insert = self.engine.dialect(
            "INSERT INTO risk_alerts (timestamp, severity, type, subject, message) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT DO NOTHING",
            "INSERT INTO risk_alerts (timestamp, severity, type, subject, message)
             VALUES (to_timestamp($1::bigint), $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        );
        let parameters = vec![
            seconds("timestamp", timestamp)?.into(),
            severity.name().into(),
            kind.into(),
            subject.into(),
            printable(message).into(),
        ];
        let mut connection = self.engine.write().await?;
        connection.execute(escalate, escalated).await?;
        connection.execute(insert, parameters).await?;
        let id = unresolved_id(
            self.engine.dialect(
                "SELECT id FROM risk_alerts WHERE type = $1 AND subject = $2 AND is_resolved = 0",
                "SELECT id FROM risk_alerts WHERE type = $1 AND subject = $2 AND NOT is_resolved",
            ),
            &mut connection,
            kind,
            subject,
        )
        .await?;
        connection.commit().await?;
        Ok(id)
    }

    /// Resolves an alert; one that is resolved stays as it is.
    ///
    /// # Errors
    /// [`HistoryError::Unknown`] if there is none of this number.
    pub async fn resolve_alert(&self, id: AlertId, at: u64) -> Result<(), HistoryError> {
        let update = self.engine.dialect(
            "UPDATE risk_alerts SET is_resolved = 1, resolved_at = $2 WHERE id = $1 AND is_resolved = 0",
            "UPDATE risk_alerts SET is_resolved = true, resolved_at = to_timestamp($2::bigint) WHERE id = $1 AND NOT is_resolved",
        );
        let mut connection = self.engine.write().await?;
        if connection.execute(update, vec![id.0.into(), seconds("at", at)?.into()]).await? == 0 {
            let there = connection.fetch_first("SELECT id FROM risk_alerts WHERE id = $1", vec![id.0.into()]).await?;
            there.ok_or_else(|| HistoryError::Unknown { what: "the alert", key: id.0.to_string() })?;
        }
        Ok(connection.commit().await?)
    }

    /// The unresolved ones, newest first.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn unresolved_alerts(&self) -> Result<Vec<Alert>, HistoryError> {
        let statement = self.engine.dialect(
            "SELECT id, timestamp, severity, type, subject, message, resolved_at FROM risk_alerts
             WHERE is_resolved = 0 ORDER BY timestamp DESC, id DESC",
            "SELECT id, extract(epoch FROM timestamp)::bigint, severity, type, subject, message,
             extract(epoch FROM resolved_at)::bigint FROM risk_alerts WHERE NOT is_resolved ORDER BY timestamp DESC, id DESC",
        );
        self.engine.read().await?.fetch(statement, vec![]).await?.into_iter().map(alert).collect()
    }

    /// The newest, resolved or not.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn alerts(&self, limit: u32) -> Result<Vec<Alert>, HistoryError> {
        let statement = self.engine.dialect(
            "SELECT id, timestamp, severity, type, subject, message, resolved_at FROM risk_alerts
             ORDER BY timestamp DESC, id DESC LIMIT $1",
            "SELECT id, extract(epoch FROM timestamp)::bigint, severity, type, subject, message,
             extract(epoch FROM resolved_at)::bigint FROM risk_alerts ORDER BY timestamp DESC, id DESC LIMIT $1",
        );
        let rows = self.engine.read().await?.fetch(statement, vec![i64::from(limit).into()]).await?;
        rows.into_iter().map(alert).collect()
    }
}

async fn unresolved_id(
    statement: &'static str,
    connection: &mut Connection,
    kind: &str,
    subject: &str,
) -> Result<AlertId, HistoryError> {
    let found = connection.fetch_first(statement, vec![kind.into(), subject.into()]).await?;
    let gone = || HistoryError::Unknown { what: "the alert", key: format!("{kind} of {subject}") };
    Ok(AlertId(found.ok_or_else(gone)?.integer("id")?))
}

fn alert(mut row: Row) -> Result<Alert, HistoryError> {
    let (id, timestamp, severity) = (row.integer("id")?, row.unsigned("timestamp")?, row.text("severity")?);
    let known = Severity::ALL.into_iter().find(|one| one.name() == severity);
    Ok(Alert {
        id: AlertId(id),
        timestamp,
        severity: known.ok_or_else(|| StoreError::Row(format!("the severity of alert {id} is {severity}")))?,
        kind: row.text("type")?,
        subject: row.text("subject")?,
        message: row.text("message")?,
        resolved_at: row.optional_unsigned("resolved_at")?,
    })
}

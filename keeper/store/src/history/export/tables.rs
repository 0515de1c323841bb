//! What there is to export, and how each column looks in Parquet.

use std::{fmt, str::FromStr};

/// A table of the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Table {
    Observations,
    Buckets,
    Quarantine,
    ProtocolMetrics,
    DailyApyAvg,
    PortfolioSnapshots,
    RiskAlerts,
    Decisions,
    Outcomes,
    Postings,
}

pub const ALL_TABLES: [Table; 10] = [
    Table::Observations,
    Table::Buckets,
    Table::Quarantine,
    Table::ProtocolMetrics,
    Table::DailyApyAvg,
    Table::PortfolioSnapshots,
    Table::RiskAlerts,
    Table::Decisions,
    Table::Outcomes,
    Table::Postings,
];

/// How a column is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Bytes,
    Integer,
    Boolean,
    Real,
    /// Unix seconds in the database.
    Time,
    /// Text in the database; digits, and those after the point.
    Decimal(u32, u32),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) optional: bool,
}

/// The statements select the columns in this order; `$1` is the first time that is wanted.
pub(super) struct Source {
    pub(super) columns: &'static [Column],
    pub(super) sqlite: &'static str,
    pub(super) postgres: &'static str,
}

const fn column(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, optional: false }
}

const fn optional(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, optional: true }
}

const OBSERVATIONS: &str = "SELECT n.name, s.name, o.time, o.known_at, o.value FROM observations o
     JOIN series n ON n.id = o.series JOIN sources s ON s.id = o.source WHERE o.time >= $1
     ORDER BY o.series, o.source, o.time, o.known_at";
const BUCKETS: &str = "SELECT n.name, s.name, b.step, b.start, b.count, b.sum, b.low, b.high, b.known_at FROM buckets b
     JOIN series n ON n.id = b.series JOIN sources s ON s.id = b.source WHERE b.start >= $1
     ORDER BY b.series, b.source, b.step, b.start";
const QUARANTINE: &str =
    "SELECT origin, content, reason, at FROM quarantine WHERE at >= $1 ORDER BY at, origin, content, reason";

impl Table {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Observations => "observations",
            Self::Buckets => "buckets",
            Self::Quarantine => "quarantine",
            Self::ProtocolMetrics => "protocol_metrics",
            Self::DailyApyAvg => "daily_apy_avg",
            Self::PortfolioSnapshots => "portfolio_snapshots",
            Self::RiskAlerts => "risk_alerts",
            Self::Decisions => "decisions",
            Self::Outcomes => "outcomes",
            Self::Postings => "postings",
        }
    }

    pub(super) const fn source(self) -> Source {
        use Kind::{Boolean, Bytes, Decimal, Integer, Real, Text, Time};
        match self {
            Self::Observations => Source {
                columns: const {
&[
                    column("series", Text),
                    column("source", Text),
                    column("time", Time),
                    column("known_at", Time),
                    column("value", Real),
                ]},
                sqlite: OBSERVATIONS,
                postgres: OBSERVATIONS,
            },
            Self::Buckets => Source {
                columns: const {
&[
                    column("series", Text),
                    column("source", Text),
                    column("step", Integer),
                    column("start", Time),
                    column("count", Integer),
                    column("sum", Real),
                    column("low", Real),
                    column("high", Real),
                    column("known_at", Time),
                ]},
                sqlite: BUCKETS,
                postgres: BUCKETS,
            },
            Self::Quarantine => Source {
                columns: const {
                    &[column("origin", Text), column("content", Text), column("reason", Text), column("at", Time)]
                },
                sqlite: QUARANTINE,
                postgres: QUARANTINE,
            },
            Self::ProtocolMetrics => Source {
                columns: const { &[
                    column("timestamp", Time),
                    column("protocol_id", Text),
                    column("apy", Decimal(10, 6)),
                    column("tvl", Decimal(20, 2)),
                    optional("util", Decimal(5, 4)),
                    optional("risk", Decimal(5, 2)),
                    optional("depth", Decimal(20, 2)),
                ]},
                sqlite: "SELECT timestamp, protocol_id, apy, tvl, util, risk, depth FROM protocol_metrics
                     WHERE timestamp >= $1 ORDER BY timestamp, protocol_id",
                postgres: "SELECT extract(epoch FROM timestamp)::bigint, protocol_id::text, apy::text, tvl::text, util::text,
                     risk::text, depth::text FROM protocol_metrics WHERE timestamp >= to_timestamp($1::bigint)
                     ORDER BY timestamp, protocol_id",
            },
            Self::DailyApyAvg => Source {
                columns: const {
&[
                    column("protocol_id", Text),
                    column("day", Time),
                    column("count", Integer),
                    column("avg", Real),
                    optional("stddev", Real),
                ]},
                sqlite: "SELECT protocol_id, day, count, avg, stddev FROM daily_apy_avg WHERE day >= $1
                     ORDER BY protocol_id, day",
                postgres: "SELECT protocol_id::text, extract(epoch FROM day)::bigint, count::bigint, avg::float8,
                     stddev::float8 FROM daily_apy_avg WHERE day >= to_timestamp($1::bigint) ORDER BY protocol_id, day",
            },
            Self::PortfolioSnapshots => Source {
                columns: const {
&[
                    column("timestamp", Time),
                    column("value", Decimal(20, 6)),
                    column("allocations", Text),
                    column("realized_pnl", Decimal(20, 6)),
                    column("unrealized_pnl", Decimal(20, 6)),
                    column("gas", Decimal(20, 6)),
                    optional("sharpe", Decimal(12, 4)),
                ]},
                sqlite: "SELECT timestamp, value, allocations, realized_pnl, unrealized_pnl, gas, sharpe
                     FROM portfolio_snapshots WHERE timestamp >= $1 ORDER BY timestamp",
                postgres: "SELECT extract(epoch FROM timestamp)::bigint, value::text, allocations::text, realized_pnl::text,
                     unrealized_pnl::text, gas::text, sharpe::text FROM portfolio_snapshots
                     WHERE timestamp >= to_timestamp($1::bigint) ORDER BY timestamp",
            },
            Self::RiskAlerts => Source {
                columns: const {
&[
                    column("id", Integer),
                    column("timestamp", Time),
                    column("severity", Text),
                    column("type", Text),
                    column("subject", Text),
                    column("message", Text),
                    column("is_resolved", Boolean),
                    optional("resolved_at", Time),
                ]},
                sqlite: "SELECT id, timestamp, severity, type, subject, message, is_resolved, resolved_at FROM risk_alerts
                     WHERE timestamp >= $1 ORDER BY id",
                postgres: "SELECT id, extract(epoch FROM timestamp)::bigint, severity, type, subject, message,
                     is_resolved::int::bigint, extract(epoch FROM resolved_at)::bigint FROM risk_alerts
                     WHERE timestamp >= to_timestamp($1::bigint) ORDER BY id",
            },
            Self::Decisions => Source {
                columns: const {
&[
                    column("hash", Bytes),
                    column("timestamp", Time),
                    column("block", Integer),
                    column("action", Text),
                ]},
                sqlite: "SELECT hash, timestamp, block, action FROM decisions WHERE timestamp >= $1 ORDER BY timestamp, hash",
                postgres: "SELECT hash, extract(epoch FROM timestamp)::bigint, block, action FROM decisions
                     WHERE timestamp >= to_timestamp($1::bigint) ORDER BY timestamp, hash",
            },
            Self::Outcomes => Source {
                columns: const {
&[
                    column("decision", Bytes),
                    column("horizon_days", Integer),
                    column("measured_at", Time),
                    column("realised", Decimal(18, 10)),
                    column("hold", Decimal(18, 10)),
                    column("best_single", Decimal(18, 10)),
                    column("convex", Decimal(18, 10)),
                ]},
                sqlite: "SELECT decision, horizon_days, measured_at, realised, hold, best_single, convex FROM outcomes
                     WHERE measured_at >= $1 ORDER BY measured_at, decision, horizon_days",
                postgres: "SELECT decision, horizon_days, extract(epoch FROM measured_at)::bigint, realised::text, hold::text,
                     best_single::text, convex::text FROM outcomes WHERE measured_at >= to_timestamp($1::bigint)
                     ORDER BY measured_at, decision, horizon_days",
            },
            Self::Postings => Source {
                columns: const {
&[
                    column("reference", Text),
                    column("timestamp", Time),
                    column("memo", Text),
                    column("position", Integer),
                    column("account", Text),
                    column("kind", Text),
                    column("unit", Text),
                    column("amount", Decimal(38, 0)),
                ]},
                sqlite: "SELECT e.reference, e.timestamp, e.memo, p.position, a.code, a.kind, a.unit, p.amount FROM entries e
                     JOIN postings p ON p.entry = e.id JOIN accounts a ON a.id = p.account
                     WHERE e.timestamp >= $1 AND e.sealed = 1 ORDER BY e.timestamp, e.id, p.position",
                postgres: "SELECT e.reference, extract(epoch FROM e.timestamp)::bigint, e.memo, p.position, a.code, a.kind,
                     a.unit, p.amount::text FROM entries e JOIN postings p ON p.entry = e.id
                     JOIN accounts a ON a.id = p.account WHERE e.timestamp >= to_timestamp($1::bigint)
                     ORDER BY e.timestamp, e.id, p.position",
            },
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There is no table of this name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is no table, expected one of {}", ALL_TABLES.map(Table::name).join(", "))]
pub struct UnknownTable {
    name: String,
}

impl FromStr for Table {
    type Err = UnknownTable;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        ALL_TABLES.into_iter().find(|table| table.name() == name).ok_or_else(|| UnknownTable { name: name.to_owned() })
    }
}

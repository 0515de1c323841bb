-- Money is USDC with its six decimals; allocations is a JSON object of venue and amount.
CREATE TABLE portfolio_snapshots (
    timestamp      INTEGER PRIMARY KEY CHECK (timestamp >= 0),
    value          TEXT NOT NULL,
    allocations    TEXT NOT NULL CHECK (json_type(allocations) = 'object'),
    realized_pnl   TEXT NOT NULL,
    unrealized_pnl TEXT NOT NULL,
    gas            TEXT NOT NULL,
    sharpe         TEXT
) STRICT;

CREATE TABLE risk_alerts (
    id          INTEGER PRIMARY KEY,
    timestamp   INTEGER NOT NULL CHECK (timestamp >= 0),
    severity    TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    type        TEXT NOT NULL,
    subject     TEXT NOT NULL,
    message     TEXT NOT NULL,
    is_resolved INTEGER NOT NULL DEFAULT 0 CHECK (is_resolved IN (0, 1)),
    resolved_at INTEGER,
    CHECK ((resolved_at IS NOT NULL) = is_resolved)
) STRICT;
CREATE INDEX unresolved_alerts ON risk_alerts (timestamp) WHERE is_resolved = 0;
-- What is still going on is one alert, however often it is seen.
CREATE UNIQUE INDEX one_alert_at_a_time ON risk_alerts (type, subject) WHERE is_resolved = 0;

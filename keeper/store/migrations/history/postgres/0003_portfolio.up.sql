-- Money is USDC with its six decimals; allocations is a JSON object of venue and amount. A daily Sharpe ratio of lending is easily above 100.
CREATE TABLE portfolio_snapshots (
    timestamp      TIMESTAMPTZ PRIMARY KEY,
    value          NUMERIC(20, 6) NOT NULL,
    allocations    JSONB NOT NULL CHECK (jsonb_typeof(allocations) = 'object'),
    realized_pnl   NUMERIC(20, 6) NOT NULL,
    unrealized_pnl NUMERIC(20, 6) NOT NULL,
    gas            NUMERIC(20, 6) NOT NULL,
    sharpe         NUMERIC(12, 4)
);

CREATE TABLE risk_alerts (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    timestamp   TIMESTAMPTZ NOT NULL,
    severity    TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    type        TEXT NOT NULL,
    subject     TEXT NOT NULL,
    message     TEXT NOT NULL,
    is_resolved BOOLEAN NOT NULL DEFAULT false,
    resolved_at TIMESTAMPTZ,
    CHECK ((resolved_at IS NOT NULL) = is_resolved)
);
CREATE INDEX unresolved_alerts ON risk_alerts (timestamp) WHERE NOT is_resolved;
-- What is still going on is one alert, however often it is seen.
CREATE UNIQUE INDEX one_alert_at_a_time ON risk_alerts (type, subject) WHERE NOT is_resolved;

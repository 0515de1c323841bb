-- Decimals are text here, exactly as PostgreSQL's NUMERIC prints them: SQLite has no decimals and a REAL would not keep them.
-- apy and util are fractions, tvl and depth USD, risk 0 to 100 (high is risky).
CREATE TABLE protocol_metrics (
    timestamp   INTEGER NOT NULL CHECK (timestamp >= 0),
    protocol_id TEXT NOT NULL CHECK (length(protocol_id) BETWEEN 1 AND 50),
    apy         TEXT NOT NULL,
    tvl         TEXT NOT NULL,
    util        TEXT,
    risk        TEXT,
    depth       TEXT,
    PRIMARY KEY (timestamp, protocol_id)
) STRICT, WITHOUT ROWID;

-- As of its last refresh, like PostgreSQL's materialised view.
CREATE TABLE daily_apy_avg (
    protocol_id TEXT NOT NULL,
    day         INTEGER NOT NULL CHECK (day % 86400 = 0),
    count       INTEGER NOT NULL,
    avg         REAL NOT NULL,
    stddev      REAL,
    PRIMARY KEY (protocol_id, day)
) STRICT, WITHOUT ROWID;

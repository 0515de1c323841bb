-- The keeper's decisions by their hash; the records themselves are in the store.
CREATE TABLE decisions (
    hash      BLOB PRIMARY KEY CHECK (length(hash) = 32),
    timestamp INTEGER NOT NULL CHECK (timestamp >= 0),
    block     INTEGER NOT NULL CHECK (block >= 0),
    action    TEXT NOT NULL CHECK (action IN ('hold', 'rebalance'))
) STRICT;
CREATE INDEX decisions_by_timestamp ON decisions (timestamp);

-- Yields over the horizon as fractions of NAV at the decision: what came of it and what would have come of its alternatives.
CREATE TABLE outcomes (
    decision     BLOB NOT NULL REFERENCES decisions (hash),
    horizon_days INTEGER NOT NULL CHECK (horizon_days IN (7, 30)),
    measured_at  INTEGER NOT NULL,
    realised     TEXT NOT NULL,
    hold         TEXT NOT NULL,
    best_single  TEXT NOT NULL,
    convex       TEXT NOT NULL,
    PRIMARY KEY (decision, horizon_days)
) STRICT, WITHOUT ROWID;

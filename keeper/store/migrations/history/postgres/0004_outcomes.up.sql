-- The keeper's decisions by their hash; the records themselves are in the store.
CREATE TABLE decisions (
    hash      BYTEA PRIMARY KEY CHECK (octet_length(hash) = 32),
    timestamp TIMESTAMPTZ NOT NULL,
    block     BIGINT NOT NULL CHECK (block >= 0),
    action    TEXT NOT NULL CHECK (action IN ('hold', 'rebalance'))
);
CREATE INDEX decisions_by_timestamp ON decisions (timestamp);

-- Yields over the horizon as fractions of NAV at the decision: what came of it and what would have come of its alternatives.
CREATE TABLE outcomes (
    decision     BYTEA NOT NULL REFERENCES decisions (hash),
    horizon_days BIGINT NOT NULL CHECK (horizon_days IN (7, 30)),
    measured_at  TIMESTAMPTZ NOT NULL,
    realised     NUMERIC(18, 10) NOT NULL,
    hold         NUMERIC(18, 10) NOT NULL,
    best_single  NUMERIC(18, 10) NOT NULL,
    convex       NUMERIC(18, 10) NOT NULL,
    PRIMARY KEY (decision, horizon_days)
);

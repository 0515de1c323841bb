-- Decisions: the canonical bytes are the truth; every other column is derived from them, for queries only.
CREATE TABLE decisions (
    hash            BLOB PRIMARY KEY CHECK (length(hash) = 32),
    chain_id        INTEGER NOT NULL,
    block_number    INTEGER NOT NULL,
    block_hash      BLOB NOT NULL CHECK (length(block_hash) = 32),
    block_timestamp INTEGER NOT NULL,
    action          TEXT NOT NULL CHECK (action IN ('hold', 'rebalance')),
    record          BLOB NOT NULL,
    created_ms      INTEGER NOT NULL
) STRICT;
CREATE INDEX decisions_by_time ON decisions (created_ms);

CREATE TABLE gates (
    decision BLOB NOT NULL REFERENCES decisions (hash),
    position INTEGER NOT NULL,
    gate     TEXT NOT NULL,
    passed   INTEGER NOT NULL CHECK (passed IN (0, 1)),
    detail   TEXT NOT NULL,
    PRIMARY KEY (decision, position)
) STRICT, WITHOUT ROWID;

-- Transactions that carry no decision: checkpoints, trips, the emergency exit.
CREATE TABLE calls (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    purpose    TEXT NOT NULL,
    target     BLOB NOT NULL CHECK (length(target) = 20),
    calldata   BLOB NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;

-- The outbox. An attempt belongs to one decision or to one call.
CREATE TABLE attempts (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    decision         BLOB REFERENCES decisions (hash),
    call             INTEGER REFERENCES calls (id),
    number           INTEGER NOT NULL CHECK (number >= 1),
    state            TEXT NOT NULL CHECK (state IN (
        'proposed', 'gated', 'presimulated', 'attested', 'simulated', 'signed', 'submitted', 'included',
        'final', 'replaced', 'reverted', 'expired', 'rejected')),
    account          BLOB CHECK (length(account) = 20),
    account_nonce    INTEGER,
    calldata         BLOB,
    valid_until      INTEGER,
    target_block     INTEGER,
    target_timestamp INTEGER,
    simulation       TEXT,
    raw_tx           BLOB,
    tx_hash          BLOB CHECK (length(tx_hash) = 32),
    bundle_hash      BLOB CHECK (length(bundle_hash) = 32),
    included_block   INTEGER,
    included_hash    BLOB CHECK (length(included_hash) = 32),
    reconciliation   TEXT,
    reason           TEXT,
    updated_ms       INTEGER NOT NULL,
    CHECK ((decision IS NULL) <> (call IS NULL)),
    -- Nothing counts as signed or sent whose bytes are not here.
    CHECK (state NOT IN ('signed', 'submitted', 'included', 'final', 'reverted', 'replaced')
           OR (raw_tx IS NOT NULL AND tx_hash IS NOT NULL AND account_nonce IS NOT NULL)),
    CHECK (state NOT IN ('included', 'final', 'reverted') OR included_block IS NOT NULL),
    UNIQUE (decision, number),
    UNIQUE (call, number)
) STRICT;
-- Not unique: after a reorganisation the next attempt may be the very same transaction.
CREATE INDEX attempt_by_transaction ON attempts (tx_hash) WHERE tx_hash IS NOT NULL;
-- One account, one nonce, one attempt under way.
CREATE UNIQUE INDEX one_open_attempt ON attempts ((1))
    WHERE state NOT IN ('final', 'replaced', 'reverted', 'expired', 'rejected');
-- A decision lands at most once.
CREATE UNIQUE INDEX one_inclusion ON attempts (decision)
    WHERE decision IS NOT NULL AND state IN ('included', 'final', 'reverted');

CREATE TABLE transitions (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    attempt    INTEGER NOT NULL REFERENCES attempts (id),
    from_state TEXT,
    to_state   TEXT NOT NULL,
    at_ms      INTEGER NOT NULL,
    detail     TEXT NOT NULL
) STRICT;
CREATE INDEX transitions_of_attempt ON transitions (attempt);

CREATE TRIGGER transitions_are_not_changed BEFORE UPDATE ON transitions
BEGIN SELECT RAISE(ABORT, 'transitions are append-only'); END;
CREATE TRIGGER transitions_are_not_removed BEFORE DELETE ON transitions
BEGIN SELECT RAISE(ABORT, 'transitions are append-only'); END;
CREATE TRIGGER records_are_not_changed BEFORE UPDATE ON decisions
BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;
CREATE TRIGGER records_are_not_removed BEFORE DELETE ON decisions
BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;

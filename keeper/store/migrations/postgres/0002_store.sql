-- The store as the SQLite file has it with schema 2; there was none before on PostgreSQL.
CREATE SCHEMA IF NOT EXISTS ballast;

CREATE TABLE mark (
    one            BIGINT PRIMARY KEY CHECK (one = 1),
    application    TEXT NOT NULL,
    schema_version BIGINT NOT NULL
);
INSERT INTO mark (one, application, schema_version) VALUES (1, 'ballast keeper', 2);

-- Decisions: the canonical bytes are the truth; every other column is derived from them, for queries only. `seq` is the entry of
-- the audit log they were written with.
CREATE TABLE decisions (
    hash            BYTEA PRIMARY KEY CHECK (octet_length(hash) = 32),
    chain_id        BIGINT NOT NULL,
    block_number    BIGINT NOT NULL,
    block_hash      BYTEA NOT NULL CHECK (octet_length(block_hash) = 32),
    block_timestamp BIGINT NOT NULL,
    action          TEXT NOT NULL CHECK (action IN ('hold', 'rebalance')),
    record          BYTEA NOT NULL,
    created_ms      BIGINT NOT NULL,
    seq             BIGINT NOT NULL UNIQUE
);
CREATE INDEX decisions_by_time ON decisions (created_ms);

CREATE TABLE gates (
    decision BYTEA NOT NULL REFERENCES decisions (hash),
    position BIGINT NOT NULL,
    gate     TEXT NOT NULL,
    passed   BIGINT NOT NULL CHECK (passed IN (0, 1)),
    detail   TEXT NOT NULL,
    PRIMARY KEY (decision, position)
);

-- Transactions that carry no decision: checkpoints, trips, the emergency exit.
CREATE TABLE calls (
    id         BIGINT PRIMARY KEY,
    purpose    TEXT NOT NULL,
    target     BYTEA NOT NULL CHECK (octet_length(target) = 20),
    calldata   BYTEA NOT NULL,
    created_ms BIGINT NOT NULL
);

-- The outbox. An attempt belongs to one decision or to one call.
CREATE TABLE attempts (
    id         BIGINT PRIMARY KEY,
    decision   BYTEA REFERENCES decisions (hash),
    call       BIGINT REFERENCES calls (id),
    number     BIGINT NOT NULL CHECK (number >= 1),
    state      TEXT NOT NULL,
    facts      TEXT NOT NULL,
    tx_hash    BYTEA CHECK (octet_length(tx_hash) = 32),
    updated_ms BIGINT NOT NULL,
    CHECK ((decision IS NULL) <> (call IS NULL)),
    -- Nothing counts as signed or sent whose bytes are not here.
    CHECK (state NOT IN ('signed', 'submitted', 'included', 'final', 'reverted', 'replaced')
           OR (tx_hash IS NOT NULL AND (facts::json ->> 'raw_tx') IS NOT NULL)),
    UNIQUE (decision, number),
    UNIQUE (call, number)
);
-- Not unique: after a reorganisation the next attempt may be the very same transaction.
CREATE INDEX attempt_by_transaction ON attempts (tx_hash) WHERE tx_hash IS NOT NULL;
-- One account, one nonce, one attempt under way.
CREATE UNIQUE INDEX one_open_attempt ON attempts ((1))
    WHERE state NOT IN ('final', 'replaced', 'reverted', 'expired', 'rejected');
-- A decision lands at most once.
CREATE UNIQUE INDEX one_inclusion ON attempts (decision)
    WHERE decision IS NOT NULL AND state IN ('included', 'final', 'reverted');

-- One chain of hashes over everything that is written; crate::audit says how it is encoded. `kind` and `attempt` are derived from
-- `entry`, for queries only.
CREATE TABLE audit (
    seq      BIGINT PRIMARY KEY CHECK (seq >= 1),
    at_ms    BIGINT NOT NULL,
    kind     TEXT NOT NULL,
    attempt  BIGINT,
    entry    BYTEA NOT NULL,
    previous BYTEA NOT NULL CHECK (octet_length(previous) = 32),
    hash     BYTEA NOT NULL UNIQUE CHECK (octet_length(hash) = 32)
);
CREATE INDEX audit_of_attempt ON audit (attempt, seq) WHERE attempt IS NOT NULL;

-- Each writer takes the next epoch, and every write compares it: one that was taken over writes nothing.
CREATE TABLE lease (
    one   BIGINT PRIMARY KEY CHECK (one = 1),
    epoch BIGINT NOT NULL
);
INSERT INTO lease (one, epoch) VALUES (1, 0);

CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$;
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER decisions_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON decisions
FOR EACH STATEMENT EXECUTE FUNCTION append_only();

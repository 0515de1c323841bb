-- One chain of hashes over everything that is written; crate::audit says how it is encoded. `kind` and `attempt` are derived from
-- `entry`, for queries only.
CREATE TABLE audit (
    seq      INTEGER PRIMARY KEY CHECK (seq >= 1),
    at_ms    INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    attempt  INTEGER,
    entry    BLOB NOT NULL,
    previous BLOB NOT NULL CHECK (length(previous) = 32),
    hash     BLOB NOT NULL UNIQUE CHECK (length(hash) = 32)
) STRICT;
CREATE INDEX audit_of_attempt ON audit (attempt, seq) WHERE attempt IS NOT NULL;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_is_not_removed BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

-- Each writer takes the next epoch, and every write compares it: one that was taken over writes nothing.
CREATE TABLE lease (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    epoch INTEGER NOT NULL
) STRICT;
INSERT INTO lease (one, epoch) VALUES (1, 0);

-- The entry that a decision was written with.
DROP TRIGGER records_are_not_changed;
ALTER TABLE decisions ADD COLUMN seq INTEGER;

-- Facts as one JSON object, as the audit log has them; which states there are is the program's.
CREATE TABLE attempts_with_facts (
    id         INTEGER PRIMARY KEY,
    decision   BLOB REFERENCES decisions (hash),
    call       INTEGER REFERENCES calls (id),
    number     INTEGER NOT NULL CHECK (number >= 1),
    state      TEXT NOT NULL,
    facts      TEXT NOT NULL,
    tx_hash    BLOB CHECK (length(tx_hash) = 32),
    updated_ms INTEGER NOT NULL,
    CHECK ((decision IS NULL) <> (call IS NULL)),
    -- Nothing counts as signed or sent whose bytes are not here.
    CHECK (state NOT IN ('signed', 'submitted', 'included', 'final', 'reverted', 'replaced')
           OR (tx_hash IS NOT NULL AND json_extract(facts, '$.raw_tx') IS NOT NULL)),
    UNIQUE (decision, number),
    UNIQUE (call, number)
) STRICT;

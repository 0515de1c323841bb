CREATE TABLE accounts (
    id   INTEGER PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('asset', 'liability', 'equity', 'income', 'expense')),
    unit TEXT NOT NULL
) STRICT;

-- Only what is sealed is in the books, and sealing asks whether it balances.
CREATE TABLE entries (
    id        INTEGER PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE,
    timestamp INTEGER NOT NULL CHECK (timestamp >= 0),
    memo      TEXT NOT NULL,
    sealed    INTEGER NOT NULL DEFAULT 0 CHECK (sealed IN (0, 1))
) STRICT;
CREATE INDEX entries_by_timestamp ON entries (timestamp);

-- Amounts are whole base units of at most 38 digits, debits positive, which is more than an INTEGER holds. Three limbs of 13 digits
-- can be summed: high, middle and low carry the amount's sign.
CREATE TABLE postings (
    entry    INTEGER NOT NULL REFERENCES entries (id),
    position INTEGER NOT NULL,
    account  INTEGER NOT NULL REFERENCES accounts (id),
    amount   TEXT NOT NULL CHECK (
        ltrim(amount, '-') GLOB '[1-9]*' AND ltrim(amount, '-') NOT GLOB '*[^0-9]*' AND length(ltrim(amount, '-')) <= 38
        AND amount IN (ltrim(amount, '-'), '-' || ltrim(amount, '-'))),
    high     INTEGER NOT NULL GENERATED ALWAYS AS (CAST(substr(
        substr('000000000000000000000000000000000000000' || ltrim(amount, '-'), -39), 1, 13) AS INTEGER)
        * CASE WHEN amount LIKE '-%' THEN -1 ELSE 1 END) VIRTUAL,
    middle   INTEGER NOT NULL GENERATED ALWAYS AS (CAST(substr(
        substr('000000000000000000000000000000000000000' || ltrim(amount, '-'), -39), 14, 13) AS INTEGER)
        * CASE WHEN amount LIKE '-%' THEN -1 ELSE 1 END) VIRTUAL,
    low      INTEGER NOT NULL GENERATED ALWAYS AS (CAST(substr(
        substr('000000000000000000000000000000000000000' || ltrim(amount, '-'), -39), 27, 13) AS INTEGER)
        * CASE WHEN amount LIKE '-%' THEN -1 ELSE 1 END) VIRTUAL,
    PRIMARY KEY (entry, position)
) STRICT;
CREATE INDEX postings_of_account ON postings (account);

-- Sums of limbs carry: low into middle, middle into high.
CREATE VIEW imbalances AS
    SELECT entry, unit FROM (
        SELECT p.entry AS entry, a.unit AS unit, sum(p.high) AS high, sum(p.middle) AS middle, sum(p.low) AS low
        FROM postings p JOIN accounts a ON a.id = p.account GROUP BY p.entry, a.unit)
    WHERE low % 10000000000000 <> 0
       OR (middle + low / 10000000000000) % 10000000000000 <> 0
       OR high + (middle + low / 10000000000000) / 10000000000000 <> 0;

CREATE TRIGGER entries_are_sealed_when_they_balance BEFORE UPDATE ON entries
BEGIN
    SELECT RAISE(ABORT, 'an entry is sealed and never changed') WHERE OLD.sealed = 1 OR NEW.sealed = 0
        OR OLD.id <> NEW.id OR OLD.reference <> NEW.reference OR OLD.timestamp <> NEW.timestamp OR OLD.memo <> NEW.memo;
    SELECT RAISE(ABORT, 'an entry needs two postings at least')
        WHERE (SELECT count(*) FROM postings WHERE entry = OLD.id) < 2;
    SELECT RAISE(ABORT, 'the postings of an entry do not sum to zero')
        WHERE EXISTS (SELECT 1 FROM imbalances WHERE entry = OLD.id);
END;
CREATE TRIGGER entries_begin_unsealed BEFORE INSERT ON entries WHEN NEW.sealed = 1
BEGIN SELECT RAISE(ABORT, 'an entry is sealed after its postings are there'); END;
CREATE TRIGGER entries_are_not_removed BEFORE DELETE ON entries
BEGIN SELECT RAISE(ABORT, 'entries are append-only; post the reverse'); END;
CREATE TRIGGER postings_belong_to_open_entries BEFORE INSERT ON postings
BEGIN
    SELECT RAISE(ABORT, 'the entry is sealed') WHERE (SELECT sealed FROM entries WHERE id = NEW.entry) = 1;
END;
CREATE TRIGGER postings_are_not_changed BEFORE UPDATE ON postings
BEGIN SELECT RAISE(ABORT, 'postings are append-only; post the reverse'); END;
CREATE TRIGGER postings_are_not_removed BEFORE DELETE ON postings
BEGIN SELECT RAISE(ABORT, 'postings are append-only; post the reverse'); END;
CREATE TRIGGER accounts_are_not_changed BEFORE UPDATE ON accounts
BEGIN SELECT RAISE(ABORT, 'an account keeps its code, kind and unit'); END;

-- "BLSH": a history, as the keeper's own store is "BLST".
PRAGMA application_id = 1112298312;

CREATE TABLE series (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE sources (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- Two times: the one a value is of and the one from which it could be known (both Unix seconds). A correction is one more row with a
-- later known_at; the row before it stays, so that what was known at a time can always be told.
CREATE TABLE observations (
    series   INTEGER NOT NULL REFERENCES series (id),
    source   INTEGER NOT NULL REFERENCES sources (id),
    time     INTEGER NOT NULL CHECK (time >= 0),
    known_at INTEGER NOT NULL CHECK (known_at >= time),
    value    REAL NOT NULL CHECK (abs(value) <= 1.7976931348623157e308),
    PRIMARY KEY (series, source, time, known_at)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER observations_are_not_changed BEFORE UPDATE ON observations
BEGIN SELECT RAISE(ABORT, 'an observation is corrected by a later one, never changed'); END;

-- What is left of observations that are older than they are kept one by one.
CREATE TABLE buckets (
    series   INTEGER NOT NULL REFERENCES series (id),
    source   INTEGER NOT NULL REFERENCES sources (id),
    step     INTEGER NOT NULL CHECK (step IN (3600, 86400)),
    start    INTEGER NOT NULL CHECK (start % step = 0),
    count    INTEGER NOT NULL CHECK (count > 0),
    sum      REAL NOT NULL,
    low      REAL NOT NULL,
    high     REAL NOT NULL CHECK (high >= low),
    known_at INTEGER NOT NULL,
    PRIMARY KEY (series, source, step, start)
) STRICT, WITHOUT ROWID;

-- Before this time the series is in buckets, and nothing more is taken for it: it would be counted twice.
CREATE TABLE folded (
    series INTEGER NOT NULL REFERENCES series (id),
    source INTEGER NOT NULL REFERENCES sources (id),
    before INTEGER NOT NULL,
    PRIMARY KEY (series, source)
) STRICT, WITHOUT ROWID;

-- Rows that were not taken, with what was wrong. The same row with the same fault is kept once.
CREATE TABLE quarantine (
    origin  TEXT NOT NULL,
    content TEXT NOT NULL,
    reason  TEXT NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (origin, content, reason)
) STRICT, WITHOUT ROWID;

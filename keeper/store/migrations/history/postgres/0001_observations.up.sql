CREATE TABLE series (
    id   BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE
);

CREATE TABLE sources (
    id   BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE
);

-- Two times: the one a value is of and the one from which it could be known (both Unix seconds). A correction is one more row with a
-- later known_at; the row before it stays, so that what was known at a time can always be told.
-- Without foreign keys: two checks for each of some hundred thousand rows a second. Nothing removes a series or a source (below).
CREATE TABLE observations (
    series   BIGINT NOT NULL,
    source   BIGINT NOT NULL,
    time     BIGINT NOT NULL CHECK (time >= 0),
    known_at BIGINT NOT NULL CHECK (known_at >= time),
    -- NaN is above infinity here.
    value    DOUBLE PRECISION NOT NULL CHECK (value > '-Infinity' AND value < 'Infinity'),
    PRIMARY KEY (series, source, time, known_at)
);
CREATE FUNCTION observations_stay() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'an observation is corrected by a later one, never changed'; END $$;
CREATE TRIGGER observations_are_not_changed BEFORE UPDATE ON observations
FOR EACH STATEMENT EXECUTE FUNCTION observations_stay();
CREATE FUNCTION names_stay() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'observations name their % by number', TG_TABLE_NAME; END $$;
CREATE TRIGGER series_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON series FOR EACH STATEMENT EXECUTE FUNCTION names_stay();
CREATE TRIGGER sources_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON sources FOR EACH STATEMENT EXECUTE FUNCTION names_stay();

-- What is left of observations that are older than they are kept one by one.
CREATE TABLE buckets (
    series   BIGINT NOT NULL REFERENCES series (id),
    source   BIGINT NOT NULL REFERENCES sources (id),
    step     BIGINT NOT NULL CHECK (step IN (3600, 86400)),
    start    BIGINT NOT NULL CHECK (start % step = 0),
    count    BIGINT NOT NULL CHECK (count > 0),
    sum      DOUBLE PRECISION NOT NULL,
    low      DOUBLE PRECISION NOT NULL,
    high     DOUBLE PRECISION NOT NULL CHECK (high >= low),
    known_at BIGINT NOT NULL,
    PRIMARY KEY (series, source, step, start)
);

-- Before this time the series is in buckets, and nothing more is taken for it: it would be counted twice.
CREATE TABLE folded (
    series BIGINT NOT NULL REFERENCES series (id),
    source BIGINT NOT NULL REFERENCES sources (id),
    before BIGINT NOT NULL,
    PRIMARY KEY (series, source)
);

-- Rows that were not taken, with what was wrong. The same row with the same fault is kept once; a row can be longer than what fits
-- an index, its digest is not.
CREATE TABLE quarantine (
    origin  TEXT NOT NULL,
    content TEXT NOT NULL,
    reason  TEXT NOT NULL,
    at      BIGINT NOT NULL
);
CREATE UNIQUE INDEX quarantined_once ON quarantine (md5(origin), md5(content), md5(reason));

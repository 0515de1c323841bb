CREATE TABLE accounts (
    id   BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code TEXT COLLATE "C" NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('asset', 'liability', 'equity', 'income', 'expense')),
    unit TEXT NOT NULL
);

CREATE TABLE entries (
    id        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE,
    timestamp TIMESTAMPTZ NOT NULL,
    memo      TEXT NOT NULL
);
CREATE INDEX entries_by_timestamp ON entries (timestamp);

-- Whole base units, debits positive.
CREATE TABLE postings (
    entry    BIGINT NOT NULL REFERENCES entries (id),
    position BIGINT NOT NULL,
    account  BIGINT NOT NULL REFERENCES accounts (id),
    amount   NUMERIC(38, 0) NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (entry, position)
);
CREATE INDEX postings_of_account ON postings (account);

CREATE VIEW imbalances AS
    SELECT p.entry, a.unit FROM postings p JOIN accounts a ON a.id = p.account
    GROUP BY p.entry, a.unit HAVING sum(p.amount) <> 0;

-- Asked when a transaction commits, whoever wrote.
CREATE FUNCTION entry_balances() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS
$$
DECLARE
    this BIGINT := CASE TG_TABLE_NAME WHEN 'entries' THEN (to_jsonb(NEW) ->> 'id') ELSE (to_jsonb(NEW) ->> 'entry') END;
BEGIN
    IF (SELECT count(*) FROM postings WHERE entry = this) < 2 THEN
        RAISE EXCEPTION 'an entry needs two postings at least' USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (SELECT FROM imbalances WHERE entry = this) THEN
        RAISE EXCEPTION 'the postings of an entry do not sum to zero' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER entries_balance AFTER INSERT ON entries DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION entry_balances();
CREATE CONSTRAINT TRIGGER postings_balance AFTER INSERT ON postings DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION entry_balances();

CREATE FUNCTION books_stay() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '% are append-only; post the reverse', TG_TABLE_NAME; END $$;
CREATE TRIGGER entries_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON entries FOR EACH STATEMENT EXECUTE FUNCTION books_stay();
CREATE TRIGGER postings_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON postings FOR EACH STATEMENT EXECUTE FUNCTION books_stay();
CREATE TRIGGER accounts_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON accounts FOR EACH STATEMENT EXECUTE FUNCTION books_stay();

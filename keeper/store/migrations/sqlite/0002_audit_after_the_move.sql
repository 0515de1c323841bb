-- What 0001 had is in the audit log now.
DROP TABLE transitions;
DROP TABLE attempts;
ALTER TABLE attempts_with_facts RENAME TO attempts;
-- Not unique: after a reorganisation the next attempt may be the very same transaction.
CREATE INDEX attempt_by_transaction ON attempts (tx_hash) WHERE tx_hash IS NOT NULL;
-- One account, one nonce, one attempt under way.
CREATE UNIQUE INDEX one_open_attempt ON attempts ((1))
    WHERE state NOT IN ('final', 'replaced', 'reverted', 'expired', 'rejected');
-- A decision lands at most once.
CREATE UNIQUE INDEX one_inclusion ON attempts (decision)
    WHERE decision IS NOT NULL AND state IN ('included', 'final', 'reverted');
CREATE UNIQUE INDEX decisions_in_order ON decisions (seq);
CREATE TRIGGER records_are_not_changed BEFORE UPDATE ON decisions
BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;

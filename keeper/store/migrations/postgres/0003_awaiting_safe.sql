-- An attempt that waits for the Safe is not under way: heartbeats and trips go on beside it. One waits at a time.
DROP INDEX one_open_attempt;
CREATE UNIQUE INDEX one_open_attempt ON attempts ((1))
    WHERE state NOT IN ('final', 'replaced', 'reverted', 'expired', 'rejected', 'awaiting_safe');
CREATE UNIQUE INDEX one_waiting_attempt ON attempts (state) WHERE state = 'awaiting_safe';
UPDATE mark SET schema_version = 3;

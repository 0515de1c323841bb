DROP VIEW imbalances;
DROP TABLE postings;
DROP TABLE entries;
DROP TABLE accounts;
DROP FUNCTION entry_balances();
DROP FUNCTION books_stay();

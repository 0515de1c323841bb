DROP VIEW imbalances;
DROP TABLE postings;
DROP TABLE entries;
DROP TABLE accounts;

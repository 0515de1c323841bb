DROP TABLE quarantine;
DROP TABLE folded;
DROP TABLE buckets;
DROP TABLE observations;
DROP TABLE sources;
DROP TABLE series;

DROP TABLE outcomes;
DROP TABLE decisions;

DROP FUNCTION drop_month(TEXT);
DROP FUNCTION prepare_month(TIMESTAMPTZ);
DROP MATERIALIZED VIEW daily_apy_avg;
DROP TABLE protocol_metrics;
DROP TABLE partitioning;

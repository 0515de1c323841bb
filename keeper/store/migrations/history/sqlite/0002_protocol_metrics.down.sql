DROP TABLE daily_apy_avg;
DROP TABLE protocol_metrics;

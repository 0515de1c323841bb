-- apy and util are fractions, tvl and depth USD, risk 0 to 100 (high is risky).
-- With TimescaleDB (its library loaded at the server's start) a hypertable and a continuous aggregate that the server refreshes;
-- without it partitions by month, made before they are written to, and a materialised view that the keeper refreshes.
CREATE TABLE partitioning (
    one  BIGINT PRIMARY KEY CHECK (one = 1),
    kind TEXT NOT NULL CHECK (kind IN ('timescaledb', 'native'))
);

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')
       OR (EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')
           AND current_setting('shared_preload_libraries') LIKE '%timescaledb%') THEN
        CREATE EXTENSION IF NOT EXISTS timescaledb SCHEMA public;
        INSERT INTO partitioning VALUES (1, 'timescaledb');
        CREATE TABLE protocol_metrics (
            timestamp   TIMESTAMPTZ NOT NULL,
            protocol_id VARCHAR(50) COLLATE "C" NOT NULL CHECK (protocol_id <> ''),
            apy         NUMERIC(10, 6) NOT NULL,
            tvl         NUMERIC(20, 2) NOT NULL,
            util        NUMERIC(5, 4),
            risk        NUMERIC(5, 2),
            depth       NUMERIC(20, 2),
            PRIMARY KEY (timestamp, protocol_id)
        );
        PERFORM public.create_hypertable('protocol_metrics', 'timestamp', chunk_time_interval => INTERVAL '1 month');
        EXECUTE 'CREATE MATERIALIZED VIEW daily_apy_avg WITH (timescaledb.continuous) AS
            SELECT protocol_id, public.time_bucket(INTERVAL ''1 day'', timestamp) AS day, count(*) AS count,
                   avg(apy) AS avg, stddev_samp(apy) AS stddev
            FROM protocol_metrics GROUP BY protocol_id, public.time_bucket(INTERVAL ''1 day'', timestamp) WITH NO DATA';
        PERFORM public.add_continuous_aggregate_policy('daily_apy_avg', start_offset => INTERVAL '1 month',
            end_offset => INTERVAL '1 hour', schedule_interval => INTERVAL '1 hour');
    ELSE
        INSERT INTO partitioning VALUES (1, 'native');
        CREATE TABLE protocol_metrics (
            timestamp   TIMESTAMPTZ NOT NULL,
            protocol_id VARCHAR(50) COLLATE "C" NOT NULL CHECK (protocol_id <> ''),
            apy         NUMERIC(10, 6) NOT NULL,
            tvl         NUMERIC(20, 2) NOT NULL,
            util        NUMERIC(5, 4),
            risk        NUMERIC(5, 2),
            depth       NUMERIC(20, 2),
            PRIMARY KEY (timestamp, protocol_id)
        ) PARTITION BY RANGE (timestamp);
        CREATE MATERIALIZED VIEW daily_apy_avg AS
            SELECT protocol_id, date_bin(INTERVAL '1 day', timestamp, TIMESTAMPTZ '2000-01-01 00:00:00+00') AS day,
                   count(*) AS count, avg(apy) AS avg, stddev_samp(apy) AS stddev
            FROM protocol_metrics GROUP BY 1, 2;
        -- So that it can be refreshed while it is read.
        CREATE UNIQUE INDEX daily_apy_avg_key ON daily_apy_avg (protocol_id, day);
    END IF;
END $$;

-- Makes the partition of a month (UTC) and of the one after it, so that a write at a month's turn finds its place.
CREATE FUNCTION prepare_month(at TIMESTAMPTZ) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS
$$
DECLARE
    first TIMESTAMP := date_trunc('month', at AT TIME ZONE 'UTC');
    begins TIMESTAMP;
    name TEXT;
BEGIN
    FOR ahead IN 0..1 LOOP
        begins := first + make_interval(months => ahead);
        name := 'protocol_metrics_' || to_char(begins, 'YYYY_MM');
        CONTINUE WHEN to_regclass(name) IS NOT NULL;
        PERFORM pg_advisory_xact_lock(4776654211268542466);
        EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF protocol_metrics FOR VALUES FROM (%L) TO (%L)', name,
            begins AT TIME ZONE 'UTC', (begins + INTERVAL '1 month') AT TIME ZONE 'UTC');
    END LOOP;
END
$$;

CREATE FUNCTION drop_month(name TEXT) RETURNS TEXT LANGUAGE plpgsql SET search_path FROM CURRENT AS
$$ BEGIN EXECUTE format('DROP TABLE %I', name); RETURN name; END $$;

-- Supply rate of a reserve of Aave V3 on Ethereum by day, and how much it moved over the last 30 days.
-- Columns: day, liquidity_rate (ray, annual), volatility_30d_pct (standard deviation of the daily rates, percentage points).
--
-- liquidityRate is annual already: it is not multiplied by 365. The event is V3's ReserveDataUpdated; V2 had one of the same name on
-- another contract. Of several in one day the mean counts. The window needs 30 days; a shorter one is null.
-- Not run here: Dune is not to be had without its network. Column names are those of Dune's decoded tables.
WITH daily AS (
    SELECT
        date_trunc('day', evt_block_time) AS day,
        avg(CAST(liquidityRate AS double)) AS rate_ray
    FROM aave_v3_ethereum.Pool_evt_ReserveDataUpdated
    WHERE reserve = {{asset}}
    GROUP BY 1
),

windowed AS (
    SELECT
        day,
        rate_ray,
        stddev_samp(rate_ray) OVER last_30 / 1e27 * 100 AS volatility,
        count(*) OVER last_30 AS days
    FROM daily
    WINDOW last_30 AS (ORDER BY day RANGE BETWEEN INTERVAL '29' DAY PRECEDING AND CURRENT ROW)
)

SELECT
    day,
    CAST(CAST(rate_ray AS decimal(38, 0)) AS varchar) AS liquidity_rate,
    CASE WHEN days = 30 THEN volatility END AS volatility_30d_pct
FROM windowed
ORDER BY day

-- Supplies to and withdrawals from Aave V3 on Ethereum of more than a million USD, by hour over the last seven days.
-- Columns: hour, supplied_usd, withdrawn_usd, whales (distinct users).
--
-- Every amount is in its own token's decimals and has its own price: dividing all of them by 1e6 and calling that USD counts a WETH as a
-- billion dollars. V3's events are Supply and Withdraw on the Pool; Deposit on the LendingPool was V2's.
-- Not run here: Dune is not to be had without its network. Column names are those of Dune's decoded tables.
WITH moves AS (
    SELECT evt_block_time, reserve, onBehalfOf AS account, amount, 'in' AS way
    FROM aave_v3_ethereum.Pool_evt_Supply
    WHERE evt_block_time >= now() - INTERVAL '7' DAY
    UNION ALL
    SELECT evt_block_time, reserve, "user" AS account, amount, 'out' AS way
    FROM aave_v3_ethereum.Pool_evt_Withdraw
    WHERE evt_block_time >= now() - INTERVAL '7' DAY
),

valued AS (
    SELECT
        date_trunc('hour', m.evt_block_time) AS hour,
        m.account,
        m.way,
        CAST(m.amount AS double) / power(10, p.decimals) * p.price AS usd
    FROM moves AS m
    INNER JOIN prices.usd AS p
        ON p.contract_address = m.reserve AND p.blockchain = 'ethereum' AND p.minute = date_trunc('minute', m.evt_block_time)
)

SELECT
    hour,
    sum(usd) FILTER (WHERE way = 'in') AS supplied_usd,
    sum(usd) FILTER (WHERE way = 'out') AS withdrawn_usd,
    count(DISTINCT account) AS whales
FROM valued
WHERE usd > 1e6
GROUP BY hour
ORDER BY hour

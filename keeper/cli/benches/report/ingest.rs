//! How many observations a second the history takes, beside what its database does by itself.

use crate::{postgres, sample::Sample};
use ballast_store::Location;
use ballast_store::history::{History, OnBadRow, Reading};
use eyre::ensure;
use sqlx::{
    ConnectOptions, Connection, sqlite::SqliteConnectOptions, sqlite::SqliteJournalMode, sqlite::SqliteSynchronous,
};
use std::{fs, path::Path};

/// Rows of one run.
const ROWS: usize = 500_000;
/// Runs, each into an empty history.
const ROUNDS: u32 = 3;
/// Each minute has a value of each of them.
const SERIES: [&str; 5] = [
    "aave-v3/ethereum/usdc#supply_apr",
    "aave-v3/ethereum/usdc#utilisation",
    "compound-v3/ethereum/usdc#supply_apr",
    "morpho/ethereum/usdc#supply_apr",
    "spark/ethereum/usdc#supply_apr",
];

/// The same rows, made by the database itself and written in one statement into a table with the same key and no checks.
const SQLITE_FLOOR: &str = "CREATE TABLE floor (series INTEGER NOT NULL, source INTEGER NOT NULL, time INTEGER NOT NULL,
         known_at INTEGER NOT NULL, value REAL NOT NULL, PRIMARY KEY (series, source, time, known_at)) STRICT, WITHOUT ROWID;
     WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 499999)
     INSERT INTO floor SELECT n % 5, 1, n / 5 * 60, n / 5 * 60 + 60, 0.01 + n % 997 / 1e5 FROM n;";
const POSTGRES_FLOOR: &str = "CREATE TABLE floor (series BIGINT NOT NULL, source BIGINT NOT NULL, time BIGINT NOT NULL,
         known_at BIGINT NOT NULL, value DOUBLE PRECISION NOT NULL, PRIMARY KEY (series, source, time, known_at));
     INSERT INTO floor SELECT n % 5, 1, n / 5 * 60, n / 5 * 60 + 60, 0.01 + n % 997 / 1e5 FROM generate_series(0, 499999) n;";

/// One database.
#[derive(Debug, Default)]
pub(crate) struct Row {
    /// Rows that were not there.
    pub(crate) new: Sample,
    /// The same rows again, which change nothing.
    pub(crate) again: Sample,
    pub(crate) floor: Sample,
}

#[derive(Debug, Default)]
pub(crate) struct Ingests {
    pub(crate) sqlite: Row,
    pub(crate) postgresql: Row,
}

/// Rows of one run.
pub(crate) const fn rows() -> usize {
    ROWS
}

pub(crate) async fn measure(root: &Path) -> eyre::Result<Ingests> {
    let directory = root.join("target/bench/ingest");
    let readings: Vec<Reading<'_>> = (0..ROWS)
        .map(|n| {
            let time = (n / SERIES.len() * 60) as i64;
            let value = 0.01 + (n % 997) as f64 / 1e5;
            Reading { series: SERIES[n % SERIES.len()], source: "bench", time, known_at: time + 60, value }
        })
        .collect();
    let mut ingests = Ingests::default();
    let server = postgres::server();
    for _ in 0..ROUNDS {
        drop(fs::remove_dir_all(&directory));
        fs::create_dir_all(&directory)?;
        let file = Location::Sqlite(directory.join("history.db"));
        ingest(&file, &readings, &mut ingests.sqlite).await?;
        let options = SqliteConnectOptions::new()
            .filename(directory.join("floor.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let mut bare = options.connect().await?;
        let written = async { Ok(sqlx::raw_sql(SQLITE_FLOOR).execute(&mut bare).await?) };
        ingests.sqlite.floor.time_async(written).await?;
        bare.close().await?;

        let database = server.database().await;
        ingest(&Location::Postgres(server.url(&database).parse()?), &readings, &mut ingests.postgresql).await?;
        let mut bare = server.connect(&database).await;
        let written = async { Ok(sqlx::raw_sql(POSTGRES_FLOOR).execute(&mut bare).await?) };
        ingests.postgresql.floor.time_async(written).await?;
        bare.close().await?;
    }
    Ok(ingests)
}

async fn ingest(location: &Location, readings: &[Reading<'_>], row: &mut Row) -> eyre::Result<()> {
    let history = History::open(location).await?;
    let taken = async { Ok(history.ingest(readings, OnBadRow::Refuse).await?) };
    let new = row.new.time_async(taken).await?;
    ensure!(new.written == ROWS as u64, "not all rows were new: {new:?}");
    let taken = async { Ok(history.ingest(readings, OnBadRow::Refuse).await?) };
    let again = row.again.time_async(taken).await?;
    ensure!(again.repeated == ROWS as u64, "not all rows were there: {again:?}");
    history.close().await;
    Ok(())
}

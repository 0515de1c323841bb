//! A place for a history, on each database.

use crate::postgres::server;
use ballast_store::history::{OnBadRow, Reading};
use ballast_store::{DatabaseUrl, History, Location};
use ballast_types::{Metric, Observation, SeriesId};
use sqlx::{Connection, Row, SqliteConnection};
use tempfile::TempDir;

pub(crate) enum Bed {
    Sqlite(TempDir),
    Postgres(DatabaseUrl),
}

impl Bed {
    pub(crate) async fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    pub(crate) async fn postgres() -> Self {
        let database = server().database().await;
        Self::Postgres(server().url(&database).parse().unwrap())
    }

    pub(crate) fn location(&self) -> Location {
        match self {
            Self::Sqlite(folder) => History::beside(&Location::Sqlite(folder.path().join("keeper.db"))),
            Self::Postgres(url) => Location::Postgres(url.clone()),
        }
    }

    pub(crate) async fn open(&self) -> History {
        History::open(&self.location()).await.unwrap()
    }

    /// Runs a statement as somebody who does not know the rules of the program.
    pub(crate) async fn intrude(&self, script: &str) -> Result<(), sqlx::Error> {
        let script = sqlx::AssertSqlSafe(script.to_owned());
        match self.location() {
            Location::Sqlite(path) => {
                let mut connection = SqliteConnection::connect(&format!("sqlite:{}", path.display())).await?;
                sqlx::raw_sql(script).execute(&mut connection).await.map(drop)
            }
            Location::Postgres(url) => {
                let mut connection = server().connect(&database(&url)).await;
                sqlx::raw_sql("SET search_path TO history").execute(&mut connection).await?;
                sqlx::raw_sql(script).execute(&mut connection).await.map(drop)
            }
            Location::Memory => panic!("no database"),
        }
    }

    /// The first column of the first row, a number.
    pub(crate) async fn number(&self, query: &str) -> i64 {
        let query = sqlx::AssertSqlSafe(query.to_owned());
        match self.location() {
            Location::Sqlite(path) => {
                let mut connection = SqliteConnection::connect(&format!("sqlite:{}", path.display())).await.unwrap();
                sqlx::query(query).fetch_one(&mut connection).await.unwrap().get(0)
            }
            Location::Postgres(url) => {
                let mut connection = server().connect(&database(&url)).await;
                sqlx::raw_sql("SET search_path TO history").execute(&mut connection).await.unwrap();
                sqlx::query(query).fetch_one(&mut connection).await.unwrap().get(0)
            }
            Location::Memory => panic!("no database"),
        }
    }
}

/// Its name.
fn database(url: &DatabaseUrl) -> String {
    url.to_string().rsplit('/').next().unwrap().to_owned()
}

/// Makes each function that takes a bed a test on both databases.
macro_rules! on_both {
    ($($name:ident)+) => {
        crate::bed::on_both!(@ sqlite $($name)+);
        crate::bed::on_both!(@ postgres $($name)+);
    };
    (@ $backend:ident $($name:ident)+) => {
        mod $backend {
            $(
                #[tokio::test]
                async fn $name() {
                    super::$name(crate::bed::Bed::$backend().await).await;
                }
            )+
        }
    };
}

pub(crate) use on_both;

pub(crate) const RATE: &str = "aave-v3/ethereum/usdc#supply_apr";

pub(crate) fn rate() -> SeriesId {
    SeriesId::new("aave-v3/ethereum/usdc", Metric::SupplyApr).unwrap()
}

pub(crate) fn observed(source: &str, time: u64, known_at: u64, value: f64) -> Observation {
    Observation::new(rate(), source, time, known_at, value).unwrap()
}

pub(crate) fn reading(time: i64, value: f64) -> Reading<'static> {
    Reading { series: RATE, source: "subgraph", time, known_at: time + 60, value }
}

pub(crate) const TO_QUARANTINE: OnBadRow<'static> = OnBadRow::Quarantine { origin: "rates.csv" };

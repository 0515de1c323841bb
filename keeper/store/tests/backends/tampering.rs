//! An intruder with the database's own rights: each column of each row they change, and each row they remove, add or move, is found.

use crate::audit::{history, verdict};
use crate::bed::Bed;
use crate::postgres::server;
use ballast_store::{Location, Store};
use sqlx::{
    AssertSqlSafe, ConnectOptions, PgConnection, Row, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};

/// The tables that the audit log vouches for, by what their rows are ordered.
const TABLES: [(&str, &str); 5] =
    [("audit", "seq"), ("decisions", "seq"), ("gates", "position"), ("calls", "id"), ("attempts", "id")];

enum Intruder {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Intruder {
    /// With triggers and foreign keys out of the way, and a copy of every table.
    async fn at(bed: &Bed) -> Self {
        let mut intruder = match bed.location() {
            Location::Sqlite(path) => {
                let options = SqliteConnectOptions::new().filename(path).journal_mode(SqliteJournalMode::Wal);
                let options = options.foreign_keys(false).pragma("ignore_check_constraints", "1");
                Self::Sqlite(options.connect().await.unwrap())
            }
            Location::Postgres(url) => {
                let shown = url.to_string();
                let name = shown.rsplit('/').next().unwrap();
                Self::Postgres(server().connect(name).await)
            }
            Location::Memory => panic!("memory has no intruders"),
        };
        match &mut intruder {
            Self::Sqlite(_) => {
                for trigger in [
                    "audit_is_not_changed",
                    "audit_is_not_removed",
                    "records_are_not_changed",
                    "records_are_not_removed",
                ] {
                    intruder.run(&format!("DROP TRIGGER {trigger}")).await.unwrap();
                }
            }
            Self::Postgres(_) => {
                intruder.run("SET session_replication_role = replica").await.unwrap();
                intruder.run("SET search_path = ballast").await.unwrap();
            }
        }
        for (table, _) in TABLES {
            intruder.run(&format!("CREATE TABLE saved_{table} AS SELECT * FROM {table}")).await.unwrap();
        }
        intruder
    }

    async fn run(&mut self, statement: &str) -> Result<u64, sqlx::Error> {
        let statement = AssertSqlSafe(statement.to_owned());
        Ok(match self {
            Self::Sqlite(connection) => sqlx::raw_sql(statement).execute(connection).await?.rows_affected(),
            Self::Postgres(connection) => sqlx::raw_sql(statement).execute(connection).await?.rows_affected(),
        })
    }

    async fn restore(&mut self) {
        for (table, _) in TABLES {
            self.run(&format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM saved_{table}")).await.unwrap();
        }
    }

    /// Name and type.
    async fn columns(&mut self, table: &str) -> Vec<(String, String)> {
        match self {
            Self::Sqlite(connection) => {
                let asked = sqlx::query("SELECT name, type FROM pragma_table_info($1)").bind(table.to_owned());
                let rows = asked.fetch_all(connection).await.unwrap();
                rows.iter().map(|row| (row.get(0), row.get(1))).collect()
            }
            Self::Postgres(connection) => {
                let asked = sqlx::query(
                    "SELECT column_name::text, data_type::text FROM information_schema.columns
                     WHERE table_schema = 'ballast' AND table_name = $1",
                );
                let rows = asked.bind(table.to_owned()).fetch_all(connection).await.unwrap();
                rows.iter().map(|row| (row.get(0), row.get(1))).collect()
            }
        }
    }

    fn other_value(&self, column: &str, kind: &str) -> String {
        match (kind, self) {
            ("INTEGER" | "bigint", _) => format!("coalesce({column}, 0) + 1000"),
            ("TEXT" | "text", _) => format!("replace({column}, '{{', '{{\"reason\":\"forged\",') || ' '"),
            (_, Self::Sqlite(_)) => format!("zeroblob(coalesce(length({column}), 32))"),
            (_, Self::Postgres(_)) => format!("decode(repeat('00', coalesce(octet_length({column}), 32)), 'hex')"),
        }
    }
}

/// What the store says of the damage, which is then made good.
async fn told(store: &Store, intruder: &mut Intruder, what: &str) -> String {
    let fault = verdict(store).await.fault.unwrap_or_else(|| panic!("{what} was not found out"));
    intruder.restore().await;
    assert_eq!(verdict(store).await.fault, None, "{what} was made good");
    fault.to_string()
}

async fn every_column_is_covered(bed: Bed) {
    let store = bed.open().await;
    history(&store).await;
    let mut intruder = Intruder::at(&bed).await;
    let mut changed = 0;
    for (table, order) in TABLES {
        for (column, kind) in intruder.columns(table).await {
            // The second row has all there is: a landed attempt, a previous hash.
            let key = if table == "calls" { "min" } else { "max" };
            let row = match table {
                "attempts" => "2".to_owned(),
                "gates" => "1 AND decision = (SELECT decision FROM gates ORDER BY decision LIMIT 1)".to_owned(),
                _ => format!("(SELECT {key}({order}) FROM {table})"),
            };
            let value = intruder.other_value(&column, &kind);
            let what = format!("{table}.{column}");
            match intruder.run(&format!("UPDATE {table} SET {column} = {value} WHERE {order} = {row}")).await {
                Ok(rows) => assert!(rows > 0, "{what}"),
                // PostgreSQL's checks cannot be switched off.
                Err(error) if error.to_string().contains("check constraint") => {
                    assert!(["attempts.call", "decisions.action", "gates.passed"].contains(&what.as_str()), "{what}");
                    continue;
                }
                Err(error) => panic!("{what}: {error}"),
            }
            let said = told(&store, &mut intruder, &what).await;
            assert!(said.starts_with(table), "{what}: {said}");
            changed += 1;
        }
    }
    assert!(changed >= 31, "{changed} columns were changed");
}

async fn every_removed_row_is_missed(bed: Bed) {
    let store = bed.open().await;
    history(&store).await;
    let mut intruder = Intruder::at(&bed).await;
    for (table, order) in TABLES {
        for which in ["min", "max"] {
            // Without its tail the log is whole: what its last entries wrote is not.
            let gone = format!("DELETE FROM {table} WHERE {order} = (SELECT {which}({order}) FROM {table})");
            assert!(intruder.run(&gone).await.unwrap() > 0);
            told(&store, &mut intruder, &gone).await;
        }
    }
}

async fn every_inserted_row_is_noticed(bed: Bed) {
    let store = bed.open().await;
    history(&store).await;
    let mut intruder = Intruder::at(&bed).await;
    let zero = intruder.other_value("NULL", "bytes");
    for insert in [
        format!("INSERT INTO audit SELECT seq + 1, at_ms, kind, attempt, entry, previous, {zero} FROM audit WHERE seq = 17"),
        format!(
            "INSERT INTO decisions SELECT {zero}, chain_id, block_number, block_hash, block_timestamp, action, record, created_ms,
             seq + 1000 FROM decisions WHERE seq = 1"
        ),
        "INSERT INTO gates SELECT decision, position + 1000, gate, passed, detail FROM gates WHERE position = 0".to_owned(),
        format!("INSERT INTO gates SELECT {zero}, position, gate, passed, detail FROM gates WHERE position = 0 LIMIT 1"),
        "INSERT INTO calls SELECT id + 1000, purpose, target, calldata, created_ms FROM calls".to_owned(),
        "INSERT INTO attempts SELECT id + 1000, decision, call, number + 1000, state, facts, tx_hash, updated_ms FROM attempts
         WHERE id = 1"
            .to_owned(),
    ] {
        assert!(intruder.run(&insert).await.unwrap() > 0);
        told(&store, &mut intruder, &insert).await;
    }
}

async fn a_log_in_another_order_is_noticed(bed: Bed) {
    let store = bed.open().await;
    history(&store).await;
    let mut intruder = Intruder::at(&bed).await;
    let swap = "UPDATE audit SET seq = 999 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3;
        UPDATE audit SET seq = 3 WHERE seq = 999";
    intruder.run(swap).await.unwrap();
    let said = told(&store, &mut intruder, swap).await;
    assert!(said.starts_with("audit 2: it says that the hash before it is"), "{said}");
}

async fn a_cut_tail_needs_the_head_that_was_noted(bed: Bed) {
    let store = bed.open().await;
    store.put_decision(&crate::support::record_at(1)).await.unwrap();
    store.put_decision(&crate::support::record_at(2)).await.unwrap();
    let noted = store.audit_head().await.unwrap().hash;
    let mut intruder = Intruder::at(&bed).await;
    for table in ["gates", "decisions", "audit"] {
        let last = if table == "gates" { "decision = (SELECT hash FROM decisions WHERE seq = 2)" } else { "seq = 2" };
        intruder.run(&format!("DELETE FROM {table} WHERE {last}")).await.unwrap();
    }
    assert_eq!(verdict(&store).await.fault, None);
    let fault = store.verify_audit(Some(noted)).await.unwrap().fault.unwrap();
    assert!(fault.what.contains("nowhere in it"), "{fault}");
}

crate::bed::on_every_database! {
    every_column_is_covered
    every_removed_row_is_missed
    every_inserted_row_is_noticed
    a_log_in_another_order_is_noticed
    a_cut_tail_needs_the_head_that_was_noted
}

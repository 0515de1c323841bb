//! Databases that are not there, not ours, or not for us: each is said, and no password with it.

use crate::bed::Bed;
use crate::postgres::server;
use crate::support::record_at;
use ballast_store::{Location, SCHEMA_VERSION, Store, StoreError};

async fn both_refuse(url: &str, words: &[&str]) {
    let location = Location::Postgres(url.parse().unwrap());
    for refused in [Store::open_at(&location).await, Store::open_read_only_at(&location).await] {
        let said = refused.unwrap_err().to_string();
        for word in words {
            assert!(said.contains(word), "expected {word:?} in {said:?}");
        }
        assert!(!said.contains("s3cr3t"), "{said}");
    }
}

/// A database of the test's own with its schema made by hand.
async fn prepared(script: &'static str) -> String {
    let database = server().database().await;
    let mut connection = server().connect(&database).await;
    sqlx::raw_sql(script).execute(&mut connection).await.unwrap();
    server().url(&database)
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_without_the_password() {
    let nowhere = "postgresql://ballast:s3cr3t@127.0.0.1:1/keeper";
    both_refuse(nowhere, &["postgresql://ballast@127.0.0.1:1/keeper", "cannot be opened", "check that it exists"])
        .await;
    both_refuse("postgresql:///keeper?host=/nonexistent&password=s3cr3t", &["cannot be opened"]).await;
}

#[tokio::test]
async fn a_database_that_does_not_exist_is_named() {
    both_refuse(&server().url("absent"), &["cannot be opened", "database \"absent\" does not exist"]).await;
}

#[tokio::test]
async fn a_wrong_password_is_said_and_not_repeated() {
    let mut connection = server().connect("postgres").await;
    sqlx::raw_sql("CREATE ROLE locked LOGIN PASSWORD 'the right one'").execute(&mut connection).await.unwrap();
    let url = server().url("postgres").replace("user=postgres", "user=locked&password=s3cr3t");
    both_refuse(&url, &["cannot be opened", "password authentication failed for user \"locked\""]).await;
}

#[tokio::test]
async fn a_schema_of_another_program_is_refused_untouched() {
    let url = prepared("CREATE SCHEMA ballast; CREATE TABLE ballast.songs (title TEXT)").await;
    both_refuse(&url, &["belongs to another program", "not our mark"]).await;
    let url = prepared(
        "CREATE SCHEMA ballast; CREATE TABLE ballast.mark (application TEXT, schema_version BIGINT);
         INSERT INTO ballast.mark VALUES ('jukebox', 1)",
    )
    .await;
    both_refuse(&url, &["belongs to another program", "jukebox"]).await;
}

#[tokio::test]
async fn a_newer_schema_is_refused_untouched() {
    let bed = Bed::postgres().await;
    bed.open().await.close().await;
    let Location::Postgres(url) = bed.location() else { panic!() };
    let mut connection = server().connect(url.to_string().rsplit('/').next().unwrap()).await;
    sqlx::raw_sql("UPDATE ballast.mark SET schema_version = 999").execute(&mut connection).await.unwrap();
    for refused in [Store::open_at(&bed.location()).await, Store::open_read_only_at(&bed.location()).await] {
        let refused = refused.unwrap_err();
        assert!(
            matches!(refused, StoreError::NewerSchema { found: 999, known, .. } if known == SCHEMA_VERSION),
            "{refused}"
        );
    }
}

// SPEC X8
#[tokio::test]
async fn a_store_of_schema_2_is_migrated_by_its_next_writer() {
    const SCHEMA_2: &str = include_str!("../../migrations/postgres/0002_store.sql");
    let bed = Bed::postgres().await;
    let Location::Postgres(url) = bed.location() else { panic!() };
    let mut connection = server().connect(url.to_string().rsplit('/').next().unwrap()).await;
    // The script itself makes the schema, which its tables go to only if it is on the path.
    sqlx::raw_sql("SET search_path TO ballast").execute(&mut connection).await.unwrap();
    sqlx::raw_sql(SCHEMA_2).execute(&mut connection).await.unwrap();
    let refused = Store::open_read_only_at(&bed.location()).await.unwrap_err();
    assert!(matches!(refused, StoreError::OlderSchema { found: 2, known: SCHEMA_VERSION, .. }), "{refused}");
    for _ in 0..2 {
        bed.open().await.close().await;
        let found: i64 =
            sqlx::query_scalar("SELECT schema_version FROM ballast.mark").fetch_one(&mut connection).await.unwrap();
        assert_eq!(found, SCHEMA_VERSION);
        Store::open_read_only_at(&bed.location()).await.unwrap().close().await;
    }
}

#[tokio::test]
async fn reading_creates_nothing() {
    let bed = Bed::postgres().await;
    let missing = Store::open_read_only_at(&bed.location()).await.unwrap_err();
    assert!(matches!(missing, StoreError::Missing { .. }), "{missing}");
    bed.open().await;
}

#[tokio::test]
async fn other_tables_of_the_database_are_let_alone() {
    let url = prepared("CREATE TABLE decisions (ours BIGINT); INSERT INTO decisions VALUES (7)").await;
    let location = Location::Postgres(url.parse().unwrap());
    let store = Store::open_at(&location).await.unwrap();
    store.put_decision(&record_at(1)).await.unwrap();
    assert_eq!(store.decisions(9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_location_in_memory_cannot_be_opened_by_name() {
    assert!(matches!(Store::open_at(&Location::Memory).await, Err(StoreError::NotALocation)));
}

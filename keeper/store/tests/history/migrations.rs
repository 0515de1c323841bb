//! Up, down and up again; and what is not ours is let alone.
// SPEC D6

use crate::bed::{Bed, observed, on_both, rate};
use ballast_store::history::{EVER, HISTORY_VERSION, Partitioning, Step};
use ballast_store::{History, HistoryError, Location};

on_both! {
    each_migration_goes_down_and_up_again
    all_migrations_go_down_and_leave_no_table
    more_steps_than_there_are_change_nothing
    an_altered_migration_is_refused
    a_newer_schema_is_refused_untouched
    two_that_open_it_at_once_both_have_it
    reading_creates_and_migrates_nothing
}

fn applied(steps: &[Step]) -> Vec<i64> {
    steps.iter().filter(|step| step.applied).map(|step| step.version).collect()
}

async fn each_migration_goes_down_and_up_again(bed: Bed) {
    bed.open().await.close().await;
    for steps in 1..=HISTORY_VERSION {
        let left = History::migrate_down(&bed.location(), usize::try_from(steps).unwrap()).await.unwrap();
        assert_eq!(applied(&left), (1..=HISTORY_VERSION - steps).collect::<Vec<_>>());
        let history = bed.open().await;
        history.record(&[observed("subgraph", 100, 100, 0.05)]).await.unwrap();
        let there = history.range(&rate(), None, 0..EVER, EVER).await.unwrap();
        assert_eq!(there.len(), 1, "after {steps} down and up");
        history.close().await;
        assert_eq!(applied(&History::migrations(&bed.location()).await.unwrap()).len(), 5);
    }
}

async fn all_migrations_go_down_and_leave_no_table(bed: Bed) {
    bed.open().await.close().await;
    History::migrate_down(&bed.location(), 5).await.unwrap();
    let tables = match bed.location() {
        Location::Sqlite(_) => "SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE '\\_sqlx%' ESCAPE '\\' AND name NOT LIKE 'sqlite%'",
        _ => {
            "SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = 'history'::regnamespace AND relname NOT LIKE '\\_sqlx%')
              + (SELECT count(*) FROM pg_proc WHERE pronamespace = 'history'::regnamespace)"
        }
    };
    assert_eq!(bed.number(tables).await, 0);
    let refused = History::migrate_down(&bed.location(), 1).await.unwrap_err();
    assert!(matches!(refused, HistoryError::TooFarDown { steps: 1, applied: 0 }), "{refused}");
}

async fn more_steps_than_there_are_change_nothing(bed: Bed) {
    bed.open().await.close().await;
    for steps in [0, 6] {
        let refused = History::migrate_down(&bed.location(), steps).await.unwrap_err();
        assert!(refused.to_string().contains("expected 1 to 5"), "{refused}");
    }
    assert_eq!(applied(&History::migrations(&bed.location()).await.unwrap()), [1, 2, 3, 4, 5]);
}

async fn an_altered_migration_is_refused(bed: Bed) {
    bed.open().await.close().await;
    let altered = match bed.location() {
        Location::Sqlite(_) => "UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 2",
        _ => "UPDATE _sqlx_migrations SET checksum = '\\x00' WHERE version = 2",
    };
    bed.intrude(altered).await.unwrap();
    for refused in [
        History::open(&bed.location()).await.unwrap_err(),
        History::open_read_only(&bed.location()).await.unwrap_err(),
        History::migrate_down(&bed.location(), 1).await.unwrap_err(),
    ] {
        assert!(matches!(refused, HistoryError::AlteredMigration { version: 2, .. }), "{refused}");
    }
}

async fn a_newer_schema_is_refused_untouched(bed: Bed) {
    bed.open().await.close().await;
    bed.intrude("UPDATE _sqlx_migrations SET version = 999 WHERE version = 5").await.unwrap();
    for refused in
        [History::open(&bed.location()).await.unwrap_err(), History::open_read_only(&bed.location()).await.unwrap_err()]
    {
        assert!(matches!(refused, HistoryError::NewerSchema { found: 999, known: 5, .. }), "{refused}");
    }
}

async fn two_that_open_it_at_once_both_have_it(bed: Bed) {
    let location = bed.location();
    let (one, other) = tokio::join!(History::open(&location), History::open(&location));
    one.unwrap().record(&[observed("subgraph", 100, 100, 0.05)]).await.unwrap();
    assert_eq!(other.unwrap().latest(&rate(), EVER).await.unwrap().len(), 1);
}

async fn reading_creates_and_migrates_nothing(bed: Bed) {
    let missing = History::open_read_only(&bed.location()).await.unwrap_err();
    assert!(matches!(missing, HistoryError::Missing { .. }), "{missing}");
    bed.open().await.close().await;
    History::migrate_down(&bed.location(), 2).await.unwrap();
    let older = History::open_read_only(&bed.location()).await.unwrap_err();
    assert!(matches!(older, HistoryError::OlderSchema { found: 3, known: 5, .. }), "{older}");
    assert!(older.to_string().contains("ballast db migrate"), "{older}");
}

#[tokio::test]
async fn a_file_of_another_program_is_refused_untouched() {
    let bed = Bed::sqlite().await;
    let Location::Sqlite(path) = bed.location() else { panic!() };
    std::fs::File::create(&path).unwrap();
    bed.intrude("CREATE TABLE songs (title TEXT)").await.unwrap();
    let before = std::fs::read(&path).unwrap();
    for refused in
        [History::open(&bed.location()).await.unwrap_err(), History::open_read_only(&bed.location()).await.unwrap_err()]
    {
        assert!(matches!(refused, HistoryError::Foreign { .. }), "{refused}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn the_keepers_own_store_is_not_taken_for_a_history() {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::Sqlite(folder.path().join("keeper.db"));
    ballast_store::Store::open_at(&location).await.unwrap().close().await;
    let refused = History::open(&location).await.unwrap_err();
    assert!(matches!(refused, HistoryError::Foreign { .. }), "{refused}");
}

#[tokio::test]
async fn each_database_says_how_it_keeps_metrics() {
    assert_eq!(Bed::sqlite().await.open().await.partitioning(), Partitioning::OneTable);
    // No TimescaleDB in the packages that the tests run on.
    assert_eq!(Bed::postgres().await.open().await.partitioning(), Partitioning::Monthly);
}

#[tokio::test]
async fn store_and_history_live_side_by_side_in_one_database() {
    let bed = Bed::postgres().await;
    let store = ballast_store::Store::open_at(&bed.location()).await.unwrap();
    let history = bed.open().await;
    history.record(&[observed("subgraph", 100, 100, 0.05)]).await.unwrap();
    assert_eq!(store.decisions(1).await.unwrap().len(), 0);
    History::migrate_down(&bed.location(), 5).await.unwrap();
    assert_eq!(store.verify_audit(None).await.unwrap().fault, None);
}

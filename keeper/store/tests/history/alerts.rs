//! Alerts.
// SPEC D6

use crate::bed::{Bed, on_both};
use ballast_store::HistoryError;
use ballast_store::Location;
use ballast_store::history::{AlertId, Severity};

on_both! {
    an_alert_that_goes_on_is_one_alert
    an_alert_that_becomes_worse_is_raised_again
    a_resolved_alert_can_come_again
    an_alert_that_is_not_there_cannot_be_resolved
    the_index_has_the_unresolved_alone
}

async fn an_alert_that_goes_on_is_one_alert(bed: Bed) {
    let history = bed.open().await;
    let raise = async |at, subject: &str| {
        history.raise_alert(at, Severity::Critical, "peg", subject, "at 0.93\0").await.unwrap()
    };
    let first = raise(100, "usdc").await;
    assert_eq!(raise(112, "usdc").await, first);
    assert_ne!(raise(112, "usdt").await, first);
    let open = history.unresolved_alerts().await.unwrap();
    assert_eq!(
        open.iter().map(|alert| (alert.timestamp, alert.subject.as_str())).collect::<Vec<_>>(),
        [(112, "usdt"), (100, "usdc")]
    );
    assert_eq!((open[1].severity, open[1].message.as_str()), (Severity::Critical, "at 0.93\u{fffd}"));
}

async fn an_alert_that_becomes_worse_is_raised_again(bed: Bed) {
    let history = bed.open().await;
    let raise = async |at, severity| history.raise_alert(at, severity, "feeds", "usdc", "m").await.unwrap();
    let warning = raise(100, Severity::Warning).await;
    assert_eq!(raise(110, Severity::Info).await, warning);
    let critical = raise(112, Severity::Critical).await;
    assert_ne!(critical, warning, "it is told anew");
    // Less grave again is not news, and the alert stays what it was at its worst.
    assert_eq!(raise(124, Severity::Warning).await, critical);
    assert_eq!(raise(136, Severity::Critical).await, critical);
    let told: Vec<_> = history.alerts(9).await.unwrap();
    let told: Vec<_> =
        told.iter().map(|alert| (alert.id, alert.timestamp, alert.severity, alert.resolved_at)).collect();
    assert_eq!(
        told,
        [(critical, 112, Severity::Critical, None), (warning, 100, Severity::Warning, Some(112))],
        "the warning ends where the other begins"
    );
    assert_eq!(history.unresolved_alerts().await.unwrap().len(), 1);
}

async fn a_resolved_alert_can_come_again(bed: Bed) {
    let history = bed.open().await;
    let first = history.raise_alert(100, Severity::Warning, "peg", "usdc", "m").await.unwrap();
    history.resolve_alert(first, 200).await.unwrap();
    history.resolve_alert(first, 300).await.unwrap();
    assert_eq!(history.unresolved_alerts().await.unwrap(), []);
    let second = history.raise_alert(400, Severity::Warning, "peg", "usdc", "m").await.unwrap();
    assert_ne!(second, first);
    let all = history.alerts(9).await.unwrap();
    assert_eq!(
        all.iter().map(|alert| (alert.id, alert.resolved_at)).collect::<Vec<_>>(),
        [(second, None), (first, Some(200))]
    );
}

async fn an_alert_that_is_not_there_cannot_be_resolved(bed: Bed) {
    let refused = bed.open().await.resolve_alert(AlertId(7), 100).await.unwrap_err();
    assert!(matches!(refused, HistoryError::Unknown { .. }), "{refused}");
}

async fn the_index_has_the_unresolved_alone(bed: Bed) {
    bed.open().await.close().await;
    let partial = match bed.location() {
        Location::Sqlite(_) => {
            "SELECT count(*) FROM sqlite_schema WHERE name = 'unresolved_alerts' AND sql LIKE '%WHERE is_resolved = 0'"
        }
        _ => {
            "SELECT count(*) FROM pg_indexes WHERE schemaname = 'history' AND indexname = 'unresolved_alerts'
             AND indexdef LIKE '%WHERE (NOT is_resolved)'"
        }
    };
    assert_eq!(bed.number(partial).await, 1);
}

//! Alerts.
// SPEC D6

use crate::bed::{Bed, on_both};
use ballast_store::HistoryError;
use ballast_store::Location;
use ballast_store::history::{AlertId, Severity};

on_both! {
    an_alert_that_goes_on_is_one_alert
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

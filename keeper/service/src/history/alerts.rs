//! What is wrong in a snapshot, in the words of the gates that hold for it: raised when it begins, resolved when it is over.

use super::readings::float;
use ballast_risk::{FeedHealth, assess};
use ballast_store::history::{Alert, Severity};
use ballast_store::{History, HistoryError};
use ballast_types::{Doubt, FeedState, GateId, Snapshot, VenueReading};

/// Gates whose refusal is a state of the world, and not of a move.
const WATCHED: [GateId; 4] = [GateId::Observation, GateId::KillSwitch, GateId::Feeds, GateId::Venues];

/// Something that is wrong now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) severity: Severity,
    /// The gate that says no because of it.
    pub(crate) gate: GateId,
    /// Of what: a venue, a feed, the vault.
    pub(crate) subject: String,
    pub(crate) message: String,
}

impl Trouble {
    /// `kill_switch`, as alerts of the history have it.
    pub(crate) fn kind(&self) -> String {
        kind(self.gate)
    }
}

fn kind(gate: GateId) -> String {
    gate.to_string().replace(' ', "_")
}

/// Everything that is wrong in a snapshot.
pub(crate) fn troubles(snapshot: &Snapshot) -> Vec<Trouble> {
    let mut found = Vec::new();
    let mut push = |severity, gate, subject: &str, message: String| {
        found.push(Trouble { severity, gate, subject: subject.to_owned(), message });
    };
    for doubt in &snapshot.doubts {
        let (subject, message) = match doubt {
            Doubt::Alarm { venue, detail } => {
                push(Severity::Critical, GateId::Observation, venue, detail.clone());
                continue;
            }
            Doubt::RpcDisagreement { detail } => ("endpoints", detail.clone()),
            Doubt::StaleHead { age, limit } => {
                ("head", format!("the newest block is {age} s old, expected at most {limit} s"))
            }
            Doubt::SourceDisagreement { quantity, detail } | Doubt::SourceMissing { quantity, detail } => {
                (quantity.as_str(), detail.clone())
            }
        };
        push(Severity::Warning, GateId::Observation, subject, message);
    }
    let switch = &snapshot.kill_switch;
    if !switch.operational {
        push(Severity::Critical, GateId::KillSwitch, "vault", format!("{} ({:?})", switch.reason, switch.mode));
    }
    for feed in snapshot.feeds.iter().chain([&snapshot.eth_usd]) {
        match assess(feed, snapshot.block.timestamp) {
            FeedHealth::Healthy { .. } => {}
            FeedHealth::Depegged { price, low, high } => {
                let [price, low, high] = [price, low, high].map(|wad| float(wad.0));
                let message = format!("its price is {price:.6}, expected {low:.6} to {high:.6}");
                push(Severity::Critical, GateId::Feeds, &subject(feed), message);
            }
            FeedHealth::Unhealthy { reason } => {
                push(Severity::Warning, GateId::Feeds, &subject(feed), reason.to_string());
            }
        }
    }
    for venue in &snapshot.venues {
        if venue.quarantined {
            push(
                Severity::Critical,
                GateId::Venues,
                &venue.name,
                "it is quarantined: out of NAV until recovered".into(),
            );
        } else if let VenueReading::Unreadable { why } = &venue.reading {
            push(Severity::Critical, GateId::Venues, &venue.name, format!("it cannot be read: {why}"));
        } else if !venue.can_add {
            push(Severity::Warning, GateId::Venues, &venue.name, "the kill switch lets nothing be added to it".into());
        }
    }
    found
}

/// A feed's name, which is its own and may be empty.
fn subject(feed: &FeedState) -> String {
    if feed.name.is_empty() { feed.aggregator.to_string() } else { feed.name.clone() }
}

/// Raises what is new and resolves what is over; what is unresolved then.
pub(crate) async fn keep(history: &History, snapshot: &Snapshot) -> Result<Vec<Alert>, HistoryError> {
    let (now, troubles) = (snapshot.block.timestamp, troubles(snapshot));
    let watched = WATCHED.map(kind);
    for alert in history.unresolved_alerts().await? {
        let goes_on = troubles.iter().any(|one| one.kind() == alert.kind && one.subject == alert.subject);
        if watched.contains(&alert.kind) && !goes_on {
            history.resolve_alert(alert.id, now.max(alert.timestamp)).await?;
        }
    }
    for one in &troubles {
        history.raise_alert(now, one.severity, &one.kind(), &one.subject, &one.message).await?;
    }
    history.unresolved_alerts().await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::history::world;
    use ballast_store::Location;

    fn at(minutes: u64, change: impl FnOnce(&mut Snapshot)) -> Snapshot {
        let mut snapshot = world::fresh();
        change(&mut snapshot);
        snapshot.block.timestamp += minutes * 60;
        snapshot
    }

    #[test]
    fn everything_that_holds_a_decision_is_named() {
        assert_eq!(troubles(&world::fresh()), []);
        let wrong = at(0, |snapshot| {
            snapshot.doubts.push(Doubt::StaleHead { age: 900, limit: 300 });
            snapshot.kill_switch.operational = false;
            snapshot.kill_switch.reason = "Oracle failure detected".to_owned();
            snapshot.feeds = vec![world::feed("USDC/USD", 97_000_000, world::peg()), world::feed("DAI/USD", -1, None)];
            snapshot.venues[0].reading = VenueReading::Unreadable { why: "it reverts".to_owned() };
            snapshot.venues[1].can_add = false;
        });
        let found = troubles(&wrong);
        let told: Vec<_> = found.iter().map(|one| (one.kind(), one.subject.as_str(), one.severity)).collect();
        let expected = [
            ("observation", "head", Severity::Warning),
            ("kill_switch", "vault", Severity::Critical),
            ("feeds", "USDC/USD", Severity::Critical),
            ("feeds", "DAI/USD", Severity::Warning),
            ("venues", "aave", Severity::Critical),
            ("venues", "morpho", Severity::Warning),
        ];
        assert_eq!(told, expected.map(|(kind, subject, severity)| (kind.to_owned(), subject, severity)));
        assert!(found[2].message.contains("0.970000, expected 0.980000 to 1.020000"), "{found:?}");
    }

    // SPEC D6
    #[tokio::test]
    async fn a_warning_that_becomes_critical_is_told_anew() {
        let folder = tempfile::tempdir().unwrap();
        let history = History::open(&Location::Sqlite(folder.path().join("history.db"))).await.unwrap();
        let feed = |answer| {
            move |snapshot: &mut Snapshot| {
                snapshot.feeds = vec![world::feed("USDC/USD", answer, world::peg())];
            }
        };
        let (silent, fallen) = (feed(-1), feed(97_000_000));
        let told = async |minute, change: &dyn Fn(&mut Snapshot)| {
            let open = keep(&history, &at(minute, change)).await.unwrap();
            open.iter().map(|alert| (alert.timestamp, alert.severity)).collect::<Vec<_>>()
        };
        assert_eq!(told(0, &silent).await, [(world::NOW, Severity::Warning)]);
        let worse = [(world::NOW + 60, Severity::Critical)];
        assert_eq!(told(1, &fallen).await, worse);
        assert_eq!(told(2, &silent).await, worse, "better is no news");
        assert_eq!(told(3, &|_| ()).await, []);
        assert_eq!(history.alerts(9).await.unwrap().len(), 2);
    }

    // SPEC D6
    #[tokio::test]
    async fn an_alert_is_raised_once_and_resolved_when_it_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let history = History::open(&Location::Sqlite(folder.path().join("history.db"))).await.unwrap();
        let other = history.raise_alert(1, Severity::Info, "backup", "disk", "full").await.unwrap();
        let stopped = |snapshot: &mut Snapshot| snapshot.kill_switch.operational = false;
        for minute in 0..3 {
            let open = keep(&history, &at(minute, stopped)).await.unwrap();
            assert_eq!(open.len(), 2, "{open:?}");
            assert_eq!((open[0].kind.as_str(), open[0].timestamp), ("kill_switch", world::NOW));
        }
        let open = keep(&history, &at(5, |_| ())).await.unwrap();
        assert_eq!(
            open.iter().map(|alert| alert.id).collect::<Vec<_>>(),
            [other],
            "others' alerts are not ours to resolve"
        );
        let all = history.alerts(10).await.unwrap();
        assert_eq!((all.len(), all[0].resolved_at), (2, Some(world::NOW + 300)));
        assert_eq!(keep(&history, &at(9, stopped)).await.unwrap().len(), 2, "and raised anew");
    }
}

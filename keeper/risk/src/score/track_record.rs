//! The track record (SPEC R6), as of a date: an exploit is invisible before the day it became known.

use super::{
    Factor, Part, PartId, RISKIEST,
    factor::{Clock, Standing, factor},
    part,
};
use crate::sourced::{Freshness, Input};
use serde::Serialize;

/// One loss of depositors' money.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Exploit {
    /// Unix seconds from which on it was known.
    pub time: u64,
    /// `None` if nobody knows: counts as above every threshold.
    pub lost_usd: Option<f64>,
    /// `None` if nobody knows: counts as nothing.
    pub recovered_usd: Option<f64>,
}

impl Exploit {
    /// Dollars, zero or more; `None` if nobody knows, and a loss that is no number is one that nobody knows.
    pub(super) fn known_loss(&self) -> Option<f64> {
        self.lost_usd.filter(|usd| !usd.is_nan()).map(|usd| usd.max(0.0))
    }
}

/// What a protocol's depositors have been through.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TrackRecord {
    pub exploits: Vec<Exploit>,
    /// Disputes about who bears a loss; `None` if nobody counted them: counts as too many, as whatever is not known. They count beside
    /// exploits only: a protocol without any has the score 0.
    pub disputes: Option<u32>,
}

impl TrackRecord {
    /// The exploits that were known at `now`.
    #[must_use]
    pub fn seen(&self, now: u64) -> Vec<&Exploit> {
        self.exploits.iter().filter(|exploit| exploit.time <= now).collect()
    }
}

/// The points of each rule; their sum, at most 100, is the part.
struct Tally {
    count: f64,
    lost: f64,
    unrecovered: f64,
    disputed: f64,
}

fn tally(record: &TrackRecord, now: u64) -> Tally {
    let seen = record.seen(now);
    if seen.is_empty() {
        return Tally { count: 0.0, lost: 0.0, unrecovered: 0.0, disputed: 0.0 };
    }
    let known: f64 = seen.iter().filter_map(|exploit| exploit.known_loss()).sum();
    let unknown = seen.iter().any(|exploit| exploit.known_loss().is_none());
    let recovered: f64 = seen.iter().filter_map(|exploit| exploit.recovered_usd).map(|usd| usd.max(0.0)).sum();
    let lost = if unknown || known > 10e6 {
        40.0
    } else if known > 1e6 {
        20.0
    } else {
        0.0
    };
    Tally {
        count: 30.0 * seen.len() as f64,
        lost,
        unrecovered: if unknown || recovered < 0.5 * known { 20.0 } else { 0.0 },
        disputed: if record.disputes.is_none_or(|count| count > 2) { 10.0 } else { 0.0 },
    }
}

pub(super) fn judge(input: &Input<TrackRecord>, now: u64, freshness: Freshness) -> Part {
    let clock = Clock { now, limit: Some(freshness.facts) };
    let whole = factor("exploits", 0, input, clock, |record| {
        let Tally { count, lost, unrecovered, disputed } = tally(record, now);
        let sum = (count + lost + unrecovered + disputed).min(RISKIEST);
        Ok((sum, format!("{} known by then: {count:.0} points", record.seen(now).len())))
    });
    let score = whole.score;
    let mut factors = vec![whole];
    if let (Input::Given(record), Standing::Measured) = (input, factors[0].standing) {
        let Tally { count, lost, unrecovered, disputed } = tally(&record.value, now);
        factors[0].score = count.min(RISKIEST);
        let beside = |name, score, detail: &str| Factor { name, score, detail: detail.into(), ..factors[0].clone() };
        let more = [
            beside("lost", lost, "over $10M 40, over $1M 20"),
            beside("recovered", unrecovered, "less than half came back 20"),
            beside("disputes", disputed, &disputes(&record.value, now)),
        ];
        factors.extend(more);
    }
    part(PartId::TrackRecord, score, "sum, at most 100; without an exploit 0", factors)
}

/// What is known of disputes, in words.
fn disputes(record: &TrackRecord, now: u64) -> String {
    match (record.disputes, record.seen(now).is_empty()) {
        (Some(count), _) => format!("{count} known by then, more than two 10"),
        (None, true) => "nobody counted them; without an exploit 0".to_owned(),
        (None, false) => "not known: counted as more than two, 10".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn exploit(time: u64, lost: f64, recovered: f64) -> Exploit {
        Exploit { time, lost_usd: Some(lost), recovered_usd: Some(recovered) }
    }

    fn of(exploits: &[Exploit], disputes: u32, now: u64) -> f64 {
        let record = TrackRecord { exploits: exploits.to_vec(), disputes: Some(disputes) };
        judge(&Input::given(record, "test", 0), now, Freshness::default()).score
    }

    // SPEC R6, ERR-46
    #[test]
    fn no_exploit_is_zero_whatever_else_there_is() {
        assert_eq!(of(&[], 0, 10), 0.0);
        assert_eq!(of(&[], 9, 10), 0.0);
    }

    // SPEC R6
    #[test]
    fn the_rules_points_hold_at_their_edges() {
        for (lost, recovered, disputes, points) in [
            (1e6, 1e6, 0, 30.0),
            (1_000_000.01, 1e6, 0, 50.0),
            (10e6, 10e6, 0, 50.0),
            (10_000_000.01, 10e6, 0, 70.0),
            (1e6, 0.5e6, 0, 30.0),
            (1e6, 499_999.99, 0, 50.0),
            (1e6, 1e6, 2, 30.0),
            (1e6, 1e6, 3, 40.0),
            (80e6, 0.0, 3, 100.0),
        ] {
            assert_eq!(of(&[exploit(5, lost, recovered)], disputes, 10), points, "{lost} {recovered} {disputes}");
        }
        assert_eq!(of(&[exploit(5, 0.0, 0.0); 4], 0, 10), 100.0);
        let unknown = Exploit { time: 5, lost_usd: None, recovered_usd: None };
        assert_eq!(of(&[unknown], 0, 10), 90.0);
        assert_eq!(of(&[exploit(5, f64::NAN, 0.0)], 0, 10), 90.0);
    }

    // SPEC R6: what nobody counted is not zero.
    #[test]
    fn disputes_that_nobody_counted_count_as_too_many_and_the_score_says_so() {
        let judged = |exploits: &[Exploit]| {
            let record = TrackRecord { exploits: exploits.to_vec(), disputes: None };
            judge(&Input::given(record, "test", 0), 10, Freshness::default())
        };
        let part = judged(&[exploit(5, 1e6, 1e6)]);
        let of_disputes = part.factors.iter().find(|factor| factor.name == "disputes");
        assert_eq!((part.score, of_disputes.map(|factor| factor.score)), (40.0, Some(10.0)));
        assert_eq!(of_disputes.map(|factor| factor.detail.as_str()), Some("not known: counted as more than two, 10"));
        assert_eq!(judged(&[]).score, 0.0);
    }

    proptest! {
        // SPEC R6: as of the date. Whatever happens later changes nothing.
        #[test]
        fn later_exploits_are_invisible(
            past in proptest::collection::vec((0u64..=100, 0.0..50e6f64, 0.0..50e6f64), 0..5),
            future in proptest::collection::vec((101u64..1_000, 0.0..50e6f64, 0.0..50e6f64), 0..5),
        ) {
            let make = |rows: &[(u64, f64, f64)]| rows.iter().map(|(t, l, r)| exploit(*t, *l, *r)).collect::<Vec<_>>();
            let mut both = make(&future);
            both.extend(make(&past));
            prop_assert_eq!(of(&make(&past), 3, 100), of(&both, 3, 100));
        }

        #[test]
        fn one_more_exploit_that_is_not_made_good_never_lowers_the_points(
            past in proptest::collection::vec((0u64..=100, 0.0..50e6f64), 0..5), lost in 0.0..50e6f64,
        ) {
            let mut rows: Vec<_> = past.iter().map(|(t, l)| exploit(*t, *l, 0.0)).collect();
            let before = of(&rows, 0, 100);
            rows.push(exploit(50, lost, 0.0));
            prop_assert!(of(&rows, 0, 100) >= before);
        }
    }
}

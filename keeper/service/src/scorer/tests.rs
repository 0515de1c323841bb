#![allow(clippy::unwrap_used)]
use super::*;
use crate::history::{SOURCE, world};
use ballast_allocator::decide;
use ballast_risk::{facts::Facts, score::PartId};
use ballast_store::history::{OnBadRow, Reading};
use ballast_types::{Action, FeedReading, GateId, SeriesId, WAD};

/// Aave is known, the other venue not.
fn scorer(policy: Policy, live: bool) -> Scorer {
    let of = [(world::AAVE, "aave-v3".to_owned())].into();
    Scorer::of(policy, live, Protocols::new(Facts::built_in().unwrap(), of))
}

fn peg(snapshot: &Snapshot, heard: &[Observation]) -> f64 {
    let scorer = scorer(world::policy(), true);
    let score = scorer.score(snapshot, &snapshot.venues[0], &Names::of_snapshot(snapshot), heard, Size::Held);
    score.part(PartId::Peg)
}

fn says(coin: &str, price: f64) -> Observation {
    let series = SeriesId::new(coin, Metric::PriceUsd).unwrap();
    Observation::new(series, "test", world::NOW + 5, world::NOW + 5, price).unwrap()
}

#[test]
fn unless_it_is_wanted_the_operators_scores_are_all_there_is() {
    let found = scorer(world::policy(), false).judged(&world::fresh(), &[]);
    assert_eq!(found, world::policy());
}

// SPEC X2, R1
#[test]
fn the_higher_of_the_two_scores_counts_and_nothing_else_of_the_policy_changes() {
    for case in 0..100 {
        let r = &mut world::Random(case);
        let snapshot = world::random_snapshot(r);
        let own = world::random_policy(r, &snapshot);
        let scorer = scorer(own.clone(), true);
        let judged = scorer.judged(&snapshot, &[]);
        assert!(judged.equals_but_for_scores(&own), "case {case}");
        let (names, nav) = (Names::of_snapshot(&snapshot), value_usd(&snapshot));
        for (own, judged) in own.venues.iter().zip(&judged.venues) {
            let venue = snapshot.venues.iter().find(|venue| venue.adapter == own.adapter);
            let size = Size::UpTo(nav * f64::from(own.max_position.0) / f64::from(BPS_ONE));
            let live = venue.map_or(0, |venue| scorer.score(&snapshot, venue, &names, &[], size).points());
            assert_eq!(judged.risk_score, own.risk_score.max(live), "case {case}");
        }
    }
}

// SPEC X2: what decisions go by is in the record, and what scores at the limit gets nothing.
#[test]
fn what_scores_at_the_limit_by_what_is_known_gets_nothing_whatever_the_operator_says() {
    let snapshot = world::fresh();
    let judged = scorer(world::policy(), true).judged(&snapshot, &[]);
    let [aave, other] = [0, 1].map(|index| judged.venues[index].risk_score);
    assert!(25 < aave && aave < other, "{aave} {other}: it is known what Aave is");
    let limited = Policy { max_risk_score: other, ..world::policy() };
    let decision = decide(&snapshot, &scorer(limited.clone(), true).judged(&snapshot, &[]));
    let added: Vec<_> = decision.targets().iter().map(|target| target.adapter).collect();
    assert_eq!(added, [world::AAVE]);
    assert!(matches!(decide(&snapshot, &limited).action, Action::Rebalance { targets } if targets.len() == 2));
    let tight = Policy { max_risk_score: aave, ..limited };
    let held = decide(&snapshot, &scorer(tight, true).judged(&snapshot, &[]));
    assert_eq!(held.action, Action::Hold);
    assert!(held.refusals().any(|gate| gate.id == GateId::Limits));
}

// SPEC R4, R16: a coin that falls raises the score of what stands on it.
#[test]
fn a_coin_without_a_feed_is_priced_by_what_is_heard_and_one_with_a_feed_never() {
    let snapshot = world::fresh();
    let well = [says("dai", 1.0), says("usdt", 1.0)];
    assert_eq!(peg(&snapshot, &[]), 100.0, "nobody says what the others are worth");
    let quiet = peg(&snapshot, &well);
    assert!(quiet < 10.0, "{quiet}");
    let fallen = peg(&snapshot, &[says("dai", 1.0), says("usdt", 0.93)]);
    assert!(fallen > quiet + 40.0);
    // Nobody else makes one source's alarm go away, and what was heard hours ago is nothing.
    assert_eq!(peg(&snapshot, &[says("dai", 1.0), says("usdt", 0.93), says("usdt", 1.0)]), fallen);
    let long_ago = SeriesId::new("usdt", Metric::PriceUsd).unwrap();
    let long_ago = Observation::new(long_ago, "test", world::NOW - 3_601, world::NOW - 3_601, 1.0).unwrap();
    assert_eq!(peg(&snapshot, &[says("dai", 1.0), long_ago]), 100.0);
    // The chain says what USDC is worth, whatever others say, and if it does not nobody else is believed.
    let crying = [says("dai", 1.0), says("usdt", 1.0), says("usdc", 0.5)];
    assert_eq!(peg(&snapshot, &crying), quiet);
    let mut blind = snapshot;
    blind.feeds[0].reading = FeedReading::Unreadable { why: "it reverts".to_owned() };
    assert_eq!(peg(&blind, &[says("dai", 1.0), says("usdt", 1.0), says("usdc", 1.0)]), 100.0);
}

// SPEC R3
#[test]
fn how_much_the_size_varied_counts_once_it_is_known_and_as_long_as_it_is_fresh() {
    let scored = |variation: Option<(f64, u64)>| {
        let scorer = scorer(world::policy(), true);
        let of = |(value, age)| (world::AAVE, Sourced::new(value, "the history", world::NOW - age));
        scorer.remember(variation.map(of).into_iter().collect());
        scorer.judged(&world::fresh(), &[]).venues[0].risk_score
    };
    let (unknown, steady, wild) = (scored(None), scored(Some((0.02, 60))), scored(Some((0.4, 60))));
    assert!(steady < wild && wild <= unknown, "{steady} {wild} {unknown}");
    assert_eq!(scored(Some((0.02, 3 * 86_400))), unknown, "nobody has looked for days");
}

// SPEC R3, X2: a first or only decision goes by what a running service would go by.
#[tokio::test]
async fn what_was_recorded_of_a_month_is_known_before_the_historian_has_looked() {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::Sqlite(folder.path().join("history.sqlite"));
    let scored = async |live: bool| {
        let scorer = scorer(world::policy(), live);
        scorer.look_back(&location, &world::fresh()).await;
        scorer.judged(&world::fresh(), &[]).venues[0].risk_score
    };
    let unknown = scored(true).await;
    let history = History::open(&location).await.unwrap();
    let row = |day: u64| {
        let time = i64::try_from(world::NOW - day * 86_400).unwrap();
        Reading { series: "aave#tvl_usd", source: SOURCE, time, known_at: time, value: 1e8 + day as f64 }
    };
    history.ingest(&(1..20).map(row).collect::<Vec<_>>(), OnBadRow::Refuse).await.unwrap();
    history.close().await;
    let known = scored(true).await;
    assert!(known < unknown, "{known} {unknown}");
    assert!(scored(false).await < known, "the operator's");
}

// SPEC R5: nothing is held yet, and what would be put in could not be had again.
#[test]
fn what_may_be_put_into_a_venue_counts_for_what_leaving_it_costs() {
    let scored = |borrowed: u128, nav: u128| {
        let mut snapshot = world::fresh();
        (snapshot.vault.nav.0, snapshot.vault.idle.0) = (nav, nav);
        if let ballast_types::VenueReading::Read { markets, .. } = &mut snapshot.venues[0].reading {
            markets[0].borrowed.0 = borrowed;
        }
        let (venue, names) = (&snapshot.venues[0], Names::of_snapshot(&snapshot));
        let scorer = scorer(world::policy(), true);
        let of = |size| scorer.score(&snapshot, venue, &names, &[], size).part(PartId::Liquidity);
        let allowed = scorer.judged(&snapshot, &[]).venues[0].risk_score;
        (of(Size::Held), of(Size::UpTo(0.5 * nav as f64 / 1e6)), allowed)
    };
    let million = 1_000_000 * world::USDC;
    // Twenty millions of a hundred are there.
    let (held, small, deep) = scored(80 * million, million / 10);
    assert_eq!((held, small), (0.0, 0.0));
    let (held, large, shallow) = scored(100 * million - 40_000 * world::USDC, million / 10);
    assert_eq!((held, large), (0.0, 80.0), "of 50,000 that may be put in 40,000 could be had");
    assert_eq!(shallow, deep + 12);
    let (held, share, _) = scored(80 * million, 6 * million);
    assert_eq!((held, share > 29.0), (0.0, true), "three millions are 3 % of it: {share}");
}

// SPEC R3, R5: below some 73 % a lender that is used more is no riskier.
#[test]
fn from_82_percent_lent_out_on_more_lent_out_is_never_a_lower_score() {
    let scored = |lent: u128| {
        let mut snapshot = world::fresh();
        if let ballast_types::VenueReading::Read { utilisation, markets, .. } = &mut snapshot.venues[0].reading {
            utilisation.0 = lent;
            markets[0].borrowed.0 = markets[0].supplied.0 / WAD * lent;
        }
        scorer(world::policy(), true).judged(&snapshot, &[]).venues[0].risk_score
    };
    let scores: Vec<u8> = (82..=100).map(|percent| scored(WAD / 100 * percent)).collect();
    assert!(scores.windows(2).all(|pair| pair[0] <= pair[1]) && scores[0] < scores[18], "{scores:?}");
}

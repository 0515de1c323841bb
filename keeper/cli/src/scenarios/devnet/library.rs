//! The made-up ones: every trigger at its bound, past it and well past it, and exits on which something fails.

use super::timeline::{
    Change::{
        self, Break, BreakToken, CarriedOver, FeedReverts, FromTheFuture, Leave, LendOut, Pause, Repay, Round, Wait,
    },
    DOLLAR, Place, Scenario,
};
use ballast_risk::kill_switch::Trigger::{Oracle, Peg, Tvl, Utilisation};

const CENT: i64 = DOLLAR / 100;
const MINUTE: u64 = 60;
/// One whole USDC in base units.
const USDC: u64 = 1_000_000;
const MILLION: u64 = 1_000_000 * USDC;
/// Heartbeat of the asset's feed plus the switch's grace: the oldest round that is trusted, seconds.
const OLDEST: u64 = 86_400 + 3_600;
/// Five minutes until a two-step trigger may be confirmed, and some.
const CONFIRMED: u64 = 6 * MINUTE;

pub(super) fn made_up() -> Vec<Scenario> {
    [prices(), feeds(), lending(), sizes(), exits()].concat()
}

fn prices() -> Vec<Scenario> {
    let once = |id, what, price| Scenario::new(id, what, vec![(0, Round(price))]);
    let wiggle = (0..30i64)
        .map(|minute| (u64::try_from(minute).unwrap_or(0) * MINUTE, Round(DOLLAR + (minute % 7 - 3) * 30_000)));
    let slide = (0..10u64).map(|step| (step * 5 * MINUTE, Round(DOLLAR - i64::try_from(step).unwrap_or(0) * CENT)));
    vec![
        Scenario::new("calm", "half an hour within ten basis points", wiggle.collect()),
        once("peg-warn", "the asset at 0.985: warned of, not tripped", 985 * CENT / 10).watched_for(10 * MINUTE),
        once("peg-low-at", "the asset at 0.98 exactly", 98 * CENT),
        once("peg-low-past", "the asset one unit below 0.98", 98 * CENT - 1).trips_asset(Peg),
        once("peg-high-at", "the asset at 1.02 exactly", 102 * CENT),
        once("peg-high-past", "the asset one unit above 1.02", 102 * CENT + 1).trips_asset(Peg),
        Scenario::new(
            "flash-crash",
            "the asset at 0.95 for one minute",
            vec![(0, Round(95 * CENT)), (MINUTE, Round(DOLLAR))],
        )
        .trips_asset(Peg),
        Scenario::new("slide", "the asset loses a cent every five minutes", slide.collect()).trips_asset(Peg),
        once("collapse", "the asset at 0.50 at once", 50 * CENT).trips_asset(Peg),
    ]
}

fn feeds() -> Vec<Scenario> {
    let silent = |id, what, rest: &[(u64, Change)]| {
        Scenario::new(id, what, [&[(0, Round(DOLLAR)), (OLDEST - 24, Wait), (OLDEST - 12, Wait)], rest].concat())
    };
    vec![
        silent("feed-old", "a round comes when the last one may still just be trusted", &[(OLDEST, Round(DOLLAR))]),
        silent("feed-stale", "none comes", &[(OLDEST, Wait)]).trips_asset(Oracle),
        Scenario::new("feed-reverts", "the feed reverts", vec![(0, FeedReverts(true))]).trips_asset(Oracle),
        Scenario::new("feed-zero", "the feed answers 0", vec![(0, Round(0))]).trips_asset(Oracle),
        Scenario::new("feed-negative", "the feed answers −1", vec![(0, Round(-1))]).trips_asset(Oracle),
        Scenario::new("feed-carried-over", "the round is of an earlier one", vec![(0, CarriedOver)])
            .trips_asset(Oracle),
        Scenario::new("feed-future", "the round is stamped an hour ahead", vec![(0, FromTheFuture)])
            .trips_asset(Oracle),
        Scenario::new(
            "feed-blind-depeg",
            "the feed reverts for five minutes and comes back at 0.97",
            vec![(0, FeedReverts(true)), (5 * MINUTE, Round(97 * CENT)), (5 * MINUTE + 12, FeedReverts(false))],
        )
        .trips_asset(Oracle)
        .trips_asset(Peg),
    ]
}

fn lending() -> Vec<Scenario> {
    let lent =
        |id, what, place, left| Scenario::new(id, what, vec![(0, LendOut { place, left })]).watched_for(CONFIRMED);
    vec![
        lent("lent-out-below", "Aave lent out to 94.9 %", Place::Aave, 51 * MILLION / 10),
        lent("lent-out", "Aave lent out to 95.1 %", Place::Aave, 49 * MILLION / 10).trips(Utilisation, Place::Aave),
        lent("lent-out-wholly", "the second Aave lent out to the last unit", Place::AavePrime, 0)
            .trips(Utilisation, Place::AavePrime),
        lent("lent-out-morpho", "of the position in Morpho less than 5 % could leave", Place::Morpho, 100 * USDC)
            .trips(Utilisation, Place::Morpho),
        Scenario::new(
            "lent-out-briefly",
            "Aave lent out for three minutes: armed, never confirmed",
            vec![
                (0, LendOut { place: Place::Aave, left: MILLION }),
                (3 * MINUTE, Repay { place: Place::Aave, amount: 20 * MILLION }),
            ],
        )
        .watched_for(CONFIRMED),
        Scenario::new(
            "lent-out-both",
            "both Aaves lent out",
            vec![
                (0, LendOut { place: Place::Aave, left: MILLION }),
                (MINUTE, LendOut { place: Place::AavePrime, left: MILLION }),
            ],
        )
        .watched_for(CONFIRMED)
        .trips(Utilisation, Place::Aave)
        .trips(Utilisation, Place::AavePrime),
    ]
}

fn sizes() -> Vec<Scenario> {
    // So much must not be lent out, or nobody could leave.
    let room = |place| match place {
        Place::Aave | Place::AavePrime => Repay { place, amount: 60 * MILLION },
        Place::Morpho | Place::MorphoPrime => Repay { place, amount: 40 * MILLION },
    };
    let leave = |id, what, place, bps| {
        Scenario::new(id, what, vec![(0, Leave { place, bps })]).after(vec![room(place)]).watched_for(CONFIRMED)
    };
    vec![
        leave("leave-20", "a fifth of Aave's deposits leaves", Place::Aave, 2_000),
        leave("leave-29", "29 % of Aave's deposits leave", Place::Aave, 2_900),
        leave("leave-31", "31 % of Aave's deposits leave", Place::Aave, 3_100).trips(Tvl, Place::Aave),
        leave("leave-50", "half of Aave's deposits leaves", Place::Aave, 5_000).trips(Tvl, Place::Aave),
        leave("leave-29-morpho", "29 % of Morpho's deposits leave", Place::Morpho, 2_900),
        leave("leave-31-morpho", "31 % of Morpho's deposits leave", Place::Morpho, 3_100).trips(Tvl, Place::Morpho),
        Scenario::new("unreadable", "Aave reverts whatever it is asked", vec![(0, Break(Place::Aave))])
            .watched_for(CONFIRMED)
            .trips(Tvl, Place::Aave)
            .trips(Utilisation, Place::Aave)
            .stuck_in(Place::Aave),
        Scenario::new(
            "half-unreadable",
            "Aave's share token reverts, its pool answers",
            vec![(0, BreakToken(Place::Aave))],
        )
        .watched_for(CONFIRMED)
        .trips(Tvl, Place::Aave)
        .stuck_in(Place::Aave),
    ]
}

fn exits() -> Vec<Scenario> {
    let fall = Round(95 * CENT);
    let (place, paused) = (Place::AavePrime, true);
    vec![
        Scenario::new(
            "exit-paused",
            "the asset falls while a venue is paused",
            vec![(0, Pause { place, paused }), (MINUTE, fall)],
        )
        .trips_asset(Peg)
        .stuck_in(place),
        Scenario::new(
            "exit-paused-resumed",
            "the same, and the venue goes on ten minutes later",
            vec![(0, Pause { place, paused }), (MINUTE, fall), (11 * MINUTE, Pause { place, paused: false })],
        )
        .trips_asset(Peg),
        Scenario::new(
            "exit-lent-out",
            "the asset falls while Aave is lent out to the last 1000 USDC",
            vec![(0, LendOut { place: Place::Aave, left: 1_000 * USDC }), (8 * MINUTE, fall)],
        )
        .trips(Utilisation, Place::Aave)
        .trips_asset(Peg)
        .stuck_in(Place::Aave),
        Scenario::new(
            "exit-unreadable",
            "the asset falls while a venue reverts whatever it is asked",
            vec![(0, Break(place)), (MINUTE, fall)],
        )
        .watched_for(CONFIRMED)
        .trips_asset(Peg)
        .trips(Tvl, place)
        .trips(Utilisation, place)
        .stuck_in(place),
        Scenario::new(
            "exit-run",
            "the asset falls and 31 % of Aave's deposits leave",
            vec![(0, fall), (MINUTE, Leave { place: Place::Aave, bps: 3_100 })],
        )
        .after(vec![Repay { place: Place::Aave, amount: 60 * MILLION }])
        .watched_for(CONFIRMED)
        .trips_asset(Peg)
        .trips(Tvl, Place::Aave),
    ]
}

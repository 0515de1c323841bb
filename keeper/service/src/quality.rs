//! How good the decisions of a month were, from what came of them (SPEC P7).
//!
//! A decision at a horizon has four yields on NAV, costs included: what was *realised*, and what *holding*, the *best* single venue of that day and the
//! *default* policy would have brought. Its gain is g = realised − hold. What could have been gained is a = max(best, default, hold) − hold, never less than zero:
//! of what was compared, not of all that was possible. Of all decisions of a month at one horizon
//!
//! ```text
//! capture = Σ g / Σ max(a, |g|)      −1 to 1: 1 if all that was attainable was gained, 0 if as good as holding, −1 if everything at stake was lost
//! score   = 50 + 50 · capture · n / (n + 2)      0 to 100
//! ```
//!
//! so that a decision counts by what was at stake in it. *n* is how many of the decisions' horizons do not overlap (taken greedily, the earliest first) and had more than
//! [`STAKE`] at stake: a hundred decisions of one afternoon are one observation. With few observations the score stays near 50, and with none there is none:
//! where nothing could be gained or lost, nothing was shown. The 2 is a judgement (one observation shows a third of its capture, eight four fifths).
//! The formula is this project's own; the specification names a score and gives none.

use ballast_store::history::{Due, Horizon, Judged, PortfolioSnapshot};
use ballast_store::{History, HistoryError};
use serde::Serialize;
use std::ops::Range;

/// Of NAV, over the horizon: less was at stake in nothing. A millionth, a dollar of a million.
pub const STAKE: f64 = 1e-6;
/// Observations that weigh as much against the capture as one weighs for it.
const PRIOR: f64 = 2.0;
/// Share of what was earned from which on gas is worth a remark.
const DEAR: f64 = 0.2;
const DAY: u64 = 86_400;

/// A month's decisions at one horizon.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quality {
    /// After how many days they were judged.
    pub horizon_days: u64,
    /// Decisions that were judged.
    pub judged: usize,
    /// Decisions whose time is over and that could not be judged.
    pub not_judged: usize,
    /// Means of fractions of NAV: over holding, over the best single venue, over the default policy; `None` if nothing was judged.
    pub gain_over_hold: Option<f64>,
    pub gain_over_best: Option<f64>,
    pub gain_over_default: Option<f64>,
    /// −1 to 1; `None` if nothing was at stake.
    pub capture: Option<f64>,
    /// Observations that do not overlap and had something at stake.
    pub observations: usize,
    /// 0 to 100, 50 is as good as holding; `None` if nothing was at stake.
    pub score: Option<f64>,
    /// Decisions to move something.
    pub moves: usize,
    /// Of these, those that brought more than holding.
    pub moves_won: usize,
    /// The part that won; `None` without moves.
    pub win_rate: Option<f64>,
}

/// What a month cost and brought.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct GasAndGains {
    /// USD.
    pub gas: f64,
    /// USDC, before gas.
    pub earned: f64,
    /// Gas over what was earned; `None` if nothing was earned.
    pub share: Option<f64>,
}

/// One calendar month, UTC.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Month {
    /// `2026-03`.
    pub month: String,
    pub horizons: Vec<Quality>,
    /// `None` with fewer than two snapshots.
    pub gas: Option<GasAndGains>,
    /// What follows, for a person.
    pub insights: Vec<String>,
}

/// The quality of the months (name and times each) that a history knows of. Whose time is over is as of `now`, Unix seconds.
///
/// # Errors
/// If the history cannot be read.
pub async fn months(history: &History, months: &[(String, Range<u64>)], now: u64) -> Result<Vec<Month>, HistoryError> {
    let due = history.outcomes_due(now).await?;
    let mut found = Vec::new();
    for (name, times) in months {
        let judged = history.judged(times.clone()).await?;
        let snapshots = ends(history, times).await?;
        let horizons: Vec<Quality> =
            Horizon::ALL.map(|horizon| quality(horizon, &judged, left(&due, horizon, times))).into();
        let gas = snapshots.map(|(first, last)| gas_and_gains(&first, &last));
        let insights = insights(&horizons, gas);
        found.push(Month { month: name.clone(), horizons, gas, insights });
    }
    Ok(found)
}

fn left(due: &[Due], horizon: Horizon, times: &Range<u64>) -> usize {
    due.iter().filter(|one| one.horizon == horizon && times.contains(&one.decided_at)).count()
}

/// The first and the last snapshot of some time, read a day at once: a month holds thousands.
async fn ends(
    history: &History,
    times: &Range<u64>,
) -> Result<Option<(PortfolioSnapshot, PortfolioSnapshot)>, HistoryError> {
    let days = || (times.start..times.end).step_by(DAY as usize).map(|from| from..(from + DAY).min(times.end));
    let mut first = None;
    for day in days() {
        first = history.snapshots(day).await?.into_iter().next();
        if first.is_some() {
            break;
        }
    }
    let mut last = None;
    for day in days().collect::<Vec<_>>().into_iter().rev() {
        last = history.snapshots(day).await?.pop();
        if last.is_some() {
            break;
        }
    }
    Ok(first.zip(last).filter(|(first, last)| first.timestamp < last.timestamp))
}

fn gas_and_gains(first: &PortfolioSnapshot, last: &PortfolioSnapshot) -> GasAndGains {
    let profit = |row: &PortfolioSnapshot| row.realized_pnl.to_f64() + row.unrealized_pnl.to_f64();
    let (gas, earned) = (last.gas.to_f64() - first.gas.to_f64(), profit(last) - profit(first));
    GasAndGains { gas, earned, share: (earned > 0.0).then(|| gas / earned) }
}

/// What a decision gained over holding, and what it could have.
fn gain(judged: &Judged) -> (f64, f64) {
    let outcome = &judged.outcome;
    let [realised, hold, best, default] =
        [outcome.realised, outcome.hold, outcome.best_single, outcome.convex].map(|yields| yields.to_f64());
    (realised - hold, (best.max(default) - hold).max(0.0))
}

/// The quality of the decisions that were judged at a horizon; others are left out. They are in the order of their time.
#[must_use]
pub fn quality(horizon: Horizon, judged: &[Judged], not_judged: usize) -> Quality {
    let judged: Vec<&Judged> = judged.iter().filter(|one| one.outcome.horizon == horizon).collect();
    let mean = |of: &dyn Fn(&Judged) -> f64| {
        (!judged.is_empty()).then(|| judged.iter().map(|one| of(one)).sum::<f64>() / judged.len() as f64)
    };
    let over = |other: fn(&Judged) -> f64| mean(&|one| one.outcome.realised.to_f64() - other(one));
    let (mut gained, mut at_stake, mut observations, mut free_from) = (0.0, 0.0, 0_usize, 0);
    for one in &judged {
        let (gain, attainable) = gain(one);
        let stake = attainable.max(gain.abs());
        if stake <= STAKE {
            continue;
        }
        gained += gain;
        at_stake += stake;
        if one.decided_at >= free_from {
            observations += 1;
            free_from = one.decided_at.saturating_add(horizon.seconds());
        }
    }
    let capture = (observations > 0).then(|| (gained / at_stake).clamp(-1.0, 1.0));
    let shown = observations as f64 / (observations as f64 + PRIOR);
    let moves = judged.iter().filter(|one| one.moved).count();
    let moves_won = judged.iter().filter(|one| one.moved && gain(one).0 > 0.0).count();
    Quality {
        horizon_days: horizon.days(),
        judged: judged.len(),
        not_judged,
        gain_over_hold: over(|one| one.outcome.hold.to_f64()),
        gain_over_best: over(|one| one.outcome.best_single.to_f64()),
        gain_over_default: over(|one| one.outcome.convex.to_f64()),
        capture,
        observations,
        score: capture.map(|capture| 50.0 + 50.0 * capture * shown),
        moves,
        moves_won,
        win_rate: (moves > 0).then(|| moves_won as f64 / moves as f64),
    }
}

/// What the figures say in words; each with the figure that it is from.
fn insights(horizons: &[Quality], gas: Option<GasAndGains>) -> Vec<String> {
    let mut said = Vec::new();
    let bps = |part: f64| format!("{:.2} bps of NAV", part * 1e4);
    for of in horizons {
        let days = of.horizon_days;
        if of.not_judged > 0 {
            said.push(format!(
                "{} decisions could not be judged after {days} days: the history has a gap",
                of.not_judged
            ));
        }
        if of.judged > 0 && of.score.is_none() {
            said.push(format!("after {days} days nothing had been at stake: holding was as good as anything"));
        }
        if let (Some(capture), 1) = (of.capture, of.observations) {
            said.push(format!(
                "after {days} days there is one observation, of capture {capture:.2}: too few to conclude anything"
            ));
        }
        if let Some(lost) = of.gain_over_hold.filter(|gain| *gain < -STAKE) {
            said.push(format!("after {days} days holding would have brought {} more", bps(-lost)));
        }
        if let Some(missed) = of.gain_over_default.filter(|gain| *gain < -STAKE) {
            said.push(format!("after {days} days the default policy would have brought {} more", bps(-missed)));
        }
        if let Some(rate) = of.win_rate.filter(|rate| *rate < 0.5) {
            said.push(format!(
                "of {} moves {} had won after {days} days ({:.0} %): fewer moves would have been better",
                of.moves,
                of.moves_won,
                rate * 100.0
            ));
        }
    }
    match gas {
        Some(GasAndGains { share: Some(share), .. }) if share > DEAR => {
            said.push(format!("gas took {:.0} % of what was earned", share * 100.0));
        }
        Some(GasAndGains { share: None, gas, .. }) if gas > 0.0 => {
            said.push(format!("{gas:.2} USD of gas were paid and nothing was earned"));
        }
        _ => {}
    }
    said
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use alloy::primitives::B256;
    use ballast_store::history::{Outcome, Usdc, Yield};
    use proptest::prelude::*;

    /// Yields in millionths of NAV.
    fn judged(day: u64, moved: bool, [realised, hold, best, default]: [i32; 4]) -> Judged {
        let yields = |millionths: i32| Yield::nearest(f64::from(millionths) * 1e-6).unwrap();
        Judged {
            decided_at: day * DAY,
            moved,
            outcome: Outcome {
                decision: B256::repeat_byte(1),
                horizon: Horizon::Week,
                measured_at: (day + 7) * DAY,
                realised: yields(realised),
                hold: yields(hold),
                best_single: yields(best),
                convex: yields(default),
            },
        }
    }

    fn of(rows: &[Judged]) -> Quality {
        quality(Horizon::Week, rows, 0)
    }

    // SPEC P7
    #[test]
    fn all_that_was_attainable_is_a_hundred_in_the_end_and_holding_is_fifty() {
        let weekly = |yields| (0..400).map(|week| judged(7 * week, true, yields)).collect::<Vec<_>>();
        let best = of(&weekly([900, 500, 900, 700]));
        assert_eq!((best.capture, best.observations, best.win_rate), (Some(1.0), 400, Some(1.0)));
        assert!(best.score.unwrap() > 99.0);
        assert_eq!(of(&weekly([500, 500, 900, 700])).score, Some(50.0));
        assert!(of(&weekly([100, 500, 900, 700])).score.unwrap() < 1.0);
        let half = of(&weekly([700, 500, 900, 600]));
        assert!((half.capture.unwrap() - 0.5).abs() < 1e-9);
        assert!((half.gain_over_best.unwrap() + 200e-6).abs() < 1e-12);
        assert!((half.gain_over_default.unwrap() - 100e-6).abs() < 1e-12);
    }

    #[test]
    fn decisions_of_one_afternoon_are_one_observation() {
        let same: Vec<Judged> = (0..100).map(|_| judged(3, true, [900, 500, 900, 700])).collect();
        assert_eq!((of(&same).judged, of(&same).observations), (100, 1));
        assert!((of(&same).score.unwrap() - (50.0 + 50.0 / 3.0)).abs() < 1e-9);
        let days = |between: u64| (0..4).map(|n| judged(between * n, false, [900, 500, 900, 700])).collect::<Vec<_>>();
        assert_eq!((of(&days(6)).observations, of(&days(7)).observations), (2, 4));
    }

    #[test]
    fn where_nothing_was_at_stake_there_is_no_score() {
        let nothing = of(&[judged(1, false, [500, 500, 500, 400]), judged(9, false, [500, 500, 400, 500])]);
        assert_eq!((nothing.score, nothing.judged, nothing.observations, nothing.win_rate), (None, 2, 0, None));
        assert_eq!((of(&[]).gain_over_hold, of(&[]).score), (None, None));
        let month = Judged {
            outcome: Outcome { horizon: Horizon::Month, ..judged(1, true, [9, 0, 9, 0]).outcome },
            ..judged(1, true, [9, 0, 9, 0])
        };
        assert_eq!(of(&[month]).judged, 0);
    }

    #[test]
    fn gas_is_held_against_what_was_earned_and_the_insights_name_their_figures() {
        let row = |timestamp, profit: i128, gas: i128| PortfolioSnapshot {
            timestamp,
            value: Usdc::default(),
            allocations: std::collections::BTreeMap::new(),
            realized_pnl: Usdc::from_units(profit).unwrap(),
            unrealized_pnl: Usdc::from_units(1_000_000).unwrap(),
            gas: Usdc::from_units(gas).unwrap(),
            sharpe: None,
        };
        let dear = gas_and_gains(&row(0, 0, 5_000_000), &row(DAY, 10_000_000, 8_000_000));
        assert_eq!((dear.gas, dear.earned), (3.0, 10.0));
        assert!((dear.share.unwrap() - 0.3).abs() < 1e-12);
        let none = gas_and_gains(&row(0, 0, 0), &row(DAY, 0, 1_000_000));
        assert_eq!(none.share, None);
        let poor = quality(Horizon::Week, &[judged(1, true, [100, 500, 900, 700])], 2);
        let said = insights(&[poor], Some(dear)).join("\n");
        for words in [
            "2 decisions could not be judged",
            "one observation",
            "holding would have brought 4.00 bps",
            "default policy would have brought 6.00 bps",
            "of 1 moves 0 had won",
            "gas took 30 %",
        ] {
            assert!(said.contains(words), "{words}: {said}");
        }
        assert_eq!(insights(&[], Some(none)), ["1.00 USD of gas were paid and nothing was earned"]);
    }

    fn rows() -> impl Strategy<Value = Vec<Judged>> {
        let one = (0u64..60, any::<bool>(), proptest::array::uniform4(-2_000i32..2_000));
        proptest::collection::vec(one, 1..40).prop_map(|mut rows| {
            rows.sort_by_key(|(day, ..)| *day);
            rows.into_iter().map(|(day, moved, yields)| judged(day, moved, yields)).collect()
        })
    }

    proptest! {
        // SPEC P7
        #[test]
        fn the_score_is_in_its_range_and_is_on_the_side_of_what_was_gained(rows in rows()) {
            let found = of(&rows);
            if let (Some(score), Some(capture)) = (found.score, found.capture) {
                prop_assert!((0.0..=100.0).contains(&score) && (-1.0..=1.0).contains(&capture));
                prop_assert!((score - 50.0) * capture >= 0.0);
                prop_assert!((score - 50.0).abs() < 50.0, "few samples never show everything");
            } else {
                prop_assert!(rows.iter().all(|row| gain(row).0.abs() <= STAKE));
            }
            prop_assert!(found.moves_won <= found.moves && found.observations <= found.judged);
        }

        // Whoever earned more in one decision, all else alike, is not scored worse.
        #[test]
        fn more_earned_is_never_a_lower_score(rows in rows(), which in any::<prop::sample::Index>(), more in 0i32..3_000) {
            let before = of(&rows);
            let mut better = rows.clone();
            let one = &mut better[which.index(rows.len())].outcome;
            one.realised = Yield::nearest(one.realised.to_f64() + f64::from(more) * 1e-6).unwrap();
            // Its stake must be counted in both, or the number of observations changes.
            let counted = |row: &Judged| { let (gain, attainable) = gain(row); attainable.max(gain.abs()) > STAKE };
            let index = which.index(rows.len());
            prop_assume!(counted(&rows[index]) && counted(&better[index]));
            prop_assert!(of(&better).score.unwrap() >= before.score.unwrap() - 1e-9);
        }

        #[test]
        fn the_same_added_to_every_yield_changes_nothing(rows in rows(), shift in -500i32..500) {
            let before = of(&rows);
            let shifted: Vec<Judged> = rows.iter().map(|row| {
                let add = |yields: Yield| Yield::nearest(yields.to_f64() + f64::from(shift) * 1e-6).unwrap();
                let of = row.outcome;
                let outcome = Outcome {
                    realised: add(of.realised), hold: add(of.hold), best_single: add(of.best_single), convex: add(of.convex), ..of
                };
                Judged { outcome, ..*row }
            }).collect();
            let after = of(&shifted);
            // A stake right at the bound may fall to either side of it by rounding.
            prop_assume!(after.observations == before.observations);
            match (before.capture, after.capture) {
                (Some(a), Some(b)) => prop_assert!((a - b).abs() < 1e-3, "{a} {b}"),
                (a, b) => prop_assert_eq!(a, b),
            }
        }
    }
}

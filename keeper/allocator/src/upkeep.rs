//! What has to be kept alive while nothing is moved, and what need not be: one rule for the running keeper and for the backtest.
//!
//! **Observations** of a venue's size are good for two things: a limit on what may be added to it, and the size that the switch's TVL trigger measures
//! a fall against. The first counts when something is added, the second while something is in the venue, or may be within the day. So they are kept
//! up by the clock only for venues that hold something, and for those that the policy allows to be added to; a move that lacks one all the same has
//! it made first.
//!
//! **The sign of life** is needed even while nothing is in any venue: past the grace period anyone may call the hub's exit, which finds nothing to take
//! then, but closes the vault's deposits, and only governance opens them again. What is at stake is less, so it may come later.

use ballast_risk::MAX_CHECKPOINT_AGE;
use ballast_types::{
    Address, Assets, Bps, Policy, SECONDS_PER_YEAR, Snapshot, Strategy, VenueReading, fixed::mul_div_ceil,
};

/// Seconds between the checkpoints of a venue (`SizeHistoryLib.SPACING`).
pub const SPACING: u64 = 6 * 60 * 60;
/// What a venue's rounding may leave of a position, base units (`DUST` of the contracts).
const DUST: Assets = Assets(2);
/// Silence is broken when this many quarters of the grace period have passed: while something is invested, and while nothing is.
const QUARTERS: [u64; 2] = [2, 3];

/// One venue, as far as upkeep asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stake {
    /// What is in it; `None` if it cannot be read.
    pub held: Option<Assets>,
    /// Whether the policy lets anything be added to it.
    pub addable: bool,
}

impl Stake {
    /// Whether its size is to be observed. One that cannot be read cannot be observed.
    #[must_use]
    pub fn needs_size(&self) -> bool {
        self.held.is_some_and(|held| held > DUST || self.addable)
    }

    /// Whether something is in it, for all that is known.
    #[must_use]
    pub fn is_invested(&self) -> bool {
        self.held.is_none_or(|held| held > DUST)
    }
}

/// The stake in each venue of a snapshot, in its order.
pub fn stakes<'a>(snapshot: &'a Snapshot, policy: &'a Policy) -> impl Iterator<Item = Stake> + 'a {
    snapshot.venues.iter().map(|venue| Stake {
        held: match &venue.reading {
            VenueReading::Read { value, .. } => Some(*value),
            VenueReading::Unreadable { .. } => None,
        },
        addable: may_be_added_to(policy, venue.adapter),
    })
}

/// Whether a decision by this policy could add to a venue at all, whatever the market: the strategy moves money there, and its score is below the limit.
///
/// A venue that the switch has closed counts as well: it may be open again tomorrow.
#[must_use]
pub fn may_be_added_to(policy: &Policy, adapter: Address) -> bool {
    let aimed_at = match &policy.strategy {
        Strategy::Hold => false,
        Strategy::Weights { weights } => weights.iter().any(|weight| weight.adapter == adapter && weight.bps != Bps(0)),
        Strategy::Convex | Strategy::BestSingle | Strategy::MeanVariance { .. } | Strategy::Cvar { .. } => true,
    };
    let judged = policy.venue(adapter);
    aimed_at && judged.is_some_and(|venue| venue.risk_score < policy.max_risk_score && venue.max_position != Bps(0))
}

/// Seconds of silence after which the keeper gives a sign of life: half of the grace period while something is in a venue, three quarters while
/// nothing is. Rounded down.
#[must_use]
pub fn longest_silence(grace: u64, stakes: impl IntoIterator<Item = Stake>) -> u64 {
    let [invested, idle] = QUARTERS;
    let quarters = if stakes.into_iter().any(|stake| stake.is_invested()) { invested } else { idle };
    // Never above the grace period: the quarters are at most four.
    u64::try_from(u128::from(grace) * u128::from(quarters) / 4).unwrap_or(grace)
}

/// Seconds from one pair of heartbeats to the next so that a year of them costs at most `budget` of NAV, where a pair costs `pair`; at least
/// [`SPACING`], more often they are not recorded. `None` if that is rarer than a checkpoint lasts: they would keep nothing fresh.
#[must_use]
pub fn affordable_spacing(pair: Assets, nav: Assets, budget: Bps) -> Option<u64> {
    let yearly = nav.share(budget);
    let spacing = mul_div_ceil(pair.0, u128::from(SECONDS_PER_YEAR), yearly.0)?;
    let spacing = u64::try_from(spacing).ok()?.max(SPACING);
    (spacing <= MAX_CHECKPOINT_AGE).then_some(spacing)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ballast_types::{Apr, LargeMoves, Strategy, VenuePolicy, Weight};
    use proptest::prelude::*;

    const GRACE: u64 = 7 * 86_400;
    const A: Address = Address::repeat_byte(1);
    const B: Address = Address::repeat_byte(2);

    fn policy(scores: [u8; 2], strategy: Strategy) -> Policy {
        let venue = |(adapter, risk_score)| VenuePolicy { adapter, risk_score, max_position: Bps(5_000) };
        Policy {
            reserve: Bps(500),
            max_position: Bps(5_000),
            min_transfer: Assets(10_000_000),
            horizon: 30 * 86_400,
            min_gain: Apr(0),
            expected_gas: 500_000,
            gas_patience: 0,
            priority_fee: 0,
            slippage: Bps(10),
            max_risk_score: 30,
            max_head_age: 300,
            large_moves: LargeMoves::Divide,
            strategy,
            venues: [A, B].into_iter().zip(scores).map(venue).collect(),
        }
    }

    fn held(held: u128, addable: bool) -> Stake {
        Stake { held: Some(Assets(held)), addable }
    }

    #[test]
    fn nothing_is_observed_for_a_venue_that_has_nothing_and_gets_nothing() {
        assert!(!held(0, false).needs_size() && !held(2, false).needs_size());
        assert!(held(0, true).needs_size(), "it may be added to tomorrow");
        assert!(held(3, false).needs_size(), "what is in it may have to be called home");
        let unreadable = Stake { held: None, addable: true };
        assert!(!unreadable.needs_size() && unreadable.is_invested(), "it cannot be observed, and may hold anything");
    }

    #[test]
    fn a_venue_is_added_to_if_the_strategy_aims_there_and_its_score_is_below_the_limit() {
        let of = |policy: &Policy| [A, B, Address::ZERO].map(|adapter| may_be_added_to(policy, adapter));
        assert_eq!(of(&policy([29, 30], Strategy::Convex)), [true, false, false], "as the risk gate has it");
        assert_eq!(of(&policy([0, 0], Strategy::Hold)), [false; 3]);
        let weights = vec![Weight { adapter: A, bps: Bps(0) }, Weight { adapter: B, bps: Bps(1) }];
        assert_eq!(of(&policy([0, 0], Strategy::Weights { weights })), [false, true, false]);
        let mut closed = policy([0, 0], Strategy::BestSingle);
        closed.venues[0].max_position = Bps(0);
        assert_eq!(of(&closed), [false, true, false]);
    }

    // SPEC C5
    #[test]
    fn life_is_shown_at_half_of_the_grace_period_and_at_three_quarters_while_nothing_is_invested() {
        let after = |stakes: &[Stake]| longest_silence(GRACE, stakes.iter().copied());
        assert_eq!(after(&[held(0, true), held(3, false)]), GRACE / 2);
        assert_eq!(after(&[held(0, true), Stake { held: None, addable: false }]), GRACE / 2, "nobody knows");
        assert_eq!(after(&[held(2, true), held(0, false)]), GRACE / 4 * 3);
        assert_eq!(after(&[]), GRACE / 4 * 3);
    }

    proptest! {
        #[test]
        fn silence_never_lasts_until_the_grace_period_ends_and_money_in_a_venue_never_makes_it_longer(
            grace in 86_400u64..=30 * 86_400, some in any::<u128>(), addable in any::<bool>(),
        ) {
            let idle = longest_silence(grace, [held(0, addable)]);
            let silence = longest_silence(grace, [held(some, addable)]);
            prop_assert!(silence <= idle && idle < grace);
            prop_assert!(grace - idle >= 6 * 3_600, "{grace} {idle}: time to try again");
        }

        #[test]
        fn a_year_of_pairs_is_within_the_budget(
            pair in 1u128..1_000_000_000, nav in 1u128..1_000_000_000_000_000, budget in 0u16..=10_000,
        ) {
            if let Some(spacing) = affordable_spacing(Assets(pair), Assets(nav), Bps(budget)) {
                prop_assert!((SPACING..=MAX_CHECKPOINT_AGE).contains(&spacing));
                let yearly = u128::from(SECONDS_PER_YEAR / spacing) * pair;
                prop_assert!(yearly <= Assets(nav).share(Bps(budget)).0, "{yearly}");
            }
        }
    }
}

//! What the keeper takes out of a venue that the kill switch has closed, and when that is worth its gas.
//!
//! One venue's trigger stops additions to that venue and leaves what is in it where it is. But what trips a trigger (a third of the depositors gone,
//! everything lent out, another configuration, a token off its peg) is how a loss begins, and who leaves last bears it. Taking
//! a position home needs neither cooldown nor attestor (`StrategyHub.reduce`), and the worst it costs is gas and some days' interest.
//!
//! A price that nobody can be sure of is no such sign: a feed that is silent says nothing about the venue. Nor is the guardians' own stop, who could
//! have called the position home and did not.

use crate::kill_switch::Cause;
use ballast_types::{Assets, BPS_ONE, Bps, fixed::product};
use std::collections::BTreeSet;

/// What is asked for must be at least this part of what is there: a venue that pays out in drops is not asked for each of them.
const PARTS: u128 = 100;

/// When a position is called home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retreat {
    /// What of the causes for which a venue is closed calls its position home.
    pub causes: BTreeSet<Cause>,
    /// The least that is worth a transaction.
    pub least: Assets,
    /// The part of what comes home that its gas may cost at most (SPEC X12).
    pub max_gas_share: Bps,
}

impl Default for Retreat {
    /// A token's peg, size, utilisation, governance; from one unit of six decimals on; 2 %.
    fn default() -> Self {
        Self {
            causes: [Cause::Peg, Cause::Tvl, Cause::Utilisation, Cause::Governance].into(),
            least: Assets(1_000_000),
            max_gas_share: Bps(200),
        }
    }
}

/// The names of the causes that may be chosen.
const NAMES: [(&str, Cause); 5] = [
    ("peg", Cause::Peg),
    ("tvl", Cause::Tvl),
    ("utilisation", Cause::Utilisation),
    ("oracle", Cause::Oracle),
    ("governance", Cause::Governance),
];

/// A word that names no cause.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is no cause of a retreat, expected some of peg, tvl, utilisation, oracle and governance")]
pub struct UnknownCause {
    pub word: String,
}

impl Retreat {
    /// The causes of these names.
    ///
    /// # Errors
    /// [`UnknownCause`] for the first word that names none.
    pub fn causes<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<BTreeSet<Cause>, UnknownCause> {
        let find = |word: &'a str| {
            let named = NAMES.iter().find(|(name, _)| *name == word);
            named.map(|(_, cause)| *cause).ok_or_else(|| UnknownCause { word: word.to_owned() })
        };
        names.into_iter().map(find).collect()
    }

    /// What of a position is to be taken home from a venue that is closed: all that it pays now, or `None` if that is not worth it.
    ///
    /// `gas_cost` in assets, where it is known; where it is not (its own feed may be what is out of order), the position does not stay for that.
    #[must_use]
    pub fn take(&self, position: Assets, liquidity: Assets, gas_cost: Option<Assets>) -> Option<Assets> {
        let out = position.min(liquidity);
        let pays = gas_cost
            .is_none_or(|gas| product(gas.0, u128::from(BPS_ONE)) <= product(out.0, u128::from(self.max_gas_share.0)));
        (out >= self.least && out.0 != 0 && out.0 >= position.0 / PARTS && pays).then_some(out)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const USDC: u128 = 1_000_000;

    // SPEC X12
    #[test]
    fn what_comes_home_is_worth_its_gas() {
        let retreat = Retreat::default();
        let take = |liquidity: u128, gas: u128| {
            retreat.take(Assets(100_000 * USDC), Assets(liquidity * USDC), Some(Assets(gas * USDC)))
        };
        assert_eq!(take(1_000_000, 20), Some(Assets(100_000 * USDC)), "all of it");
        assert_eq!(take(40_000, 20), Some(Assets(40_000 * USDC)), "what there is");
        assert_eq!(take(1_000, 20), Some(Assets(1_000 * USDC)), "2 %, and a hundredth");
        assert_eq!(take(1_000, 21), None);
        assert_eq!(take(999, 0), None, "a drop");
        assert_eq!(retreat.take(Assets(0), Assets(5), None), None);
        assert_eq!(retreat.take(Assets(USDC - 1), Assets(USDC), None), None);
        assert_eq!(
            retreat.take(Assets(USDC), Assets(USDC), None),
            Some(Assets(USDC)),
            "an unknown price holds up nothing"
        );
    }

    #[test]
    fn a_silent_feed_and_a_guardians_stop_call_nothing_home() {
        let causes = Retreat::default().causes;
        for stays in [Cause::Oracle, Cause::Guardian, Cause::Emergency] {
            assert!(!causes.contains(&stays), "{stays:?}");
        }
    }

    #[test]
    fn causes_are_chosen_by_name_and_no_other_word_is_taken() {
        assert_eq!(Retreat::causes(["governance", "tvl"]), Ok([Cause::Tvl, Cause::Governance].into()));
        assert_eq!(Retreat::causes([]), Ok(BTreeSet::new()));
        assert_eq!(Retreat::causes(["tvl", "guardian"]), Err(UnknownCause { word: "guardian".into() }));
    }

    proptest! {
        #[test]
        fn no_more_is_asked_than_the_position_and_the_venue_have(
            position in any::<u128>(), liquidity in any::<u128>(), gas in proptest::option::of(any::<u128>()), share in 0..=BPS_ONE,
        ) {
            let retreat = Retreat { max_gas_share: Bps(share), ..Retreat::default() };
            if let Some(out) = retreat.take(Assets(position), Assets(liquidity), gas.map(Assets)) {
                prop_assert!(out.0 <= position && out.0 <= liquidity && out >= retreat.least);
                prop_assert!(gas.is_none_or(|gas| gas <= out.0), "it never costs more than it brings");
                // More liquidity never brings less home.
                let more = retreat.take(Assets(position), Assets(liquidity.saturating_add(1)), gas.map(Assets));
                prop_assert!(more.is_some_and(|more| more >= out));
            }
        }
    }
}

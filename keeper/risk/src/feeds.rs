//! Health of a price feed at a point in chain time, as `KillSwitchManager._check` sees it.

use alloy_primitives::U256;
use ballast_types::{FeedReading, FeedState, RoundId, WAD, Wad, fixed::product};

/// Decimals above this cannot be scaled to 1e18 without losing digits; `KillSwitchManager.setFeed` refuses them.
const MAX_DECIMALS: u8 = 18;

/// What a feed's last round says at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedHealth {
    /// Trustworthy, and inside its band if it has one. 1e18 = 1 unit of the quote currency.
    Healthy { price: Wad },
    /// Trustworthy, and strictly outside its band. A price that does not fit is given as the largest that does.
    Depegged { price: Wad, low: Wad, high: Wad },
    /// The answer means nothing.
    Unhealthy { reason: FeedFault },
}

/// Why an answer cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedFault {
    #[error("it cannot be read: {why}")]
    Unreadable { why: String },
    #[error("its answer is {answer}, expected a positive price")]
    NotPositive { answer: i128 },
    #[error("it has never been updated (updatedAt is 0)")]
    NeverUpdated,
    #[error("its answer is from {updated_at}, which is after the block's time {now}")]
    FromTheFuture { updated_at: u64, now: u64 },
    #[error("its answer is carried over from round {} into round {}", answered_in_round.0, round_id.0)]
    CarriedOver { round_id: RoundId, answered_in_round: RoundId },
    #[error("its answer is {age} s old, expected at most {limit} s (heartbeat and grace)")]
    Stale { age: u64, limit: u64 },
    #[error("its answers have {decimals} decimals, expected at most {MAX_DECIMALS}")]
    TooManyDecimals { decimals: u8 },
    #[error("its answer {answer} is above any price that can be represented")]
    TooLarge { answer: i128 },
}

/// Judges a feed at chain time `now` (Unix seconds).
///
/// An answer as old as heartbeat + grace is still fresh, one second more is not. A price equal to a bound of the band is inside
/// it; the comparison is exact in the feed's own precision (SPEC C7a, C7d).
#[must_use]
pub fn assess(feed: &FeedState, now: u64) -> FeedHealth {
    match scaled_answer(feed, now) {
        Err(reason) => FeedHealth::Unhealthy { reason },
        Ok((answer, exact)) => {
            let price = u128::try_from(exact).ok().map(Wad);
            match (feed.band, price) {
                (Some((low, high)), _) if exact < U256::from(low.0) || exact > U256::from(high.0) => {
                    FeedHealth::Depegged { price: price.unwrap_or(Wad(u128::MAX)), low, high }
                }
                (_, Some(price)) => FeedHealth::Healthy { price },
                (_, None) => FeedHealth::Unhealthy { reason: FeedFault::TooLarge { answer } },
            }
        }
    }
}

/// The answer as given, and scaled to 1e18 without rounding.
fn scaled_answer(feed: &FeedState, now: u64) -> Result<(i128, U256), FeedFault> {
    let (answer, updated_at, round_id, answered_in_round) = match &feed.reading {
        FeedReading::Unreadable { why } => return Err(FeedFault::Unreadable { why: why.clone() }),
        FeedReading::Round { answer, updated_at, round_id, answered_in_round } => {
            (*answer, *updated_at, *round_id, *answered_in_round)
        }
    };
    if feed.decimals > MAX_DECIMALS {
        return Err(FeedFault::TooManyDecimals { decimals: feed.decimals });
    }
    let magnitude = match u128::try_from(answer) {
        Ok(positive) if positive != 0 => positive,
        _ => return Err(FeedFault::NotPositive { answer }),
    };
    if updated_at == 0 {
        return Err(FeedFault::NeverUpdated);
    }
    let Some(age) = now.checked_sub(updated_at) else {
        return Err(FeedFault::FromTheFuture { updated_at, now });
    };
    if answered_in_round < round_id {
        return Err(FeedFault::CarriedOver { round_id, answered_in_round });
    }
    let limit = feed.heartbeat.saturating_add(feed.grace);
    if age > limit {
        return Err(FeedFault::Stale { age, limit });
    }
    Ok((answer, product(magnitude, WAD / 10u128.pow(u32::from(feed.decimals)))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::Address;
    use proptest::prelude::*;

    const NOW: u64 = 1_700_000_000;
    const LOW: Wad = Wad(980_000_000_000_000_000);
    const HIGH: Wad = Wad(1_020_000_000_000_000_000);

    fn feed(answer: i128) -> FeedState {
        FeedState {
            name: "USDC/USD".into(),
            aggregator: Address::repeat_byte(1),
            decimals: 8,
            heartbeat: 86_400,
            grace: 3_600,
            band: Some((LOW, HIGH)),
            reading: FeedReading::Round {
                answer,
                updated_at: NOW - 60,
                round_id: RoundId(7),
                answered_in_round: RoundId(7),
            },
        }
    }

    fn with(change: impl FnOnce(&mut i128, &mut u64, &mut RoundId, &mut RoundId)) -> FeedHealth {
        let mut feed = feed(100_000_000);
        if let FeedReading::Round { answer, updated_at, round_id, answered_in_round } = &mut feed.reading {
            change(answer, updated_at, round_id, answered_in_round);
        }
        assess(&feed, NOW)
    }

    fn is_unhealthy(health: &FeedHealth) -> bool {
        matches!(health, FeedHealth::Unhealthy { .. })
    }

    // SPEC C7a
    #[test]
    fn the_peg_breaks_at_the_first_unit_past_its_band() {
        let cases = [
            (97_990_000, true),
            (97_999_999, true),
            (98_000_000, false),
            (100_000_000, false),
            (102_000_000, false),
            (102_000_001, true),
            (102_010_000, true),
        ];
        for (answer, off) in cases {
            let health = assess(&feed(answer), NOW);
            assert_eq!(matches!(health, FeedHealth::Depegged { .. }), off, "{answer}: {health:?}");
            assert!(!is_unhealthy(&health), "{answer}");
        }
    }

    // SPEC C7d
    #[test]
    fn an_answer_is_fresh_up_to_heartbeat_and_grace_and_stale_a_second_later() {
        assert!(matches!(with(|_, at, _, _| *at = NOW - 90_000), FeedHealth::Healthy { .. }));
        assert_eq!(
            with(|_, at, _, _| *at = NOW - 90_001),
            FeedHealth::Unhealthy { reason: FeedFault::Stale { age: 90_001, limit: 90_000 } }
        );
    }

    #[test]
    fn an_answer_of_this_very_second_is_fresh_and_one_of_the_next_is_not() {
        assert!(matches!(with(|_, at, _, _| *at = NOW), FeedHealth::Healthy { .. }));
        assert_eq!(
            with(|_, at, _, _| *at = NOW + 1),
            FeedHealth::Unhealthy { reason: FeedFault::FromTheFuture { updated_at: NOW + 1, now: NOW } }
        );
    }

    #[test]
    fn answers_that_are_no_prices_are_unhealthy() {
        for bad in [0, -1, i128::MIN] {
            let reason = FeedFault::NotPositive { answer: bad };
            assert_eq!(with(|answer, _, _, _| *answer = bad), FeedHealth::Unhealthy { reason });
        }
        assert_eq!(with(|_, at, _, _| *at = 0), FeedHealth::Unhealthy { reason: FeedFault::NeverUpdated });
        assert!(is_unhealthy(&with(|_, _, round, _| *round = RoundId(8))));
    }

    #[test]
    fn an_unreadable_feed_says_why() {
        let mut feed = feed(1);
        feed.reading = FeedReading::Unreadable { why: "execution reverted".into() };
        let FeedHealth::Unhealthy { reason } = assess(&feed, NOW) else { unreachable!("it is unreadable") };
        assert_eq!(reason.to_string(), "it cannot be read: execution reverted");
    }

    #[test]
    fn more_than_eighteen_decimals_are_refused() {
        let mut feed = feed(1);
        feed.decimals = 19;
        assert!(is_unhealthy(&assess(&feed, NOW)));
    }

    #[test]
    fn a_price_that_does_not_fit_is_off_its_peg_or_useless_without_one() {
        let mut feed = feed(i128::MAX);
        assert_eq!(assess(&feed, NOW), FeedHealth::Depegged { price: Wad(u128::MAX), low: LOW, high: HIGH });
        feed.band = None;
        assert!(is_unhealthy(&assess(&feed, NOW)));
    }

    proptest! {
        // SPEC C7a: exact in the feed's own precision, whatever that is.
        #[test]
        fn the_band_is_compared_without_rounding(answer in 1i128..3_000_000_000_000_000_000, decimals in 0u8..=18) {
            let mut feed = feed(answer);
            feed.decimals = decimals;
            let one = U256::from(10u64).pow(U256::from(decimals));
            let scaled = U256::from(answer.unsigned_abs()) * U256::from(100u64);
            let outside = scaled < U256::from(98u64) * one || scaled > U256::from(102u64) * one;
            prop_assert_eq!(matches!(assess(&feed, NOW), FeedHealth::Depegged { .. }), outside);
        }
    }
}

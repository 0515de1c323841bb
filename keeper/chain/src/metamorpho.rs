//! One Morpho Blue market as a MetaMorpho sees it, as a [`Market`].

use crate::{
    adaptive_curve::{CURVE_STEEPNESS, StoredMarket, TARGET_UTILISATION},
    bindings::{IMetaMorpho, IMorpho},
};
use alloy::primitives::{Address, B256, I256, U256};
use ballast_types::{Apr, Assets, Market, RateCurve, SECONDS_PER_YEAR, Wad};

/// Most markets in one of a MetaMorpho's queues (`ConstantsLib.MAX_QUEUE_LENGTH`).
pub(crate) const MAX_QUEUE: u64 = 30;

/// What never changes about a market.
#[derive(Clone, Debug)]
pub(crate) struct MarketFacts {
    pub(crate) irm: Address,
    pub(crate) name: String,
}

/// What one market says about itself and the MetaMorpho's position in it, at one block.
pub(crate) struct MarketReads {
    pub(crate) id: B256,
    pub(crate) stored: IMorpho::marketReturn,
    pub(crate) config: IMetaMorpho::configReturn,
    pub(crate) supply_shares: U256,
    /// As the interest model stores it; `None` for a market without one.
    pub(crate) rate_at_target: Option<I256>,
}

impl MarketReads {
    /// The market with interest up to `now` (Unix seconds of the block).
    pub(crate) fn market(&self, facts: &MarketFacts, now: u64) -> Result<Market, String> {
        let wrong = |what: &str| format!("market {}: {what}", self.id);
        let rate = match self.rate_at_target {
            Some(rate) => u128::try_from(rate).map_err(|_| wrong("the rate at target is negative"))?,
            None => 0,
        };
        let stored = StoredMarket {
            supplied: self.stored.totalSupplyAssets,
            supply_shares: self.stored.totalSupplyShares,
            borrowed: self.stored.totalBorrowAssets,
            last_update: u64::try_from(self.stored.lastUpdate).map_err(|_| wrong("the last update is not a time"))?,
            fee: self.stored.fee,
            rate_at_target: rate,
        };
        // Without an interest model there is neither interest nor borrowing: the market is where a MetaMorpho keeps idle assets.
        let now = if self.rate_at_target.is_some() { now } else { stored.last_update };
        let accrued = stored.accrue(now).ok_or_else(|| wrong("the interest cannot be computed from what is stored"))?;
        let held = accrued.assets_of(self.supply_shares).ok_or_else(|| wrong("the position does not fit 128 bits"))?;
        let yearly = match self.rate_at_target {
            Some(_) => accrued
                .rate_at_target
                .checked_mul(u128::from(SECONDS_PER_YEAR))
                .ok_or_else(|| wrong("the rate does not fit 128 bits"))?,
            None => 0,
        };
        let cap = u128::try_from(self.config.cap.to::<U256>()).unwrap_or(u128::MAX);
        Ok(Market {
            name: facts.name.clone(),
            supplied: Assets(accrued.supplied),
            borrowed: Assets(accrued.borrowed),
            held: Assets(held),
            room: Assets(cap.saturating_sub(held)),
            fee: Wad(self.stored.fee),
            curve: RateCurve::Adaptive {
                rate_at_target: Apr(yearly),
                target: Wad(TARGET_UTILISATION),
                steepness: Wad(CURVE_STEEPNESS),
            },
        })
    }
}

/// `WETH 86 %` for a market against collateral, `idle` for one without.
pub(crate) fn market_name(collateral: Option<String>, lltv: U256) -> String {
    let percent = lltv / U256::from(10_000_000_000_000_000_u64);
    collateral.map_or_else(|| "idle".into(), |symbol| format!("{symbol} {percent} %"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use alloy::primitives::aliases::U184;
    use ballast_types::WAD;

    fn reads() -> MarketReads {
        MarketReads {
            id: B256::repeat_byte(1),
            stored: IMorpho::marketReturn {
                totalSupplyAssets: 60_000_000,
                totalSupplyShares: 60_000_000_000_000,
                totalBorrowAssets: 54_000_000,
                totalBorrowShares: 54_000_000_000_000,
                lastUpdate: 1_000,
                fee: 0,
            },
            config: IMetaMorpho::configReturn { cap: U184::from(50_000_000), enabled: true, removableAt: 0 },
            supply_shares: U256::from(30_000_000_000_000_u64),
            rate_at_target: Some(I256::try_from(1_268_391_679_u64).unwrap()),
        }
    }

    fn facts() -> MarketFacts {
        MarketFacts { irm: Address::repeat_byte(2), name: "WETH 86 %".into() }
    }

    #[test]
    fn held_room_and_rate_are_the_venues_own() {
        let market = reads().market(&facts(), 1_000).unwrap();
        assert_eq!(
            (market.supplied, market.borrowed, market.held),
            (Assets(60_000_000), Assets(54_000_000), Assets(30_000_000))
        );
        assert_eq!(market.room, Assets(20_000_000));
        let RateCurve::Adaptive { rate_at_target, target, steepness } = market.curve else { unreachable!() };
        assert_eq!((rate_at_target.percent().as_str(), target, steepness), ("3.99 %", Wad(WAD / 10 * 9), Wad(4 * WAD)));
    }

    #[test]
    fn interest_accrues_up_to_the_block() {
        let market = reads().market(&facts(), 1_000 + SECONDS_PER_YEAR).unwrap();
        assert!(market.borrowed.0 > 54_000_000 * 104 / 100 && market.held.0 > 30_000_000);
        assert_eq!(market.supplied.0 - 60_000_000, market.borrowed.0 - 54_000_000);
    }

    #[test]
    fn a_market_without_interest_model_earns_nothing_at_any_time() {
        let mut idle = reads();
        idle.rate_at_target = None;
        idle.stored.totalBorrowAssets = 0;
        let market = idle.market(&facts(), 9_999_999).unwrap();
        assert_eq!((market.supplied, market.borrowed), (Assets(60_000_000), Assets(0)));
        let RateCurve::Adaptive { rate_at_target, .. } = market.curve else { unreachable!() };
        assert_eq!(rate_at_target, Apr(0));
    }

    #[test]
    fn markets_are_named_by_collateral_and_lltv() {
        assert_eq!(market_name(Some("WETH".into()), U256::from(860_000_000_000_000_000_u64)), "WETH 86 %");
        assert_eq!(market_name(None, U256::ZERO), "idle");
    }
}

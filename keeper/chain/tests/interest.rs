//! Interest in a Morpho market: ours against the deployed contracts'.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;

use alloy::{primitives::U256, sol};
use ballast_chain::{
    adaptive_curve::{AccruedMarket, StoredMarket},
    bindings::{IAdaptiveCurveIrm, IMorpho},
};
use ballast_devnet::accounts::Role;
use harness::{USDC, World};

sol! {
    struct MarketParams { address loanToken; address collateralToken; address oracle; address irm; uint256 lltv; }
    interface IMorphoOwner {
        function setFee(MarketParams memory marketParams, uint256 newFee) external;
        function setFeeRecipient(address newFeeRecipient) external;
    }
}

impl World {
    async fn stored(&self) -> StoredMarket {
        let morpho = &self.book.protocols.morpho;
        let market = IMorpho::new(morpho.blue, &self.rpc).market(morpho.market_id).call().await.unwrap();
        let rate = IAdaptiveCurveIrm::new(morpho.irm, &self.rpc).rateAtTarget(morpho.market_id).call().await.unwrap();
        StoredMarket {
            supplied: market.totalSupplyAssets,
            supply_shares: market.totalSupplyShares,
            borrowed: market.totalBorrowAssets,
            last_update: market.lastUpdate.try_into().unwrap(),
            fee: market.fee,
            rate_at_target: rate.try_into().unwrap(),
        }
    }

    /// Lets `seconds` pass, has the contract accrue, and compares.
    async fn accrue_and_compare(&self, seconds: u64) -> AccruedMarket {
        let blue = self.book.protocols.morpho.blue;
        let parameters =
            IMorpho::new(blue, &self.rpc).idToMarketParams(self.book.protocols.morpho.market_id).call().await.unwrap();
        let before = self.stored().await;
        self.devnet.builder().set_next_timestamp(before.last_update + seconds).await.unwrap();
        self.market()
            .send(Role::Guardian, blue, IMorpho::accrueInterestCall { marketParams: parameters })
            .await
            .unwrap();
        let after = self.stored().await;
        assert_eq!(after.last_update, before.last_update + seconds);
        let ours = before.accrue(after.last_update).unwrap();
        assert_eq!(
            (ours.supplied, ours.supply_shares, ours.borrowed, ours.rate_at_target),
            (after.supplied, after.supply_shares, after.borrowed, after.rate_at_target),
            "after {seconds} s from {before:?}"
        );
        ours
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_the_contracts_to_the_unit() {
    let world = World::start("interest").await;
    let market = world.market();
    let (day, morpho) = (86_400, &world.book.protocols.morpho);
    // Touched now, so that the first interval starts here.
    market.borrow_morpho(USDC).await.unwrap();
    for seconds in [12, 3_600, day, 30 * day] {
        world.accrue_and_compare(seconds).await;
    }
    // Nearly everything lent out: the rate climbs to its bound.
    let free = world.stored().await;
    market.borrow_morpho(u64::try_from(free.supplied - free.borrowed).unwrap() - 5 * USDC).await.unwrap();
    let high = world.accrue_and_compare(10 * day).await;
    assert!(world.accrue_and_compare(30 * day).await.rate_at_target > high.rate_at_target);

    // Morpho takes a fee in shares; most of the debt is repaid: the rate falls to its floor.
    let parameters = IMorpho::new(morpho.blue, &world.rpc).idToMarketParams(morpho.market_id).call().await.unwrap();
    let recipient = IMorphoOwner::setFeeRecipientCall { newFeeRecipient: Role::Guardian.address().unwrap() };
    market.send(Role::Deployer, morpho.blue, recipient).await.unwrap();
    let parameters = MarketParams {
        loanToken: parameters.loanToken,
        collateralToken: parameters.collateralToken,
        oracle: parameters.oracle,
        irm: parameters.irm,
        lltv: parameters.lltv,
    };
    let fee = IMorphoOwner::setFeeCall { marketParams: parameters, newFee: U256::from(10).pow(U256::from(17)) };
    market.send(Role::Deployer, morpho.blue, fee).await.unwrap();
    let low = world.accrue_and_compare(5 * day).await;
    market.repay_morpho(u64::try_from(low.borrowed * 9 / 10).unwrap()).await.unwrap();
    let lower = world.accrue_and_compare(20 * day).await;
    assert!(lower.rate_at_target < low.rate_at_target);
    assert_eq!(
        world.accrue_and_compare(400 * day).await.rate_at_target,
        world.accrue_and_compare(12).await.rate_at_target
    );
    world.devnet.shutdown().await.unwrap();
}

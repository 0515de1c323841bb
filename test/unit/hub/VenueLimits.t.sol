// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IStrategyHub} from "../../../contracts/interfaces/IStrategyHub.sol";
import {PegBandLib} from "../../../contracts/types/PegBand.sol";
import {ScriptedFeed} from "../../../script/protocols/ScriptedFeed.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";
import {ScriptedAdapter} from "../../support/ScriptedAdapter.sol";

/// @notice What a venue must be like to be added to (SPEC C5). Each at its edge and one past it.
contract VenueLimitsTest is BallastFixture {
    /// 10 % of NAV, and one hundred times that is the smallest venue for it.
    uint256 private constant POSITION = 100e6;
    uint256 private constant SMALLEST = 10_000e6;

    function setUp() public override {
        super.setUp();
        deposit(alice, 1000e6);
    }

    // SPEC C5: at most 1 % of the venue, judged on what it is now.
    function test_VenueShareEdgeNow() public {
        low.setVenueSize(SMALLEST - 1);
        rebalanceReverts(one(low, 1000), _shareExceeded(SMALLEST - 1));
        low.setVenueSize(SMALLEST);
        rebalance(one(low, 1000));
    }

    // SPEC C5: and on what it was in an earlier block.
    function test_VenueShareEdgeEarlier() public {
        _observeAs(SMALLEST - 1);
        low.setVenueSize(1000 * SMALLEST);
        rebalanceReverts(one(low, 1000), _shareExceeded(SMALLEST - 1));
    }

    // SPEC C5: a venue inflated for one transaction is as small as it was before.
    function test_AFlashInflatedVenueIsStillSmall() public {
        _observeAs(SMALLEST / 2);
        pass(COOLDOWN);
        // In one block: inflate, observe, rebalance, deflate.
        low.setVenueSize(1000 * SMALLEST);
        killSwitch.observe(vault.adapters());
        rebalanceReverts(one(low, 1000), _shareExceeded(SMALLEST / 2));
    }

    // SPEC C5
    function test_RevertIf_TheVenueWasNeverObserved() public {
        ScriptedAdapter fresh = newAdapter();
        list(fresh, CAP);
        rebalanceReverts(
            one(fresh, 1000), abi.encodeWithSelector(IStrategyHub.CheckpointMissing.selector, address(fresh))
        );
        killSwitch.observe(vault.adapters());
        nextBlock();
        killSwitch.observe(vault.adapters());
        // The second observation does not count in its own block.
        rebalanceReverts(
            one(fresh, 1000), abi.encodeWithSelector(IStrategyHub.CheckpointMissing.selector, address(fresh))
        );
        nextBlock();
        rebalance(one(fresh, 1000));
    }

    // SPEC C5: a smaller share allowed is a smaller share.
    function test_AStricterShare() public {
        IStrategyHub.Limits memory limits = defaultLimits();
        limits.maxVenueShareBps = 10;
        setLimits(limits);
        low.setVenueSize(10 * SMALLEST - 1);
        rebalanceReverts(one(low, 1000), _shareExceeded(10 * SMALLEST - 1));
        low.setVenueSize(10 * SMALLEST);
        rebalance(one(low, 1000));
    }

    // SPEC C5: a venue above the limit may be left and may be kept.
    function test_AnOversizedPositionMayBeReduced() public {
        rebalance(two(low, 2000, mid, 1000));
        low.setVenueSize(1);
        mid.setVenueSize(1);
        pass(COOLDOWN);
        rebalance(one(low, 1000));
        assertEq(low.book(), 100e6);
    }

    // SPEC C5
    function test_UtilisationEdge() public {
        low.setUtilisation(0.95e18 + 1);
        rebalanceReverts(
            one(low, 1000), abi.encodeWithSelector(IStrategyHub.UtilisationTooHigh.selector, address(low), 0.95e18 + 1)
        );
        low.setUtilisation(0.95e18);
        rebalance(one(low, 1000));
    }

    // SPEC C5: what is added can be taken back at once.
    function test_LiquidityEdge() public {
        low.setLiquidityCap(POSITION - 1);
        rebalanceReverts(
            one(low, 1000),
            abi.encodeWithSelector(IStrategyHub.PositionNotLiquid.selector, address(low), POSITION, POSITION - 1)
        );
        low.setLiquidityCap(POSITION);
        rebalance(one(low, 1000));
    }

    // SPEC C5, C7d: the feed of a token that only this venue depends on.
    function test_RevertIf_TheVenuesOwnFeedIsOff() public {
        ScriptedFeed other = _ownFeed(low);
        other.push(0.97e8);
        rebalanceReverts(
            one(low, 1000), abi.encodeWithSelector(IStrategyHub.VenueNotOperational.selector, address(low))
        );
        rebalance(one(mid, 1000));
        other.push(1e8);
        pass(COOLDOWN);
        rebalance(one(low, 1000));
    }

    // SPEC C5: every one of these conditions is about adding; taking out passes whatever the venue is like.
    function test_NoneOfThemBlocksAReduction() public {
        rebalance(one(low, 2000));
        pass(COOLDOWN);
        low.setVenueSize(1);
        low.setUtilisation(1e18);
        low.setLiquidityCap(100e6);
        _ownFeed(low).push(0.5e8);
        rebalance(one(low, 1000));
        assertEq(low.book(), 100e6);
    }

    // SPEC C5, C7: an addition is one even if the venue swallows it, so no condition is passed by losing money on the way in.
    function test_AnAdditionThatTheVenueSwallowsIsStillJudged() public {
        rebalance(one(low, 1000));
        // The position has drifted to just under the next target, so that the addition is a sliver.
        low.gain(55e6);
        low.setFees(10_000, 0);
        low.setUtilisation(0.95e18 + 1);
        pass(COOLDOWN);
        rebalanceReverts(
            one(low, 1500), abi.encodeWithSelector(IStrategyHub.UtilisationTooHigh.selector, address(low), 0.95e18 + 1)
        );
    }

    /// Two observations of `size` that are later than those of the set-up.
    function _observeAs(uint256 size) private {
        pass(COOLDOWN);
        low.setVenueSize(size);
        observe();
    }

    function _shareExceeded(uint256 size) private view returns (bytes memory) {
        return abi.encodeWithSelector(IStrategyHub.VenueShareExceeded.selector, address(low), POSITION, size);
    }

    function _ownFeed(ScriptedAdapter adapter) private returns (ScriptedFeed own) {
        address token = makeAddr("token of this venue alone");
        own = new ScriptedFeed(8, "OTHER / USD", 1e8);
        address[] memory tokens = new address[](1);
        tokens[0] = token;
        vm.startPrank(timelock);
        killSwitch.setFeed(token, address(own), HEARTBEAT);
        killSwitch.setBand(token, PegBandLib.usdc());
        killSwitch.setVenueTokens(address(adapter), tokens);
        vm.stopPrank();
    }
}

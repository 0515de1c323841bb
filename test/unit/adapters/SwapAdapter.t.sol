// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {SwapAdapter} from "../../../contracts/adapters/SwapAdapter.sol";
import {IAdapter} from "../../../contracts/interfaces/IAdapter.sol";
import {ISwapper} from "../../../contracts/interfaces/ISwapper.sol";
import {AdapterOwner} from "../../support/AdapterOwner.sol";
import {LendingVenue} from "../../support/LendingVenue.sol";
import {SwapFixture} from "../../support/SwapFixture.sol";
import {TestAsset} from "../../support/TestAsset.sol";
import {TestToken} from "../../support/TestToken.sol";

/// @notice What is particular to a position in another stablecoin (SPEC C9). What every adapter owes: see conformance.
contract SwapAdapterTest is SwapFixture {
    uint256 private constant DEPTH = 1_000_000_000;

    TestAsset private usdc;
    TestToken private stablecoin;
    LendingVenue private savings;
    AdapterOwner private owner;
    SwapAdapter private adapter;

    function setUp() public {
        usdc = new TestAsset();
        deploySwaps(address(usdc));
        stablecoin = new TestToken("USDX", 18);
        prices.list(address(stablecoin), 1e8);
        swapper.setTolerance(address(stablecoin), STABLE_BPS);
        usdc.mint(address(market), DEPTH * 1e6);
        stablecoin.mint(address(market), DEPTH * 1e18);
        market.open(address(usdc), address(stablecoin));
        connect(address(usdc), address(stablecoin));
        savings = new LendingVenue(TestAsset(address(stablecoin)));
        owner = new AdapterOwner(address(usdc));
        adapter = new SwapAdapter(address(owner), address(savings), address(stablecoin), swapper, prices);
        usdc.mint(address(owner), 1000e6);
        owner.deposit(adapter, 1000e6, 995e6, "");
    }

    function giveAsset(address to, uint256 amount) internal override {
        usdc.mint(to, amount);
    }

    // SPEC C9: below par the position is worth less, above par it is not worth more.
    function testFuzz_TheValueFollowsTheOracleDownAndStopsAtPar(uint256 stablecoinPrice, uint256 assetPrice) public {
        stablecoinPrice = bound(stablecoinPrice, 0.01e8, 2e8);
        assetPrice = bound(assetPrice, 0.5e8, 2e8);
        prices.setPrice(address(stablecoin), int256(stablecoinPrice));
        prices.setPrice(address(usdc), int256(assetPrice));
        uint256 held = savings.previewRedeem(savings.balanceOf(address(adapter)));
        uint256 expected = stablecoinPrice < assetPrice ? held * stablecoinPrice / assetPrice / 1e12 : held / 1e12;
        assertApproxEqAbs(adapter.value(), expected, 1);
        assertLe(adapter.value(), held / 1e12);
    }

    // SPEC C9: if the market did depeg, leaving pays what the oracle says, and the value knew it before.
    function test_LeavingADepeggedStablecoinPaysItsPrice() public {
        stablecoin.mint(address(market), 30_000_000e18);
        market.sell(address(stablecoin), address(usdc), address(this));
        prices.setPrice(address(stablecoin), 0.942e8);
        uint256 value = adapter.value();
        assertApproxEqRel(value, 942e6, 0.001e18);
        (uint256 received,) = owner.withdraw(adapter, type(uint256).max, "");
        assertGe(received, value * 9950 / 10_000);
    }

    // SPEC X4: while the oracle does not confirm what the pool says, nobody sells into it.
    function test_RevertIf_ThePoolIsOffTheOracleOnTheWayOut() public {
        stablecoin.mint(address(market), 30_000_000e18);
        market.sell(address(stablecoin), address(usdc), address(this));
        uint256 value = adapter.value();
        vm.expectPartialRevert(ISwapper.SwapFailed.selector);
        owner.withdraw(adapter, type(uint256).max, "");
        assertEq(adapter.value(), value);
    }

    // SPEC C9, C10: of a position larger than the market takes within the swapper's tolerance, "everything" is the part that it takes, and
    // the rest follows when the market has recovered; of what is asked for by its amount nothing is left out.
    function test_EverythingIsWhatTheMarketTakes() public {
        stablecoin.mint(address(this), 15_000_000e18);
        stablecoin.approve(address(savings), 15_000_000e18);
        savings.deposit(15_000_000e18, address(adapter));
        uint256 value = adapter.value();
        vm.expectPartialRevert(ISwapper.SwapFailed.selector);
        owner.withdraw(adapter, value, "");
        vm.expectPartialRevert(ISwapper.SwapFailed.selector);
        owner.withdraw(adapter, value / 2, "");

        (uint256 received, uint256 lowered) = owner.withdraw(adapter, type(uint256).max, "");
        assertApproxEqAbs(lowered, value / 4, 2);
        assertGe(received, lowered * 9950 / 10_000);
        assertEq(stablecoin.balanceOf(address(adapter)), 0);
        assertEq(stablecoin.allowance(address(adapter), address(swapper)), 0);

        usdc.mint(address(market), received);
        market.sell(address(usdc), address(stablecoin), address(this));
        (received, lowered) = owner.withdraw(adapter, type(uint256).max, "");
        assertApproxEqAbs(lowered, value * 3 / 16, 4);
        assertGe(received, lowered * 9950 / 10_000);
    }

    // SPEC C9: the same of a stablecoin held as it is.
    function test_EverythingOfAPlainPositionIsWhatTheMarketTakes() public {
        adapter = new SwapAdapter(address(owner), address(stablecoin), address(stablecoin), swapper, prices);
        stablecoin.mint(address(adapter), 8_000_000e18);
        (uint256 received, uint256 lowered) = owner.withdraw(adapter, type(uint256).max, "");
        assertEq(lowered, 4_000_000e6);
        assertGe(received, 4_000_000e6 * 9950 / uint256(10_000));
    }

    // SPEC C13: the attempts at it are the adapter's own.
    function test_RevertIf_SomeoneElseAttemptsAPart() public {
        vm.expectRevert(abi.encodeWithSelector(IAdapter.OnlyVault.selector, address(this)));
        adapter.withdrawHalved(0, "");
    }

    // SPEC C9: all or nothing, into the stablecoin and out of it.
    function test_RevertIf_ARouteSpendsOnlyAPart() public {
        usdc.mint(address(owner), 100e6);
        bytes memory route = market.route(address(usdc), address(stablecoin), 99e6, address(swapper));
        vm.expectRevert(abi.encodeWithSelector(SwapAdapter.IncompleteSwap.selector, address(usdc), 1e6));
        owner.deposit(adapter, 100e6, 0, route);
        route = market.route(address(stablecoin), address(usdc), 1e18, address(swapper));
        vm.expectPartialRevert(SwapAdapter.IncompleteSwap.selector);
        owner.withdraw(adapter, 100e6, route);
    }

    // SPEC C9: dust sent to adapter or swapper stops neither way, and does not become part of the position unasked.
    function test_DustSentHereStopsNothing() public {
        uint256 value = adapter.value();
        usdc.mint(address(adapter), 1);
        stablecoin.mint(address(adapter), 1);
        usdc.mint(address(swapper), 1);
        stablecoin.mint(address(swapper), 1);
        assertEq(adapter.value(), value);
        usdc.mint(address(owner), 100e6);
        owner.deposit(adapter, 100e6, 99e6, "");
        owner.withdraw(adapter, 100e6, "");
        owner.withdraw(adapter, type(uint256).max, "");
        assertEq(adapter.value(), 0);
    }

    // SPEC C9: stablecoins that were given to the adapter are sold like any reward.
    function test_GivenStablecoinsAreHarvested() public {
        stablecoin.mint(address(adapter), 10e18);
        uint256 received = owner.harvest(adapter, sale(address(stablecoin), ""));
        assertApproxEqRel(received, 10e6, 0.001e18);
    }

    // SPEC C9, C5
    function test_FiguresOfAPartlyLentVenue() public {
        uint256 value = adapter.value();
        savings.lend(savings.cash() - 100e18);
        assertEq(adapter.exitLiquidity(), 100e6);
        assertApproxEqAbs(adapter.utilisation(), 1e18 - uint256(100e6) * 1e18 / value, 1e12);
        assertEq(adapter.value(), value);
        assertEq(adapter.venueSize(), value);
    }

    function test_RevertIf_ItCouldNotWork() public {
        vm.expectRevert(abi.encodeWithSelector(SwapAdapter.SameAsset.selector, address(usdc)));
        new SwapAdapter(address(owner), address(usdc), address(usdc), swapper, prices);
        vm.expectRevert(
            abi.encodeWithSelector(SwapAdapter.StablecoinMismatch.selector, address(stablecoin), address(reward))
        );
        new SwapAdapter(address(owner), address(savings), address(reward), swapper, prices);
    }
}

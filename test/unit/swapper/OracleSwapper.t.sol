// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {OracleSwapper} from "../../../contracts/OracleSwapper.sol";
import {IPriceSource} from "../../../contracts/interfaces/IPriceSource.sol";
import {ISwapper} from "../../../contracts/interfaces/ISwapper.sol";
import {SwapFixture} from "../../support/SwapFixture.sol";
import {TestToken} from "../../support/TestToken.sol";
import {Vm} from "forge-std/Vm.sol";

/// @notice Swaps along the real Uniswap V3, held to the oracles (SPEC X4).
contract OracleSwapperTest is SwapFixture {
    TestToken private usd;
    address private immutable recipient = makeAddr("recipient");

    function setUp() public {
        usd = new TestToken("USD", 6);
        deploySwaps(address(usd));
    }

    function giveAsset(address to, uint256 amount) internal override {
        usd.mint(to, amount);
    }

    function _approve(uint256 amount) private {
        reward.mint(address(this), amount);
        reward.approve(address(swapper), amount);
    }

    function _assertNothingLeft() private view {
        assertEq(usd.balanceOf(address(swapper)), 0);
        assertEq(reward.balanceOf(address(swapper)), 0);
        assertEq(reward.allowance(address(swapper), address(market.router())), 0);
        assertEq(reward.allowance(address(this), address(swapper)), 0);
    }

    // SPEC C9, X4: by the default route and by one that the caller brings.
    function testFuzz_SellsAtTheMarketWithinTheTolerance(uint256 amount, bool brought) public {
        amount = bound(amount, 1e16, 100_000e18);
        _approve(amount);
        bytes memory data = brought ? market.route(address(reward), address(usd), amount, address(swapper)) : bytes("");
        uint256 minimum = swapper.minimumOut(address(reward), address(usd), amount);
        uint256 received = swapper.swap(address(reward), address(usd), amount, recipient, data);
        assertEq(usd.balanceOf(recipient), received);
        assertGe(received, minimum);
        assertApproxEqRel(received, amount * 2 / 1e12, 0.01e18);
        _assertNothingLeft();
    }

    // SPEC X4: oracle value less the tolerance, rounded up, whichever way the decimals go.
    function testFuzz_TheMinimumIsTheOracleValueLessTheTolerance(uint256 amount, uint256 price) public {
        amount = bound(amount, 0, 1e30);
        price = bound(price, 1, 1e13);
        prices.setPrice(address(reward), int256(price));
        uint256 expected = amount * price * 9800;
        assertEq(swapper.minimumOut(address(reward), address(usd), amount), _ceilDiv(expected, 1e12 * 1e8 * 10_000));
        expected = amount * 1e12 * 1e8 * 9800;
        assertEq(swapper.minimumOut(address(usd), address(reward), amount), _ceilDiv(expected, price * 10_000));
    }

    // SPEC X4: of two tokens the larger tolerance counts.
    function test_TheLargerToleranceCounts() public {
        TestToken other = new TestToken("USDX", 18);
        prices.list(address(other), 1e8);
        swapper.setTolerance(address(other), 10);
        assertEq(swapper.minimumOut(address(usd), address(other), 1000e6), 995e18);
        assertEq(swapper.minimumOut(address(other), address(usd), 1000e18), 995e6);
        assertEq(swapper.minimumOut(address(other), address(reward), 1000e18), 490e18);
    }

    // SPEC X4: what a route does not spend goes back, and only what it spent is held to the oracle.
    function test_WhatIsNotSpentGoesBack() public {
        _approve(100e18);
        bytes memory data = market.route(address(reward), address(usd), 40e18, address(swapper));
        uint256 received = swapper.swap(address(reward), address(usd), 100e18, recipient, data);
        assertApproxEqRel(received, 80e6, 0.001e18);
        assertEq(reward.balanceOf(address(this)), 60e18);
        _assertNothingLeft();
    }

    // SPEC C9: a gift to the swapper neither stops a swap nor counts as left over.
    function test_AGiftToTheSwapperDoesNotStopASwap() public {
        reward.mint(address(swapper), 1);
        usd.mint(address(swapper), 5);
        _approve(100e18);
        uint256 received = swapper.swap(address(reward), address(usd), 100e18, recipient, "");
        assertEq(reward.balanceOf(address(this)), 0);
        assertEq(reward.balanceOf(address(swapper)), 1);
        assertEq(usd.balanceOf(recipient), received);
    }

    // SPEC X4
    function test_ReportsWhatItDid() public {
        _approve(100e18);
        vm.recordLogs();
        uint256 received = swapper.swap(address(reward), address(usd), 100e18, recipient, "");
        Vm.Log[] memory logs = vm.getRecordedLogs();
        Vm.Log memory last = logs[logs.length - 1];
        assertEq(last.emitter, address(swapper));
        assertEq(last.topics[0], OracleSwapper.Swapped.selector);
        assertEq(last.data, abi.encode(address(market.router()), uint256(100e18), received, uint256(196e6)));
    }

    // SPEC X4: a pool that has been pushed off the oracle sells nothing, by either route.
    function test_RevertIf_TheMarketIsOffTheOracle() public {
        reward.mint(address(market), 5_000_000e18);
        market.sell(address(reward), address(usd), address(this));
        _approve(100e18);
        vm.expectPartialRevert(ISwapper.SwapFailed.selector);
        swapper.swap(address(reward), address(usd), 100e18, recipient, "");
        bytes memory data = market.route(address(reward), address(usd), 100e18, address(swapper));
        vm.expectPartialRevert(ISwapper.InsufficientOutput.selector);
        swapper.swap(address(reward), address(usd), 100e18, recipient, data);
        assertEq(reward.balanceOf(address(this)), 100e18);
    }

    // SPEC X4: and the other way round: the market is where it was, but the price is now higher.
    function test_RevertIf_TheOracleHasMovedUp() public {
        prices.setPrice(address(reward), 2.1e8);
        _approve(100e18);
        vm.expectPartialRevert(ISwapper.SwapFailed.selector);
        swapper.swap(address(reward), address(usd), 100e18, recipient, "");
    }

    // SPEC X4: no price, no swap.
    function test_RevertIf_APriceIsStale() public {
        _approve(100e18);
        skip(prices.HEARTBEAT() + 1);
        vm.expectRevert(abi.encodeWithSelector(IPriceSource.PriceUnknown.selector, address(reward)));
        swapper.swap(address(reward), address(usd), 100e18, recipient, "");
        prices.setPrice(address(reward), REWARD_PRICE);
        vm.expectRevert(abi.encodeWithSelector(IPriceSource.PriceUnknown.selector, address(usd)));
        swapper.swap(address(reward), address(usd), 100e18, recipient, "");
        prices.refresh();
        swapper.swap(address(reward), address(usd), 100e18, recipient, "");
    }

    function test_RevertIf_ATokenHasNoTolerance() public {
        TestToken other = new TestToken("OTH", 18);
        prices.list(address(other), 1e8);
        vm.expectRevert(abi.encodeWithSelector(OracleSwapper.ToleranceNotSet.selector, address(other)));
        swapper.swap(address(other), address(usd), 1, recipient, "");
        vm.expectRevert(abi.encodeWithSelector(OracleSwapper.ToleranceNotSet.selector, address(other)));
        swapper.swap(address(usd), address(other), 1, recipient, "");
    }

    function test_RevertIf_TheTokensAreTheSame() public {
        vm.expectRevert(abi.encodeWithSelector(OracleSwapper.SameToken.selector, address(usd)));
        swapper.swap(address(usd), address(usd), 1, recipient, "");
    }

    function test_RevertIf_ThereIsNoDefaultRoute() public {
        swapper.setDefaultRoute(address(reward), address(usd), address(0), "");
        vm.expectRevert(abi.encodeWithSelector(OracleSwapper.NoDefaultRoute.selector, address(reward), address(usd)));
        swapper.swap(address(reward), address(usd), 1, recipient, "");
    }

    // SPEC C9: a router that governance has withdrawn is not used, not even by a default route.
    function test_RevertIf_TheDefaultRoutesRouterIsNoLongerAllowed() public {
        address router = address(market.router());
        swapper.setRouter(router, false);
        vm.expectRevert(abi.encodeWithSelector(ISwapper.RouterNotAllowed.selector, router));
        swapper.swap(address(reward), address(usd), 1e18, recipient, "");
    }

    function _ceilDiv(uint256 a, uint256 b) private pure returns (uint256) {
        return a == 0 ? 0 : (a - 1) / b + 1;
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {StablecoinPegMonitor} from "../../../contracts/StablecoinPegMonitor.sol";
import {IPriceSource} from "../../../contracts/interfaces/IPriceSource.sol";
import {PegBand, PegBandLib, PegStatus} from "../../../contracts/types/PegBand.sol";
import {ScriptedFeed} from "../../../script/protocols/ScriptedFeed.sol";
import {KillSwitchFixture} from "./KillSwitchFixture.sol";

/// @notice The table of the specification: four coins, every edge, feeds of 6, 8 and 18 decimals (SPEC C8). An edge belongs to the milder
/// side; one unit of the feed past it belongs to the other.
contract PegTableTest is KillSwitchFixture {
    /// The edges in millionths as the specification has them: kill, warn and safe below, safe, warn and kill above.
    uint256[6] private usdcEdges = [uint256(980_000), 990_000, 995_000, 1_005_000, 1_010_000, 1_020_000];
    uint256[6] private usdtEdges = [uint256(975_000), 985_000, 993_000, 1_007_000, 1_015_000, 1_025_000];
    uint256[6] private fraxEdges = [uint256(970_000), 985_000, 990_000, 1_010_000, 1_015_000, 1_030_000];
    uint8[3] private decimals = [6, 8, 18];

    // SPEC C8, C7a, ERR-1, ERR-2, ERR-4
    function test_Usdc() public {
        _table(makeAddr("USDC"), PegBandLib.usdc(), usdcEdges);
    }

    // SPEC C8, ERR-2
    function test_Dai() public {
        _table(makeAddr("DAI"), PegBandLib.dai(), usdcEdges);
    }

    // SPEC C8, ERR-2
    function test_Usdt() public {
        _table(makeAddr("USDT"), PegBandLib.usdt(), usdtEdges);
    }

    // SPEC C8, ERR-2
    function test_Frax() public {
        _table(makeAddr("FRAX"), PegBandLib.frax(), fraxEdges);
    }

    // SPEC C7a: the figures of the specification, and what follows from them.
    function test_TheAssetAtItsKillBounds() public {
        _asset(0.98e8, "");
        _asset(0.98e8 - 1, PEG);
        _asset(0.9799e8, PEG);
        _asset(1.02e8, "");
        _asset(1.02e8 + 1, PEG);
        _asset(1.0201e8, PEG);
        _asset(ONE_DOLLAR, "");
    }

    // SPEC C8: the asset starts in USDC's band.
    function test_TheAssetsBandAtDeployment() public view {
        PegBand memory band = killSwitch.pegBand(address(usdc));
        assertEq(abi.encode(band), abi.encode(PegBandLib.usdc()));
    }

    // SPEC C8, ERR-1: the price is in millionths, rounded down, whatever the feed's decimals.
    function test_CheckPegRoundsThePriceDown() public {
        feed.push(99_999_999);
        (bool isSafe, uint256 price) = killSwitch.checkPeg(address(usdc));
        assertTrue(isSafe);
        assertEq(price, 999_999);
        _coarse(0, 1);
        (isSafe, price) = killSwitch.checkPeg(address(usdc));
        assertTrue(isSafe);
        assertEq(price, 1e6);
    }

    // SPEC C8: a feed without decimals knows only whole dollars.
    function test_AFeedWithoutDecimals() public {
        _coarse(0, 1);
        _status(address(usdc), PegStatus.Safe);
        _coarse(0, 2);
        _status(address(usdc), PegStatus.Kill);
    }

    // SPEC C8, ERR-3: nothing that is not a price is safe.
    function test_ZeroAndNegativeAnswersAreNotSafe() public {
        int256[3] memory answers = [int256(0), -1, type(int256).min];
        for (uint256 i; i < answers.length; ++i) {
            feed.push(answers[i]);
            (bool isSafe, uint256 price) = killSwitch.checkPeg(address(usdc));
            assertFalse(isSafe);
            assertEq(price, 0);
            _status(address(usdc), PegStatus.Unhealthy);
        }
    }

    // SPEC C8, ERR-8: a stale feed is an answer, not a revert.
    function test_AStaleFeedIsNotSafe() public {
        skip(HEARTBEAT + GRACE + 1);
        (bool isSafe, uint256 price) = killSwitch.checkPeg(address(usdc));
        assertFalse(isSafe);
        assertEq(price, 0);
    }

    // SPEC C8: CRV has a price and no peg to lose; it blocks its venue only when it has no price.
    function test_ATokenWithoutABandIsAPriceOnly() public {
        (address crv, ScriptedFeed crvFeed) = tokenWithFeed(low, "CRV");
        crvFeed.push(0.31e8);
        _status(crv, PegStatus.Unpegged);
        (bool isSafe, uint256 price1e6) = killSwitch.checkPeg(crv);
        assertFalse(isSafe);
        assertEq(price1e6, 310_000);
        assertEq(killSwitch.priceOf(crv), 0.31e18);
        assertAllowed(low);
        crvFeed.push(0);
        assertReason(low, ORACLE);
    }

    // SPEC C8
    function test_PriceOfIsTheFeedsPriceInWad() public {
        feed.push(0.99999999e8);
        assertEq(killSwitch.priceOf(address(usdc)), 0.99999999e18);
        _coarse(18, 1.23456789e18);
        assertEq(killSwitch.priceOf(address(usdc)), 1.23456789e18);
    }

    function test_RevertIf_ThePriceIsUnknown() public {
        feed.setReverting(true);
        vm.expectRevert(abi.encodeWithSelector(IPriceSource.PriceUnknown.selector, address(usdc)));
        killSwitch.priceOf(address(usdc));
        vm.expectRevert(abi.encodeWithSelector(IPriceSource.PriceUnknown.selector, stranger));
        killSwitch.priceOf(stranger);
    }

    // SPEC C8, C13: a band lies in order around one dollar.
    function test_RevertIf_TheBandIsOutOfOrder() public {
        PegBand[8] memory bad;
        for (uint256 i; i < bad.length; ++i) {
            bad[i] = PegBandLib.usdc();
        }
        bad[0].killLow = 0;
        bad[1].killLow = bad[1].warnLow + 1;
        bad[2].warnLow = bad[2].safeLow + 1;
        bad[3].safeLow = 1e6 + 1;
        bad[4].safeHigh = 1e6 - 1;
        bad[5].warnHigh = bad[5].safeHigh - 1;
        bad[6].killHigh = bad[6].warnHigh - 1;
        // It has 24 bits beside the feed.
        bad[7].killHigh = 1 << 24;
        vm.startPrank(timelock);
        for (uint256 i; i < bad.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(StablecoinPegMonitor.BandOutOfOrder.selector, bob));
            killSwitch.setBand(bob, bad[i]);
        }
        // The narrowest there is.
        killSwitch.setBand(bob, PegBand(1e6, 1e6, 1e6, 1e6, 1e6, 1e6));
        vm.stopPrank();
    }

    // SPEC C8, C13: a band can be taken away, but not the asset's.
    function test_ABandCanBeTakenAwayButNotTheAssets() public {
        PegBand memory none;
        (address token, ScriptedFeed tokenFeed) = tokenWithFeed(low, "DAI");
        vm.prank(timelock);
        killSwitch.setBand(token, PegBandLib.dai());
        tokenFeed.push(0.9e8);
        assertReason(low, PEG);
        vm.expectEmit(address(killSwitch));
        emit StablecoinPegMonitor.BandSet(token, none);
        vm.prank(timelock);
        killSwitch.setBand(token, none);
        assertAllowed(low);
        vm.expectRevert(abi.encodeWithSelector(StablecoinPegMonitor.BandOutOfOrder.selector, address(usdc)));
        vm.prank(timelock);
        killSwitch.setBand(address(usdc), none);
    }

    // SPEC C8: another feed for the same token leaves its band alone.
    function test_ABandOutlivesItsFeed() public {
        _coarse(18, 0.979e18);
        _status(address(usdc), PegStatus.Kill);
    }

    // SPEC C7a, C8: additions stop exactly where the status says that the peg is lost, whatever the band.
    function testFuzz_AdditionsStopWhereThePegIsLost(uint32[6] memory widths, uint256 price) public {
        PegBand memory band;
        band.safeLow = uint32(1e6 - widths[0] % 300_000);
        band.warnLow = uint32(band.safeLow - widths[1] % 300_000);
        band.killLow = uint32(band.warnLow - widths[2] % 300_000);
        band.safeHigh = uint32(1e6 + widths[3] % 5e6);
        band.warnHigh = uint32(band.safeHigh + widths[4] % 5e6);
        band.killHigh = uint32(band.warnHigh + widths[5] % 5e6);
        vm.prank(timelock);
        killSwitch.setBand(address(usdc), band);
        price = bound(price, 1, 20e8);
        // At a bound, one unit past it, or anywhere.
        if (price % 3 == 0) price = uint256(price % 2 == 0 ? band.killLow : band.killHigh) * 100 + price % 5 - 2;
        feed.push(int256(price));
        (PegStatus status,) = killSwitch.pegStatus(address(usdc));
        assertEq(killSwitch.isOperational(), status != PegStatus.Kill);
    }

    // SPEC C8: exact for every answer, against arithmetic in the feed's own units.
    function testFuzz_TheStatusIsExact(uint256 answer, uint8 places) public {
        places = uint8(bound(places, 0, 18));
        uint256 unit = 10 ** places;
        answer = bound(answer, 1, 2 * unit);
        _coarse(places, int256(answer));
        PegStatus expected = PegStatus.Safe;
        if (answer * 1000 < 995 * unit || answer * 1000 > 1005 * unit) expected = PegStatus.Watch;
        if (answer * 100 < 99 * unit || answer * 100 > 101 * unit) expected = PegStatus.Warn;
        if (answer * 100 < 98 * unit || answer * 100 > 102 * unit) expected = PegStatus.Kill;
        _status(address(usdc), expected);
        (bool isSafe, uint256 price) = killSwitch.checkPeg(address(usdc));
        assertEq(isSafe, expected == PegStatus.Safe);
        assertEq(price, answer * 1e6 / unit);
        assertEq(killSwitch.isOperational(), expected != PegStatus.Kill);
    }

    function _table(address token, PegBand memory band, uint256[6] storage edges) private {
        PegStatus[6] memory inside =
            [PegStatus.Warn, PegStatus.Watch, PegStatus.Safe, PegStatus.Safe, PegStatus.Watch, PegStatus.Warn];
        PegStatus[6] memory outside =
            [PegStatus.Kill, PegStatus.Warn, PegStatus.Watch, PegStatus.Watch, PegStatus.Warn, PegStatus.Kill];
        vm.prank(timelock);
        killSwitch.setBand(token, band);
        for (uint256 d; d < decimals.length; ++d) {
            ScriptedFeed own = new ScriptedFeed(decimals[d], "", 1);
            vm.prank(timelock);
            killSwitch.setFeed(token, address(own), HEARTBEAT);
            for (uint256 i; i < edges.length; ++i) {
                int256 edge = int256(edges[i] * 10 ** decimals[d] / 1e6);
                own.push(edge);
                _holds(token, inside[i], edges[i]);
                own.push(i < 3 ? edge - 1 : edge + 1);
                // One unit below the edge is the millionth below it; above, only a feed of six decimals gets to the next.
                _holds(token, outside[i], i < 3 ? edges[i] - 1 : decimals[d] == 6 ? edges[i] + 1 : edges[i]);
            }
            own.push(int256(10 ** decimals[d]));
            _holds(token, PegStatus.Safe, 1e6);
        }
    }

    function _holds(address token, PegStatus expected, uint256 price1e6) private view {
        _status(token, expected);
        (bool isSafe, uint256 price) = killSwitch.checkPeg(token);
        assertEq(isSafe, expected == PegStatus.Safe);
        assertEq(price, price1e6);
    }

    function _status(address token, PegStatus expected) private view {
        (PegStatus status, uint256 price) = killSwitch.pegStatus(token);
        assertEq(uint256(status), uint256(expected));
        assertEq(price == 0, expected == PegStatus.Unhealthy);
    }

    function _asset(int256 answer, string memory reason) private {
        feed.push(answer);
        bool killed = bytes(reason).length != 0;
        (bool operational, string memory why) = killSwitch.operationalStatus();
        assertEq(operational, !killed);
        assertEq(why, reason);
        assertEq(killSwitch.isOperational(), !killed);
        (bool leave, string memory whyLeave) = killSwitch.shouldEmergencyWithdraw();
        assertEq(leave, killed);
        assertEq(whyLeave, reason);
    }

    function _coarse(uint8 places, int256 answer) private {
        feed = new ScriptedFeed(places, "USDC / USD", answer);
        vm.prank(timelock);
        killSwitch.setFeed(address(usdc), address(feed), HEARTBEAT);
    }
}

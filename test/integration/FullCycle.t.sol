// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Mode, Trigger} from "../../contracts/interfaces/IKillSwitch.sol";
import {IStrategyHub} from "../../contracts/interfaces/IStrategyHub.sol";
import {BallastOnProtocols} from "./BallastOnProtocols.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {Vm} from "forge-std/Test.sol";

/// @notice From the first deposit to the last redemption on the real protocols.
contract FullCycleTest is BallastOnProtocols {
    bytes32 private constant PERMIT_TYPEHASH =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");

    // SPEC C1, C3, C7a, C9, C10
    function test_DepositRebalanceEarnRebalanceWithdrawDepegExitRedeem() public {
        deposit(alice, 500_000e6);
        deposit(bob, 300_000e6);
        address carol = _depositByPermit(200_000e6);

        rebalance(both(4750, 4750));
        assertApproxEqAbs(aave.value(), 475_000e6, 1);
        assertApproxEqAbs(valueOf(address(metaMorpho)), 475_000e6, 1);
        assertEq(vault.idle(), 50_000e6);
        assertNothingLeftBehind();

        pass(30 days);
        uint256 earned = vault.totalAssets() - 1_000_000e6;
        // 30 days at 3–4 % a year on 95 %.
        assertGt(earned, 2300e6);
        assertLt(earned, 3400e6);

        borrowAave(5_000_000e6);
        repayMorpho(3_000_000e6);
        rebalance(both(3000, 3500));
        assertNothingLeftBehind();

        // More than idle: the rest comes out of the queue.
        uint256 aliceOwned = vault.maxWithdraw(alice);
        vm.prank(alice);
        vault.withdraw(aliceOwned, alice, alice);
        assertEq(protocols.usdc.balanceOf(alice), aliceOwned);
        assertGt(aliceOwned, 500_000e6);
        assertEq(vault.idle(), 0);
        assertNothingLeftBehind();

        pass(COOLDOWN);
        setUsdcPrice(0.97e8);
        rebalanceReverts(
            both(500, 500), abi.encodeWithSelector(IStrategyHub.NotOperational.selector, "Stablecoin depeg detected")
        );
        vm.prank(stranger);
        killSwitch.trip(Trigger.Peg, address(protocols.usdc));
        assertEq(uint256(killSwitch.mode()), uint256(Mode.Exit));
        vm.prank(stranger);
        IStrategyHub.ExitResult[] memory results = hub.emergencyExit();
        for (uint256 i; i < results.length; ++i) {
            assertTrue(results[i].ok);
            assertLe(results[i].remaining, 1);
        }
        // Riskiest first: the MetaMorpho.
        assertEq(results[0].adapter, address(metaMorpho));

        _redeemAll(bob);
        _redeemAll(carol);
        assertGt(protocols.usdc.balanceOf(bob), 300_000e6);
        assertEq(vault.totalSupply(), vault.balanceOf(alice));
        assertLe(vault.totalAssets(), 3);
        assertLe(protocols.usdc.balanceOf(address(vault)), 3);
        assertNothingLeftBehind();
    }

    // SPEC C12: any deposit from 1 to 10,000,000 USDC goes in, out to both venues, and home again.
    function testFuzz_AnyDepositComesHome(uint256 assets, uint256 time) public {
        assets = bound(assets, 1e6, 10_000_000e6);
        time = bound(time, 0, 90 days);
        deposit(alice, assets);
        // As much as the reserve, and 1 % of the smaller venue, let through.
        uint256 bps = 590_000e6 * 10_000 / assets;
        rebalance(both(bps < 4750 ? uint16(bps) : 4750, bps < 4750 ? uint16(bps) : 4750));
        pass(time);
        assertGe(vault.totalAssets() + 2, assets);
        vm.prank(guardian);
        hub.emergencyExit();
        _redeemAll(alice);
        assertGe(protocols.usdc.balanceOf(alice) + 3, assets);
        assertLe(vault.totalAssets(), 3);
        assertNothingLeftBehind();
    }

    // SPEC C12, C5: the same without an emergency, in whatever proportion, twice.
    function testFuzz_AnyTwoRebalances(uint256 assets, uint16 a, uint16 b, uint16 c, uint16 d) public {
        assets = bound(assets, 1e6, 1_200_000e6);
        (a, b) = _targets(a, b, 0, 0);
        deposit(alice, assets);
        rebalance(both(a, b));
        pass(5 days);
        (c, d) = _targets(c, d, a, b);
        rebalance(both(c, d));
        uint256 nav = vault.totalAssets();
        assertApproxEqAbs(aave.value(), nav * c / 10_000, 3);
        assertApproxEqAbs(valueOf(address(metaMorpho)), nav * d / 10_000, 3);
        assertNothingLeftBehind();
        _redeemAll(alice);
        assertGe(protocols.usdc.balanceOf(alice) + 3, assets);
        assertLe(vault.totalAssets(), 3);
    }

    // SPEC C5: invested to the very edge of the reserve, with the venues' own rounding, after any time.
    function testFuzz_InvestedToTheReserve(uint256 assets, uint256 time) public {
        assets = bound(assets, 1e6, 1_200_000e6);
        deposit(alice, assets);
        rebalance(both(4000, 4000));
        pass(bound(time, COOLDOWN, 90 days));
        rebalance(both(4750, 4750));
        assertGe(vault.idle() * 10_000, vault.totalAssets() * 500);
        pass(bound(time, COOLDOWN, 90 days));
        rebalance(both(3750, 3750));
        pass(bound(time, COOLDOWN, 90 days));
        rebalance(both(5000, 4500));
        assertGe(vault.idle() * 10_000, vault.totalAssets() * 500);
        assertNothingLeftBehind();
    }

    // SPEC C5: 1 % of the real venue, to the unit: MetaMorpho's own rounding makes its 60M one unit less.
    function test_OnePercentOfTheVenue() public {
        deposit(alice, 10_000_000e6);
        rebalanceReverts(
            one(address(metaMorpho), 600),
            abi.encodeWithSelector(
                IStrategyHub.VenueShareExceeded.selector, address(metaMorpho), 600_000e6, 60_000_000e6 - 1
            )
        );
        vm.prank(alice);
        vault.withdraw(20, alice, alice);
        rebalance(one(address(metaMorpho), 600));
        assertEq(valueOf(address(metaMorpho)), 600_000e6 - 3);
    }

    // SPEC C13: after the handover nobody but the timelock governs, and the deployer is nobody.
    function test_HandedOverToTheTimelock() public {
        address timelock = address(deployed.timelock);
        IAccessControl[3] memory governed = [IAccessControl(vault), IAccessControl(hub), IAccessControl(killSwitch)];
        for (uint256 i; i < governed.length; ++i) {
            assertTrue(governed[i].hasRole(0, timelock));
            assertFalse(governed[i].hasRole(0, address(this)));
        }
        bytes memory call = abi.encodeCall(vault.setDepositCap, (CAP + 1));
        vm.startPrank(governance);
        deployed.timelock.schedule(address(vault), 0, call, 0, 0, 2 days);
        skip(2 days - 1);
        vm.expectRevert();
        deployed.timelock.execute(address(vault), 0, call, 0, 0);
        skip(1);
        deployed.timelock.execute(address(vault), 0, call, 0, 0);
        vm.stopPrank();
        assertEq(vault.depositCap(), CAP + 1);
    }

    function _redeemAll(address who) private {
        uint256 shares = vault.balanceOf(who);
        vm.prank(who);
        vault.redeem(shares, who, who);
    }

    /// Targets inside 5–50 %, together at most 95 %, and a step of at least 5 % from (a0, b0).
    function _targets(uint16 a, uint16 b, uint16 a0, uint16 b0) private pure returns (uint16, uint16) {
        a = uint16(bound(a, 500, 4750));
        b = uint16(bound(b, 500, 4750));
        if (_step(a, a0) < 500) a = a0 < 2600 ? a0 + 500 : a0 - 500;
        if (_step(b, b0) < 500) b = b0 < 2600 ? b0 + 500 : b0 - 500;
        return (a, b);
    }

    function _step(uint16 to, uint16 from) private pure returns (uint16) {
        return to > from ? to - from : from - to;
    }

    function _depositByPermit(uint256 assets) private returns (address) {
        Vm.Wallet memory carol = vm.createWallet("carol");
        mintUsdc(carol.addr, assets);
        bytes32 message =
            keccak256(abi.encode(PERMIT_TYPEHASH, carol.addr, address(vault), assets, 0, block.timestamp + 1 hours));
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(carol, keccak256(abi.encodePacked(hex"1901", protocols.usdc.DOMAIN_SEPARATOR(), message)));
        protocols.usdc.permit(carol.addr, address(vault), assets, block.timestamp + 1 hours, v, r, s);
        vm.prank(carol.addr);
        vault.deposit(assets, carol.addr);
        return carol.addr;
    }
}

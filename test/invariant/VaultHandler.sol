// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Erc4626Adapter} from "../../contracts/adapters/Erc4626Adapter.sol";
import {Mode, Trigger} from "../../contracts/interfaces/IKillSwitch.sol";
import {Allocation} from "../../contracts/types/Allocation.sol";
import {BallastFixture} from "../support/BallastFixture.sol";
import {LendingVenue} from "../support/LendingVenue.sol";

/// @title VaultHandler
/// @notice Everybody who can move the system: depositors, keeper, guardian, the emergency Safe, governance, the feed and the venues.
/// A call that must not revert is made bare, so that its revert fails the run; one that may is caught and counted.
contract VaultHandler is BallastFixture {
    uint256 private constant VENUE_SEED = 1_000_000_000_000e6;

    Erc4626Adapter[2] public adapters;
    LendingVenue[2] public venues;
    address[3] public actors;

    uint256[] public rebalances;
    uint256 public refused;
    /// @notice Broken promises, by the name of the promise; empty while all hold.
    string public broken;

    constructor() {
        BallastFixture.setUp();
        for (uint256 i; i < 2; ++i) {
            venues[i] = new LendingVenue(usdc);
            adapters[i] = new Erc4626Adapter(address(vault), address(venues[i]));
            vm.prank(timelock);
            vault.listAdapter(address(adapters[i]), CAP);
            // Others own the venue, so that 1 % of it is more than all of ours.
            usdc.mint(address(this), VENUE_SEED);
            usdc.approve(address(venues[i]), VENUE_SEED);
            venues[i].deposit(VENUE_SEED, address(this));
        }
        // The scripted venues of the fixture have no part here.
        vm.startPrank(timelock);
        vault.delistAdapter(address(low));
        vault.delistAdapter(address(mid));
        vault.delistAdapter(address(high));
        vm.stopPrank();
        observe();
        if (address(adapters[0]) > address(adapters[1])) {
            (adapters[0], adapters[1]) = (adapters[1], adapters[0]);
            (venues[0], venues[1]) = (venues[1], venues[0]);
        }
        actors = [alice, bob, makeAddr("carol")];
        deposit(alice, 1_000_000e6);
    }

    /// @dev The fixture's own set-up runs in the constructor.
    function setUp() public pure override {}

    function system() external view returns (address[5] memory) {
        return [address(vault), address(hub), address(killSwitch), address(usdc), keeper];
    }

    function rebalanceCount() external view returns (uint256) {
        return rebalances.length;
    }

    // --------------------------------------------------------------------------------------------------- depositors

    function enter(uint256 who, uint256 assets, bool byShares) external {
        address actor = actors[who % 3];
        uint256 most = vault.maxDeposit(actor);
        assets = bound(assets, 0, most < 5_000_000e6 ? most : 5_000_000e6);
        if (assets == 0 || vault.previewDeposit(assets) == 0) return;
        usdc.mint(actor, assets);
        vm.startPrank(actor);
        usdc.approve(address(vault), assets);
        if (byShares) vault.mint(vault.previewDeposit(assets), actor);
        else vault.deposit(assets, actor);
        vm.stopPrank();
    }

    /// @notice Anything up to the maximum goes out, in every mode.
    function leave(uint256 who, uint256 part, bool byShares) external {
        address actor = actors[who % 3];
        vm.startPrank(actor);
        if (byShares) vault.redeem(bound(part, 0, vault.maxRedeem(actor)), actor, actor);
        else vault.withdraw(bound(part, 0, vault.maxWithdraw(actor)), actor, actor);
        vm.stopPrank();
    }

    function give(uint256 from, uint256 to, uint256 shares) external {
        address sender = actors[from % 3];
        shares = bound(shares, 0, vault.balanceOf(sender));
        vm.prank(sender);
        assertTrue(vault.transfer(actors[to % 3], shares));
    }

    function donate(uint256 assets) external {
        usdc.mint(address(vault), bound(assets, 0, 1_000_000e6));
    }

    // ------------------------------------------------------------------------------------------------------- keeper

    function move(uint16 a, uint16 b, uint256 wait) external {
        skip(bound(wait, 0, 12 hours));
        nextBlock();
        // A feed that answers now and then goes stale now and then.
        if (wait % 16 != 0) feed.push(feed.latestAnswer());
        Allocation[] memory targets = two(address(adapters[0]), _target(a), address(adapters[1]), _target(b));
        bytes memory proof = prove(targets);
        bool operational = killSwitch.isOperational();
        uint256 navBefore = vault.totalAssets();
        vm.prank(keeper);
        try hub.rebalance(targets, proof) {
            rebalances.push(vm.getBlockTimestamp());
            if (!operational) broken = "rebalanced while not operational";
            if (vault.totalAssets() * 10_000 < navBefore * (10_000 - vault.maxLossBps())) broken = "lost too much";
            if (vault.idle() * 10_000 < vault.totalAssets() * 500) broken = "reserve";
        } catch {
            ++refused;
        }
    }

    function reduce(uint256 which, uint256 assets) external {
        uint256 i = which % 2;
        assets = bound(assets, 0, adapters[i].liquidity());
        vm.prank(keeper);
        hub.reduce(address(adapters[i]), assets, assets, "");
    }

    // ------------------------------------------------------------------------------------------------------- guards

    function exit(uint256 luck) external {
        if (luck % 4 != 0) return;
        vm.prank(guardian);
        hub.emergencyExit();
        if (!vault.paused()) broken = "exit left deposits open";
    }

    function reduceOnly(uint256 luck) external {
        if (luck % 4 != 0 || killSwitch.mode() != Mode.Normal) return;
        vm.prank(guardian);
        killSwitch.reduceOnly();
    }

    function govern() external {
        feed.push(ONE_DOLLAR);
        skip(1 days);
        feed.push(ONE_DOLLAR);
        vm.startPrank(timelock);
        killSwitch.reset();
        if (vault.paused()) vault.unpauseDeposits();
        vm.stopPrank();
    }

    // ------------------------------------------------------------------------------------------------ feed and venues

    function price(uint256 answer) external {
        // Mostly on its peg, or the switch would be all there is to see.
        feed.push(answer % 16 == 0 ? int256(bound(answer, 0, 2e8)) : ONE_DOLLAR);
        try killSwitch.trip(answer % 2 == 0 ? Trigger.Peg : Trigger.Oracle, address(usdc)) {
            if (killSwitch.isOperational()) broken = "operational right after a trip";
        } catch {
            ++refused;
        }
    }

    function earn(uint256 which, uint256 assets) external {
        venues[which % 2].gain(bound(assets, 0, VENUE_SEED / 100));
    }

    function lose(uint256 which, uint256 assets) external {
        venues[which % 2].lose(bound(assets, 0, VENUE_SEED / 100));
    }

    function lend(uint256 which, uint256 part) external {
        LendingVenue venue = venues[which % 2];
        venue.lend(part % 4 == 0 ? venue.cash() : bound(part, 0, venue.cash() / 10));
    }

    function repay(uint256 which) external {
        venues[which % 2].repay(type(uint256).max);
    }

    function _target(uint16 raw) private pure returns (uint16) {
        return raw % 5 == 0 ? 0 : uint16(bound(raw, 500, 4750));
    }
}

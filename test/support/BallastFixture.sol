// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {KillSwitchManager} from "../../contracts/KillSwitchManager.sol";
import {StrategyHub} from "../../contracts/StrategyHub.sol";
import {Vault} from "../../contracts/Vault.sol";
import {IStrategyHub} from "../../contracts/interfaces/IStrategyHub.sol";
import {Allocation} from "../../contracts/types/Allocation.sol";
import {ScriptedFeed} from "../../script/protocols/ScriptedFeed.sol";
import {KeeperActions} from "./KeeperActions.sol";
import {ScriptedAdapter} from "./ScriptedAdapter.sol";
import {TestAsset} from "./TestAsset.sol";

/// @title BallastFixture
/// @notice The three contracts with every role held by someone else and three scripted venues, `low`, `mid` and `high` in the
/// order of their addresses, each observed in an earlier block unless a test says otherwise. Amounts are base units of the asset (10^-6).
abstract contract BallastFixture is KeeperActions {
    uint256 internal constant START_TIME = 1_750_000_000;
    uint256 internal constant CAP = 100_000_000e6;
    uint32 internal constant HEARTBEAT = 24 hours;
    uint256 internal constant GRACE = 1 hours;
    uint256 internal constant COOLDOWN = 6 hours;
    uint256 internal constant GRACE_PERIOD = 7 days;
    int256 internal constant ONE_DOLLAR = 1e8;

    address internal immutable timelock = makeAddr("timelock");
    address internal immutable guardian = makeAddr("guardian");
    address internal immutable emergency = makeAddr("emergency safe");
    address internal immutable stranger = makeAddr("stranger");
    address internal immutable alice = makeAddr("alice");
    address internal immutable bob = makeAddr("bob");

    TestAsset internal usdc;
    ScriptedFeed internal feed;
    ScriptedAdapter internal low;
    ScriptedAdapter internal mid;
    ScriptedAdapter internal high;

    function setUp() public virtual {
        createKeys();
        vm.warp(START_TIME);
        usdc = new TestAsset();
        deployBallast();
        (low, mid, high) = _sorted(newAdapter(), newAdapter(), newAdapter());
        list(low, CAP);
        list(mid, CAP);
        list(high, CAP);
        observeAtStart();
    }

    /// @notice Deploys vault, switch and hub, and hands every role to its holder.
    function deployBallast() internal {
        vault = new Vault(usdc, "Ballast USDC", "bUSDC", timelock, CAP, 50, 100, 10_000);
        killSwitch = new KillSwitchManager(vault, timelock);
        hub = new StrategyHub(vault, killSwitch, attestor.addr, timelock, defaultLimits(), GRACE_PERIOD);
        feed = new ScriptedFeed(8, "USDC / USD", ONE_DOLLAR);

        vm.startPrank(timelock);
        vault.setHub(address(hub));
        vault.grantRole(vault.GUARDIAN_ROLE(), guardian);
        vault.grantRole(vault.GUARDIAN_ROLE(), address(killSwitch));
        vault.grantRole(vault.EMERGENCY_ROLE(), emergency);
        killSwitch.grantRole(killSwitch.GUARDIAN_ROLE(), guardian);
        killSwitch.grantRole(killSwitch.EMERGENCY_ROLE(), emergency);
        killSwitch.setFeed(address(usdc), address(feed), HEARTBEAT);
        hub.grantRole(hub.KEEPER_ROLE(), keeper);
        hub.grantRole(hub.GUARDIAN_ROLE(), guardian);
        hub.grantRole(hub.EMERGENCY_ROLE(), emergency);
        vm.stopPrank();
    }

    function defaultLimits() internal pure returns (IStrategyHub.Limits memory) {
        return IStrategyHub.Limits({
            reserveBps: 500,
            minPositionBps: 500,
            maxPositionBps: 5000,
            minStepBps: 500,
            maxVenueShareBps: 100,
            maxUtilisationBps: 9500,
            flowBps: 10_000,
            approvalBps: 10_000,
            approvalFloor: 0,
            cooldown: uint32(COOLDOWN)
        });
    }

    function newAdapter() internal returns (ScriptedAdapter) {
        return new ScriptedAdapter(address(vault));
    }

    function list(ScriptedAdapter adapter, uint256 cap) internal {
        vm.prank(timelock);
        vault.listAdapter(address(adapter), cap);
    }

    /// @notice Observes every listed venue in two blocks and moves on to the next one, in which the observations count.
    function observe() internal {
        address[] memory adapters = vault.adapters();
        for (uint256 i; i < 2; ++i) {
            killSwitch.observe(adapters);
            nextBlock();
        }
    }

    /// @notice What has been observed when a test begins; nothing, where observing is what the test is about.
    function observeAtStart() internal virtual {
        observe();
    }

    /// @notice Lets time pass with the feed answering on, so that only what a test is about expires.
    function pass(uint256 time) internal {
        skip(time);
        nextBlock();
        feed.push(feed.latestAnswer());
    }

    function setLimits(IStrategyHub.Limits memory limits) internal {
        vm.prank(timelock);
        hub.setLimits(limits);
    }

    // --------------------------------------------------------------------------------------------------- depositors

    function deposit(address who, uint256 assets) internal returns (uint256 shares) {
        usdc.mint(who, assets);
        vm.startPrank(who);
        usdc.approve(address(vault), assets);
        shares = vault.deposit(assets, who);
        vm.stopPrank();
    }

    // ------------------------------------------------------------------------------------------------------ targets

    function one(ScriptedAdapter a, uint16 bps) internal pure returns (Allocation[] memory) {
        return one(address(a), bps);
    }

    function two(ScriptedAdapter a, uint16 bpsA, ScriptedAdapter b, uint16 bpsB)
        internal
        pure
        returns (Allocation[] memory)
    {
        return two(address(a), bpsA, address(b), bpsB);
    }

    function _sorted(ScriptedAdapter a, ScriptedAdapter b, ScriptedAdapter c)
        private
        pure
        returns (ScriptedAdapter, ScriptedAdapter, ScriptedAdapter)
    {
        if (a > b) (a, b) = (b, a);
        if (b > c) (b, c) = (c, b);
        if (a > b) (a, b) = (b, a);
        return (a, b, c);
    }
}

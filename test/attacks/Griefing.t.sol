// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {StrategyHub} from "../../contracts/StrategyHub.sol";
import {IStrategyHub} from "../../contracts/interfaces/IStrategyHub.sol";
import {Allocation} from "../../contracts/types/Allocation.sol";
import {BallastFixture} from "../support/BallastFixture.sol";
import {Proofs} from "../support/Proofs.sol";

/// @notice Nobody without a role closes the vault, holds up the keeper or repeats what it did (SPEC C3, C4, C6, ERR-20).
contract GriefingTest is BallastFixture {
    uint256 private constant NAV = 1_000_000e6;
    address private immutable attacker = makeAddr("attacker");

    function setUp() public override {
        super.setUp();
        deposit(alice, NAV);
        rebalance(two(low, 3000, mid, 3000));
    }

    // SPEC C6, ERR-20: any sequence of coming, going, giving and recording closes nothing while no venue loses.
    function testFuzz_NobodyTripsTheBreakerWithoutALoss(uint256[20] memory raw) public {
        for (uint256 i; i < raw.length; ++i) {
            uint256 act = raw[i] % 6;
            uint256 amount = (raw[i] >> 8) % (10 * NAV);
            uint256 shares = vault.balanceOf(attacker);
            vm.startPrank(attacker);
            if (act == 0 && vault.maxDeposit(attacker) >= amount) {
                usdc.mint(attacker, amount);
                usdc.approve(address(vault), amount);
                if (vault.previewDeposit(amount) != 0) vault.deposit(amount, attacker);
            }
            if (act == 1) vault.redeem(amount % 2 == 0 ? shares : shares / 3, attacker, attacker);
            if (act == 2) {
                uint256 worth = vault.convertToAssets(shares / 2);
                if (worth != 0 && worth <= low.book()) {
                    vault.redeemFrom(address(low), shares / 2, 0, attacker, attacker, "");
                }
            }
            if (act == 3) low.gain(amount);
            if (act == 4) usdc.mint(address(vault), amount);
            if (act == 5) vault.accrue();
            vm.stopPrank();
            assertFalse(vault.paused());
            skip((raw[i] >> 128) % 10 days);
        }
        vault.accrue();
        assertFalse(vault.paused());
        assertGe(vault.convertToAssets(vault.balanceOf(alice)) + 20, NAV);
    }

    // SPEC C4: what anyone may call moves neither nonce nor cooldown nor bucket nor the keeper's sign of life.
    function test_NobodyHoldsUpTheKeeper() public {
        pass(COOLDOWN);
        uint64 nonce = hub.nonce();
        uint256 allowed = hub.nextRebalanceAt();
        (uint256 seen,) = hub.lastSeen();
        uint256 used = hub.positionState(address(low)).flowUsedBps;
        Allocation[] memory targets = one(low, 4000);
        bytes memory proof = prove(targets);
        vm.startPrank(attacker);
        vault.accrue();
        killSwitch.observe(vault.adapters());
        vm.expectRevert();
        hub.rebalance(targets, proof);
        vm.expectRevert();
        hub.heartbeat();
        vm.expectRevert();
        hub.emergencyExit();
        vm.stopPrank();
        assertEq(hub.nonce(), nonce);
        assertEq(hub.nextRebalanceAt(), allowed);
        assertEq(hub.positionState(address(low)).flowUsedBps, used);
        (uint256 seenNow,) = hub.lastSeen();
        assertEq(seenNow, seen);
        vm.prank(keeper);
        hub.rebalance(targets, proof);
    }

    // SPEC C3: a proof of this chain is worth nothing after a split of it.
    function test_NoReplayOnAnotherChain() public {
        pass(COOLDOWN);
        Allocation[] memory targets = one(low, 4000);
        bytes memory proof = prove(targets);
        uint256 snapshot = vm.snapshotState();
        vm.chainId(block.chainid + 1);
        vm.expectPartialRevert(IStrategyHub.WrongAttestor.selector);
        vm.prank(keeper);
        hub.rebalance(targets, proof);
        vm.revertToState(snapshot);
        vm.prank(keeper);
        hub.rebalance(targets, proof);
    }

    // SPEC C3: nor at the hub that replaces this one, with the same attestor, keeper, vault and nonce.
    function test_NoReplayAtTheNextHub() public {
        StrategyHub next = new StrategyHub(vault, killSwitch, attestor.addr, timelock, defaultLimits(), GRACE_PERIOD);
        vm.startPrank(timelock);
        next.grantRole(next.KEEPER_ROLE(), keeper);
        vault.setHub(address(next));
        vm.stopPrank();
        Proofs.Statement memory s = Proofs.Statement({
            decisionHash: keccak256("decision"),
            targets: one(low, 4000),
            vault: address(vault),
            nonce: 0,
            validUntil: uint64(vm.getBlockTimestamp() + 10 minutes),
            chainId: block.chainid,
            hub: address(hub)
        });
        bytes memory proof = proofOf(s);
        vm.expectPartialRevert(IStrategyHub.WrongAttestor.selector);
        vm.prank(keeper);
        next.rebalance(s.targets, proof);
        s.hub = address(next);
        proof = proofOf(s);
        vm.prank(keeper);
        next.rebalance(s.targets, proof);
    }

    // SPEC C6: a unit sent to a position, or a share burned, does not close a vault that is almost empty.
    function test_AnAlmostEmptyVaultIsNotClosedByRounding() public {
        vm.prank(alice);
        vault.redeem(NAV * 1e6, alice, alice);
        for (uint256 i = 1; i < 12; ++i) {
            deposit(attacker, i);
            low.gain(1);
            uint256 shares = vault.balanceOf(attacker);
            vm.prank(attacker);
            vault.redeem(shares / 2 + 1, attacker, attacker);
            vault.accrue();
            assertFalse(vault.paused());
        }
    }
}

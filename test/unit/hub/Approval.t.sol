// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IStrategyHub} from "../../../contracts/interfaces/IStrategyHub.sol";
import {Allocation} from "../../../contracts/types/Allocation.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";
import {Proofs} from "../../support/Proofs.sol";
import {Fault} from "../../support/ScriptedAdapter.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

/// @notice What is large needs the Safe: additions above the greater of 50 000 and an eighth of NAV (SPEC C3, C13).
contract ApprovalTest is BallastFixture {
    uint256 private constant NAV = 1_000_000e6;

    address private immutable safe = makeAddr("governance safe");

    function setUp() public override {
        super.setUp();
        deposit(alice, NAV);
        IStrategyHub.Limits memory limits = defaultLimits();
        (limits.approvalBps, limits.approvalFloor) = (1250, 50_000);
        setLimits(limits);
        bytes32 role = hub.APPROVER_ROLE();
        vm.prank(timelock);
        hub.grantRole(role, safe);
    }

    // SPEC C3
    function test_ThresholdEdge() public {
        Proofs.Statement memory s = _statement(one(low, 1251));
        _reverts(s, _required(s, 125_100e6, 125_000e6));
        _execute(_statement(one(low, 1250)));
    }

    // SPEC C3: it is the sum of what is added.
    function test_AdditionsAddUp() public {
        Proofs.Statement memory s = _statement(two(low, 700, mid, 551));
        _reverts(s, _required(s, 125_100e6, 125_000e6));
        _execute(_statement(two(low, 700, mid, 550)));
    }

    // SPEC C3: in a small vault the floor counts.
    function test_FloorEdge() public {
        vm.prank(alice);
        vault.withdraw(NAV - 100_000e6, alice, alice);
        Proofs.Statement memory s = _statement(two(low, 4500, mid, 501));
        _reverts(s, _required(s, 50_010e6, 50_000e6));
        _execute(_statement(two(low, 4500, mid, 500)));
    }

    // SPEC C3: taking risk off needs nobody.
    function test_ReductionsNeedNone() public {
        _approve(_statement(one(low, 5000)));
        _execute(_statement(one(low, 5000)));
        pass(COOLDOWN);
        _execute(_statement(two(low, 0, mid, 1250)));
        assertEq(low.book(), 0);
    }

    // SPEC C3
    function test_AnApprovedRebalancePasses() public {
        Proofs.Statement memory s = _statement(one(low, 5000));
        bytes32 digest = _digest(s);
        vm.expectEmit(address(hub));
        emit IStrategyHub.Approved(digest, block.timestamp);
        vm.prank(safe);
        hub.approve(digest);
        assertEq(hub.approvedAt(digest), block.timestamp);
        _execute(s);
        assertEq(low.book(), NAV / 2);
    }

    // SPEC C3: the digest is of decision, targets and nonce, so that the Safe signs what will be done.
    function testFuzz_TheDigestIsOfDecisionTargetsAndNonce(bytes32 decision, bytes32 targets, uint64 nonce)
        public
        view
    {
        assertEq(hub.approvalDigest(decision, targets, nonce), keccak256(abi.encode(decision, targets, nonce)));
    }

    // SPEC C3: approved for a day, to the second; the attestor signs afresh all the same.
    function test_ValidityEdge() public {
        Proofs.Statement memory s = _statement(one(low, 5000));
        _approve(s);
        pass(24 hours);
        uint256 snapshot = vm.snapshotState();
        _refresh(s);
        _execute(s);
        vm.revertToState(snapshot);
        pass(1);
        _refresh(s);
        _reverts(s, _required(s, 500_000e6, 125_000e6));
        // Approved again it is good again.
        _approve(s);
        _execute(s);
    }

    // SPEC C3: an approval is for one rebalance: its nonce is gone with it.
    function test_SingleUse() public {
        Proofs.Statement memory s = _statement(one(low, 5000));
        _approve(s);
        _execute(s);
        pass(COOLDOWN);
        vm.prank(keeper);
        hub.reduce(address(low), type(uint256).max, 0, "");
        _refresh(s);
        _reverts(s, abi.encodeWithSelector(IStrategyHub.WrongNonce.selector, 0, 1));
        s.nonce = 1;
        _reverts(s, _required(s, 500_000e6, 125_000e6));
    }

    // SPEC C3: nothing else passes on it.
    function test_AnApprovalIsOfNothingElse() public {
        _approve(_statement(one(low, 5000)));
        Proofs.Statement memory s = _statement(one(low, 4999));
        _reverts(s, _required(s, 499_900e6, 125_000e6));
        s = _statement(one(low, 5000));
        s.decisionHash = keccak256("another decision");
        _reverts(s, _required(s, 500_000e6, 125_000e6));
    }

    // SPEC C3: a failed attempt uses nothing up.
    function test_AFailedAttemptLeavesTheApproval() public {
        Proofs.Statement memory s = _statement(one(low, 5000));
        _approve(s);
        low.setFaults(Fault.None, Fault.Revert, Fault.None);
        _reverts(s, "venue fault");
        low.setFaults(Fault.None, Fault.None, Fault.None);
        _execute(s);
    }

    // SPEC C3, C13: who approved and who guards may withdraw it.
    function test_Revocation() public {
        Proofs.Statement memory s = _statement(one(low, 5000));
        address[3] memory may = [safe, guardian, emergency];
        for (uint256 i; i < may.length; ++i) {
            _approve(s);
            vm.expectEmit(address(hub));
            emit IStrategyHub.ApprovalRevoked(_digest(s));
            vm.prank(may[i]);
            hub.revokeApproval(_digest(s));
            assertEq(hub.approvedAt(_digest(s)), 0);
            _reverts(s, _required(s, 500_000e6, 125_000e6));
        }
        address[4] memory mayNot = [stranger, keeper, timelock, attestor.addr];
        for (uint256 i; i < mayNot.length; ++i) {
            bytes32 digest = _digest(s);
            vm.expectRevert(abi.encodeWithSelector(IStrategyHub.NotAuthorised.selector, mayNot[i]));
            vm.prank(mayNot[i]);
            hub.revokeApproval(digest);
        }
    }

    // SPEC C13
    function test_OnlyTheSafeApproves() public {
        bytes32 role = hub.APPROVER_ROLE();
        address[5] memory others = [keeper, guardian, emergency, timelock, stranger];
        for (uint256 i; i < others.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, others[i], role)
            );
            vm.prank(others[i]);
            hub.approve("digest");
        }
    }

    function _statement(Allocation[] memory targets) private view returns (Proofs.Statement memory) {
        return Proofs.Statement({
            decisionHash: keccak256("decision"),
            targets: targets,
            vault: address(vault),
            nonce: hub.nonce(),
            validUntil: uint64(vm.getBlockTimestamp() + 10 minutes),
            chainId: block.chainid,
            hub: address(hub)
        });
    }

    function _refresh(Proofs.Statement memory s) private view {
        s.validUntil = uint64(vm.getBlockTimestamp() + 10 minutes);
    }

    function _digest(Proofs.Statement memory s) private pure returns (bytes32) {
        return keccak256(abi.encode(s.decisionHash, keccak256(abi.encode(s.targets)), s.nonce));
    }

    function _approve(Proofs.Statement memory s) private {
        bytes32 digest = _digest(s);
        vm.prank(safe);
        hub.approve(digest);
    }

    function _execute(Proofs.Statement memory s) private {
        bytes memory proof = proofOf(s);
        vm.prank(keeper);
        hub.rebalance(s.targets, proof);
    }

    function _reverts(Proofs.Statement memory s, bytes memory reason) private {
        bytes memory proof = proofOf(s);
        vm.expectRevert(reason);
        vm.prank(keeper);
        hub.rebalance(s.targets, proof);
    }

    function _required(Proofs.Statement memory s, uint256 turnover, uint256 threshold)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodeWithSelector(IStrategyHub.ApprovalRequired.selector, _digest(s), turnover, threshold);
    }
}

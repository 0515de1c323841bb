// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {StrategyHub} from "../../../contracts/StrategyHub.sol";
import {IStrategyHub} from "../../../contracts/interfaces/IStrategyHub.sol";
import {Allocation} from "../../../contracts/types/Allocation.sol";
import {BallastFixture} from "../../support/BallastFixture.sol";
import {Proofs} from "../../support/Proofs.sol";
import {Vm} from "forge-std/Test.sol";

/// @notice The attestor's signature is over exactly this decision, these targets, this vault, hub, chain, nonce and time (SPEC C3).
contract ProofTest is BallastFixture {
    function setUp() public override {
        super.setUp();
        deposit(alice, 1000e6);
    }

    // SPEC C3: the hub's digest is the one that EIP-712 prescribes.
    function testFuzz_DigestIsEip712(bytes32 decisionHash, uint16 bps, uint64 nonce, uint64 validUntil) public view {
        Proofs.Statement memory s = _statement();
        (s.decisionHash, s.nonce, s.validUntil) = (decisionHash, nonce, validUntil);
        s.targets[0].bps = bps;
        assertEq(hub.proofDigest(decisionHash, keccak256(abi.encode(s.targets)), nonce, validUntil), Proofs.digest(s));
    }

    // SPEC C3
    function test_AValidProofIsAcceptedOnce() public {
        Proofs.Statement memory s = _statement();
        bytes memory proof = proofOf(s);
        vm.prank(keeper);
        hub.rebalance(s.targets, proof);
        pass(COOLDOWN);
        vm.expectRevert(abi.encodeWithSelector(IStrategyHub.WrongNonce.selector, 0, 1));
        vm.prank(keeper);
        hub.rebalance(s.targets, proof);
    }

    // SPEC C3
    function test_RevertIf_TheNonceIsNotTheNext() public {
        Proofs.Statement memory s = _statement();
        s.nonce = 1;
        _rejects(s.targets, proofOf(s), abi.encodeWithSelector(IStrategyHub.WrongNonce.selector, 1, 0));
    }

    // SPEC C3
    function test_RevertIf_SignedByAnotherKey() public {
        Proofs.Statement memory s = _statement();
        Vm.Wallet memory other = vm.createWallet("not the attestor");
        (uint8 v, bytes32 r, bytes32 s_) = vm.sign(other, Proofs.digest(s));
        _rejects(
            s.targets,
            Proofs.encode(s, abi.encodePacked(r, s_, v)),
            abi.encodeWithSelector(IStrategyHub.WrongAttestor.selector, other.addr)
        );
    }

    // SPEC C3: a signature of the same attestor over anything else recovers to nobody known.
    function test_RevertIf_SignedForAnotherChain() public {
        Proofs.Statement memory s = _statement();
        s.chainId = block.chainid + 1;
        _rejectsAttestor(_statement(), _signature(s));
    }

    // SPEC C3
    function test_RevertIf_SignedForAnotherHub() public {
        Proofs.Statement memory s = _statement();
        s.hub = address(new StrategyHub(vault, killSwitch, attestor.addr, timelock, defaultLimits(), GRACE_PERIOD));
        _rejectsAttestor(_statement(), _signature(s));
    }

    // SPEC C3
    function test_RevertIf_SignedForAnotherVault() public {
        Proofs.Statement memory s = _statement();
        s.vault = stranger;
        _rejectsAttestor(_statement(), _signature(s));
    }

    // SPEC C3: every field of every target is covered.
    function test_RevertIf_AnyFieldOfTheTargetsIsTamperedWith() public {
        bytes memory signature = _signature(_statement());
        Proofs.Statement memory s = _statement();
        s.targets[0].bps = 1001;
        _rejectsAttestor(s, signature);
        s = _statement();
        s.targets[0].minOut = 1;
        _rejectsAttestor(s, signature);
        s = _statement();
        s.targets[0].adapter = address(mid);
        _rejectsAttestor(s, signature);
        s = _statement();
        s.targets[0].data = hex"00";
        _rejectsAttestor(s, signature);
        s = _statement();
        s.targets = two(low, 1000, mid, 1000);
        _rejectsAttestor(s, signature);
    }

    // SPEC C3
    function test_RevertIf_TheDecisionOrItsTimeIsTamperedWith() public {
        bytes memory signature = _signature(_statement());
        Proofs.Statement memory s = _statement();
        s.decisionHash = keccak256("another decision");
        _rejectsAttestor(s, signature);
        s = _statement();
        s.validUntil += 1;
        _rejectsAttestor(s, signature);
    }

    // SPEC C3: valid to the second it says, and not one longer.
    function test_ExpiryEdge() public {
        Proofs.Statement memory s = _statement();
        s.validUntil = uint64(block.timestamp - 1);
        _rejects(s.targets, proofOf(s), abi.encodeWithSelector(IStrategyHub.ProofExpired.selector, s.validUntil));
        s.validUntil = uint64(block.timestamp);
        bytes memory proof = proofOf(s);
        vm.prank(keeper);
        hub.rebalance(s.targets, proof);
    }

    // SPEC C3: a proof good for longer than an hour is no proof.
    function test_ValidityEdge() public {
        Proofs.Statement memory s = _statement();
        s.validUntil = uint64(block.timestamp + 1 hours + 1);
        _rejects(s.targets, proofOf(s), abi.encodeWithSelector(IStrategyHub.ProofTooLong.selector, s.validUntil));
        s.validUntil = uint64(block.timestamp + 1 hours);
        bytes memory proof = proofOf(s);
        vm.prank(keeper);
        hub.rebalance(s.targets, proof);
    }

    // SPEC C3
    function test_RevertIf_TheDecisionHashIsZero() public {
        Proofs.Statement memory s = _statement();
        s.decisionHash = 0;
        _rejects(s.targets, proofOf(s), abi.encodeWithSelector(IStrategyHub.ZeroDecisionHash.selector));
    }

    // SPEC C3: one signature has one form.
    function test_RevertIf_TheSignatureIsMalleated() public {
        Proofs.Statement memory s = _statement();
        (uint8 v, bytes32 r, bytes32 low_) = vm.sign(attestor, Proofs.digest(s));
        bytes32 high_ = bytes32(SECP256K1_ORDER - uint256(low_));
        _rejectsAttestor(s, abi.encodePacked(r, high_, v == 27 ? uint8(28) : uint8(27)), address(0));
    }

    function test_RevertIf_TheSignatureIsNoSignature() public {
        Proofs.Statement memory s = _statement();
        _rejectsAttestor(s, "", address(0));
        _rejectsAttestor(s, new bytes(65), address(0));
        _rejectsAttestor(s, bytes.concat(_signature(s), hex"00"), address(0));
    }

    // SPEC C3: no attestor is not an attestor that recovers to nobody.
    function test_RevertIf_ThereIsNoAttestor() public {
        vm.prank(timelock);
        hub.setAttestor(address(0));
        _rejectsAttestor(_statement(), new bytes(65), address(0));
    }

    function testFuzz_RevertIf_TheProofIsGarbage(bytes calldata proof) public {
        Allocation[] memory targets = one(low, 1000);
        vm.expectRevert();
        vm.prank(keeper);
        hub.rebalance(targets, proof);
    }

    function _statement() private view returns (Proofs.Statement memory) {
        return Proofs.Statement({
            decisionHash: keccak256("decision"),
            targets: one(low, 1000),
            vault: address(vault),
            nonce: 0,
            validUntil: uint64(block.timestamp + 10 minutes),
            chainId: block.chainid,
            hub: address(hub)
        });
    }

    function _signature(Proofs.Statement memory s) private returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s_) = vm.sign(attestor, Proofs.digest(s));
        return abi.encodePacked(r, s_, v);
    }

    function _rejects(Allocation[] memory targets, bytes memory proof, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(keeper);
        hub.rebalance(targets, proof);
        assertEq(hub.nonce(), 0);
    }

    function _rejectsAttestor(Proofs.Statement memory s, bytes memory signature) private {
        (uint8 v, bytes32 r, bytes32 s_) =
            (uint8(signature[64]), bytes32(_word(signature, 0)), bytes32(_word(signature, 32)));
        _rejectsAttestor(s, signature, ecrecover(Proofs.digest(s), v, r, s_));
    }

    function _rejectsAttestor(Proofs.Statement memory s, bytes memory signature, address recovered) private {
        assertNotEq(recovered, attestor.addr);
        _rejects(
            s.targets,
            Proofs.encode(s, signature),
            abi.encodeWithSelector(IStrategyHub.WrongAttestor.selector, recovered)
        );
    }

    function _word(bytes memory data, uint256 at) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(add(data, 0x20), at))
        }
    }
}

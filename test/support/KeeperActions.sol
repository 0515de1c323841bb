// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {KillSwitchManager} from "../../contracts/KillSwitchManager.sol";
import {StrategyHub} from "../../contracts/StrategyHub.sol";
import {Vault} from "../../contracts/Vault.sol";
import {Allocation} from "../../contracts/types/Allocation.sol";
import {Proofs} from "./Proofs.sol";
import {Test, Vm} from "forge-std/Test.sol";

/// @title KeeperActions
/// @notice What keeper and attestor do together: targets, a proof over them, and the rebalance.
abstract contract KeeperActions is Test {
    Vault internal vault;
    KillSwitchManager internal killSwitch;
    StrategyHub internal hub;
    address internal immutable keeper = makeAddr("keeper");
    Vm.Wallet internal attestor;

    function createKeys() internal {
        attestor = vm.createWallet("attestor");
    }

    function rebalance(Allocation[] memory targets) internal {
        bytes memory proof = prove(targets);
        vm.prank(keeper);
        hub.rebalance(targets, proof);
    }

    /// @notice As {rebalance}, which must revert with exactly `revertData`.
    function rebalanceReverts(Allocation[] memory targets, bytes memory revertData) internal {
        bytes memory proof = prove(targets);
        vm.expectRevert(revertData);
        vm.prank(keeper);
        hub.rebalance(targets, proof);
    }

    /// @notice A valid proof for these targets now.
    function prove(Allocation[] memory targets) internal returns (bytes memory) {
        return proofOf(
            Proofs.Statement({
                decisionHash: keccak256(abi.encode(targets, vm.getBlockTimestamp())),
                targets: targets,
                vault: address(vault),
                nonce: hub.nonce(),
                validUntil: uint64(vm.getBlockTimestamp() + 10 minutes),
                chainId: block.chainid,
                hub: address(hub)
            })
        );
    }

    function proofOf(Proofs.Statement memory statement) internal returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(attestor, Proofs.digest(statement));
        return Proofs.encode(statement, abi.encodePacked(r, s, v));
    }

    function one(address adapter, uint16 bps) internal pure returns (Allocation[] memory targets) {
        targets = new Allocation[](1);
        targets[0] = Allocation({adapter: adapter, bps: bps, minOut: 0, data: ""});
    }

    function two(address a, uint16 bpsA, address b, uint16 bpsB) internal pure returns (Allocation[] memory targets) {
        targets = new Allocation[](2);
        targets[0] = Allocation({adapter: a, bps: bpsA, minOut: 0, data: ""});
        targets[1] = Allocation({adapter: b, bps: bpsB, minOut: 0, data: ""});
    }

    function nextBlock() internal {
        vm.roll(vm.getBlockNumber() + 1);
    }
}

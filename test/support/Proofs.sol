// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Allocation} from "../../contracts/types/Allocation.sol";

/// @title Proofs
/// @notice What an attestor signs, written from the EIP-712 text and not from the hub, so that the hub is checked against it.
library Proofs {
    struct Statement {
        bytes32 decisionHash;
        Allocation[] targets;
        address vault;
        uint64 nonce;
        uint64 validUntil;
        uint256 chainId;
        address hub;
    }

    function digest(Statement memory s) internal pure returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(keccak256("EIP712Domain(uint256 chainId,address verifyingContract)"), s.chainId, s.hub)
        );
        bytes32 message = keccak256(
            abi.encode(
                keccak256(
                    "Rebalance(bytes32 decisionHash,bytes32 targetsHash,address vault,uint64 nonce,uint64 validUntil)"
                ),
                s.decisionHash,
                keccak256(abi.encode(s.targets)),
                s.vault,
                s.nonce,
                s.validUntil
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, message));
    }

    function encode(Statement memory s, bytes memory signature) internal pure returns (bytes memory) {
        return abi.encode(s.decisionHash, s.nonce, s.validUntil, signature);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Allocation} from "../types/Allocation.sol";

/// @title TargetsCalldata
/// @notice Targets of a call `f(Allocation[] targets, bytes proof)` as they came, without decoding and encoding them again.
/// @dev Correct for what every ABI encoder produces: the targets directly before the proof. Of anything else the hash is that of no list of targets
/// that somebody could have signed.
library TargetsCalldata {
    /// @notice The call `selector(targets)` and keccak256(abi.encode(targets)).
    function forward(Allocation[] calldata targets, bytes calldata proof, bytes4 selector)
        internal
        pure
        returns (bytes memory call_, bytes32 targetsHash)
    {
        assembly ("memory-safe") {
            let start := sub(targets.offset, 0x20)
            let end := sub(proof.offset, 0x20)
            let size := mul(sub(end, start), gt(end, start))
            call_ := mload(0x40)
            mstore(call_, add(size, 0x24))
            mstore(add(call_, 0x20), selector)
            mstore(add(call_, 0x24), 0x20)
            calldatacopy(add(call_, 0x44), start, size)
            targetsHash := keccak256(add(call_, 0x24), add(size, 0x20))
            mstore(0x40, and(add(add(call_, size), 0x63), not(0x1f)))
        }
    }
}

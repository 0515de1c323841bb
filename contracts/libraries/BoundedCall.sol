// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title BoundedCall
/// @notice Calls to contracts that may be hostile: capped gas, capped return data, never a revert.
library BoundedCall {
    /// @notice Reads one word. `ok` is false if the call fails or returns fewer than 32 bytes.
    /// A caller that leaves less gas than an honest venue needs makes it look unreadable, but then keeps only a 63rd of what the
    /// read was given (EIP-150): below the cap of 10^6 too little to mint, pay or record anything afterwards.
    function readWord(address target, uint256 gasCap, bytes4 selector) internal view returns (bool ok, uint256 word) {
        assembly ("memory-safe") {
            mstore(0x00, selector)
            ok := staticcall(gasCap, target, 0x00, 0x04, 0x00, 0x20)
            ok := and(ok, gt(returndatasize(), 0x1f))
            if ok { word := mload(0x00) }
        }
    }

    /// @notice As {readWord}, of a function that takes one word.
    function readWord(address target, uint256 gasCap, bytes4 selector, uint256 argument)
        internal
        view
        returns (bool ok, uint256 word)
    {
        assembly ("memory-safe") {
            mstore(0x00, selector)
            mstore(0x04, argument)
            ok := staticcall(gasCap, target, 0x00, 0x24, 0x00, 0x20)
            ok := and(ok, gt(returndatasize(), 0x1f))
            if ok { word := mload(0x00) }
        }
    }

    /// @notice Reads five words, the shape of `latestRoundData()`.
    function readFiveWords(address target, uint256 gasCap, bytes4 selector)
        internal
        view
        returns (bool ok, uint256[5] memory words)
    {
        assembly ("memory-safe") {
            mstore(0x00, selector)
            ok := staticcall(gasCap, target, 0x00, 0x04, words, 0xa0)
            ok := and(ok, gt(returndatasize(), 0x9f))
        }
    }

    /// @notice Calls `target` with at most `gasCap` gas, returning at most `maxReturn` bytes of what it returned or reverted with.
    function tryCall(address target, uint256 gasCap, bytes memory data, uint256 maxReturn)
        internal
        returns (bool ok, bytes memory returned)
    {
        assembly ("memory-safe") {
            ok := call(gasCap, target, 0, add(data, 0x20), mload(data), 0x00, 0x00)
            let size := returndatasize()
            if gt(size, maxReturn) { size := maxReturn }
            returned := mload(0x40)
            mstore(returned, size)
            returndatacopy(add(returned, 0x20), 0x00, size)
            mstore(0x40, and(add(add(returned, size), 0x3f), not(0x1f)))
        }
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Logic
/// @notice Connectives that evaluate both sides: a proof states one formula about a path, where `&&` and `?:` would split the path.
library Logic {
    function and(bool a, bool b) internal pure returns (bool c) {
        assembly ("memory-safe") {
            c := and(a, b)
        }
    }

    function or(bool a, bool b) internal pure returns (bool c) {
        assembly ("memory-safe") {
            c := or(a, b)
        }
    }

    function not(bool a) internal pure returns (bool b) {
        assembly ("memory-safe") {
            b := iszero(a)
        }
    }

    /// @notice `a` if `condition`, otherwise `b`.
    function select(bool condition, uint256 a, uint256 b) internal pure returns (uint256 c) {
        assembly ("memory-safe") {
            c := xor(b, and(xor(a, b), sub(0, condition)))
        }
    }

    /// @notice a / b rounded up, term for term as the model of the library. Division by zero, too, has a result: a proof that reverts says nothing.
    function ceilDiv(uint256 a, uint256 b) internal pure returns (uint256 c) {
        assembly ("memory-safe") {
            c := and(add(div(sub(a, 1), b), 1), sub(0, gt(a, 0)))
        }
    }
}

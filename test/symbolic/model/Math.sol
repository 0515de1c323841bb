// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math as Original} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Math
/// @notice What OpenZeppelin's functions of these names mean, written so that a solver sees it: without multiplications by a truth value,
/// and without the 512-bit product. The proofs compile the contracts against this.
/// @dev `min`, `max`, `saturatingSub` and `ceilDiv` are proved equal to the original in {ModelMathSymbolic}. `mulDiv` is the original's documented
/// result wherever the product stays below 2^256 (assets are below 2^96, shares below 2^160), and is fuzzed against it in
/// {ModelMathTest}.
library Math {
    enum Rounding {
        Floor,
        Ceil,
        Trunc,
        Expand
    }

    function min(uint256 a, uint256 b) internal pure returns (uint256 c) {
        assembly ("memory-safe") {
            c := xor(b, and(xor(a, b), sub(0, lt(a, b))))
        }
    }

    function max(uint256 a, uint256 b) internal pure returns (uint256 c) {
        assembly ("memory-safe") {
            c := xor(b, and(xor(a, b), sub(0, gt(a, b))))
        }
    }

    function saturatingSub(uint256 a, uint256 b) internal pure returns (uint256 c) {
        assembly ("memory-safe") {
            c := and(sub(a, b), sub(0, gt(a, b)))
        }
    }

    function ceilDiv(uint256 a, uint256 b) internal pure returns (uint256 c) {
        unchecked {
            c = (a - 1) / b + 1;
        }
        assembly ("memory-safe") {
            c := and(c, sub(0, gt(a, 0)))
        }
    }

    function mulDiv(uint256 x, uint256 y, uint256 denominator) internal pure returns (uint256) {
        unchecked {
            return x * y / denominator;
        }
    }

    function mulDiv(uint256 x, uint256 y, uint256 denominator, Rounding rounding) internal pure returns (uint256) {
        unchecked {
            uint256 product = x * y;
            return (rounding == Rounding.Ceil ? product + denominator - 1 : product) / denominator;
        }
    }

    function log2(uint256 x) internal pure returns (uint256) {
        return Original.log2(x);
    }
}

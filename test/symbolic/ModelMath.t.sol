// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math as Model} from "./model/Math.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Test} from "forge-std/Test.sol";

/// @notice The one function of the model that no solver compares with the original, in the ranges that the contracts use it in.
contract ModelMathTest is Test {
    function testFuzz_MulDivIsTheOriginals(uint96 x, uint160 y, uint256 denominator) public pure {
        denominator = bound(denominator, 1, type(uint256).max - uint256(x) * y);
        assertEq(Model.mulDiv(x, y, denominator), Math.mulDiv(x, y, denominator));
        assertEq(
            Model.mulDiv(x, y, denominator, Model.Rounding.Floor), Math.mulDiv(x, y, denominator, Math.Rounding.Floor)
        );
        assertEq(
            Model.mulDiv(x, y, denominator, Model.Rounding.Ceil), Math.mulDiv(x, y, denominator, Math.Rounding.Ceil)
        );
    }

    // The same with denominators of the products' own size, where the quotient is small and both roundings differ.
    function testFuzz_MulDivOfLikeSizesIsTheOriginals(uint96 x, uint160 y, uint96 denominator) public pure {
        vm.assume(denominator != 0);
        assertEq(
            Model.mulDiv(x, y, denominator, Model.Rounding.Ceil), Math.mulDiv(x, y, denominator, Math.Rounding.Ceil)
        );
    }
}

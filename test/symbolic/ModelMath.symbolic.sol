// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math as Model} from "./model/Math.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Test} from "forge-std/Test.sol";

/// @notice The model that the proofs compile the contracts against is the library that the contracts are deployed with.
contract ModelMathSymbolic is Test {
    function check_MinIsTheOriginals(uint256 a, uint256 b) public pure {
        assertEq(Model.min(a, b), Math.min(a, b));
    }

    function check_MaxIsTheOriginals(uint256 a, uint256 b) public pure {
        assertEq(Model.max(a, b), Math.max(a, b));
    }

    function check_CeilDivIsTheOriginals(uint256 a, uint256 b) public pure {
        vm.assume(b != 0);
        assertEq(Model.ceilDiv(a, b), Math.ceilDiv(a, b));
    }

    function check_SaturatingSubIsTheOriginals(uint256 a, uint256 b) public pure {
        assertEq(Model.saturatingSub(a, b), Math.saturatingSub(a, b));
    }
}

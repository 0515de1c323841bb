// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ExpLog} from "../../../contracts/libraries/ExpLog.sol";
import {Test} from "forge-std/Test.sol";

/// @notice The exponential and the logarithm against published digits and against each other.
contract ExpLogTest is Test {
    uint256 private constant WAD = 1e18;

    function exp(int256 x) external pure returns (uint256) {
        return ExpLog.exp(x);
    }

    function ln(uint256 x) external pure returns (int256) {
        return ExpLog.ln(x);
    }

    // Digits from the OEIS: A001113, A068985, A002392, A002162, A092034 (e^-0.05), A016628 (ln 5).
    function test_PublishedDigits() public pure {
        assertEq(ExpLog.exp(0), WAD);
        assertApproxEqAbs(ExpLog.exp(1e18), 2_718_281_828_459_045_235, 2);
        assertApproxEqAbs(ExpLog.exp(-1e18), 367_879_441_171_442_321, 2);
        assertApproxEqRel(ExpLog.exp(10e18), 22_026_465_794_806_716_516_957, 10);
        assertEq(ExpLog.exp(-60e18), 0);
        assertEq(ExpLog.ln(WAD), 0);
        assertApproxEqAbs(ExpLog.ln(10e18), 2_302_585_092_994_045_684, 2);
        assertApproxEqAbs(ExpLog.ln(2e18), 693_147_180_559_945_309, 2);
        assertApproxEqAbs(ExpLog.ln(5e18), 1_609_437_912_434_100_374, 2);
        assertApproxEqAbs(ExpLog.ln(0.5e18), -693_147_180_559_945_309, 2);
        assertApproxEqAbs(ExpLog.ln(1), -41_446_531_673_892_822_312, 2);
    }

    function testFuzz_TheLogarithmUndoesTheExponential(int256 x) public pure {
        x = bound(x, -10e18, 40e18);
        // An exponential of n digits determines x to n digits only.
        assertApproxEqAbs(ExpLog.ln(ExpLog.exp(x)), x, x < 0 ? 1e18 / ExpLog.exp(x) + 3 : 10);
    }

    function testFuzz_TheExponentialOfASumIsTheProduct(int256 x, int256 y) public pure {
        x = bound(x, -2e18, 2e18);
        y = bound(y, -2e18, 2e18);
        assertApproxEqAbs(ExpLog.exp(x + y), ExpLog.exp(x) * ExpLog.exp(y) / WAD, 30);
    }

    function testFuzz_TheLogarithmOfAProductIsTheSum(uint256 x, uint256 y) public pure {
        x = bound(x, 0.001e18, 1e30);
        y = bound(y, WAD, 1e30);
        assertApproxEqAbs(ExpLog.ln(x * y / WAD), ExpLog.ln(x) + ExpLog.ln(y), 1004);
    }

    function testFuzz_BothRise(uint256 x, uint256 more) public pure {
        x = bound(x, 1, 20e18);
        more = bound(more, 1, 20e18);
        assertGe(ExpLog.exp(int256(x + more)), ExpLog.exp(int256(x)));
        assertGe(ExpLog.ln(x + more), ExpLog.ln(x));
    }

    function test_RevertIf_TheExponentIsOutOfRange() public {
        int256[2] memory exponents = [int256(60e18 + 1), -60e18 - 1];
        for (uint256 i; i < 2; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ExpLog.ExponentOutOfRange.selector, exponents[i]));
            this.exp(exponents[i]);
        }
    }

    function test_RevertIf_TheLogarithmOfZeroIsAsked() public {
        vm.expectRevert(ExpLog.LogarithmOfZero.selector);
        this.ln(0);
    }
}

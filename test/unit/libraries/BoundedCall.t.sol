// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {BoundedCall} from "../../../contracts/libraries/BoundedCall.sol";
import {Test} from "forge-std/Test.sol";

/// @notice Answers with as many bytes as it is asked for, counting up from one word to the next.
contract Answerer {
    uint256 public calls;

    function answer() external view returns (uint256) {
        return calls;
    }

    function short() external pure {
        assembly ("memory-safe") {
            return(0, 31)
        }
    }

    function burn() external pure {
        assembly ("memory-safe") {
            invalid()
        }
    }

    function many(uint256 bytes_) external {
        ++calls;
        assembly {
            for { let i := 0 } lt(i, bytes_) { i := add(i, 32) } { mstore(i, add(1, div(i, 32))) }
            return(0, bytes_)
        }
    }

    function refuse(uint256 bytes_) external {
        ++calls;
        assembly {
            revert(0, bytes_)
        }
    }
}

/// @notice Calls to contracts that may be hostile (SPEC C10, C13).
contract BoundedCallTest is Test {
    using BoundedCall for address;

    Answerer private answerer;

    function setUp() public {
        answerer = new Answerer();
    }

    function test_ReadsAWord() public {
        answerer.many(0);
        (bool ok, uint256 word) = address(answerer).readWord(100_000, Answerer.answer.selector);
        assertTrue(ok);
        assertEq(word, 1);
    }

    // SPEC C10: no code, no function, too little data, no gas left: not an answer, and not a revert.
    function test_WhatIsNoAnswer() public {
        address[2] memory targets = [makeAddr("no code"), address(answerer)];
        bytes4[2] memory selectors = [Answerer.answer.selector, bytes4(0xdeadbeef)];
        for (uint256 i; i < 2; ++i) {
            _assertNoAnswer(targets[i], selectors[i]);
        }
        _assertNoAnswer(address(answerer), Answerer.short.selector);
        _assertNoAnswer(address(answerer), Answerer.burn.selector);
    }

    // SPEC C10: at most the cap is burned.
    function test_GasIsCapped() public view {
        uint256 before = gasleft();
        address(answerer).readWord(50_000, Answerer.burn.selector);
        assertLt(before - gasleft(), 60_000);
    }

    // SPEC C10: what comes back is cut, whether it is an answer or a refusal, and memory after it is sound.
    function testFuzz_ReturnedDataIsCut(uint256 size, uint256 most, bool refuse) public {
        size = bound(size, 0, 4096);
        most = bound(most, 0, 2048);
        bytes memory call = refuse ? abi.encodeCall(Answerer.refuse, (size)) : abi.encodeCall(Answerer.many, (size));
        (bool ok, bytes memory returned) = address(answerer).tryCall(1_000_000, call, most);
        bytes memory next = hex"c0ffee";
        assertEq(ok, !refuse);
        assertEq(returned.length, size < most ? size : most);
        assertEq(next, hex"c0ffee");
        for (uint256 i; !refuse && (i + 1) * 32 <= returned.length; ++i) {
            uint256 word;
            assembly ("memory-safe") {
                word := mload(add(add(returned, 0x20), mul(i, 0x20)))
            }
            assertEq(word, i + 1);
        }
        assertEq(answerer.calls(), ok ? 1 : 0);
    }

    function test_AHugeAnswerCostsTheCallerLittle() public {
        bytes memory call = abi.encodeCall(Answerer.refuse, (200_000));
        uint256 before = gasleft();
        (bool ok,) = address(answerer).tryCall(300_000, call, 256);
        assertFalse(ok);
        assertLt(before - gasleft(), 310_000);
    }

    function _assertNoAnswer(address target, bytes4 selector) private view {
        (bool ok, uint256 word) = target.readWord(100_000, selector);
        assertFalse(ok);
        assertEq(word, 0);
        (ok,) = target.readFiveWords(100_000, selector);
        assertFalse(ok);
    }
}

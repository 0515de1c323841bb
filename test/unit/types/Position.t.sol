// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Position, PositionLib} from "../../../contracts/types/Position.sol";
import {Test} from "forge-std/Test.sol";

/// @notice What is packed comes out again, and touches nothing beside it (SPEC C5).
contract PositionTest is Test {
    // SPEC C5
    function testFuzz_EveryFieldComesOutAgain(address account, uint88 cap, bool direct, uint256 id) public pure {
        id = bound(id, 0, 15);
        Position position = PositionLib.create(account, cap, direct, id);
        assertEq(position.id(), id);
        assertEq(position.account(), account);
        assertEq(position.cap(), cap);
        assertEq(position.isDirect(), direct);
        assertFalse(position.isQuarantined());
    }

    // SPEC C5: as the interface says, so that whoever reads the slot can read it.
    function test_Layout() public pure {
        Position position = PositionLib.create(address(0x11), 0x22, true, 5).withQuarantine(true);
        assertEq(Position.unwrap(position), 0x11 | (0x22 << 160) | (1 << 248) | (1 << 249) | (5 << 250));
        assertEq(PositionLib.MAX_CAP, type(uint88).max);
    }

    // SPEC C5
    function testFuzz_ANewCapTouchesNothingElse(address account, uint88 cap, uint88 next, bool direct, bool out)
        public
        pure
    {
        Position position = PositionLib.create(account, cap, direct, 15).withQuarantine(out).withCap(next);
        assertEq(position.cap(), next);
        assertEq(position.account(), account);
        assertEq(position.isDirect(), direct);
        assertEq(position.isQuarantined(), out);
        assertEq(position.id(), 15);
    }

    // SPEC C10
    function testFuzz_QuarantineIsSetAndLifted(address account, uint88 cap, bool direct) public pure {
        Position position = PositionLib.create(account, cap, direct, 9);
        Position out = position.withQuarantine(true);
        assertTrue(out.isQuarantined());
        assertEq(Position.unwrap(out.withQuarantine(true)), Position.unwrap(out));
        assertEq(Position.unwrap(out.withQuarantine(false)), Position.unwrap(position));
        assertEq(out.account(), account);
        assertEq(out.cap(), cap);
        assertEq(out.isDirect(), direct);
        assertEq(out.id(), 9);
    }
}

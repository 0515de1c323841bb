// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IVault} from "../../../contracts/interfaces/IVault.sol";
import {Position, PositionLib} from "../../../contracts/types/Position.sol";
import {Bounds, Ledger, VaultState} from "../../../contracts/types/VaultState.sol";
import {Test} from "forge-std/Test.sol";

/// @notice The vault's storage: one slot for what every deposit and exit needs, one for the other bounds, one for each position.
contract VaultStateTest is Test {
    VaultState private state;

    // SPEC C11: in one slot, which is what makes a deposit cheap.
    function testFuzz_TheLedgerIsOneSlot(uint96 idle, uint96 accrued, uint40 at, uint8 count, uint16 loss) public {
        state.ledger = Ledger(idle, accrued, at, count, loss);
        uint256 expected = uint256(idle) | (uint256(accrued) << 96) | (uint256(at) << 192) | (uint256(count) << 232)
            | (uint256(loss) << 240);
        assertEq(uint256(vm.load(address(this), _slot(0))), expected);
        assertEq(uint256(vm.load(address(this), _slot(1))), 0);
    }

    // SPEC C11
    function testFuzz_TheBoundsAreOneSlot(uint96 cap, uint88 used, uint40 at, uint16 daily, uint16 growth) public {
        state.bounds = Bounds(cap, used, at, daily, growth);
        uint256 expected = uint256(cap) | (uint256(used) << 96) | (uint256(at) << 184) | (uint256(daily) << 224)
            | (uint256(growth) << 240);
        assertEq(uint256(vm.load(address(this), _slot(1))), expected);
        assertEq(uint256(vm.load(address(this), _slot(0))), 0);
        assertEq(uint256(vm.load(address(this), _slot(2))), 0);
    }

    // SPEC C5: only the first `count` are listed, whatever is behind them.
    function testFuzz_FindsWhatIsListedAndNothingElse(uint8 count, uint8 at) public {
        count = uint8(bound(count, 0, 16));
        at = uint8(bound(at, 0, 15));
        for (uint256 i; i < 16; ++i) {
            state.positions[i] = PositionLib.create(_account(i), i, i % 2 == 0, i);
        }
        state.ledger.count = count;
        Position found = state.lookup(_account(at));
        if (at < count) {
            assertEq(state.find(_account(at)), at);
            assertEq(found.account(), _account(at));
            assertEq(found.cap(), at);
        } else {
            assertEq(Position.unwrap(found), 0);
            vm.expectRevert(abi.encodeWithSelector(IVault.AdapterNotListed.selector, _account(at)));
            this.find(_account(at));
        }
    }

    // SPEC C5: the empty address is no position.
    function test_TheEmptyAddressIsNotListed() public {
        vm.expectRevert(abi.encodeWithSelector(IVault.AdapterNotListed.selector, address(0)));
        this.find(address(0));
        assertEq(Position.unwrap(state.lookup(address(0))), 0);
    }

    function find(address account) external view returns (uint256) {
        return state.find(account);
    }

    function _account(uint256 i) private pure returns (address) {
        return address(uint160(0x1000 + i));
    }

    function _slot(uint256 offset) private pure returns (bytes32) {
        uint256 base;
        assembly ("memory-safe") {
            base := state.slot
        }
        return bytes32(base + offset);
    }
}

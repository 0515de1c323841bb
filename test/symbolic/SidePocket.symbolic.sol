// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {SidePocket} from "../../contracts/SidePocket.sol";
import {TestAsset} from "../support/TestAsset.sol";
import {Test} from "forge-std/Test.sol";

/// @notice The side pocket computes what arithmetic/side-pocket.smt2 proves to be covered: of what has been distributed, never more than
/// that is owed or paid. Here: each call changes units, indexes and debts exactly as stated there, and nothing else.
contract SidePocketSymbolic is Test {
    uint256 private constant SCALE = 1e36;
    address private constant ADAPTER = address(0xA);
    address private constant HOLDER = address(0xB);
    address private constant OTHER = address(0xC);

    TestAsset private asset;
    SidePocket private pocket;

    struct Book {
        uint256 units;
        uint256 index;
        uint256 held;
        uint256 settledAt;
        uint256 owed;
    }

    function setUp() public {
        asset = new TestAsset();
        pocket = new SidePocket(asset);
        asset.mint(address(pocket), type(uint96).max);
    }

    function check_CreditSettlesThenAddsUnits(Book memory book, uint128 units) public {
        _write(book);
        pocket.credit(ADAPTER, HOLDER, units);
        Book memory next = _read(HOLDER);
        assertEq(next.units, book.units + units);
        assertEq(next.held, book.held + units);
        assertEq(next.index, book.index);
        _assertSettled(book, next, 0);
    }

    function check_DistributeRaisesTheIndexRoundedDown(Book memory book, uint96 assets) public {
        _write(book);
        vm.assume(book.units != 0);
        pocket.distribute(ADAPTER, assets);
        Book memory next = _read(HOLDER);
        assertEq(next.index, book.index + uint256(assets) * SCALE / book.units);
        assertEq(next.units, book.units);
        assertEq(next.held, book.held);
        assertEq(next.settledAt, book.settledAt);
        assertEq(next.owed, book.owed);
    }

    function check_ClaimPaysWhatIsOwedOnce(Book memory book, address caller) public {
        _write(book);
        uint256 due = pocket.claimable(ADAPTER, 0, HOLDER);
        vm.prank(caller);
        uint256 paid = pocket.claim(ADAPTER, 0, HOLDER);
        Book memory next = _read(HOLDER);
        assertEq(paid, due);
        assertEq(asset.balanceOf(HOLDER), paid);
        assertEq(next.units, book.units);
        assertEq(next.held, book.held);
        assertEq(next.index, book.index);
        _assertSettled(book, next, paid);
        assertEq(pocket.claimable(ADAPTER, 0, HOLDER), 0);
    }

    // Only the vault books anything.
    function check_OnlyTheVaultBooks(address caller, address adapter, address holder, uint256 amount) public {
        vm.assume(caller != pocket.vault());
        bytes[3] memory calls = [
            abi.encodeCall(SidePocket.credit, (adapter, holder, amount)),
            abi.encodeCall(SidePocket.distribute, (adapter, amount)),
            abi.encodeCall(SidePocket.close, (adapter))
        ];
        for (uint256 i; i < 3; ++i) {
            vm.prank(caller);
            (bool ok,) = address(pocket).call(calls[i]);
            assertFalse(ok);
        }
    }

    /// What was owed and what accrued since, less what was paid; settled to the pool's index.
    function _assertSettled(Book memory book, Book memory next, uint256 paid) private pure {
        unchecked {
            uint256 accrued = book.held * (book.index - book.settledAt) / SCALE;
            assertEq(next.owed + paid, book.owed + accrued);
        }
        assertEq(next.settledAt, book.index);
    }

    function _write(Book memory book) private {
        vm.assume(book.units <= type(uint128).max && book.held <= book.units);
        vm.assume(book.index <= type(uint224).max && book.settledAt <= book.index && book.owed <= type(uint96).max);
        (bytes32 pool, bytes32 holding) = _slots(HOLDER);
        vm.store(address(pocket), pool, bytes32(book.units));
        vm.store(address(pocket), _next(pool, 1), bytes32(book.index));
        vm.store(address(pocket), holding, bytes32(book.held));
        vm.store(address(pocket), _next(holding, 1), bytes32(book.settledAt));
        vm.store(address(pocket), _next(holding, 2), bytes32(book.owed));
    }

    function _read(address holder) private view returns (Book memory book) {
        (bytes32 pool, bytes32 holding) = _slots(holder);
        book.units = uint256(vm.load(address(pocket), pool));
        book.index = uint256(vm.load(address(pocket), _next(pool, 1)));
        book.held = uint256(vm.load(address(pocket), holding));
        book.settledAt = uint256(vm.load(address(pocket), _next(holding, 1)));
        book.owed = uint256(vm.load(address(pocket), _next(holding, 2)));
    }

    /// `_pools` is in slot 1 and `_holdings` in slot 2; the epoch is 0.
    function _slots(address holder) private pure returns (bytes32 pool, bytes32 holding) {
        pool = keccak256(abi.encode(uint256(0), keccak256(abi.encode(ADAPTER, uint256(1)))));
        holding = keccak256(abi.encode(uint256(0), keccak256(abi.encode(ADAPTER, uint256(2)))));
        holding = keccak256(abi.encode(holder, holding));
    }

    function _next(bytes32 slot, uint256 offset) private pure returns (bytes32) {
        return bytes32(uint256(slot) + offset);
    }
}

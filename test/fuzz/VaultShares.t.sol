// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Vault} from "../../contracts/Vault.sol";
import {HoldingAdapter} from "../support/HoldingAdapter.sol";
import {TestAsset} from "../support/TestAsset.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Test} from "forge-std/Test.sol";

/// @notice The vault trades shares by the formula that arithmetic/share-price.smt2 is about, compared call by call: T + 1 assets are S + 10^6
/// shares, rounded against the caller, and both totals move by exactly what was traded (SPEC C1). States are drawn so that every call succeeds.
contract VaultSharesTest is Test {
    uint256 private constant SUPPLY_SLOT = 2;
    uint256 private constant LEDGER_SLOT = 10;
    uint256 private constant BOUNDS_SLOT = 11;
    uint256 private constant UINT96 = type(uint96).max;
    address private constant CALLER = address(0xA);
    address private constant RECEIVER = address(0xB);

    TestAsset private asset;
    HoldingAdapter private holding;
    Vault private vault;

    struct State {
        uint256 idle;
        uint256 value;
        uint256 accrued;
        uint256 elapsed;
        uint256 growth;
        uint256 supply;
        uint256 owned;
    }

    function setUp() public {
        vm.warp(1_750_000_000);
        asset = new TestAsset();
        vault = new Vault(asset, "", "", address(this), 0, 0, 0, 0);
        holding = new HoldingAdapter(address(vault), address(asset));
        vault.listAdapter(address(holding), 0);
        asset.mint(address(vault), UINT96);
        asset.mint(CALLER, UINT96);
        vm.prank(CALLER);
        asset.approve(address(vault), type(uint256).max);
    }

    function testFuzz_DepositTradesAtThePriceRoundedDown(State memory state, uint256 assets) public {
        (uint256 total, uint256 supply) = _write(state);
        // What buys at least one share.
        assets = bound(assets, (total + 1) / (supply + 1e6) + 1, 1e18);
        vm.prank(CALLER);
        uint256 shares = vault.deposit(assets, RECEIVER);
        assertEq(shares, Math.mulDiv(assets, supply + 1e6, total + 1));
        _assertEntered(state, total, assets, shares);
    }

    function testFuzz_MintTradesAtThePriceRoundedUp(State memory state, uint256 shares) public {
        (uint256 total, uint256 supply) = _write(state);
        shares = bound(shares, 0, supply);
        vm.prank(CALLER);
        uint256 assets = vault.mint(shares, RECEIVER);
        assertEq(assets, Math.mulDiv(shares, total + 1, supply + 1e6, Math.Rounding.Ceil));
        _assertEntered(state, total, assets, shares);
    }

    function testFuzz_WithdrawTradesAtThePriceRoundedUp(State memory state, uint256 assets) public {
        (uint256 total, uint256 supply) = _write(state);
        assets = bound(assets, 0, Math.min(state.idle, Math.mulDiv(state.owned, total + 1, supply + 1e6)));
        vm.prank(CALLER);
        uint256 shares = vault.withdraw(assets, RECEIVER, CALLER);
        assertEq(shares, Math.mulDiv(assets, supply + 1e6, total + 1, Math.Rounding.Ceil));
        _assertLeft(state, total, assets, shares);
    }

    function testFuzz_RedeemTradesAtThePriceRoundedDown(State memory state, uint256 shares) public {
        (uint256 total, uint256 supply) = _write(state);
        // Not the last share, which is paid at NAV.
        uint256 most = Math.min(state.owned, supply - 1);
        shares = bound(shares, 0, Math.min(most, Math.mulDiv(state.idle, supply + 1e6, total + 1)));
        vm.prank(CALLER);
        uint256 assets = vault.redeem(shares, RECEIVER, CALLER);
        assertEq(assets, Math.mulDiv(shares, total + 1, supply + 1e6));
        _assertLeft(state, total, assets, shares);
    }

    function testFuzz_TheLastShareIsPaidAtNav(State memory state) public {
        state.value = 0;
        state.owned = type(uint256).max;
        (, uint256 supply) = _write(state);
        vm.prank(CALLER);
        assertEq(
            vault.redeem(supply, RECEIVER, CALLER), Math.mulDiv(supply, state.idle + state.value + 1, supply + 1e6)
        );
    }

    function _assertEntered(State memory state, uint256 total, uint256 assets, uint256 shares) private view {
        assertEq(vault.totalSupply(), state.supply + shares);
        assertEq(vault.totalAssets(), total + assets);
        assertEq(vault.idle(), state.idle + assets);
        assertEq(vault.balanceOf(RECEIVER), shares);
        assertEq(vault.balanceOf(CALLER), state.owned);
        assertEq(asset.balanceOf(CALLER), UINT96 - assets);
        assertEq(asset.balanceOf(address(vault)), UINT96 + assets);
    }

    function _assertLeft(State memory state, uint256 total, uint256 assets, uint256 shares) private view {
        assertEq(vault.totalSupply(), state.supply - shares);
        assertEq(vault.totalAssets(), total - assets);
        assertEq(vault.idle(), state.idle - assets);
        assertEq(vault.balanceOf(CALLER), state.owned - shares);
        assertEq(asset.balanceOf(RECEIVER), assets);
        assertEq(asset.balanceOf(address(vault)), UINT96 - assets);
    }

    /// NAV has not fallen by a fifth, and gains are released at any rate. Of dust, too: up to a thousand shares to a unit and a thousand units to
    /// a share more than at the start.
    function _write(State memory state) private returns (uint256 total, uint256 supply) {
        state.idle = bound(state.idle, 1, 1e18);
        state.value = state.value == 0 ? 0 : bound(state.value, 0, 1e18);
        uint256 nav = state.idle + state.value;
        state.accrued = bound(state.accrued, 0, nav + nav / 5);
        state.elapsed = bound(state.elapsed, 0, 730 days);
        state.growth = bound(state.growth, 0, 10_000);
        state.supply = bound(state.supply, nav * 1e3, nav * 1e9);
        state.owned = state.owned == type(uint256).max ? state.supply : bound(state.owned, 0, state.supply);
        uint256 ledger = state.idle | state.accrued << 96 | (block.timestamp - state.elapsed) << 192 | uint256(1) << 232;
        vm.store(address(vault), bytes32(LEDGER_SLOT), bytes32(ledger));
        vm.store(address(vault), bytes32(BOUNDS_SLOT), bytes32(UINT96 | state.growth << 240));
        vm.store(address(vault), bytes32(SUPPLY_SLOT), bytes32(state.supply));
        vm.store(address(vault), keccak256(abi.encode(CALLER, uint256(0))), bytes32(state.owned));
        holding.setValue(state.value);
        uint256 released = state.accrued + state.accrued * state.growth * state.elapsed / (10_000 * 365 days);
        total = Math.min(nav, released);
        assertEq(vault.totalAssets(), total);
        return (total, state.supply);
    }
}

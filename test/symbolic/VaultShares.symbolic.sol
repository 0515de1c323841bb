// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Vault} from "../../contracts/Vault.sol";
import {TestAsset} from "../support/TestAsset.sol";
import {Math} from "./model/Math.sol";
import {Logic} from "./support/Logic.sol";
import {SymbolicHolding} from "./support/SymbolicHolding.sol";
import {Test} from "forge-std/Test.sol";

/// @notice The vault trades shares at exactly the price that arithmetic/share-price.smt2 proves never to fall by a trade: T + 1 assets are
/// S + 10^6 shares, rounded against the caller; and it books exactly what was traded. For every NAV, accrual, growth rate, supply and
/// balance, with one position behind an adapter.
contract VaultSharesSymbolic is Test {
    using Logic for bool;

    uint256 private constant SUPPLY_SLOT = 2;
    uint256 private constant LEDGER_SLOT = 10;
    uint256 private constant BOUNDS_SLOT = 11;
    uint256 private constant VIRTUAL_SHARES = 1e6;
    uint256 private constant UINT96 = type(uint96).max;
    address private constant CALLER = address(0xA);
    address private constant RECEIVER = address(0xB);

    TestAsset private asset;
    SymbolicHolding private holding;
    Vault private vault;

    /// @dev Totals before a trade.
    struct Before {
        uint256 total;
        uint256 nav;
        uint256 supply;
        uint256 shares;
        uint256 idle;
    }

    function setUp() public {
        vm.warp(1_750_000_000);
        asset = new TestAsset();
        vault = new Vault(asset, "", "", address(this), 0, 0, 0, 0);
        holding = new SymbolicHolding(address(vault), address(asset));
        vault.listAdapter(address(holding), 0);
        asset.mint(address(vault), UINT96);
        asset.mint(CALLER, UINT96);
        vm.prank(CALLER);
        asset.approve(address(vault), type(uint256).max);
    }

    function check_DepositTradesAtThePriceRoundedDown(uint96 assets) public {
        Before memory before = _scramble();
        vm.prank(CALLER);
        (bool ok, bytes memory returned) = address(vault).call(abi.encodeCall(Vault.deposit, (assets, RECEIVER)));
        if (!ok) return;
        uint256 shares = abi.decode(returned, (uint256));
        bool priced = shares == Math.mulDiv(assets, before.supply + VIRTUAL_SHARES, before.total + 1);
        assertTrue(priced.and((shares != 0).or(assets == 0)).and(_hasEntered(before, assets, shares)));
    }

    function check_MintTradesAtThePriceRoundedUp(uint128 shares) public {
        Before memory before = _scramble();
        vm.prank(CALLER);
        (bool ok, bytes memory returned) = address(vault).call(abi.encodeCall(Vault.mint, (shares, RECEIVER)));
        if (!ok) return;
        uint256 assets = abi.decode(returned, (uint256));
        bool priced =
            assets == Math.mulDiv(shares, before.total + 1, before.supply + VIRTUAL_SHARES, Math.Rounding.Ceil);
        assertTrue(priced.and(_hasEntered(before, assets, shares)));
    }

    function check_WithdrawTradesAtThePriceRoundedUp(uint96 assets) public {
        Before memory before = _scramble();
        vm.assume(assets <= before.idle);
        vm.prank(CALLER);
        (bool ok, bytes memory returned) =
            address(vault).call(abi.encodeCall(Vault.withdraw, (assets, RECEIVER, CALLER)));
        if (!ok) return;
        uint256 shares = abi.decode(returned, (uint256));
        bool priced =
            shares == Math.mulDiv(assets, before.supply + VIRTUAL_SHARES, before.total + 1, Math.Rounding.Ceil);
        assertTrue(priced.and(_hasLeft(before, assets, shares)));
    }

    // Whoever redeems the last share is paid at NAV: nobody is left whose it could be.
    function check_RedeemTradesAtThePriceRoundedDown(uint128 shares) public {
        Before memory before = _scramble();
        bool last = (shares != 0).and(shares == before.supply);
        uint256 total = last.select(before.nav, before.total);
        uint256 assets = Math.mulDiv(shares, total + 1, before.supply + VIRTUAL_SHARES);
        vm.assume(assets <= before.idle);
        vm.prank(CALLER);
        (bool ok, bytes memory returned) = address(vault).call(abi.encodeCall(Vault.redeem, (shares, RECEIVER, CALLER)));
        if (!ok) return;
        assertTrue((abi.decode(returned, (uint256)) == assets).and(_hasLeft(before, assets, shares)));
    }

    // totalAssets is never more than NAV.
    function check_TotalAssetsIsAtMostNav() public {
        Before memory before = _scramble();
        assertLe(before.total, before.nav);
    }

    function _hasEntered(Before memory before, uint256 assets, uint256 shares) private view returns (bool) {
        unchecked {
            bool booked = (vault.totalSupply() == before.supply + shares).and(vault.idle() == before.idle + assets)
                .and(vault.totalAssets() == before.total + assets);
            return booked.and(vault.balanceOf(RECEIVER) == shares).and(vault.balanceOf(CALLER) == before.shares)
                .and(asset.balanceOf(CALLER) == UINT96 - assets).and(asset.balanceOf(address(vault)) == UINT96 + assets);
        }
    }

    function _hasLeft(Before memory before, uint256 assets, uint256 shares) private view returns (bool) {
        unchecked {
            uint256 left = (assets <= before.total).select(before.total - assets, 0);
            bool booked = (vault.totalSupply() == before.supply - shares).and(vault.idle() == before.idle - assets)
                .and(vault.totalAssets() == left);
            return booked.and(vault.balanceOf(CALLER) == before.shares - shares)
                .and(asset.balanceOf(RECEIVER) == assets).and(asset.balanceOf(address(vault)) == UINT96 - assets);
        }
    }

    /// Any ledger with one active position, any bounds, any value of the position, any supply, any part of it the caller's.
    function _scramble() private returns (Before memory before) {
        uint256 ledger = vm.randomUint(232) | 1 << 232;
        vm.assume((ledger >> 192) & type(uint40).max <= block.timestamp);
        vm.store(address(vault), bytes32(LEDGER_SLOT), bytes32(ledger));
        vm.store(address(vault), bytes32(BOUNDS_SLOT), bytes32(vm.randomUint()));
        holding.setValue(vm.randomUint(96));
        before.supply = vm.randomUint(128);
        before.shares = vm.randomUint(128);
        vm.assume(before.shares <= before.supply);
        vm.store(address(vault), bytes32(SUPPLY_SLOT), bytes32(before.supply));
        vm.store(address(vault), keccak256(abi.encode(CALLER, uint256(0))), bytes32(before.shares));
        before.idle = vault.idle();
        before.total = vault.totalAssets();
        (before.nav,) = vault.nav();
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAdapter} from "../../contracts/interfaces/IAdapter.sol";
import {AdapterOwner} from "../support/AdapterOwner.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Test} from "forge-std/Test.sol";

/// @title ConformanceVenue
/// @notice The real venue that a subclass deploys for the conformance suite, and how to bring it into each state that it can have.
/// @dev Where a protocol has no such state, the `supports…` flag stays false and the suite skips that test by name instead of passing
/// it. Amounts are base units of the asset.
abstract contract ConformanceVenue is Test {
    uint256 internal constant BPS = 10_000;
    /// @dev Half of what the vault gives one read of a venue.
    uint256 internal constant READ_GAS = 500_000;

    AdapterOwner internal owner;
    IAdapter internal adapter;
    IERC20 internal asset;
    /// @dev One whole asset.
    uint256 internal unit;

    // -------------------------------------------------------------------------------------------- venue: always needed

    /// @notice Deploys the venue with outside liquidity in it, and everything else the adapter needs.
    /// @return The asset that the vault and the venue have in common.
    function deployVenue() internal virtual returns (address);

    /// @notice Deploys an adapter that obeys `vault`.
    function newAdapter(address vault) internal virtual returns (IAdapter);

    /// @notice Gives `to` new assets.
    function mintAsset(address to, uint256 amount) internal virtual;

    // ------------------------------------------------------------------------------------------------ venue: its figures

    /// @notice Whether each unit paid out lowers the value by one (lending), or entry and exit cost something (swaps).
    function isLossless() internal view virtual returns (bool) {
        return true;
    }

    /// @notice Units that the venue's own rounding may cost a call.
    function roundingUnits() internal view virtual returns (uint256) {
        return 2;
    }

    /// @notice The part of a deposit that may be lost, or (an unbalanced pool's bonus) won, on the way in.
    function maxEntryCostBps() internal view virtual returns (uint256) {
        return 0;
    }

    /// @notice The part of `value()` that may be missing from what comes out. What comes out may exceed it by as much.
    function exitToleranceBps() internal view virtual returns (uint256) {
        return 0;
    }

    /// @notice How far a push of the venue's spot state or a gift may move `value()`.
    function manipulationToleranceBps() internal view virtual returns (uint256) {
        return 0;
    }

    /// @notice Range of the fuzzed deposits. From a cent: below it one unit of rounding is more than any tolerance.
    function minAssets() internal view virtual returns (uint256) {
        return unit / 100;
    }

    function maxAssets() internal view virtual returns (uint256) {
        return 1_000_000 * unit;
    }

    /// @notice Instructions for a deposit and a withdrawal of `assets`. A withdrawal must work without any as well.
    function entryData(uint256) internal virtual returns (bytes memory) {
        return "";
    }

    function exitData(uint256) internal virtual returns (bytes memory) {
        return "";
    }

    /// @notice Whether the adapter refuses instructions, as plain lending does.
    function refusesData() internal view virtual returns (bool) {
        return isLossless();
    }

    /// @notice ERC-20 tokens that represent the position; none are left after a full exit.
    function receipts() internal view virtual returns (address[] memory) {
        return new address[](0);
    }

    /// @notice Tokens besides the asset that pass through the adapter (the other coin, rewards); none stay between calls.
    function passingTokens() internal view virtual returns (address[] memory) {
        return new address[](0);
    }

    /// @notice Contracts that the adapter may have to approve; no allowance stays between calls.
    function spenders() internal view virtual returns (address[] memory list) {
        list = new address[](1);
        list[0] = adapter.venue();
    }

    /// @notice Contracts without which the position cannot be valued; each is replaced by hostile code in turn.
    function criticalContracts() internal view virtual returns (address[] memory list) {
        list = new address[](1);
        list[0] = adapter.venue();
    }

    /// @notice Time passes; a subclass refreshes its price feeds.
    function pass(uint256 time) internal virtual {
        skip(time);
        vm.roll(vm.getBlockNumber() + time / 12 + 1);
    }

    // ------------------------------------------------------------------------------------------ venue: states it may have

    function supportsFreeze() internal view virtual returns (bool) {
        return false;
    }

    /// @notice Closes the venue to deposits alone.
    function freezeVenue() internal virtual {}

    function supportsPause() internal view virtual returns (bool) {
        return false;
    }

    /// @notice Closes the venue to deposits and withdrawals, and opens it again.
    function pauseVenue() internal virtual {}
    function unpauseVenue() internal virtual {}

    function supportsIlliquidity() internal view virtual returns (bool) {
        return false;
    }

    /// @notice Leaves only `left` assets in the venue for all depositors together, and brings them back.
    function makeIlliquid(uint256 left) internal virtual {}
    function restoreLiquidity() internal virtual {}

    function supportsManipulation() internal view virtual returns (bool) {
        return false;
    }

    /// @notice Pushes the venue's spot state as far as a flash loan could within one transaction.
    function manipulate() internal virtual {}

    function supportsLoss() internal view virtual returns (bool) {
        return false;
    }

    /// @notice The venue loses about half of everything that its depositors have.
    function loseHalf() internal virtual {}

    /// @notice Gives the venue `amount` assets past its front door. A venue that counts them owes them to its depositors.
    function donateToVenue(uint256 amount) internal virtual {
        mintAsset(adapter.venue(), amount);
    }

    function supportsReceiptGifts() internal view virtual returns (bool) {
        return false;
    }

    /// @notice Gives the adapter receipts of the venue that are worth `amount`.
    function giveReceipts(uint256 amount) internal virtual {}

    function supportsHarvest() internal view virtual returns (bool) {
        return false;
    }

    /// @notice Lets the position earn rewards.
    /// @return least The least that selling them must bring, in assets.
    function accrueRewards() internal virtual returns (uint256 least) {}

    function harvestData() internal virtual returns (bytes memory) {
        return "";
    }

    function dependsOnOracle() internal view virtual returns (bool) {
        return false;
    }

    /// @notice Lets the price feeds that the adapter's value needs grow stale.
    function makeOracleStale() internal virtual {}

    // ----------------------------------------------------------------------------------------------------------- fixture

    function setUp() public virtual {
        asset = IERC20(deployVenue());
        unit = 10 ** IERC20Metadata(address(asset)).decimals();
        owner = new AdapterOwner(address(asset));
        adapter = newAdapter(address(owner));
        pass(1);
    }

    /// @notice The vault puts `assets` of new money in, and loses no more than the venue may cost.
    function enter(uint256 assets) internal returns (uint256 gained) {
        mintAsset(address(owner), assets);
        gained = owner.deposit(adapter, assets, 0, entryData(assets));
    }

    /// @notice The vault takes everything out that it can, without instructions.
    function leave() internal returns (uint256 received) {
        (received,) = owner.withdraw(adapter, type(uint256).max, "");
    }

    function allowedMiss(uint256 amount, uint256 bps) internal view returns (uint256) {
        return Math.mulDiv(amount, bps, BPS, Math.Rounding.Ceil) + roundingUnits();
    }

    function assertClean() internal view {
        address[] memory passing = passingTokens();
        address[] memory held = receipts();
        _assertNoAllowance(asset);
        assertEq(asset.balanceOf(address(adapter)), 0, "assets in the adapter");
        for (uint256 i; i < passing.length; ++i) {
            assertEq(IERC20(passing[i]).balanceOf(address(adapter)), 0, "passing token in the adapter");
            _assertNoAllowance(IERC20(passing[i]));
        }
        for (uint256 i; i < held.length; ++i) {
            _assertNoAllowance(IERC20(held[i]));
        }
    }

    function assertEmpty() internal view {
        address[] memory held = receipts();
        assertClean();
        assertEq(adapter.value(), 0, "value without a position");
        for (uint256 i; i < held.length; ++i) {
            assertEq(IERC20(held[i]).balanceOf(address(adapter)), 0, "receipts after a full exit");
        }
    }

    function _assertNoAllowance(IERC20 token) private view {
        address[] memory list = spenders();
        for (uint256 i; i < list.length; ++i) {
            assertEq(token.allowance(address(adapter), list[i]), 0, "allowance left behind");
        }
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AaveV3Adapter} from "../../contracts/adapters/AaveV3Adapter.sol";
import {RewardAdapterBase, RewardSale} from "../../contracts/adapters/RewardAdapterBase.sol";
import {IAdapter} from "../../contracts/interfaces/IAdapter.sol";
import {ISwapper} from "../../contracts/interfaces/ISwapper.sol";
import {AaveDeployer} from "../../script/protocols/AaveDeployer.sol";
import {ProtocolFixture} from "../integration/ProtocolFixture.sol";
import {AdapterOwner} from "../support/AdapterOwner.sol";
import {TestToken} from "../support/TestToken.sol";
import {AdapterConformance} from "./AdapterConformance.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @notice The Aave adapter on Aave v3.6 with real USDC.
contract AaveV3AdapterConformanceTest is AdapterConformance, ProtocolFixture {
    using AaveDeployer for AaveDeployer.Market;

    function deployVenue() internal override returns (address) {
        deployProtocols();
        return address(protocols.usdc);
    }

    function newAdapter(address vault) internal virtual override returns (IAdapter) {
        return new AaveV3Adapter(vault, address(protocols.aave.pool), ISwapper(address(0)));
    }

    function mintAsset(address to, uint256 amount) internal override {
        mintUsdc(to, amount);
    }

    function pass(uint256 time) internal override {
        super.pass(time);
        refreshFeeds();
    }

    function receipts() internal view override returns (address[] memory list) {
        list = new address[](1);
        list[0] = aUsdc();
    }

    function criticalContracts() internal view override returns (address[] memory list) {
        list = new address[](2);
        (list[0], list[1]) = (address(protocols.aave.pool), aUsdc());
    }

    function supportsFreeze() internal pure override returns (bool) {
        return true;
    }

    function freezeVenue() internal override {
        protocols.aave.configurator.setReserveFreeze(address(asset), true);
    }

    function supportsPause() internal pure override returns (bool) {
        return true;
    }

    function pauseVenue() internal override {
        protocols.aave.configurator.setReservePause(address(asset), true);
    }

    function unpauseVenue() internal override {
        protocols.aave.configurator.setReservePause(address(asset), false);
    }

    function supportsIlliquidity() internal pure override returns (bool) {
        return true;
    }

    function makeIlliquid(uint256 left) internal override {
        uint256 there = aaveLiquidity();
        if (there > left) borrowAave(there - left);
    }

    function restoreLiquidity() internal override {
        repayAave(20_000_000e6);
    }

    function supportsReceiptGifts() internal pure override returns (bool) {
        return true;
    }

    function giveReceipts(uint256 amount) internal override {
        IERC20 aToken = IERC20(aUsdc());
        vm.prank(supplier.account);
        assertTrue(aToken.transfer(address(adapter), amount));
    }

    function supportsManipulation() internal pure override returns (bool) {
        return true;
    }

    /// @dev A deposit ten times the market.
    function manipulate() internal override {
        mintUsdc(address(this), 1_000_000_000e6);
        protocols.aave.supply(address(asset), 1_000_000_000e6, address(this));
    }

    // SPEC C5, R2: both from Aave's own figures.
    function test_FiguresAreTheMarkets() public view {
        assertApproxEqRel(adapter.venueSize(), 100_000_000e6, 0.0001e18);
        assertApproxEqRel(adapter.utilisation(), 0.82e18, 0.0001e18);
    }

    function test_RevertIf_TheAssetIsNotListed() public {
        TestToken other = new TestToken("OTH", 18);
        address vault = address(new AdapterOwner(address(other)));
        vm.expectRevert(abi.encodeWithSelector(AaveV3Adapter.NotListed.selector, address(other)));
        new AaveV3Adapter(vault, address(protocols.aave.pool), ISwapper(address(0)));
    }

    // SPEC C9: without a swapper there is nowhere to sell, but what is the asset already needs no sale.
    function test_RevertIf_SomethingIsToBeSoldWithoutASwapper() public {
        TestToken other = new TestToken("OTH", 18);
        other.mint(address(adapter), 1);
        RewardSale[] memory sales = new RewardSale[](1);
        sales[0] = RewardSale(address(other), "");
        vm.expectRevert(RewardAdapterBase.NoSwapper.selector);
        owner.harvest(adapter, abi.encode(sales));
        mintUsdc(address(adapter), 5e6);
        sales[0] = RewardSale(address(asset), "");
        assertEq(owner.harvest(adapter, abi.encode(sales)), 5e6);
    }
}

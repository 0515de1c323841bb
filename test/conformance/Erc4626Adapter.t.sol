// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Erc4626Adapter} from "../../contracts/adapters/Erc4626Adapter.sol";
import {IAdapter} from "../../contracts/interfaces/IAdapter.sol";
import {ProtocolFixture} from "../integration/ProtocolFixture.sol";
import {LendingVenue} from "../support/LendingVenue.sol";
import {SwapFixture} from "../support/SwapFixture.sol";
import {TestAsset} from "../support/TestAsset.sol";
import {TestToken} from "../support/TestToken.sol";
import {AdapterConformance} from "./AdapterConformance.sol";
import {Id} from "@morpho-org/morpho-blue/src/interfaces/IMorpho.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";

/// @notice What the ERC-4626 venues have in common: rewards in another token, which are sent to the adapter.
abstract contract Erc4626AdapterConformance is AdapterConformance, SwapFixture {
    function venue() internal view virtual returns (IERC4626);

    function newAdapter(address vault) internal override returns (IAdapter) {
        return new Erc4626Adapter(vault, address(venue()), swapper);
    }

    function mintAsset(address to, uint256 amount) internal override {
        giveAsset(to, amount);
    }

    function receipts() internal view override returns (address[] memory list) {
        list = new address[](1);
        list[0] = address(venue());
    }

    function passingTokens() internal view override returns (address[] memory list) {
        list = new address[](1);
        list[0] = address(reward);
    }

    function spenders() internal view override returns (address[] memory list) {
        list = new address[](2);
        (list[0], list[1]) = (address(venue()), address(swapper));
    }

    function supportsReceiptGifts() internal pure override returns (bool) {
        return true;
    }

    function giveReceipts(uint256 amount) internal override {
        mintAsset(address(this), amount);
        asset.approve(address(venue()), amount);
        venue().deposit(amount, address(adapter));
    }

    function supportsManipulation() internal pure override returns (bool) {
        return true;
    }

    /// @dev A deposit many times the venue.
    function manipulate() internal override {
        uint256 amount = 500_000_000 * unit;
        mintAsset(address(this), amount);
        asset.approve(address(venue()), amount);
        venue().deposit(amount, address(this));
    }

    function supportsIlliquidity() internal pure override returns (bool) {
        return true;
    }

    function supportsHarvest() internal pure override returns (bool) {
        return true;
    }

    /// @dev A distributor pays for whoever asks it to; 100 rewards of 2 dollars.
    function accrueRewards() internal override returns (uint256 least) {
        reward.mint(address(adapter), 100e18);
        prices.refresh();
        return 196 * unit;
    }

    function harvestData() internal view override returns (bytes memory) {
        return saleByDefaultRoute();
    }
}

/// @notice The ERC-4626 adapter on the real MetaMorpho with real USDC.
contract Erc4626AdapterOnMetaMorphoTest is Erc4626AdapterConformance, ProtocolFixture {
    function venue() internal view override returns (IERC4626) {
        return protocols.morpho.metaMorpho;
    }

    function deployVenue() internal override returns (address) {
        deployProtocols();
        deploySwaps(address(protocols.usdc));
        return address(protocols.usdc);
    }

    function giveAsset(address to, uint256 amount) internal override {
        mintUsdc(to, amount);
    }

    function supportsFreeze() internal pure override returns (bool) {
        return true;
    }

    /// @dev Without a market in the supply queue nothing can be deposited.
    function freezeVenue() internal override {
        protocols.morpho.metaMorpho.setSupplyQueue(new Id[](0));
    }

    function makeIlliquid(uint256 left) internal override {
        uint256 there = morphoLiquidity();
        if (there > left) borrowMorpho(there - left);
    }

    function restoreLiquidity() internal override {
        repayMorpho(5_000_000e6);
    }
}

/// @notice The ERC-4626 adapter on OpenZeppelin's ERC-4626 over tokens of 6, 8 and 18 decimals, earning 4 % a year.
abstract contract Erc4626AdapterOnOpenZeppelinTest is Erc4626AdapterConformance {
    TestToken internal immutable token;
    LendingVenue internal lending;

    constructor(uint8 decimals) {
        token = new TestToken("TKN", decimals);
    }

    function venue() internal view override returns (IERC4626) {
        return lending;
    }

    function deployVenue() internal override returns (address) {
        vm.warp(1_750_000_000);
        deploySwaps(address(token));
        lending = new LendingVenue(TestAsset(address(token)));
        uint256 seed = 10_000_000 * 10 ** token.decimals();
        token.mint(address(this), seed);
        token.approve(address(lending), seed);
        lending.deposit(seed, address(this));
        return address(token);
    }

    function giveAsset(address to, uint256 amount) internal override {
        token.mint(to, amount);
    }

    function pass(uint256 time) internal override {
        super.pass(time);
        lending.gain(lending.totalAssets() * 4 * time / (100 * 365 days));
    }

    function makeIlliquid(uint256 left) internal override {
        lending.lend(lending.cash() - left);
    }

    function restoreLiquidity() internal override {
        lending.repay(type(uint256).max);
    }

    function supportsLoss() internal pure override returns (bool) {
        return true;
    }

    function loseHalf() internal override {
        lending.lose(lending.totalAssets() / 2);
    }
}

contract Erc4626AdapterOn6DecimalsTest is Erc4626AdapterOnOpenZeppelinTest(6) {}

contract Erc4626AdapterOn8DecimalsTest is Erc4626AdapterOnOpenZeppelinTest(8) {}

contract Erc4626AdapterOn18DecimalsTest is Erc4626AdapterOnOpenZeppelinTest(18) {}

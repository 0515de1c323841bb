// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {CompoundV3Adapter} from "../../contracts/adapters/CompoundV3Adapter.sol";
import {IAdapter} from "../../contracts/interfaces/IAdapter.sol";
import {IFiatToken, UsdcDeployer} from "../../script/protocols/UsdcDeployer.sol";
import {CometMarket, CometRewardDesk} from "../support/CometMarket.sol";
import {SwapFixture} from "../support/SwapFixture.sol";
import {TestToken} from "../support/TestToken.sol";
import {AdapterConformance} from "./AdapterConformance.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";

/// @notice The Compound III adapter on a market with Comet's published interface and accounting; no package carries Comet itself.
abstract contract CompoundV3AdapterConformance is AdapterConformance, SwapFixture {
    CometMarket internal comet;
    CometRewardDesk internal desk;
    TestToken internal collateral;
    address internal borrower;

    /// @notice The base token: one that this contract may mint.
    function deployBase() internal virtual returns (address);

    function deployVenue() internal override returns (address base) {
        vm.warp(1_750_000_000);
        base = deployBase();
        asset = IERC20Metadata(base);
        unit = 10 ** IERC20Metadata(base).decimals();
        deploySwaps(base);
        collateral = new TestToken("COL", 0);
        comet = new CometMarket(base, address(collateral), unit);
        desk = new CometRewardDesk(address(comet), reward);
        reward.mint(address(desk), 1_000_000e18);
        borrower = makeAddr("borrower");
        _supplyFrom(address(this), 10_000_000 * unit);
        collateral.mint(borrower, 100_000_000);
        vm.startPrank(borrower);
        collateral.approve(address(comet), type(uint256).max);
        comet.supply(address(collateral), 100_000_000);
        comet.withdraw(base, 8_000_000 * unit);
        vm.stopPrank();
    }

    function newAdapter(address vault) internal override returns (IAdapter) {
        return new CompoundV3Adapter(vault, address(comet), desk, swapper);
    }

    function mintAsset(address to, uint256 amount) internal override {
        giveAsset(to, amount);
    }

    function pass(uint256 time) internal override {
        super.pass(time);
        prices.refresh();
    }

    function passingTokens() internal view override returns (address[] memory list) {
        list = new address[](1);
        list[0] = address(reward);
    }

    function spenders() internal view override returns (address[] memory list) {
        list = new address[](2);
        (list[0], list[1]) = (address(comet), address(swapper));
    }

    function supportsFreeze() internal pure override returns (bool) {
        return true;
    }

    function freezeVenue() internal override {
        comet.pause(true, false);
    }

    function supportsPause() internal pure override returns (bool) {
        return true;
    }

    function pauseVenue() internal override {
        comet.pause(true, true);
    }

    function unpauseVenue() internal override {
        comet.pause(false, false);
    }

    function supportsManipulation() internal pure override returns (bool) {
        return true;
    }

    /// @dev A deposit a hundred times the market.
    function manipulate() internal override {
        _supplyFrom(makeAddr("whale"), 1_000_000_000 * unit);
    }

    function supportsIlliquidity() internal pure override returns (bool) {
        return true;
    }

    function makeIlliquid(uint256 left) internal override {
        uint256 drawn = asset.balanceOf(address(comet)) - left;
        vm.prank(borrower);
        comet.withdraw(address(asset), drawn);
    }

    function restoreLiquidity() internal override {
        _supplyFrom(borrower, 2_000_000 * unit);
    }

    function supportsLoss() internal pure override returns (bool) {
        return true;
    }

    function loseHalf() internal override {
        comet.loseHalf();
    }

    function supportsReceiptGifts() internal pure override returns (bool) {
        return true;
    }

    function giveReceipts(uint256 amount) internal override {
        giveAsset(address(this), amount);
        asset.approve(address(comet), amount);
        comet.supplyTo(address(adapter), address(asset), amount);
    }

    function supportsHarvest() internal pure override returns (bool) {
        return true;
    }

    /// @dev A hundred-and-first of 25,920 rewards of 2 dollars.
    function accrueRewards() internal override returns (uint256 least) {
        pass(30 days);
        return 500 * unit;
    }

    function harvestData() internal view override returns (bytes memory) {
        return saleByDefaultRoute();
    }

    // SPEC C9: a stranger's collateral does not turn a withdrawal into a loan.
    function test_RevertIf_AWithdrawalWouldBorrowAgainstCollateralThatSomeoneGave() public {
        enter(1000 * unit);
        collateral.mint(address(this), 1_000_000);
        collateral.approve(address(comet), 1_000_000);
        comet.supplyTo(address(adapter), address(collateral), 1_000_000);
        uint256 value = adapter.value();
        vm.expectRevert(abi.encodeWithSelector(CompoundV3Adapter.ExceedsPosition.selector, value + 1, value));
        owner.withdraw(adapter, value + 1, "");
        leave();
        assertEq(comet.principalOf(address(adapter)), 0);
    }

    // SPEC C5: utilisation is Comet's own, and never above all of it.
    function test_UtilisationIsTheVenuesAndAtMostAll() public {
        assertEq(adapter.utilisation(), comet.getUtilization());
        assertApproxEqAbs(adapter.utilisation(), 0.8e18, 1e12);
        makeIlliquid(0);
        pass(365 days);
        assertGt(comet.getUtilization(), 1e18);
        assertEq(adapter.utilisation(), 1e18);
    }

    function test_RevertIf_TheBaseTokenIsAnother() public {
        CometMarket other = new CometMarket(address(reward), address(collateral), 1);
        vm.expectRevert(
            abi.encodeWithSelector(CompoundV3Adapter.BaseTokenMismatch.selector, address(reward), address(asset))
        );
        new CompoundV3Adapter(address(owner), address(other), desk, swapper);
    }

    function _supplyFrom(address who, uint256 amount) private {
        giveAsset(who, amount);
        vm.startPrank(who);
        asset.approve(address(comet), amount);
        comet.supply(address(asset), amount);
        vm.stopPrank();
    }
}

contract CompoundV3AdapterOnUsdcTest is CompoundV3AdapterConformance {
    function deployBase() internal override returns (address) {
        return address(UsdcDeployer.deploy(UsdcDeployer.deployImplementation(), address(this)));
    }

    function giveAsset(address to, uint256 amount) internal override {
        UsdcDeployer.mint(IFiatToken(address(asset)), to, amount);
    }
}

abstract contract CompoundV3AdapterOnTokenTest is CompoundV3AdapterConformance {
    uint8 private immutable _decimals;

    constructor(uint8 decimals) {
        _decimals = decimals;
    }

    function deployBase() internal override returns (address) {
        return address(new TestToken("TKN", _decimals));
    }

    function giveAsset(address to, uint256 amount) internal override {
        TestToken(address(asset)).mint(to, amount);
    }
}

contract CompoundV3AdapterOn8DecimalsTest is CompoundV3AdapterOnTokenTest(8) {}

contract CompoundV3AdapterOn18DecimalsTest is CompoundV3AdapterOnTokenTest(18) {}

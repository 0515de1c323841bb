// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {PendlePtAdapter} from "../../contracts/adapters/PendlePtAdapter.sol";
import {IAdapter} from "../../contracts/interfaces/IAdapter.sol";
import {FeedOracle} from "../../script/protocols/FeedOracle.sol";
import {MorphoDeployer} from "../../script/protocols/MorphoDeployer.sol";
import {Participant, Participants} from "../../script/protocols/Participant.sol";
import {IPausableSy, PendleDeployer} from "../../script/protocols/PendleDeployer.sol";
import {ScriptedFeed} from "../../script/protocols/ScriptedFeed.sol";
import {IFiatToken, UsdcDeployer} from "../../script/protocols/UsdcDeployer.sol";
import {IWETH9, WethDeployer} from "../../script/protocols/WethDeployer.sol";
import {PendleTrader} from "../support/PendleTrader.sol";
import {AdapterConformance} from "./AdapterConformance.sol";
import {Id} from "@morpho-org/morpho-blue/src/interfaces/IMorpho.sol";

/// @notice The Pendle PT adapter before maturity, on Pendle's own bytecode over a real MetaMorpho of real USDC (SPEC C9).
contract PendlePtAdapterConformanceTest is AdapterConformance {
    using MorphoDeployer for MorphoDeployer.Market;
    using PendleDeployer for PendleDeployer.Core;
    using PendleDeployer for PendleDeployer.Market;

    uint256 private constant LENT = 100_000_000e6;
    uint256 private constant POOL = 200_000_000e6;
    uint256 private constant BORROWED = 270_000_000e6;
    uint256 private constant COLLATERAL = 1_000_000 ether;
    uint256 private constant TWAP_WINDOW = 15 minutes;
    uint256 private constant BLOCK_TIME = 12;
    uint256 private constant SLIPPAGE_BPS = 100;
    uint16 private constant OBSERVATIONS = 100;

    IFiatToken private usdc;
    MorphoDeployer.Market private morpho;
    PendleDeployer.Market private pendle;
    PendleTrader private trader;
    Participant private borrower;

    // SPEC C9: from maturity on it is lending without loss: each unit paid lowers the value by one, and all of it is par.
    function testFuzz_AtMaturityItPaysParToTheUnit(uint256 assets, uint256 part, uint256 time) public {
        enter(bound(assets, minAssets(), maxAssets()));
        uint256 principal = pendle.pt.balanceOf(address(adapter));
        pass(730 days + bound(time, 0, 365 days));
        uint256 value = adapter.value();
        // Pendle's index has six digits over such a vault and is rounded down, in favour of PT.
        assertGe(value + 2, principal);
        assertLe(value, principal + principal / 1e6);
        assertEq(adapter.liquidity(), value);
        assertEq(adapter.exitLiquidity(), value);

        part = bound(part, 1, value);
        (uint256 received, uint256 lowered) = owner.withdraw(adapter, part, "");
        assertEq(received, part);
        assertApproxEqAbs(lowered, part, 1);
        assertEq(pendle.pt.balanceOf(address(adapter)), 0);
        uint256 rest = adapter.value();
        assertEq(leave(), rest);
        assertEmpty();
        assertEq(pendle.sy.balanceOf(address(adapter)), 0);
    }

    // SPEC C9, C10: matured while the MetaMorpho is lent out, it pays what there is; the rest keeps earning as SY.
    function test_MaturedWhileLentOutItPaysWhatThereIs() public {
        enter(100_000 * unit);
        pass(731 days);
        uint256 value = adapter.value();
        makeIlliquid(1000 * unit);
        assertEq(adapter.liquidity(), 1000 * unit);
        assertApproxEqRel(adapter.utilisation(), 0.99e18, 0.01e18);
        vm.expectRevert();
        owner.withdraw(adapter, 1000 * unit + 1, "");
        assertApproxEqAbs(leave(), 1000 * unit, 1);
        assertApproxEqAbs(adapter.value(), value - 1000 * unit, 2);
        makeIlliquid(0);
        assertEq(leave(), 0);
        pass(1 days);
        assertGt(adapter.value(), value - 1000 * unit);
        restoreLiquidity();
        uint256 rest = adapter.value();
        assertEq(leave(), rest);
        assertEmpty();
    }

    // ---------------------------------------------------------------------------------------------------------- the venue

    function deployVenue() internal override returns (address) {
        vm.warp(1_750_000_000);
        usdc = UsdcDeployer.deploy(UsdcDeployer.deployImplementation(), address(this));
        _deployMorpho();
        _deployPendle();
        return address(usdc);
    }

    function _deployMorpho() private {
        borrower = Participants.borrower();
        IWETH9 weth = WethDeployer.deploy();
        vm.deal(address(this), COLLATERAL);
        weth.deposit{value: COLLATERAL}();
        FeedOracle oracle =
            new FeedOracle(new ScriptedFeed(8, "ETH / USD", 3000e8), 18, new ScriptedFeed(8, "USDC / USD", 1e8), 6);
        MorphoDeployer.Market memory market =
            MorphoDeployer.deploy(address(usdc), address(weth), address(oracle), 1_000_000_000e6, address(this));
        skip(MorphoDeployer.CAP_TIMELOCK);
        market.open();
        mintAsset(address(this), LENT + POOL);
        market.supply(LENT, address(this));
        morpho = market;
    }

    function _deployPendle() private {
        PendleDeployer.Core memory core =
            PendleDeployer.deploy(address(morpho.params.collateralToken), makeAddr("treasury"), address(this));
        PendleDeployer.Market memory market = core.createMarket(
            address(morpho.metaMorpho),
            PendleDeployer.Terms({
                scalarRoot: 80e18,
                initialAnchor: 1.1e18,
                lnFeeRateRoot: 0.0005e18,
                expiry: uint32((block.timestamp / 1 days + 730) * 1 days),
                observations: OBSERVATIONS
            })
        );
        market.open(usdc, POOL, address(this));
        pendle = market;
        trader = new PendleTrader(market, usdc);

        MorphoDeployer.Market memory lender = morpho;
        lender.authorize(borrower, address(this));
        lender.borrow(COLLATERAL, BORROWED, borrower.account);

        pass(1 hours);
        mintAsset(address(this), 1000e6);
        market.startObservations(usdc, 1000e6, address(this));
        pass(1 hours);
    }

    function newAdapter(address vault) internal override returns (IAdapter) {
        return new PendlePtAdapter(vault, address(pendle.market), TWAP_WINDOW, BLOCK_TIME, SLIPPAGE_BPS);
    }

    function mintAsset(address to, uint256 amount) internal override {
        usdc.mint(to, amount);
    }

    // -------------------------------------------------------------------------------------------------------- its figures

    function isLossless() internal pure override returns (bool) {
        return false;
    }

    function maxEntryCostBps() internal pure override returns (uint256) {
        return SLIPPAGE_BPS;
    }

    function exitToleranceBps() internal pure override returns (uint256) {
        return SLIPPAGE_BPS;
    }

    function roundingUnits() internal pure override returns (uint256) {
        return 5;
    }

    /// @dev Far above the cents that are too small a sale: the market must earn a fee of one unit. Such a remainder waits for maturity.
    function minAssets() internal view override returns (uint256) {
        return 1000 * unit;
    }

    function receipts() internal view override returns (address[] memory list) {
        list = new address[](1);
        list[0] = address(pendle.pt);
    }

    function passingTokens() internal view override returns (address[] memory list) {
        list = new address[](4);
        list[0] = address(pendle.sy);
        list[1] = pendle.yt;
        list[2] = address(pendle.market);
        list[3] = address(morpho.metaMorpho);
    }

    function spenders() internal view override returns (address[] memory list) {
        list = new address[](4);
        list[0] = address(pendle.sy);
        list[1] = pendle.yt;
        list[2] = address(pendle.market);
        list[3] = address(morpho.metaMorpho);
    }

    function criticalContracts() internal view override returns (address[] memory list) {
        list = new address[](5);
        list[0] = address(pendle.sy);
        list[1] = pendle.yt;
        list[2] = address(pendle.market);
        list[3] = address(morpho.metaMorpho);
        list[4] = address(pendle.pt);
    }

    // --------------------------------------------------------------------------------------------------------- its states

    function supportsFreeze() internal pure override returns (bool) {
        return true;
    }

    function freezeVenue() internal override {
        morpho.metaMorpho.setSupplyQueue(new Id[](0));
    }

    function supportsPause() internal pure override returns (bool) {
        return true;
    }

    function pauseVenue() internal override {
        IPausableSy(address(pendle.sy)).pause();
    }

    function unpauseVenue() internal override {
        IPausableSy(address(pendle.sy)).unpause();
    }

    function supportsIlliquidity() internal pure override returns (bool) {
        return true;
    }

    function makeIlliquid(uint256 left) internal override {
        uint256 cash = usdc.balanceOf(address(morpho.blue));
        if (cash > left) {
            vm.prank(borrower.account);
            morpho.blue.borrow(morpho.params, cash - left, 0, borrower.account, borrower.account);
        } else if (cash < left) {
            _repay(left - cash);
        }
    }

    function restoreLiquidity() internal override {
        _repay(50_000_000e6);
    }

    function _repay(uint256 amount) private {
        mintAsset(borrower.account, amount);
        vm.startPrank(borrower.account);
        usdc.approve(address(morpho.blue), amount);
        morpho.blue.repay(morpho.params, amount, 0, borrower.account, "");
        vm.stopPrank();
    }

    function supportsManipulation() internal pure override returns (bool) {
        return true;
    }

    /// @dev Half of the market's PT is bought. The other direction, in which a full exit sells only what the bound allows, is among the
    /// adapter's own tests.
    function manipulate() internal override {
        mintAsset(address(trader), 50_000_000e6);
        trader.buy(40_000_000e6);
    }

    function supportsReceiptGifts() internal pure override returns (bool) {
        return true;
    }

    function giveReceipts(uint256 amount) internal override {
        mintAsset(address(trader), 2 * amount);
        trader.mintPrincipal();
        trader.give(pendle.pt, address(adapter), amount * 1e18 / PendlePtAdapter(address(adapter)).ptPrice());
    }
}

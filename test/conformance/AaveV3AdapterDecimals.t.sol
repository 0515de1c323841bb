// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AaveV3Adapter} from "../../contracts/adapters/AaveV3Adapter.sol";
import {IAdapter} from "../../contracts/interfaces/IAdapter.sol";
import {AaveDeployer} from "../../script/protocols/AaveDeployer.sol";
import {ScriptedFeed} from "../../script/protocols/ScriptedFeed.sol";
import {SwapFixture} from "../support/SwapFixture.sol";
import {TestToken} from "../support/TestToken.sol";
import {AdapterConformance} from "./AdapterConformance.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {AggregatorInterface} from "aave-v3-origin/dependencies/chainlink/AggregatorInterface.sol";
import {IDefaultInterestRateStrategyV2} from "aave-v3-origin/interfaces/IDefaultInterestRateStrategyV2.sol";
import {RewardsController} from "aave-v3-origin/rewards/RewardsController.sol";
import {ITransferStrategyBase} from "aave-v3-origin/rewards/interfaces/ITransferStrategyBase.sol";
import {RewardsDataTypes} from "aave-v3-origin/rewards/libraries/RewardsDataTypes.sol";
import {PullRewardsTransferStrategy} from "aave-v3-origin/rewards/transfer-strategies/PullRewardsTransferStrategy.sol";

/// @notice The Aave adapter on Aave v3.6 with a token of other decimals, and with Aave's own RewardsController.
abstract contract AaveV3AdapterOnTokenTest is AdapterConformance, SwapFixture {
    using AaveDeployer for AaveDeployer.Market;

    uint256 private constant VARIABLE_RATE_MODE = 2;

    AaveDeployer.Market internal aave;
    TestToken internal token;
    TestToken internal collateral;
    RewardsController internal rewards;
    address internal borrower;

    constructor(uint8 decimals) {
        token = new TestToken("TKN", decimals);
    }

    function deployVenue() internal override returns (address) {
        vm.warp(1_750_000_000);
        unit = 10 ** token.decimals();
        deploySwaps(address(token));
        collateral = new TestToken("COL", 18);
        prices.list(address(collateral), 3000e8);
        rewards = new RewardsController(address(this));
        AaveDeployer.Reserve[] memory reserves = new AaveDeployer.Reserve[](2);
        reserves[0] = _reserve(address(token));
        reserves[1] = _reserve(address(collateral));
        aave = AaveDeployer.deploy(reserves, address(this), address(this), address(rewards));
        borrower = makeAddr("borrower");
        token.mint(address(this), 100_000_000 * unit);
        aave.supply(address(token), 100_000_000 * unit, address(this));
        collateral.mint(address(this), 120_000e18);
        aave.supply(address(collateral), 120_000e18, borrower);
        _borrow(80_000_000 * unit);
        return address(token);
    }

    function newAdapter(address vault) internal override returns (IAdapter) {
        return new AaveV3Adapter(vault, address(aave.pool), swapper);
    }

    function mintAsset(address to, uint256 amount) internal override {
        token.mint(to, amount);
    }

    function giveAsset(address to, uint256 amount) internal override {
        token.mint(to, amount);
    }

    function pass(uint256 time) internal override {
        super.pass(time);
        prices.refresh();
    }

    function receipts() internal view override returns (address[] memory list) {
        list = new address[](1);
        list[0] = aave.aToken(address(token));
    }

    function passingTokens() internal view override returns (address[] memory list) {
        list = new address[](1);
        list[0] = address(reward);
    }

    function spenders() internal view override returns (address[] memory list) {
        list = new address[](2);
        (list[0], list[1]) = (address(aave.pool), address(swapper));
    }

    function criticalContracts() internal view override returns (address[] memory list) {
        list = new address[](2);
        (list[0], list[1]) = (address(aave.pool), aave.aToken(address(token)));
    }

    function supportsIlliquidity() internal pure override returns (bool) {
        return true;
    }

    function makeIlliquid(uint256 left) internal override {
        uint256 there = token.balanceOf(aave.aToken(address(token)));
        if (there > left) _borrow(there - left);
    }

    function restoreLiquidity() internal override {
        token.mint(borrower, 20_000_000 * unit);
        vm.startPrank(borrower);
        token.approve(address(aave.pool), 20_000_000 * unit);
        aave.pool.repay(address(token), 20_000_000 * unit, VARIABLE_RATE_MODE, borrower);
        vm.stopPrank();
    }

    function supportsReceiptGifts() internal pure override returns (bool) {
        return true;
    }

    function giveReceipts(uint256 amount) internal override {
        assertTrue(IERC20(aave.aToken(address(token))).transfer(address(adapter), amount));
    }

    function supportsHarvest() internal pure override returns (bool) {
        return true;
    }

    /// @dev 0.01 rewards a second for 100 million, of which the position is a thousandth, over thirty days: 25.9 rewards of 2 dollars.
    function accrueRewards() internal override returns (uint256 least) {
        address purse = makeAddr("rewards purse");
        reward.mint(purse, 1_000_000e18);
        PullRewardsTransferStrategy strategy = new PullRewardsTransferStrategy(address(rewards), address(this), purse);
        vm.prank(purse);
        reward.approve(address(strategy), type(uint256).max);
        RewardsDataTypes.RewardsConfigInput[] memory config = new RewardsDataTypes.RewardsConfigInput[](1);
        config[0] = RewardsDataTypes.RewardsConfigInput({
            emissionPerSecond: 0.01e18,
            totalSupply: 0,
            distributionEnd: uint32(block.timestamp + 365 days),
            asset: aave.aToken(address(token)),
            reward: address(reward),
            transferStrategy: ITransferStrategyBase(address(strategy)),
            rewardOracle: AggregatorInterface(address(prices.feedOf(address(reward))))
        });
        rewards.configureAssets(config);
        pass(30 days);
        return 50 * unit;
    }

    function harvestData() internal view override returns (bytes memory) {
        return saleByDefaultRoute();
    }

    // SPEC C9: what has not been earned cannot be sold, and the position is no reward.
    function test_RevertIf_HarvestedWithoutRewardsOrByThePosition() public {
        enter(1000 * unit);
        bytes memory data = saleByDefaultRoute();
        vm.expectRevert(IAdapter.NothingToHarvest.selector);
        owner.harvest(adapter, data);
        address aToken = aave.aToken(address(token));
        vm.expectRevert(abi.encodeWithSignature("NotAReward(address)", aToken));
        owner.harvest(adapter, sale(aToken, ""));
    }

    function _borrow(uint256 amount) private {
        vm.prank(borrower);
        aave.pool.borrow(address(token), amount, VARIABLE_RATE_MODE, 0, borrower);
    }

    function _reserve(address asset_) private view returns (AaveDeployer.Reserve memory) {
        return AaveDeployer.Reserve({
            asset: asset_,
            feed: address(prices.feedOf(asset_)),
            loanToValue: 8000,
            liquidationThreshold: 8300,
            liquidationBonus: 10_500,
            borrowable: true,
            reserveFactor: 1000,
            rates: IDefaultInterestRateStrategyV2.InterestRateData({
                optimalUsageRatio: 9000, baseVariableBorrowRate: 0, variableRateSlope1: 550, variableRateSlope2: 4000
            })
        });
    }
}

contract AaveV3AdapterOn8DecimalsTest is AaveV3AdapterOnTokenTest(8) {}

contract AaveV3AdapterOn18DecimalsTest is AaveV3AdapterOnTokenTest(18) {}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AaveDeployer} from "../../script/protocols/AaveDeployer.sol";
import {MorphoDeployer} from "../../script/protocols/MorphoDeployer.sol";
import {Participant, Participants} from "../../script/protocols/Participant.sol";
import {Protocols} from "../../script/protocols/Protocols.sol";
import {ISafe, SafeDeployer} from "../../script/protocols/SafeDeployer.sol";
import {ScriptedFeed} from "../../script/protocols/ScriptedFeed.sol";
import {IFiatToken, UsdcDeployer} from "../../script/protocols/UsdcDeployer.sol";
import {ProtocolFixture} from "./ProtocolFixture.sol";
import {Market as MorphoMarket} from "@morpho-org/morpho-blue/src/interfaces/IMorpho.sol";
import {IOracle} from "@morpho-org/morpho-blue/src/interfaces/IOracle.sol";
import {IPriceOracleGetter} from "aave-v3-origin/interfaces/IPriceOracleGetter.sol";
import {DataTypes} from "aave-v3-origin/protocol/libraries/types/DataTypes.sol";
import {stdError} from "forge-std/StdError.sol";

interface IMetaMorphoErrors {
    error NotEnoughLiquidity();
    error TimelockNotElapsed();
}

interface IAdaptiveCurveIrm {
    /// @notice Borrow rate at 90 % utilisation, per second, 1e18 = 100 %.
    function rateAtTarget(bytes32 id) external view returns (int256);
}

/// @notice The protocols that the other integration tests and the local chain stand on behave as the real ones do.
contract ProtocolsTest is ProtocolFixture {
    using AaveDeployer for AaveDeployer.Market;
    using MorphoDeployer for MorphoDeployer.Market;
    using Participants for Participant;
    using SafeDeployer for SafeDeployer.Infrastructure;

    uint256 private constant RAY = 1e27;
    uint256 private constant ONE_MILLION = 1_000_000e6;

    function setUp() public {
        deployProtocols();
    }

    // ---- Aave ----

    function test_aaveStartsLentOutAtTheRatesOfItsCurve() public view {
        DataTypes.ReserveDataLegacy memory usdc = _reserve(address(protocols.usdc));
        // 82 % of 90 % optimal usage on a 5.5 % slope; suppliers get that times usage, less the 10 % reserve factor.
        uint256 borrowRate = RAY * 55 / 1000 * 82 / 90;
        assertApproxEqRel(usdc.currentVariableBorrowRate, borrowRate, 1e12, "USDC borrow rate");
        assertApproxEqRel(usdc.currentLiquidityRate, borrowRate * 82 / 100 * 90 / 100, 1e12, "USDC supply rate");

        DataTypes.ReserveDataLegacy memory usdt = _reserve(address(protocols.usdt));
        assertApproxEqRel(usdt.currentVariableBorrowRate, RAY * 55 / 1000 * 80 / 90, 1e12, "USDT borrow rate");
        assertEq(_reserve(address(protocols.weth)).currentLiquidityRate, 0, "WETH is collateral only");
        assertEq(aaveLiquidity(), 18_000_000e6, "withdrawable USDC");
    }

    function test_aaveSupplyEarnsTheQuotedRateAndPaysOut() public {
        _supplyAave(ONE_MILLION);
        uint256 rate = _reserve(address(protocols.usdc)).currentLiquidityRate;

        skip(30 days);
        uint256 expected = ONE_MILLION + ONE_MILLION * rate / RAY * 30 days / 365 days;
        uint256 balance = protocols.usdc.balanceOf(address(this));
        uint256 withdrawn = protocols.aave.pool.withdraw(address(protocols.usdc), type(uint256).max, address(this));

        assertApproxEqAbs(withdrawn, expected, 2, "principal and linear interest");
        assertEq(protocols.usdc.balanceOf(address(this)) - balance, withdrawn, "paid out");
    }

    function test_aaveSupplyDilutesTheRate() public {
        uint256 before = _reserve(address(protocols.usdc)).currentLiquidityRate;
        _supplyAave(10 * ONE_MILLION);
        assertLt(_reserve(address(protocols.usdc)).currentLiquidityRate, before);
    }

    function test_aaveRateRisesSteeplyAboveTheKinkAndFallsOnRepayment() public {
        uint256 before = _reserve(address(protocols.usdc)).currentVariableBorrowRate;

        borrowAave(13 * ONE_MILLION);
        // Half of the way from the kink to full usage: slope 1 and half of slope 2.
        assertApproxEqRel(
            _reserve(address(protocols.usdc)).currentVariableBorrowRate, RAY * 255 / 1000, 1e12, "at 95 %"
        );

        repayAave(13 * ONE_MILLION);
        assertApproxEqRel(_reserve(address(protocols.usdc)).currentVariableBorrowRate, before, 1e12, "back at 82 %");
    }

    function test_aaveWithdrawalBeyondItsLiquidityReverts() public {
        _supplyAave(ONE_MILLION);
        borrowAave(aaveLiquidity() - 1);

        // v3.6 does not check: its own account of the liquidity underflows.
        vm.expectRevert(stdError.arithmeticError);
        protocols.aave.pool.withdraw(address(protocols.usdc), 2, address(this));

        protocols.aave.pool.withdraw(address(protocols.usdc), 1, address(this));
        assertEq(aaveLiquidity(), 0, "the last unit was there");
    }

    function test_aaveValuesAssetsByTheFeeds() public {
        IPriceOracleGetter oracle = IPriceOracleGetter(protocols.aave.addressesProvider.getPriceOracle());
        assertEq(oracle.getAssetPrice(address(protocols.weth)), 3000e8);
        setUsdcPrice(0.97e8);
        assertEq(oracle.getAssetPrice(address(protocols.usdc)), 0.97e8);
    }

    // ---- Morpho Blue and MetaMorpho ----

    function test_metaMorphoStartsLentOutJustBelowTheTargetUtilisation() public view {
        MorphoMarket memory market = protocols.morpho.blue.market(protocols.morpho.id());
        assertApproxEqAbs(protocols.morpho.metaMorpho.totalAssets(), 60_000_000e6, 1, "supplied through the vault");
        assertApproxEqAbs(market.totalSupplyAssets, 60_000_000e6, 1001e6, "and but for the seed, nothing else");
        assertApproxEqAbs(market.totalBorrowAssets, 53_400_000e6, 901e6, "borrowed: 89 %");
        assertEq(morphoLiquidity(), 6_600_100e6, "withdrawable USDC");
        assertApproxEqRel(_rateAtTarget() * 365 days, 0.04e18, 1e12, "4 % a year at target");
    }

    function test_metaMorphoDepositEarnsInterestAndPaysOut() public {
        uint256 shares = _depositMorpho(ONE_MILLION);
        skip(30 days);

        uint256 worth = protocols.morpho.metaMorpho.convertToAssets(shares);
        // About 3.5 % a year, which utilisation 61M/53.4M and the curve's adaptation over 30 days move only a little.
        assertGt(worth, ONE_MILLION * 10_025 / 10_000, "at least 3.0 % a year");
        assertLt(worth, ONE_MILLION * 10_030 / 10_000, "at most 3.6 % a year");

        uint256 assets = protocols.morpho.metaMorpho.redeem(shares, address(this), address(this));
        assertApproxEqAbs(assets, worth, 1, "paid out");
        assertEq(protocols.usdc.balanceOf(address(this)), assets, "received");
    }

    function test_metaMorphoWithdrawalBeyondItsLiquidityReverts() public {
        _depositMorpho(10 * ONE_MILLION);
        borrowMorpho(morphoLiquidity() - ONE_MILLION);

        assertEq(protocols.morpho.metaMorpho.maxWithdraw(address(this)), ONE_MILLION, "maxWithdraw is the liquidity");
        vm.expectRevert(IMetaMorphoErrors.NotEnoughLiquidity.selector);
        protocols.morpho.metaMorpho.withdraw(ONE_MILLION + 1, address(this), address(this));

        protocols.morpho.metaMorpho.withdraw(ONE_MILLION, address(this), address(this));
        assertEq(morphoLiquidity(), 0);
    }

    function test_morphoRateAdaptsToUtilisation() public {
        uint256 start = _rateAtTarget();
        borrowMorpho(morphoLiquidity());
        skip(5 days);
        protocols.morpho.blue.accrueInterest(protocols.morpho.params);
        uint256 starved = _rateAtTarget();
        assertGt(starved, start * 15 / 10, "fully lent out, the rate climbs");

        repayMorpho(50 * ONE_MILLION);
        skip(5 days);
        protocols.morpho.blue.accrueInterest(protocols.morpho.params);
        assertLt(_rateAtTarget(), starved, "idle, it sinks");
    }

    function test_metaMorphoCapWaitsForItsTimelock() public {
        MorphoDeployer.Market memory market = MorphoDeployer.deploy(
            address(protocols.usdc), address(protocols.weth), protocols.morpho.params.oracle, ONE_MILLION, address(this)
        );
        skip(MorphoDeployer.CAP_TIMELOCK - 1);
        vm.expectRevert(IMetaMorphoErrors.TimelockNotElapsed.selector);
        market.metaMorpho.acceptCap(market.params);

        skip(1);
        MorphoDeployer.open(market);
        assertEq(market.metaMorpho.maxDeposit(address(this)), ONE_MILLION, "open up to its cap");
    }

    function test_morphoOracleFollowsBothFeeds() public {
        IOracle oracle = IOracle(protocols.morpho.params.oracle);
        // 10^-6 USDC per wei, times 1e36.
        assertEq(oracle.price(), 3000e6 * 1e36 / 1e18);
        setUsdcPrice(0.96e8);
        assertEq(oracle.price(), 3125e6 * 1e36 / 1e18, "dearer in a cheaper dollar");
        protocols.feeds.ethUsd.push(2400e8);
        assertEq(oracle.price(), 2500e6 * 1e36 / 1e18);
    }

    // ---- USDC ----

    function test_usdcIsCirclesTokenAndTakesPermits() public {
        IFiatToken usdc = protocols.usdc;
        assertEq(usdc.name(), "USD Coin");
        assertEq(usdc.symbol(), "USDC");
        assertEq(usdc.version(), "2");
        assertEq(usdc.decimals(), 6);

        (uint8 v, bytes32 r, bytes32 s) = supplier.sign(_permitDigest(supplier.account, address(this), 5e6));
        usdc.permit(supplier.account, address(this), 5e6, block.timestamp, v, r, s);
        assertEq(usdc.allowance(supplier.account, address(this)), 5e6);

        (v, r, s) = borrower.sign(_permitDigest(supplier.account, address(this), 6e6));
        vm.expectRevert(bytes("EIP2612: invalid signature"));
        usdc.permit(supplier.account, address(this), 6e6, block.timestamp, v, r, s);
    }

    function test_usdcBlacklistAndPauseStopTransfers() public {
        mintUsdc(address(this), 2);
        protocols.usdc.blacklist(supplier.account);
        vm.expectRevert(bytes("Blacklistable: account is blacklisted"));
        protocols.usdc.transfer(supplier.account, 1);

        protocols.usdc.unBlacklist(supplier.account);
        uint256 before = protocols.usdc.balanceOf(supplier.account);
        protocols.usdc.transfer(supplier.account, 1);
        assertEq(protocols.usdc.balanceOf(supplier.account), before + 1);

        protocols.usdc.pause();
        vm.expectRevert(bytes("Pausable: paused"));
        protocols.usdc.transfer(supplier.account, 1);
    }

    function test_usdcProxyAdminIsNotTheDeployer() public {
        vm.prank(UsdcDeployer.PROXY_ADMIN);
        (bool ok, bytes memory admin) = address(protocols.usdc).call(abi.encodeWithSignature("admin()"));
        assertTrue(ok);
        assertEq(abi.decode(admin, (address)), UsdcDeployer.PROXY_ADMIN);
    }

    function test_usdtIsASecondDollar() public view {
        assertEq(protocols.usdt.symbol(), "USDT");
        assertEq(protocols.usdt.decimals(), 6);
        assertNotEq(address(protocols.usdt), address(protocols.usdc));
    }

    // ---- Safe ----

    function test_safeTwoOfThreeExecutes() public {
        (ISafe safe, uint256[3] memory keys) = _safe();
        mintUsdc(address(safe), 100e6);
        bytes memory transfer = abi.encodeCall(protocols.usdc.transfer, (supplier.account, 40e6));
        assertEq(safe.VERSION(), "1.4.1");
        assertEq(safe.getThreshold(), 2);

        bytes memory one = _signature(safe, keys[0], transfer);
        vm.expectRevert(bytes("GS020"));
        _execute(safe, transfer, one);

        uint256 before = protocols.usdc.balanceOf(supplier.account);
        bytes memory two = bytes.concat(one, _signature(safe, keys[2], transfer));
        assertTrue(_execute(safe, transfer, two));
        assertEq(protocols.usdc.balanceOf(supplier.account) - before, 40e6);
        assertEq(safe.nonce(), 1);

        // The nonce moved on: the same signatures recover to nobody who owns the Safe.
        vm.expectRevert(bytes("GS026"));
        _execute(safe, transfer, two);
    }

    // ---- Feeds ----

    function test_feedAnswersPushedRoundsAndKeepsTheirHistory() public {
        ScriptedFeed feed = protocols.feeds.usdcUsd;
        (uint80 first,,, uint256 updatedAt,) = feed.latestRoundData();
        assertEq(updatedAt, START_TIME, "fresh after deployment");

        skip(1 hours);
        feed.push(0.99e8);
        (uint80 second, int256 answer, uint256 startedAt, uint256 later, uint80 answeredIn) = feed.latestRoundData();
        assertEq(second, first + 1);
        assertEq(answer, 0.99e8);
        assertEq(startedAt, START_TIME + 1 hours);
        assertEq(later, START_TIME + 1 hours);
        assertEq(answeredIn, second);
        assertEq(feed.latestAnswer(), 0.99e8);

        (, int256 earlier,,,) = feed.getRoundData(first);
        assertEq(earlier, 1e8);
        vm.expectRevert(bytes("No data present"));
        feed.getRoundData(second + 1);
    }

    function test_feedAnswersBrokenRoundsAsWritten() public {
        ScriptedFeed feed = protocols.feeds.usdcUsd;
        feed.pushRound(7, -5, 11, block.timestamp + 1 days, 3);
        (uint80 id, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredIn) = feed.latestRoundData();
        assertEq(id, 7);
        assertEq(answer, -5);
        assertEq(startedAt, 11);
        assertEq(updatedAt, block.timestamp + 1 days);
        assertEq(answeredIn, 3);
    }

    function test_feedCanRevertAndRecover() public {
        ScriptedFeed feed = protocols.feeds.usdcUsd;
        feed.setReverting(true);
        vm.expectRevert(ScriptedFeed.FeedReverting.selector);
        feed.latestRoundData();
        vm.expectRevert(ScriptedFeed.FeedReverting.selector);
        feed.latestAnswer();

        feed.setReverting(false);
        assertEq(feed.latestAnswer(), 1e8);
    }

    function test_refreshKeepsPricesAndRenewsTheirTime() public {
        setUsdcPrice(0.98e8);
        skip(2 days);
        refreshFeeds();
        (, int256 answer,, uint256 updatedAt,) = protocols.feeds.usdcUsd.latestRoundData();
        assertEq(answer, 0.98e8);
        assertEq(updatedAt, block.timestamp);
        (,,, updatedAt,) = protocols.feeds.ethUsd.latestRoundData();
        assertEq(updatedAt, block.timestamp);
    }

    // ---- Deployment ----

    function test_deploymentRefusesAnAdminWhoCannotPayForTheCollateral() public {
        vm.deal(address(this), Protocols.ETH_NEEDED - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                Protocols.NotEnoughEth.selector, address(this), Protocols.ETH_NEEDED - 1, Protocols.ETH_NEEDED
            )
        );
        this.deployAgain();
    }

    /// @dev External, so that a revert inside can be expected.
    function deployAgain() external {
        Protocols.deploy(address(this), supplier, borrower);
    }

    function _reserve(address asset) private view returns (DataTypes.ReserveDataLegacy memory) {
        return protocols.aave.pool.getReserveData(asset);
    }

    function _supplyAave(uint256 amount) private {
        mintUsdc(address(this), amount);
        protocols.aave.supply(address(protocols.usdc), amount, address(this));
    }

    function _depositMorpho(uint256 amount) private returns (uint256 shares) {
        mintUsdc(address(this), amount);
        protocols.usdc.approve(address(protocols.morpho.metaMorpho), amount);
        return protocols.morpho.metaMorpho.deposit(amount, address(this));
    }

    function _rateAtTarget() private view returns (uint256) {
        bytes32 id = keccak256(abi.encode(protocols.morpho.params));
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint256(IAdaptiveCurveIrm(protocols.morpho.irm).rateAtTarget(id));
    }

    function _permitDigest(address owner, address spender, uint256 value) private view returns (bytes32) {
        bytes32 typeHash =
            keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        uint256 nonce = protocols.usdc.nonces(owner);
        bytes32 hash = keccak256(abi.encode(typeHash, owner, spender, value, nonce, block.timestamp));
        return keccak256(abi.encodePacked(hex"1901", protocols.usdc.DOMAIN_SEPARATOR(), hash));
    }

    /// @dev The keys are in the ascending order of their addresses, in which a Safe wants signatures.
    function _safe() private returns (ISafe safe, uint256[3] memory keys) {
        keys = [uint256(101), 102, 103];
        for (uint256 i; i < 2; ++i) {
            for (uint256 j = i + 1; j < 3; ++j) {
                if (vm.addr(keys[j]) < vm.addr(keys[i])) (keys[i], keys[j]) = (keys[j], keys[i]);
            }
        }
        address[] memory owners = new address[](3);
        for (uint256 i; i < 3; ++i) {
            owners[i] = vm.addr(keys[i]);
        }
        safe = protocols.safe.create(owners, 2, 0);
    }

    function _signature(ISafe safe, uint256 key, bytes memory data) private view returns (bytes memory) {
        bytes32 digest =
            safe.getTransactionHash(address(protocols.usdc), 0, data, 0, 0, 0, 0, address(0), address(0), safe.nonce());
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function _execute(ISafe safe, bytes memory data, bytes memory signatures) private returns (bool) {
        return
            safe.execTransaction(
                address(protocols.usdc), 0, data, 0, 0, 0, 0, address(0), payable(address(0)), signatures
            );
    }
}

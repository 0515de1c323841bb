// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AaveV3Adapter} from "../../contracts/adapters/AaveV3Adapter.sol";
import {IAdapter} from "../../contracts/interfaces/IAdapter.sol";
import {IStrategyHub} from "../../contracts/interfaces/IStrategyHub.sol";
import {Allocation} from "../../contracts/types/Allocation.sol";
import {Ballast} from "../../script/ballast/Ballast.sol";
import {KeeperActions} from "../support/KeeperActions.sol";
import {ProtocolFixture} from "./ProtocolFixture.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title BallastOnProtocols
/// @notice Ballast as its deployment script leaves it, on the real Aave v3.6, the real MetaMorpho and the real USDC.
abstract contract BallastOnProtocols is ProtocolFixture, KeeperActions {
    uint256 internal constant COOLDOWN = 6 hours;
    uint256 internal constant CAP = 20_000_000e6;

    address internal immutable guardian = makeAddr("guardian");
    address internal immutable emergency = makeAddr("emergency safe");
    address internal immutable governance = makeAddr("governance safe");
    address internal immutable stranger = makeAddr("stranger");
    address internal immutable alice = makeAddr("alice");
    address internal immutable bob = makeAddr("bob");

    Ballast.Contracts internal deployed;
    AaveV3Adapter internal aave;
    /// @dev The vault holds its shares directly.
    IERC4626 internal metaMorpho;

    function setUp() public virtual {
        createKeys();
        deployProtocols();
        Ballast.Parameters memory parameters = _parameters();
        Ballast.Contracts memory contracts = Ballast.deploy(parameters, address(this));
        Ballast.configure(contracts, parameters);
        Ballast.handOver(contracts, address(this));
        deployed = contracts;
        (vault, killSwitch, hub) = (contracts.vault, contracts.killSwitch, contracts.hub);
        (aave, metaMorpho) = (AaveV3Adapter(contracts.adapters[0]), IERC4626(contracts.adapters[1]));
        observe();
    }

    /// @notice Both venues' targets, in the order of the adapters' addresses.
    function both(uint16 aaveBps, uint16 metaMorphoBps) internal view returns (Allocation[] memory) {
        return address(aave) < address(metaMorpho)
            ? two(address(aave), aaveBps, address(metaMorpho), metaMorphoBps)
            : two(address(metaMorpho), metaMorphoBps, address(aave), aaveBps);
    }

    function deposit(address who, uint256 assets) internal returns (uint256 shares) {
        mintUsdc(who, assets);
        vm.startPrank(who);
        protocols.usdc.approve(address(vault), assets);
        shares = vault.deposit(assets, who);
        vm.stopPrank();
    }

    /// @notice Time passes with the feeds answering on and the venues observed.
    function pass(uint256 time) internal {
        skip(time);
        vm.roll(vm.getBlockNumber() + time / 12 + 1);
        refreshFeeds();
        observe();
    }

    /// @notice Observes both venues in two blocks and moves on to the next one, in which the observations count.
    function observe() internal {
        for (uint256 i; i < 2; ++i) {
            killSwitch.observe(deployed.adapters);
            nextBlock();
        }
    }

    /// @notice What a position is worth, whether the vault holds it through an adapter or directly.
    function valueOf(address position) internal view returns (uint256) {
        if (position == address(metaMorpho)) return metaMorpho.previewRedeem(metaMorpho.balanceOf(address(vault)));
        return IAdapter(position).value();
    }

    /// @notice What a position pays now.
    function liquidityOf(address position) internal view returns (uint256) {
        if (position == address(metaMorpho)) return metaMorpho.maxWithdraw(address(vault));
        return IAdapter(position).liquidity();
    }

    /// @notice Between calls an adapter holds no assets, and no venue may take any from it or from the vault.
    function assertNothingLeftBehind() internal view {
        IERC20 usdc = IERC20(address(protocols.usdc));
        for (uint256 i; i < deployed.adapters.length; ++i) {
            address adapter = deployed.adapters[i];
            assertEq(usdc.balanceOf(adapter), 0, "assets in an adapter");
            assertEq(usdc.allowance(adapter, address(protocols.aave.pool)), 0, "allowance to Aave");
            assertEq(usdc.allowance(adapter, address(protocols.morpho.metaMorpho)), 0, "allowance to MetaMorpho");
            assertEq(usdc.allowance(address(vault), adapter), 0, "allowance to an adapter");
        }
        assertGe(usdc.balanceOf(address(vault)), vault.idle(), "books above balance");
    }

    function _parameters() private view returns (Ballast.Parameters memory p) {
        p.asset = address(protocols.usdc);
        p.name = "Ballast USDC";
        p.symbol = "bUSDC";
        p.depositCap = CAP;
        p.maxLossBps = 10;
        p.dailyLossBps = 20;
        p.maxGrowthBps = 10_000;
        p.gracePeriod = 30 days;
        p.keeper = keeper;
        p.attestor = attestor.addr;
        p.governance = governance;
        p.emergency = emergency;
        p.guardians = new address[](1);
        p.guardians[0] = guardian;
        p.timelockDelay = 2 days;
        p.limits = IStrategyHub.Limits({
            reserveBps: 500,
            minPositionBps: 500,
            maxPositionBps: 5000,
            minStepBps: 500,
            maxVenueShareBps: 100,
            maxUtilisationBps: 9500,
            flowBps: 10_000,
            approvalBps: 10_000,
            approvalFloor: 0,
            cooldown: uint32(COOLDOWN)
        });
        p.feeds = new Ballast.FeedParameters[](1);
        p.feeds[0] = Ballast.FeedParameters(address(protocols.usdc), address(protocols.feeds.usdcUsd), 24 hours);
        p.venues = new Ballast.VenueParameters[](2);
        p.venues[0] = Ballast.VenueParameters("aave-v3", address(protocols.aave.pool), CAP, 20);
        p.venues[1] = Ballast.VenueParameters("metamorpho", address(protocols.morpho.metaMorpho), CAP, 40);
    }
}

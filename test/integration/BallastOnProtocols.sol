// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AaveV3Adapter} from "../../contracts/adapters/AaveV3Adapter.sol";
import {Erc4626Adapter} from "../../contracts/adapters/Erc4626Adapter.sol";
import {IStrategyHub} from "../../contracts/interfaces/IStrategyHub.sol";
import {Allocation} from "../../contracts/types/Allocation.sol";
import {Ballast} from "../../script/ballast/Ballast.sol";
import {KeeperActions} from "../support/KeeperActions.sol";
import {ProtocolFixture} from "./ProtocolFixture.sol";
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
    Erc4626Adapter internal metaMorpho;

    function setUp() public virtual {
        createKeys();
        deployProtocols();
        Ballast.Parameters memory parameters = _parameters();
        Ballast.Contracts memory contracts = Ballast.deploy(parameters, address(this));
        Ballast.configure(contracts, parameters);
        Ballast.handOver(contracts, address(this));
        deployed = contracts;
        (vault, killSwitch, hub) = (contracts.vault, contracts.killSwitch, contracts.hub);
        (aave, metaMorpho) = (AaveV3Adapter(contracts.adapters[0]), Erc4626Adapter(contracts.adapters[1]));
        nextBlock();
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

    /// @notice Time passes with the feeds answering on.
    function pass(uint256 time) internal {
        skip(time);
        vm.roll(vm.getBlockNumber() + time / 12 + 1);
        refreshFeeds();
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
            cooldown: uint32(COOLDOWN)
        });
        p.feeds = new Ballast.FeedParameters[](1);
        p.feeds[0] = Ballast.FeedParameters(address(protocols.usdc), address(protocols.feeds.usdcUsd), 24 hours);
        p.venues = new Ballast.VenueParameters[](2);
        p.venues[0] = Ballast.VenueParameters("aave-v3", address(protocols.aave.pool), CAP, 20);
        p.venues[1] = Ballast.VenueParameters("metamorpho", address(protocols.morpho.metaMorpho), CAP, 40);
    }
}

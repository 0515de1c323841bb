// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {KillSwitchManager} from "../../contracts/KillSwitchManager.sol";
import {StrategyHub} from "../../contracts/StrategyHub.sol";
import {Vault} from "../../contracts/Vault.sol";
import {AaveV3Adapter} from "../../contracts/adapters/AaveV3Adapter.sol";
import {Erc4626Adapter} from "../../contracts/adapters/Erc4626Adapter.sol";
import {IStrategyHub} from "../../contracts/interfaces/IStrategyHub.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title Ballast
/// @notice Deploys the contracts, configures them and hands them over: deploy → configure → handOver, by one account that
/// has no power left afterwards.
library Ballast {
    error UnknownVenueKind(string kind);

    /// @param token The token whose price the feed gives.
    /// @param heartbeat Seconds in which the feed promises a round.
    struct FeedParameters {
        address token;
        address aggregator;
        uint32 heartbeat;
    }

    /// @param kind "aave-v3" or "metamorpho".
    /// @param venue The pool or the vault the adapter puts assets into.
    /// @param cap Absolute cap, in assets.
    /// @param riskScore 0–100, high is risky.
    struct VenueParameters {
        string kind;
        address venue;
        uint256 cap;
        uint8 riskScore;
    }

    /// @param governance Safe that proposes to and executes on the timelock.
    /// @param emergency Safe that may exit venues and enter Exit mode.
    /// @param guardians Each may reduce risk alone.
    /// @param timelockDelay Seconds between proposal and execution.
    struct Parameters {
        address asset;
        string name;
        string symbol;
        uint256 depositCap;
        uint256 maxLossBps;
        address keeper;
        address attestor;
        address governance;
        address emergency;
        address[] guardians;
        uint256 timelockDelay;
        IStrategyHub.Limits limits;
        FeedParameters[] feeds;
        VenueParameters[] venues;
    }

    struct Contracts {
        Vault vault;
        KillSwitchManager killSwitch;
        StrategyHub hub;
        TimelockController timelock;
        /// Parallel to Parameters.venues.
        address[] adapters;
    }

    /// @notice Deploys everything with `admin`, the caller, as its administrator for now.
    function deploy(Parameters memory parameters, address admin) internal returns (Contracts memory deployed) {
        deployed.vault = new Vault(
            IERC20(parameters.asset),
            parameters.name,
            parameters.symbol,
            admin,
            parameters.depositCap,
            parameters.maxLossBps
        );
        deployed.killSwitch = new KillSwitchManager(deployed.vault, admin);
        deployed.hub =
            new StrategyHub(deployed.vault, deployed.killSwitch, parameters.attestor, admin, parameters.limits);
        deployed.adapters = new address[](parameters.venues.length);
        for (uint256 i; i < parameters.venues.length; ++i) {
            deployed.adapters[i] = _adapter(address(deployed.vault), parameters.venues[i]);
        }
        address[] memory governance = new address[](1);
        governance[0] = parameters.governance;
        // Without an administrator of its own, the timelock's roles change only through the timelock.
        deployed.timelock = new TimelockController(parameters.timelockDelay, governance, governance, address(0));
    }

    /// @notice Sets feeds, venues, caps and roles. The caller is the administrator.
    function configure(Contracts memory deployed, Parameters memory parameters) internal {
        for (uint256 i; i < parameters.feeds.length; ++i) {
            FeedParameters memory feed = parameters.feeds[i];
            deployed.killSwitch.setFeed(feed.token, feed.aggregator, feed.heartbeat);
        }
        deployed.vault.setHub(address(deployed.hub));
        for (uint256 i; i < deployed.adapters.length; ++i) {
            deployed.vault.listAdapter(deployed.adapters[i], parameters.venues[i].cap);
            deployed.hub.setRiskScore(deployed.adapters[i], parameters.venues[i].riskScore);
            deployed.hub.checkpoint(deployed.adapters[i]);
        }

        deployed.hub.grantRole(deployed.hub.KEEPER_ROLE(), parameters.keeper);
        bytes32 guardianRole = deployed.vault.GUARDIAN_ROLE();
        for (uint256 i; i < parameters.guardians.length; ++i) {
            deployed.vault.grantRole(guardianRole, parameters.guardians[i]);
            deployed.hub.grantRole(guardianRole, parameters.guardians[i]);
            deployed.killSwitch.grantRole(guardianRole, parameters.guardians[i]);
        }
        // So that Exit mode also closes deposits.
        deployed.vault.grantRole(guardianRole, address(deployed.killSwitch));
        bytes32 emergencyRole = deployed.vault.EMERGENCY_ROLE();
        deployed.vault.grantRole(emergencyRole, parameters.emergency);
        deployed.hub.grantRole(emergencyRole, parameters.emergency);
        deployed.killSwitch.grantRole(emergencyRole, parameters.emergency);
    }

    /// @notice Makes the timelock the only administrator; `admin`, the caller, gives up its role.
    function handOver(Contracts memory deployed, address admin) internal {
        bytes32 role = deployed.vault.DEFAULT_ADMIN_ROLE();
        address timelock = address(deployed.timelock);
        deployed.vault.grantRole(role, timelock);
        deployed.hub.grantRole(role, timelock);
        deployed.killSwitch.grantRole(role, timelock);
        deployed.vault.renounceRole(role, admin);
        deployed.hub.renounceRole(role, admin);
        deployed.killSwitch.renounceRole(role, admin);
    }

    function _adapter(address vault, VenueParameters memory venue) private returns (address) {
        bytes32 kind = keccak256(bytes(venue.kind));
        if (kind == keccak256("aave-v3")) return address(new AaveV3Adapter(vault, venue.venue));
        if (kind == keccak256("metamorpho")) return address(new Erc4626Adapter(vault, venue.venue));
        revert UnknownVenueKind(venue.kind);
    }
}

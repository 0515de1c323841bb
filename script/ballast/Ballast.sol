// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {KillSwitchManager} from "../../contracts/KillSwitchManager.sol";
import {StrategyHub} from "../../contracts/StrategyHub.sol";
import {Vault} from "../../contracts/Vault.sol";
import {AaveV3Adapter} from "../../contracts/adapters/AaveV3Adapter.sol";
import {IStrategyHub} from "../../contracts/interfaces/IStrategyHub.sol";
import {ISwapper} from "../../contracts/interfaces/ISwapper.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
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

    /// @param kind "aave-v3", held through an adapter, or "metamorpho", whose shares the vault holds itself.
    /// @param venue The pool or the vault that assets are put into.
    /// @param cap Absolute cap, in assets.
    /// @param riskScore 0–100, high is risky.
    struct VenueParameters {
        string kind;
        address venue;
        uint256 cap;
        uint8 riskScore;
    }

    /// @param governance Safe that alone proposes to, cancels on and executes on the timelock.
    /// @param emergency Safe that may exit venues and enter Exit mode.
    /// @param guardians Each may reduce risk alone.
    /// @param watchers Each may stop additions to a venue for days, because of what its governance is about to do. May be none.
    /// @param timelockDelay Seconds between proposal and execution.
    /// @param gracePeriod Seconds that the keeper may be silent.
    struct Parameters {
        address asset;
        string name;
        string symbol;
        uint256 depositCap;
        uint256 maxLossBps;
        uint256 dailyLossBps;
        uint256 maxGrowthBps;
        address keeper;
        address attestor;
        address governance;
        address emergency;
        address[] guardians;
        address[] watchers;
        uint256 timelockDelay;
        uint256 gracePeriod;
        IStrategyHub.Limits limits;
        FeedParameters[] feeds;
        VenueParameters[] venues;
    }

    /// @notice One role of one contract and who holds it.
    struct Grant {
        IAccessControl on;
        bytes32 role;
        address holder;
    }

    struct Contracts {
        Vault vault;
        KillSwitchManager killSwitch;
        StrategyHub hub;
        TimelockController timelock;
        /// The positions, parallel to Parameters.venues: an adapter, or the venue itself where it is held directly.
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
            parameters.maxLossBps,
            parameters.dailyLossBps,
            parameters.maxGrowthBps
        );
        deployed.killSwitch = new KillSwitchManager(deployed.vault, admin);
        deployed.hub = new StrategyHub(
            deployed.vault, deployed.killSwitch, parameters.attestor, admin, parameters.limits, parameters.gracePeriod
        );
        deployed.adapters = new address[](parameters.venues.length);
        for (uint256 i; i < parameters.venues.length; ++i) {
            deployed.adapters[i] = _position(address(deployed.vault), parameters.venues[i]);
        }
        address[] memory governance = new address[](1);
        governance[0] = parameters.governance;
        // Without an administrator of its own, the timelock's roles change only through the timelock.
        deployed.timelock = new TimelockController(parameters.timelockDelay, governance, governance, address(0));
    }

    /// @notice Sets feeds, venues, caps and roles. The caller is the administrator. What is already as it should be is left alone, so
    /// that a broadcast that broke off can be repeated.
    function configure(Contracts memory deployed, Parameters memory parameters) internal {
        for (uint256 i; i < parameters.feeds.length; ++i) {
            FeedParameters memory feed = parameters.feeds[i];
            (address aggregator,, uint32 heartbeat,,,) = deployed.killSwitch.feeds(feed.token);
            if (aggregator != feed.aggregator || heartbeat != feed.heartbeat) {
                deployed.killSwitch.setFeed(feed.token, feed.aggregator, feed.heartbeat);
            }
        }
        if (deployed.vault.hub() != address(deployed.hub)) deployed.vault.setHub(address(deployed.hub));
        for (uint256 i; i < deployed.adapters.length; ++i) {
            _configureVenue(deployed, deployed.adapters[i], parameters.venues[i]);
        }
        Grant[] memory granted = grants(deployed, parameters);
        for (uint256 i; i < granted.length; ++i) {
            _grant(granted[i]);
        }
    }

    /// @notice Makes the timelock the only administrator; `admin`, the caller, gives up its role. May be repeated.
    function handOver(Contracts memory deployed, address admin) internal {
        Grant[] memory administration = administrators(deployed);
        for (uint256 i; i < administration.length; ++i) {
            Grant memory grant = administration[i];
            if (!grant.on.hasRole(grant.role, admin)) continue;
            _grant(grant);
            grant.on.renounceRole(grant.role, admin);
        }
    }

    /// @notice Every role but the administrator's, and who holds it.
    function grants(Contracts memory deployed, Parameters memory parameters)
        internal
        view
        returns (Grant[] memory all)
    {
        IAccessControl[3] memory on = _governed(deployed);
        bytes32 guardian = deployed.vault.GUARDIAN_ROLE();
        bytes32 emergency = deployed.vault.EMERGENCY_ROLE();
        all = new Grant[](3 + parameters.watchers.length + on.length * (1 + parameters.guardians.length));
        uint256 count;
        all[count++] = Grant(on[1], deployed.hub.KEEPER_ROLE(), parameters.keeper);
        all[count++] = Grant(on[1], deployed.hub.APPROVER_ROLE(), parameters.governance);
        // So that Exit mode also closes deposits.
        all[count++] = Grant(on[0], guardian, address(deployed.killSwitch));
        bytes32 watcher = deployed.killSwitch.WATCHER_ROLE();
        for (uint256 i; i < parameters.watchers.length; ++i) {
            all[count++] = Grant(on[2], watcher, parameters.watchers[i]);
        }
        for (uint256 i; i < on.length; ++i) {
            all[count++] = Grant(on[i], emergency, parameters.emergency);
            for (uint256 j; j < parameters.guardians.length; ++j) {
                all[count++] = Grant(on[i], guardian, parameters.guardians[j]);
            }
        }
    }

    /// @notice The administrator's role of each governed contract, held by the timelock.
    function administrators(Contracts memory deployed) internal view returns (Grant[] memory all) {
        IAccessControl[3] memory on = _governed(deployed);
        bytes32 role = deployed.vault.DEFAULT_ADMIN_ROLE();
        all = new Grant[](on.length);
        for (uint256 i; i < on.length; ++i) {
            all[i] = Grant(on[i], role, address(deployed.timelock));
        }
    }

    /// @dev Every contract whose roles the deployment hands out.
    function _governed(Contracts memory deployed) private pure returns (IAccessControl[3] memory) {
        return [IAccessControl(deployed.vault), IAccessControl(deployed.hub), IAccessControl(deployed.killSwitch)];
    }

    function _configureVenue(Contracts memory deployed, address adapter, VenueParameters memory venue) private {
        (bool listed, uint256 cap) = deployed.vault.adapterConfig(adapter);
        if (!listed && adapter == venue.venue) deployed.vault.listVenue(adapter, venue.cap);
        else if (!listed) deployed.vault.listAdapter(adapter, venue.cap);
        else if (cap != venue.cap) deployed.vault.setAdapterCap(adapter, venue.cap);
        if (deployed.hub.riskScore(adapter) != venue.riskScore) {
            deployed.hub.setRiskScore(adapter, venue.riskScore);
        }
    }

    function _grant(Grant memory grant) private {
        if (!grant.on.hasRole(grant.role, grant.holder)) grant.on.grantRole(grant.role, grant.holder);
    }

    function _position(address vault, VenueParameters memory venue) private returns (address) {
        bytes32 kind = keccak256(bytes(venue.kind));
        if (kind == keccak256("aave-v3")) return address(new AaveV3Adapter(vault, venue.venue, ISwapper(address(0))));
        if (kind == keccak256("metamorpho")) return venue.venue;
        revert UnknownVenueKind(venue.kind);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IStrategyHub} from "../contracts/interfaces/IStrategyHub.sol";
import {Ballast} from "./ballast/Ballast.sol";
import {ISafeProxyFactory, SafeDeployer} from "./protocols/SafeDeployer.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Script} from "forge-std/Script.sol";

/// @title Deploy
/// @notice Deploys Ballast from a parameter file and hands it over to Safe and timelock.
///
///   forge script script/Deploy.s.sol --broadcast --rpc-url …
///
/// Environment:
///   DEPLOYER_KEY     private key of the account that deploys; it has no role left afterwards
///   PARAMETERS       JSON file of Ballast.Parameters (see `_parameters`); governance and emergency are either addresses of
///                    Safes, or `safe` holds {singleton, factory, fallbackHandler, owners, threshold} and one is created for both
///   DEPLOYMENT_OUT   JSON file to write, under target/: vault, killSwitch, hub, timelock, governance, emergency, adapters
contract Deploy is Script {
    using Ballast for Ballast.Contracts;
    using SafeCast for uint256;

    function run() external {
        uint256 key = vm.envUint("DEPLOYER_KEY");
        string memory json = vm.readFile(vm.envString("PARAMETERS"));
        Ballast.Parameters memory parameters = _parameters(json);

        vm.startBroadcast(key);
        if (vm.keyExistsJson(json, ".safe")) {
            address safe = _createSafe(json);
            parameters.governance = safe;
            parameters.emergency = safe;
        }
        Ballast.Contracts memory deployed = Ballast.deploy(parameters, vm.addr(key));
        deployed.configure(parameters);
        deployed.handOver(vm.addr(key));
        vm.stopBroadcast();

        vm.serializeAddress("deployment", "vault", address(deployed.vault));
        vm.serializeAddress("deployment", "killSwitch", address(deployed.killSwitch));
        vm.serializeAddress("deployment", "hub", address(deployed.hub));
        vm.serializeAddress("deployment", "timelock", address(deployed.timelock));
        vm.serializeAddress("deployment", "governance", parameters.governance);
        vm.serializeAddress("deployment", "emergency", parameters.emergency);
        vm.writeJson(vm.serializeAddress("deployment", "adapters", deployed.adapters), vm.envString("DEPLOYMENT_OUT"));
    }

    function _createSafe(string memory json) private returns (address) {
        SafeDeployer.Infrastructure memory infrastructure = SafeDeployer.Infrastructure({
            singleton: vm.parseJsonAddress(json, ".safe.singleton"),
            factory: ISafeProxyFactory(vm.parseJsonAddress(json, ".safe.factory")),
            fallbackHandler: vm.parseJsonAddress(json, ".safe.fallbackHandler")
        });
        return address(
            SafeDeployer.create(
                infrastructure,
                vm.parseJsonAddressArray(json, ".safe.owners"),
                vm.parseJsonUint(json, ".safe.threshold"),
                0
            )
        );
    }

    function _parameters(string memory json) private view returns (Ballast.Parameters memory parameters) {
        parameters.asset = vm.parseJsonAddress(json, ".asset");
        parameters.name = vm.parseJsonString(json, ".name");
        parameters.symbol = vm.parseJsonString(json, ".symbol");
        parameters.depositCap = vm.parseJsonUint(json, ".depositCap");
        parameters.maxLossBps = vm.parseJsonUint(json, ".maxLossBps");
        parameters.keeper = vm.parseJsonAddress(json, ".keeper");
        parameters.attestor = vm.parseJsonAddress(json, ".attestor");
        if (!vm.keyExistsJson(json, ".safe")) {
            parameters.governance = vm.parseJsonAddress(json, ".governance");
            parameters.emergency = vm.parseJsonAddress(json, ".emergency");
        }
        parameters.guardians = vm.parseJsonAddressArray(json, ".guardians");
        parameters.timelockDelay = vm.parseJsonUint(json, ".timelockDelay");
        parameters.limits = IStrategyHub.Limits({
            reserveBps: vm.parseJsonUint(json, ".limits.reserveBps").toUint16(),
            minPositionBps: vm.parseJsonUint(json, ".limits.minPositionBps").toUint16(),
            maxPositionBps: vm.parseJsonUint(json, ".limits.maxPositionBps").toUint16(),
            minStepBps: vm.parseJsonUint(json, ".limits.minStepBps").toUint16(),
            maxVenueShareBps: vm.parseJsonUint(json, ".limits.maxVenueShareBps").toUint16(),
            maxUtilisationBps: vm.parseJsonUint(json, ".limits.maxUtilisationBps").toUint16(),
            cooldown: vm.parseJsonUint(json, ".limits.cooldown").toUint32()
        });

        uint256 feeds;
        while (vm.keyExistsJson(json, _at(".feeds", feeds, ""))) ++feeds;
        parameters.feeds = new Ballast.FeedParameters[](feeds);
        for (uint256 i; i < feeds; ++i) {
            parameters.feeds[i] = Ballast.FeedParameters({
                token: vm.parseJsonAddress(json, _at(".feeds", i, ".token")),
                aggregator: vm.parseJsonAddress(json, _at(".feeds", i, ".aggregator")),
                heartbeat: vm.parseJsonUint(json, _at(".feeds", i, ".heartbeat")).toUint32()
            });
        }

        uint256 venues;
        while (vm.keyExistsJson(json, _at(".venues", venues, ""))) ++venues;
        parameters.venues = new Ballast.VenueParameters[](venues);
        for (uint256 i; i < venues; ++i) {
            parameters.venues[i] = Ballast.VenueParameters({
                kind: vm.parseJsonString(json, _at(".venues", i, ".kind")),
                venue: vm.parseJsonAddress(json, _at(".venues", i, ".venue")),
                cap: vm.parseJsonUint(json, _at(".venues", i, ".cap")),
                riskScore: vm.parseJsonUint(json, _at(".venues", i, ".riskScore")).toUint8()
            });
        }
    }

    function _at(string memory list, uint256 index, string memory field) private pure returns (string memory) {
        return string.concat(list, "[", vm.toString(index), "]", field);
    }
}

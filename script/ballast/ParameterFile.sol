// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IStrategyHub} from "../../contracts/interfaces/IStrategyHub.sol";
import {ISafeProxyFactory, SafeDeployer} from "../protocols/SafeDeployer.sol";
import {Ballast} from "./Ballast.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Vm} from "forge-std/Vm.sol";

/// @title ParameterFile
/// @notice Reads deploy/parameters/<chain>.json, the one file that a deployment follows from. What only the operator knows
/// (owners, guardians, keys) is empty in the repository: an empty entry is an error that names it.
library ParameterFile {
    using SafeCast for uint256;

    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// @notice The file has no value at `key`.
    error MissingParameter(string key);
    /// @notice The address at `key` is not written with the checksum of EIP-55, so a mistyped digit would go unnoticed.
    error NotChecksummed(string key, string found, string expected);
    /// @notice The file is for another chain than the one connected to.
    error WrongChain(uint256 fileChainId, uint256 chainId);

    /// @param existing The Safe, if there already is one; otherwise one is created from the rest.
    /// @param threshold Owners who have to sign.
    struct SafeParameters {
        address existing;
        address[] owners;
        uint256 threshold;
    }

    /// @param ballast As {Ballast.deploy} takes it, but for the addresses of Safes that do not exist yet.
    /// @param longestExit The longest time that leaving a venue may take, in seconds: the timelock must not be shorter.
    struct File {
        Ballast.Parameters ballast;
        SafeParameters governance;
        SafeParameters emergency;
        SafeDeployer.Infrastructure safe;
        uint256 longestExit;
    }

    /// @notice Parses the text of a parameter file for the chain that is connected to.
    function parse(string memory json) internal view returns (File memory file) {
        uint256 chainId = _uint(json, ".chainId");
        if (chainId != block.chainid) revert WrongChain(chainId, block.chainid);
        Ballast.Parameters memory ballast = file.ballast;
        ballast.asset = _address(json, ".asset");
        ballast.name = _string(json, ".name");
        ballast.symbol = _string(json, ".symbol");
        ballast.depositCap = _uint(json, ".vault.depositCap");
        ballast.maxLossBps = _uint(json, ".vault.maxLossBps");
        ballast.dailyLossBps = _uint(json, ".vault.dailyLossBps");
        ballast.maxGrowthBps = _uint(json, ".vault.maxGrowthBps");
        ballast.keeper = _address(json, ".keeper");
        ballast.attestor = _address(json, ".attestor");
        ballast.guardians = _addresses(json, ".guardians");
        ballast.watchers = _addressesOrNone(json, ".watchers");
        ballast.timelockDelay = _uint(json, ".timelockDelay");
        ballast.gracePeriod = _uint(json, ".gracePeriod");
        ballast.limits = _limits(json);
        ballast.feeds = _feeds(json);
        (ballast.venues, file.longestExit) = _venues(json);

        file.governance = _safe(json, ".governance");
        file.emergency = _safe(json, ".emergency");
        ballast.governance = file.governance.existing;
        ballast.emergency = file.emergency.existing;
        if (file.governance.existing == address(0) || file.emergency.existing == address(0)) {
            file.safe = SafeDeployer.Infrastructure({
                singleton: _address(json, ".safe.singleton"),
                factory: ISafeProxyFactory(_address(json, ".safe.factory")),
                fallbackHandler: _address(json, ".safe.fallbackHandler")
            });
        }
    }

    function _limits(string memory json) private view returns (IStrategyHub.Limits memory) {
        return IStrategyHub.Limits({
            reserveBps: _uint(json, ".limits.reserveBps").toUint16(),
            minPositionBps: _uint(json, ".limits.minPositionBps").toUint16(),
            maxPositionBps: _uint(json, ".limits.maxPositionBps").toUint16(),
            minStepBps: _uint(json, ".limits.minStepBps").toUint16(),
            maxVenueShareBps: _uint(json, ".limits.maxVenueShareBps").toUint16(),
            maxUtilisationBps: _uint(json, ".limits.maxUtilisationBps").toUint16(),
            flowBps: _uint(json, ".limits.flowBps").toUint16(),
            approvalBps: _uint(json, ".limits.approvalBps").toUint16(),
            approvalFloor: _uint(json, ".limits.approvalFloor").toUint32(),
            cooldown: _uint(json, ".limits.cooldown").toUint32()
        });
    }

    function _feeds(string memory json) private view returns (Ballast.FeedParameters[] memory feeds) {
        feeds = new Ballast.FeedParameters[](_countSome(json, ".feeds"));
        for (uint256 i; i < feeds.length; ++i) {
            feeds[i] = Ballast.FeedParameters({
                token: _address(json, _at(".feeds", i, ".token")),
                aggregator: _address(json, _at(".feeds", i, ".aggregator")),
                heartbeat: _uint(json, _at(".feeds", i, ".heartbeat")).toUint32()
            });
        }
    }

    function _venues(string memory json)
        private
        view
        returns (Ballast.VenueParameters[] memory venues, uint256 longestExit)
    {
        venues = new Ballast.VenueParameters[](_countSome(json, ".venues"));
        for (uint256 i; i < venues.length; ++i) {
            venues[i] = Ballast.VenueParameters({
                kind: _string(json, _at(".venues", i, ".kind")),
                venue: _address(json, _at(".venues", i, ".venue")),
                cap: _uint(json, _at(".venues", i, ".cap")),
                riskScore: _uint(json, _at(".venues", i, ".riskScore")).toUint8()
            });
            uint256 exitTime = _uint(json, _at(".venues", i, ".exitTime"));
            if (exitTime > longestExit) longestExit = exitTime;
        }
    }

    function _safe(string memory json, string memory key) private view returns (SafeParameters memory safe) {
        string memory existing = string.concat(key, ".safe");
        if (vm.keyExistsJson(json, existing) && bytes(vm.parseJsonString(json, existing)).length != 0) {
            safe.existing = _address(json, existing);
        }
        safe.owners = _addresses(json, string.concat(key, ".owners"));
        safe.threshold = _uint(json, string.concat(key, ".threshold"));
    }

    function _count(string memory json, string memory list) private view returns (uint256 count) {
        while (vm.keyExistsJson(json, _at(list, count, ""))) ++count;
    }

    function _countSome(string memory json, string memory list) private view returns (uint256 count) {
        count = _count(json, list);
        if (count == 0) revert MissingParameter(list);
    }

    function _addresses(string memory json, string memory key) private view returns (address[] memory) {
        _countSome(json, key);
        return _addressesOrNone(json, key);
    }

    function _addressesOrNone(string memory json, string memory key) private view returns (address[] memory list) {
        if (!vm.keyExistsJson(json, key)) revert MissingParameter(key);
        list = new address[](_count(json, key));
        for (uint256 i; i < list.length; ++i) {
            list[i] = _address(json, _at(key, i, ""));
        }
    }

    function _address(string memory json, string memory key) private view returns (address parsed) {
        string memory text = _string(json, key);
        parsed = vm.parseAddress(text);
        string memory checksummed = vm.toString(parsed);
        if (keccak256(bytes(text)) != keccak256(bytes(checksummed))) revert NotChecksummed(key, text, checksummed);
        if (parsed == address(0)) revert MissingParameter(key);
    }

    function _string(string memory json, string memory key) private view returns (string memory text) {
        if (!vm.keyExistsJson(json, key)) revert MissingParameter(key);
        text = vm.parseJsonString(json, key);
        if (bytes(text).length == 0) revert MissingParameter(key);
    }

    function _uint(string memory json, string memory key) private view returns (uint256) {
        if (!vm.keyExistsJson(json, key)) revert MissingParameter(key);
        return vm.parseJsonUint(json, key);
    }

    function _at(string memory list, uint256 index, string memory field) private pure returns (string memory) {
        return string.concat(list, "[", vm.toString(index), "]", field);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ISafe} from "../protocols/SafeDeployer.sol";
import {Ballast} from "./Ballast.sol";
import {ParameterFile} from "./ParameterFile.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

/// @title Custody
/// @notice Who may hold what, checked before the deployer lets go and again afterwards: a Safe of three in five governs through
/// a timelock, a Safe of two in three handles emergencies, three guardians reduce risk, two hot keys rebalance and attest,
/// and nobody has two of these jobs.
library Custody {
    uint256 internal constant GOVERNANCE_OWNERS = 5;
    uint256 internal constant GOVERNANCE_THRESHOLD = 3;
    uint256 internal constant EMERGENCY_OWNERS = 3;
    uint256 internal constant EMERGENCY_THRESHOLD = 2;
    uint256 internal constant GUARDIANS = 3;
    /// @dev keccak256("guard_manager.guard.address"), where Safe 1.4.1 keeps its transaction guard.
    uint256 private constant GUARD_SLOT = 0x4a204f620c8c5ccdca3fd54d003badd85ba500436a431f0cbda4f558c93c34c8;
    address private constant FIRST_MODULE = address(1);

    /// @notice `who` needs `expected` members, and as many signatures as `threshold`.
    error WrongQuorum(string who, uint256 members, uint256 threshold);
    /// @notice One key would have two jobs.
    error HeldTwice(address account);
    /// @notice Depositors could not leave before a change that they do not want.
    error TimelockShorterThanExit(uint256 delay, uint256 longestExit);
    /// @notice The Safe is not the one that the parameter file describes.
    error UnexpectedSafe(address safe, string why);
    /// @notice The timelock is not the one that the parameter file describes.
    error UnexpectedTimelock(address timelock, string why);
    /// @notice The deployer still holds a role.
    error StillHolds(address account, address on, bytes32 role);
    /// @notice Somebody does not hold the role that the parameter file gives them.
    error NotGranted(address account, address on, bytes32 role);

    /// @notice The file's quorums, the timelock's delay, and that no key has two jobs, `deployer` included.
    function checkFile(ParameterFile.File memory file, address deployer) internal pure {
        _checkQuorum("governance", file.governance, GOVERNANCE_OWNERS, GOVERNANCE_THRESHOLD);
        _checkQuorum("emergency", file.emergency, EMERGENCY_OWNERS, EMERGENCY_THRESHOLD);
        if (file.ballast.guardians.length != GUARDIANS) {
            revert WrongQuorum("guardians", file.ballast.guardians.length, 1);
        }
        if (file.ballast.timelockDelay < file.longestExit) {
            revert TimelockShorterThanExit(file.ballast.timelockDelay, file.longestExit);
        }
        uint256 watchers = file.ballast.watchers.length;
        address[] memory held = new address[](5 + GOVERNANCE_OWNERS + EMERGENCY_OWNERS + GUARDIANS + watchers);
        uint256 count;
        count = _add(held, count, deployer);
        count = _add(held, count, file.ballast.keeper);
        count = _add(held, count, file.ballast.attestor);
        count = _add(held, count, file.governance.existing);
        count = _add(held, count, file.emergency.existing);
        count = _addAll(held, count, file.governance.owners);
        count = _addAll(held, count, file.emergency.owners);
        count = _addAll(held, count, file.ballast.guardians);
        _addAll(held, count, file.ballast.watchers);
    }

    /// @notice Reverts unless both Safes are plain Safes 1.4.1 with exactly the file's owners and threshold.
    function checkSafes(ParameterFile.File memory file, address governance, address emergency) internal view {
        _checkSafe(governance, file.governance);
        _checkSafe(emergency, file.emergency);
    }

    /// @notice Reverts unless `governance` alone proposes, cancels and executes after the file's delay, and the timelock alone
    /// administers itself.
    function checkTimelock(TimelockController timelock, address governance, uint256 delay, address deployer)
        internal
        view
    {
        address at = address(timelock);
        if (timelock.getMinDelay() != delay) revert UnexpectedTimelock(at, "another delay");
        bytes32[3] memory roles = [timelock.PROPOSER_ROLE(), timelock.CANCELLER_ROLE(), timelock.EXECUTOR_ROLE()];
        for (uint256 i; i < roles.length; ++i) {
            if (!timelock.hasRole(roles[i], governance)) revert NotGranted(governance, at, roles[i]);
            if (timelock.hasRole(roles[i], deployer)) revert StillHolds(deployer, at, roles[i]);
        }
        bytes32 admin = timelock.DEFAULT_ADMIN_ROLE();
        if (!timelock.hasRole(admin, at)) revert NotGranted(at, at, admin);
        if (timelock.hasRole(admin, deployer)) revert StillHolds(deployer, at, admin);
        if (timelock.hasRole(admin, governance)) revert UnexpectedTimelock(at, "governance administers it directly");
    }

    /// @notice Reverts unless every role of the parameter file is held, and `deployer` holds none.
    function checkRoles(Ballast.Grant[] memory grants, address deployer) internal view {
        for (uint256 i; i < grants.length; ++i) {
            Ballast.Grant memory grant = grants[i];
            if (!grant.on.hasRole(grant.role, grant.holder)) {
                revert NotGranted(grant.holder, address(grant.on), grant.role);
            }
        }
        checkHoldsNothing(grants, deployer);
    }

    /// @notice Reverts if `deployer` holds any role that anyone is granted, administration included.
    function checkHoldsNothing(Ballast.Grant[] memory grants, address deployer) internal view {
        for (uint256 i; i < grants.length; ++i) {
            Ballast.Grant memory grant = grants[i];
            if (grant.on.hasRole(grant.role, deployer)) revert StillHolds(deployer, address(grant.on), grant.role);
        }
    }

    function _checkQuorum(
        string memory who,
        ParameterFile.SafeParameters memory safe,
        uint256 owners,
        uint256 threshold
    ) private pure {
        if (safe.owners.length != owners || safe.threshold != threshold) {
            revert WrongQuorum(who, safe.owners.length, safe.threshold);
        }
    }

    function _checkSafe(address at, ParameterFile.SafeParameters memory expected) private view {
        if (at.code.length == 0) revert UnexpectedSafe(at, "no contract there");
        ISafe safe = ISafe(at);
        if (keccak256(bytes(safe.VERSION())) != keccak256("1.4.1")) revert UnexpectedSafe(at, "not version 1.4.1");
        if (safe.getThreshold() != expected.threshold) revert UnexpectedSafe(at, "another threshold");
        if (safe.getOwners().length != expected.owners.length) revert UnexpectedSafe(at, "other owners");
        for (uint256 i; i < expected.owners.length; ++i) {
            if (!safe.isOwner(expected.owners[i])) revert UnexpectedSafe(at, "other owners");
        }
        // A module moves the Safe without its owners; a guard can stop them.
        (address[] memory modules,) = safe.getModulesPaginated(FIRST_MODULE, 1);
        if (modules.length != 0) revert UnexpectedSafe(at, "a module is enabled");
        if (bytes32(safe.getStorageAt(GUARD_SLOT, 1)) != 0) revert UnexpectedSafe(at, "a guard is set");
    }

    /// @dev Zero stands for a Safe that does not exist yet.
    function _add(address[] memory held, uint256 count, address account) private pure returns (uint256) {
        if (account == address(0)) return count;
        for (uint256 i; i < count; ++i) {
            if (held[i] == account) revert HeldTwice(account);
        }
        held[count] = account;
        return count + 1;
    }

    function _addAll(address[] memory held, uint256 count, address[] memory accounts) private pure returns (uint256) {
        for (uint256 i; i < accounts.length; ++i) {
            count = _add(held, count, accounts[i]);
        }
        return count;
    }
}

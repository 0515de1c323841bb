// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {KillSwitchManager} from "./KillSwitchManager.sol";
import {IAutomationCompatible} from "./interfaces/IAutomationCompatible.sol";
import {Mode, Trigger} from "./interfaces/IKillSwitch.sol";
import {IVault} from "./interfaces/IVault.sol";
import {VenueStatus} from "./types/VenueWatch.sol";

/// @title AutomationUpkeep
/// @notice The kill switch's duties that anyone may do, in the form in which Chainlink Automation does them (SPEC X9): trips of what holds, and
/// observations of the venues' sizes that are due. A second watch that does not depend on the keeper.
///
/// Semantics
/// - It holds nothing, has no role and decides nothing: what it does is what the switch lets anybody do, and judges itself.
/// - A check tries the duties out, as the switch will judge them, and asks for the first that it would take. A condition that blocks already
///   is left alone until its block ends.
/// - One duty at a time, trips before observations.
///
/// Harvests are not among them: they take the keeper's role.
contract AutomationUpkeep is IAutomationCompatible {
    /// @notice One thing to do: an observation of these positions if there are any, else a trip.
    struct Duty {
        Trigger trigger;
        address subject;
        address[] observed;
    }

    error OnlySimulated(address origin);

    /// @dev The origins that Automation's nodes simulate checks from.
    address private constant SIMULATOR = 0x1111111111111111111111111111111111111111;

    /// @notice The switch that is looked after.
    KillSwitchManager public immutable killSwitch;
    /// @notice The vault whose switch it is.
    IVault public immutable vault;
    address private immutable _asset;

    constructor(KillSwitchManager killSwitch_) {
        killSwitch = killSwitch_;
        vault = killSwitch_.vault();
        _asset = killSwitch_.asset();
    }

    /// @inheritdoc IAutomationCompatible
    /// @dev Reverts in a transaction: it leaves the duties done that it tried.
    /// @param checkData Empty: all positions. Else abi.encode(address[]), the positions that this upkeep looks after: with many, or one that
    /// takes much gas to read, several upkeeps share them.
    /// @return upkeepNeeded Whether the switch would take it.
    /// @return performData abi.encode(Duty).
    function checkUpkeep(bytes calldata checkData) external returns (bool upkeepNeeded, bytes memory performData) {
        // What matters is that this is a simulation, whoever calls.
        // solhint-disable-next-line avoid-tx-origin
        address origin = tx.origin;
        if (origin != address(0) && origin != SIMULATOR) revert OnlySimulated(origin);
        address[] memory positions = checkData.length == 0 ? vault.adapters() : abi.decode(checkData, (address[]));

        Duty memory duty;
        upkeepNeeded = _findTrip(positions, duty);
        if (!upkeepNeeded && _isObservationDue(positions)) (upkeepNeeded, duty.observed) = (true, positions);
        if (upkeepNeeded) performData = abi.encode(duty);
    }

    /// @inheritdoc IAutomationCompatible
    /// @dev Anyone. Reverts with the switch's own error if the condition does not hold (any more); an observation that is not due any more
    /// records nothing.
    function performUpkeep(bytes calldata performData) external {
        Duty memory duty = abi.decode(performData, (Duty));
        if (duty.observed.length == 0) killSwitch.trip(duty.trigger, duty.subject);
        else killSwitch.observe(duty.observed);
    }

    function _findTrip(address[] memory positions, Duty memory duty) private returns (bool) {
        if (_priceDuty(_asset, duty)) return true;
        for (uint256 i; i < positions.length; ++i) {
            address position = positions[i];
            address[] memory tokens = killSwitch.venueTokens(position);
            for (uint256 j; j < tokens.length; ++j) {
                if (_priceDuty(tokens[j], duty)) return true;
            }
            VenueStatus memory status = killSwitch.venueStatus(position);
            if (
                (block.timestamp >= status.tvl.blockedUntil && _isTaken(Trigger.Tvl, position, duty))
                    || (block.timestamp >= status.utilisation.blockedUntil
                        && _isTaken(Trigger.Utilisation, position, duty))
                    || (!status.governanceTripped && _isTaken(Trigger.Governance, position, duty))
            ) return true;
        }
        return false;
    }

    /// @dev Of the asset a lost peg is a matter of the mode: it blocks for as long as governance leaves it in Exit.
    function _priceDuty(address token, Duty memory duty) private returns (bool) {
        (,,,, uint40 blockedUntil,) = killSwitch.feeds(token);
        bool isFree = block.timestamp >= blockedUntil;
        bool mayLosePeg = token == _asset ? killSwitch.mode() != Mode.Exit : isFree;
        return (mayLosePeg && _isTaken(Trigger.Peg, token, duty)) || (isFree && _isTaken(Trigger.Oracle, token, duty));
    }

    function _isTaken(Trigger trigger, address subject, Duty memory duty) private returns (bool) {
        try killSwitch.trip(trigger, subject) {
            (duty.trigger, duty.subject) = (trigger, subject);
            return true;
        } catch {
            return false;
        }
    }

    function _isObservationDue(address[] memory positions) private returns (bool) {
        bytes32 before = _observations(positions);
        try killSwitch.observe(positions) {
            return _observations(positions) != before;
        } catch {
            return false;
        }
    }

    function _observations(address[] memory positions) private view returns (bytes32 hash) {
        for (uint256 i; i < positions.length; ++i) {
            VenueStatus memory status = killSwitch.venueStatus(positions[i]);
            hash = keccak256(abi.encode(hash, status.pending, status.checkpoints));
        }
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice What Chainlink Automation asks of a contract that it looks after
/// (https://docs.chain.link/chainlink-automation/reference/automation-interfaces).
interface IAutomationCompatible {
    /// @notice Whether something is to be done, and the data to do it with. Only ever simulated.
    /// @param checkData As registered with the upkeep.
    function checkUpkeep(bytes calldata checkData) external returns (bool upkeepNeeded, bytes memory performData);

    /// @notice Does it.
    function performUpkeep(bytes calldata performData) external;
}

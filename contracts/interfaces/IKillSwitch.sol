// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice Vault-wide state, ordered by severity. Normal: everything allowed. ReduceOnly: nothing is added to any venue.
/// Exit: additionally anyone may call the exit; only governance leaves it.
enum Mode {
    Normal,
    ReduceOnly,
    Exit
}

/// @notice The five kinds of evidence (SPEC C7).
enum Trigger {
    Peg,
    Tvl,
    Utilisation,
    Oracle,
    Governance
}

/// @notice What the hub, the keeper and the vault's users need to know of the switch.
interface IKillSwitch {
    /// @notice The stored vault-wide mode.
    function mode() external view returns (Mode);

    /// @notice Whether risk may be added: mode is Normal and the asset's feed is healthy, on its peg and out of cooldown. Never reverts.
    function isOperational() external view returns (bool);

    /// @notice As {isOperational}, with the reason when false and an empty string when true. Never reverts.
    function operationalStatus() external view returns (bool operational, string memory reason);

    /// @notice Whether funds may be added to this position: its own feeds are healthy and no trigger of its own blocks it. Never reverts.
    function canAdd(address adapter) external view returns (bool);

    /// @notice {canAdd} and {settledSize} in one call. Never reverts.
    function additionStatus(address adapter) external view returns (bool allowed, uint256 settled);

    /// @notice {settledSize} if {canAdd}, otherwise zero, in one call for the hub. Never reverts.
    function addableSize(address adapter) external view returns (uint256);

    /// @notice The venue's size without the vault's own position, in assets, that limits are measured by: the lower of two observations
    /// in different blocks, both earlier than this one, the newest pair at most 48 hours old; zero when there is none.
    function settledSize(address adapter) external view returns (uint256);

    /// @notice Records how large the venues are now. Anyone. A venue that cannot be read is passed over.
    function observe(address[] calldata adapters) external;
}

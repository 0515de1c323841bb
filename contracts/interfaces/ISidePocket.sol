// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title ISidePocket
/// @notice Claims of those who left the vault while a position was stuck. One unit of claim is one vault share that was redeemed then, and is
/// owed what a share that stayed gets of what is recovered from that position, up to what the position was in totalAssets when it was quarantined.
interface ISidePocket {
    event Credited(address indexed adapter, uint256 indexed epoch, address indexed holder, uint256 units);
    event Distributed(address indexed adapter, uint256 indexed epoch, uint256 assets);
    event Claimed(address indexed adapter, uint256 indexed epoch, address indexed holder, uint256 assets);
    event EpochClosed(address indexed adapter, uint256 indexed epoch);

    error OnlyVault(address caller);

    /// @notice The vault whose leavers hold claims here.
    function vault() external view returns (address);

    /// @notice The current epoch of a position's claims: one per quarantine.
    function epochOf(address adapter) external view returns (uint256);

    /// @notice Units of claim outstanding in the current epoch of a position.
    function unitsOf(address adapter) external view returns (uint256);

    /// @notice What `holder` can claim now, in assets, rounded down.
    function claimable(address adapter, uint256 epoch, address holder) external view returns (uint256);

    /// @notice Pays `holder` what has been recovered for it. Anyone may call it for anyone.
    function claim(address adapter, uint256 epoch, address holder) external returns (uint256 assets);

    /// @notice Credits a leaver. Only the vault.
    function credit(address adapter, address holder, uint256 units) external;

    /// @notice Books `assets`, which the vault has transferred here just before, for the claims of the current epoch. Only the vault.
    function distribute(address adapter, uint256 assets) external;

    /// @notice Ends the current epoch; what it holds stays claimable. Only the vault.
    function close(address adapter) external;
}

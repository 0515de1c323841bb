// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title IAdapter
/// @notice One position of one vault in one venue. An adapter obeys its vault alone, holds no assets between calls, leaves
/// no allowance behind, and always pays to the vault.
/// @dev `data` carries venue-specific instructions: a swap route, LP bounds, a PT limit. Plain lending takes none.
interface IAdapter {
    error OnlyVault(address caller);
    error UnexpectedData();
    error NothingToHarvest();

    /// @notice The vault that this adapter obeys.
    function vault() external view returns (address);

    /// @notice The vault's asset.
    function asset() external view returns (address);

    /// @notice The protocol contract that the position sits in.
    function venue() external view returns (address);

    /// @notice The position's value in assets, rounded down, never from a manipulable spot price. Reverts when unknown.
    function value() external view returns (uint256);

    /// @notice What {withdraw} would pay now without loss, in assets, at most `value()`: each unit paid lowers the value by one.
    /// Zero where leaving always costs something (LP shares, principal tokens, swapped stablecoins).
    function liquidity() external view returns (uint256);

    /// @notice The part of `value()` that {withdraw} could take out now within this adapter's own slippage bound, in assets. Where
    /// leaving is free it is `liquidity()`.
    function exitLiquidity() external view returns (uint256);

    /// @notice The part of the venue's assets that is out on loan, in 18-decimal fixed point (1e18 = all of it).
    function utilisation() external view returns (uint256);

    /// @notice What all depositors hold in the venue, in assets: the denominator of the venue-share limit.
    function venueSize() external view returns (uint256);

    /// @notice Whether the venue takes deposits and pays withdrawals at all (not frozen, not paused).
    function health() external view returns (bool depositable, bool withdrawable);

    /// @notice Puts `assets`, which the vault has transferred here just before, into the venue. Only the vault, which measures
    /// the increase of `value()` itself and reverts below its minimum.
    function deposit(uint256 assets, bytes calldata data) external;

    /// @notice Takes the part of the position that is worth `assets` by `value()` out of the venue, paid to the vault;
    /// type(uint256).max means all that can be had now. Where leaving costs something, less than `assets` arrives, but never less than
    /// this adapter's own oracle-bounded minimum. Only the vault, which measures what it received and how far the value fell.
    function withdraw(uint256 assets, bytes calldata data) external;

    /// @notice Claims the position's rewards, turns them into the asset within oracle bounds, and pays the vault. Only the vault.
    /// Reverts with {NothingToHarvest} where the venue has no rewards.
    /// @param data Venue-specific instructions, such as the route of the reward's sale.
    function harvest(bytes calldata data) external;
}

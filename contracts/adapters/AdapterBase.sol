// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAdapter} from "../interfaces/IAdapter.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";

/// @title AdapterBase
/// @notice Whose adapter this is, and that only its vault moves it.
abstract contract AdapterBase is IAdapter {
    /// @inheritdoc IAdapter
    address public immutable vault;
    /// @inheritdoc IAdapter
    address public immutable asset;
    /// @inheritdoc IAdapter
    address public immutable venue;

    modifier onlyVault() {
        if (msg.sender != vault) revert OnlyVault(msg.sender);
        _;
    }

    /// @dev For an attempt that the adapter makes by calling itself, so that it can fail alone.
    modifier onlyVaultOrSelf() {
        if (msg.sender != vault && msg.sender != address(this)) revert OnlyVault(msg.sender);
        _;
    }

    constructor(address vault_, address venue_) {
        vault = vault_;
        asset = IERC4626(vault_).asset();
        venue = venue_;
    }

    /// @inheritdoc IAdapter
    function harvest(bytes calldata) external virtual onlyVault {
        revert NothingToHarvest();
    }
}

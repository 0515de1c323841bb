// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ISidePocket} from "./interfaces/ISidePocket.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title SidePocket
/// @notice Keeps, per position and quarantine, who left while it was stuck and what they are owed of it. It has no owner, no roles and no
/// switches: what is booked for a claim can only be paid to its holder.
///
/// Semantics: `index` is what one unit has been paid since the epoch began, scaled; a holder is owed units × (index − index at entry).
/// Rounding is against the holder, so the sum of claims never exceeds what was booked.
contract SidePocket is ISidePocket {
    using Math for uint256;
    using SafeERC20 for IERC20;

    /// @param units Outstanding units.
    /// @param index Assets per unit booked so far, scaled by INDEX_SCALE.
    struct Pool {
        uint256 units;
        uint256 index;
    }

    /// @param units The holder's units.
    /// @param index The pool's index that `owed` is settled to.
    /// @param owed Settled and unpaid, in assets.
    struct Holding {
        uint256 units;
        uint256 index;
        uint256 owed;
    }

    uint256 private constant INDEX_SCALE = 1e36;

    /// @inheritdoc ISidePocket
    address public immutable vault;
    IERC20 public immutable asset;

    /// @inheritdoc ISidePocket
    mapping(address adapter => uint256) public epochOf;
    mapping(address adapter => mapping(uint256 epoch => Pool)) private _pools;
    mapping(address adapter => mapping(uint256 epoch => mapping(address holder => Holding))) private _holdings;

    modifier onlyVault() {
        if (msg.sender != vault) revert OnlyVault(msg.sender);
        _;
    }

    /// @param asset_ The vault's asset. The caller is the vault.
    constructor(IERC20 asset_) {
        vault = msg.sender;
        asset = asset_;
    }

    /// @inheritdoc ISidePocket
    function claim(address adapter, uint256 epoch, address holder) external returns (uint256 assets) {
        assets = _settle(adapter, epoch, holder).owed;
        if (assets != 0) {
            _holdings[adapter][epoch][holder].owed = 0;
            asset.safeTransfer(holder, assets);
        }
        emit Claimed(adapter, epoch, holder, assets);
    }

    /// @inheritdoc ISidePocket
    function credit(address adapter, address holder, uint256 units) external onlyVault {
        uint256 epoch = epochOf[adapter];
        _settle(adapter, epoch, holder).units += units;
        _pools[adapter][epoch].units += units;
        emit Credited(adapter, epoch, holder, units);
    }

    /// @inheritdoc ISidePocket
    function distribute(address adapter, uint256 assets) external onlyVault {
        uint256 epoch = epochOf[adapter];
        Pool storage pool = _pools[adapter][epoch];
        pool.index += assets.mulDiv(INDEX_SCALE, pool.units);
        emit Distributed(adapter, epoch, assets);
    }

    /// @inheritdoc ISidePocket
    function close(address adapter) external onlyVault {
        emit EpochClosed(adapter, epochOf[adapter]++);
    }

    /// @inheritdoc ISidePocket
    function unitsOf(address adapter) external view returns (uint256) {
        return _pools[adapter][epochOf[adapter]].units;
    }

    /// @inheritdoc ISidePocket
    function claimable(address adapter, uint256 epoch, address holder) external view returns (uint256) {
        Holding storage holding = _holdings[adapter][epoch][holder];
        return holding.owed + _accrued(holding, _pools[adapter][epoch].index);
    }

    function _settle(address adapter, uint256 epoch, address holder) private returns (Holding storage holding) {
        holding = _holdings[adapter][epoch][holder];
        uint256 index = _pools[adapter][epoch].index;
        holding.owed += _accrued(holding, index);
        holding.index = index;
    }

    function _accrued(Holding storage holding, uint256 index) private view returns (uint256) {
        return holding.units.mulDiv(index - holding.index, INDEX_SCALE);
    }
}

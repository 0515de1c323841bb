// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Allocation, Report} from "../../../contracts/types/Allocation.sol";
import {Position} from "../../../contracts/types/Position.sol";

// What the hub sees of the world outside it, answering whatever a proof assigns: symbolic values stand for every answer that vault, switch
// and venues could give. The hub itself is the real one.

/// @title SymbolicVault
/// @notice Answers a reallocation with a report that was laid down, and remembers what it was asked for. Lists the
/// positions that it is given.
contract SymbolicVault {
    uint256 public calls;
    bytes32 public targetsHash;
    mapping(address adapter => Position) public position;
    Report private _report;

    function setReport(Report memory report) external {
        _report = report;
    }

    function setPosition(Position position_) external {
        position[position_.account()] = position_;
    }

    function reallocate(Allocation[] calldata targets) external returns (Report memory) {
        ++calls;
        targetsHash = keccak256(abi.encode(targets));
        return _report;
    }

    /// @dev The vault stands for its own asset: all that the hub asks of the asset is its decimals.
    function asset() external view returns (address) {
        return address(this);
    }

    function decimals() external pure returns (uint8) {
        return 6;
    }
}

/// @title SymbolicSwitch
/// @notice A kill switch of which every answer is laid down.
contract SymbolicSwitch {
    bool public isOperational;
    mapping(address adapter => bool) private _allowed;
    mapping(address adapter => uint256) private _settled;

    function setOperational(bool operational) external {
        isOperational = operational;
    }

    function setAddition(address adapter, bool allowed, uint256 settled) external {
        (_allowed[adapter], _settled[adapter]) = (allowed, settled);
    }

    function operationalStatus() external view returns (bool, string memory) {
        return (isOperational, "");
    }

    function canAdd(address adapter) external view returns (bool) {
        return _allowed[adapter];
    }

    function additionStatus(address adapter) external view returns (bool, uint256) {
        return (_allowed[adapter], _settled[adapter]);
    }

    function addableSize(address adapter) external view returns (uint256) {
        return _allowed[adapter] ? _settled[adapter] : 0;
    }
}

/// @title SymbolicVenue
/// @notice A position of which every figure is laid down: an adapter, or an ERC-4626 venue held directly.
contract SymbolicVenue {
    uint256 public exitLiquidity;
    uint256 public utilisation;
    uint256 public venueSize;

    function set(uint256 exitLiquidity_, uint256 utilisation_, uint256 size_) external {
        (exitLiquidity, utilisation, venueSize) = (exitLiquidity_, utilisation_, size_);
    }

    function maxWithdraw(address) external view returns (uint256) {
        return exitLiquidity;
    }

    function totalAssets() external view returns (uint256) {
        return venueSize;
    }
}

/// @title SymbolicPosition
/// @notice For the kill switch: a vault with one position, both of them this contract.
contract SymbolicPosition {
    uint256 public value;
    uint256 public venueSize;
    uint256 public utilisation;
    bool private _listed;

    function set(uint256 value_, uint256 size, uint256 utilisation_, bool listed) external {
        (value, venueSize, utilisation, _listed) = (value_, size, utilisation_, listed);
    }

    function positionKind(address) external view returns (bool, bool, bool) {
        return (_listed, false, false);
    }

    function asset() external view returns (address) {
        return address(this);
    }

    // Whether the vault obeys is no matter of the mode.
    // solhint-disable-next-line no-empty-blocks
    function pauseDeposits() external {}
}

/// @title SymbolicFeed
/// @notice A price feed that answers five words of any content.
contract SymbolicFeed {
    uint256[5] private _round;

    function set(uint256 a, uint256 b, uint256 c, uint256 d, uint256 e) external {
        _round = [a, b, c, d, e];
    }

    function latestRoundData() external view returns (uint256, uint256, uint256, uint256, uint256) {
        return (_round[0], _round[1], _round[2], _round[3], _round[4]);
    }

    function decimals() external pure returns (uint8) {
        return 8;
    }
}

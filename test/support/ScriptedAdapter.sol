// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AdapterBase} from "../../contracts/adapters/AdapterBase.sol";
import {TestAsset} from "./TestAsset.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice What a venue does instead of answering.
enum Fault {
    None,
    Revert,
    BurnGas,
    HugeReturn,
    PayNothing,
    PayOneLess
}

/// @notice Where a scripted venue keeps its money.
contract Purse {
    constructor(IERC20 asset) {
        require(asset.approve(msg.sender, type(uint256).max));
    }
}

/// @title ScriptedAdapter
/// @notice A venue of which a test sets every figure and every fault. Its position moves one to one with what is paid in and
/// out, so a test can stand exactly on the edge of a limit.
contract ScriptedAdapter is AdapterBase {
    uint256 private constant BPS = 10_000;
    uint256 private constant HUGE = 100_000;

    uint256 public book;
    /// @notice Rewards that a harvest turns into assets.
    uint256 public rewards;
    uint256 public venueSize = 1_000_000_000e6;
    uint256 public liquidityCap = type(uint256).max;
    uint256 public entryFeeBps;
    uint256 public exitFeeBps;
    Fault public readFault;
    Fault public depositFault;
    Fault public withdrawFault;

    uint256 private _utilisation;
    bool private _depositable = true;
    bool private _withdrawable = true;
    address private _hookTarget;
    bytes private _hookData;
    bool public hookOk;
    bytes public hookReturned;

    constructor(address vault_) AdapterBase(vault_, address(new Purse(IERC20(IERC4626(vault_).asset())))) {}

    // ------------------------------------------------------------------------------------------------------- script

    /// @notice The venue earns: the position grows and the money is there.
    function gain(uint256 amount) external {
        book += amount;
        TestAsset(asset).mint(venue, amount);
    }

    /// @notice The venue loses: the position shrinks and the money is gone.
    function lose(uint256 amount) external {
        book -= amount;
        TestAsset(asset).burn(venue, amount);
    }

    function setRewards(uint256 rewards_) external {
        rewards = rewards_;
    }

    function setBook(uint256 book_) external {
        book = book_;
    }

    function setVenueSize(uint256 size) external {
        venueSize = size;
    }

    function setLiquidityCap(uint256 cap) external {
        liquidityCap = cap;
    }

    function setUtilisation(uint256 utilisation_) external {
        _utilisation = utilisation_;
    }

    function setHealth(bool depositable, bool withdrawable) external {
        (_depositable, _withdrawable) = (depositable, withdrawable);
    }

    function setFees(uint256 entryBps, uint256 exitBps) external {
        (entryFeeBps, exitFeeBps) = (entryBps, exitBps);
    }

    function setFaults(Fault read, Fault deposit_, Fault withdraw_) external {
        (readFault, depositFault, withdrawFault) = (read, deposit_, withdraw_);
    }

    /// @notice A call that the venue makes whenever it is paid in or out; its result is kept, not passed on.
    function setHook(address target, bytes calldata data) external {
        (_hookTarget, _hookData) = (target, data);
        hookOk = false;
        delete hookReturned;
    }

    // ------------------------------------------------------------------------------------------------------ adapter

    function value() external view returns (uint256) {
        _fail(readFault);
        return book;
    }

    function liquidity() external view returns (uint256) {
        _fail(readFault);
        // Where leaving costs something nothing leaves without loss.
        return exitFeeBps == 0 ? _liquidity() : 0;
    }

    function exitLiquidity() external view returns (uint256) {
        return _liquidity();
    }

    function utilisation() external view returns (uint256) {
        return _utilisation;
    }

    function health() external view returns (bool depositable, bool withdrawable) {
        return (_depositable, _withdrawable);
    }

    function deposit(uint256 assets, bytes calldata) external onlyVault {
        _fail(depositFault);
        _hook();
        require(IERC20(asset).transfer(venue, assets));
        book += assets - assets * entryFeeBps / BPS;
    }

    function withdraw(uint256 assets, bytes calldata) external onlyVault {
        _fail(withdrawFault);
        _hook();
        uint256 amount = assets == type(uint256).max ? _liquidity() : assets;
        require(amount <= _liquidity(), "illiquid");
        if (withdrawFault == Fault.PayNothing) return;
        book -= amount;
        if (liquidityCap != type(uint256).max) liquidityCap -= amount;
        uint256 paid = amount - amount * exitFeeBps / BPS;
        if (withdrawFault == Fault.PayOneLess) paid -= 1;
        require(IERC20(asset).transferFrom(venue, vault, paid));
    }

    function harvest(bytes calldata) external override onlyVault {
        _hook();
        TestAsset(asset).mint(vault, rewards);
        rewards = 0;
    }

    function _liquidity() private view returns (uint256) {
        return _withdrawable ? Math.min(book, liquidityCap) : 0;
    }

    function _hook() private {
        if (_hookTarget == address(0)) return;
        (hookOk, hookReturned) = _hookTarget.call(_hookData);
    }

    function _fail(Fault fault) private pure {
        if (fault == Fault.Revert) revert("venue fault");
        if (fault == Fault.BurnGas) {
            assembly ("memory-safe") {
                invalid()
            }
        }
        if (fault == Fault.HugeReturn) {
            assembly {
                revert(0, HUGE)
            }
        }
    }
}

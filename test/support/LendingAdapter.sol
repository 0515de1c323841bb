// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AdapterBase} from "../../contracts/adapters/AdapterBase.sol";
import {TestAsset} from "./TestAsset.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title LendingAdapter
/// @notice A lending venue reduced to its arithmetic: a position, cash and loans, nothing rounded but utilisation. The off-chain
/// model of the hub's verdict assumes exactly this venue, and the differential test drives both with the same numbers.
/// @dev All state is in the first two slots, which that test writes directly.
contract LendingAdapter is AdapterBase {
    uint128 public book;
    uint128 public cash;
    uint120 public lent;
    bool public depositable;
    bool public readable;

    error NotReadable();
    error NotDepositable();
    error Illiquid(uint256 wanted, uint256 cash);

    constructor(address vault_) AdapterBase(vault_, address(this)) {}

    function value() external view returns (uint256) {
        if (!readable) revert NotReadable();
        return book;
    }

    function liquidity() public view returns (uint256) {
        return Math.min(book, cash);
    }

    function exitLiquidity() external view returns (uint256) {
        return liquidity();
    }

    function utilisation() external view returns (uint256) {
        return venueSize() == 0 ? 0 : Math.mulDiv(lent, 1e18, venueSize(), Math.Rounding.Ceil);
    }

    function venueSize() public view returns (uint256) {
        return uint256(cash) + lent;
    }

    function health() external view returns (bool, bool) {
        return (depositable, true);
    }

    function deposit(uint256 assets, bytes calldata) external onlyVault {
        if (!depositable) revert NotDepositable();
        book += uint128(assets);
        cash += uint128(assets);
        TestAsset(asset).burn(address(this), assets);
    }

    function withdraw(uint256 assets, bytes calldata) external onlyVault {
        uint256 amount = assets == type(uint256).max ? liquidity() : assets;
        if (amount > liquidity()) revert Illiquid(amount, liquidity());
        book -= uint128(amount);
        cash -= uint128(amount);
        TestAsset(asset).mint(vault, amount);
    }
}

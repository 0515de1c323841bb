// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";

/// @title Market
/// @notice OpenZeppelin's ERC-4626 as it comes.
contract Market is ERC4626 {
    constructor(IERC20 asset) ERC4626(asset) ERC20("Market", "MKT") {}
}

/// @title NoChecks
/// @notice The same moves between the same markets with no checks at all: no shares priced, no roles, limits, proof or events, and
/// standing allowances.
contract NoChecks {
    IERC20 private immutable ASSET;

    mapping(address owner => uint256) public balanceOf;
    uint256 public totalSupply;

    constructor(IERC20 asset) {
        ASSET = asset;
    }

    function allow(Market market) external {
        require(ASSET.approve(address(market), type(uint256).max));
    }

    function deposit(uint256 assets) external {
        balanceOf[msg.sender] += assets;
        totalSupply += assets;
        require(ASSET.transferFrom(msg.sender, address(this), assets));
    }

    function withdraw(uint256 assets) external {
        balanceOf[msg.sender] -= assets;
        totalSupply -= assets;
        require(ASSET.transfer(msg.sender, assets));
    }

    /// @notice A positive amount goes in, a negative one comes out; what comes out comes first.
    function move(Market[4] calldata markets, int256[4] calldata amounts) external {
        for (uint256 i; i < 4; ++i) {
            if (amounts[i] < 0) markets[i].withdraw(uint256(-amounts[i]), address(this), address(this));
        }
        for (uint256 i; i < 4; ++i) {
            if (amounts[i] > 0) markets[i].deposit(uint256(amounts[i]), address(this));
        }
    }
}

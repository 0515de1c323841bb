// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAaveV3Pool} from "../../contracts/interfaces/IAaveV3.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title Floor
/// @notice The same moves with no checks at all: no shares priced, no roles, limits, proof, events or adapters, and standing
/// allowances. What Ballast costs above this is what its safety costs.
contract Floor {
    IERC20 private immutable ASSET;
    IAaveV3Pool private immutable AAVE;
    IERC4626 private immutable META_MORPHO;

    mapping(address owner => uint256) public balanceOf;
    uint256 public totalSupply;

    constructor(IERC20 asset, IAaveV3Pool aave, IERC4626 metaMorpho) {
        (ASSET, AAVE, META_MORPHO) = (asset, aave, metaMorpho);
        require(asset.approve(address(aave), type(uint256).max));
        require(asset.approve(address(metaMorpho), type(uint256).max));
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

    function withdrawFromAave(uint256 assets) external {
        balanceOf[msg.sender] -= assets;
        totalSupply -= assets;
        AAVE.withdraw(address(ASSET), assets, msg.sender);
    }

    function withdrawFromMetaMorpho(uint256 assets) external {
        balanceOf[msg.sender] -= assets;
        totalSupply -= assets;
        META_MORPHO.withdraw(assets, msg.sender, address(this));
    }

    /// @notice A positive amount goes in, a negative one comes out; what comes out comes first.
    function move(int256 aave, int256 metaMorpho) external {
        if (aave < 0) AAVE.withdraw(address(ASSET), uint256(-aave), address(this));
        if (metaMorpho < 0) META_MORPHO.withdraw(uint256(-metaMorpho), address(this), address(this));
        if (aave > 0) AAVE.supply(address(ASSET), uint256(aave), address(this), 0);
        if (metaMorpho > 0) META_MORPHO.deposit(uint256(metaMorpho), address(this));
    }
}

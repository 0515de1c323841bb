// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Artifact} from "./Artifact.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";

interface IWETH9 is IERC20Metadata {
    function deposit() external payable;
    function withdraw(uint256 amount) external;
}

/// @title WethDeployer
/// @notice Deploys the canonical WETH9 from its published bytecode.
library WethDeployer {
    function deploy() internal returns (IWETH9) {
        return IWETH9(
            Artifact.create("WETH9", Artifact.fromJson("node_modules/canonical-weth/build/contracts/WETH9.json"), "")
        );
    }
}

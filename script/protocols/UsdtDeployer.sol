// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IFiatToken, UsdcDeployer} from "./UsdcDeployer.sol";

/// @title UsdtDeployer
/// @notice Deploys the second dollar of the local chain.
/// @dev Not Tether's own contract: no package carries its bytecode. It is another FiatToken named "Tether USD", so it
/// has USDT's 6 decimals, but unlike USDT it returns booleans, has no transfer fee, and lets an allowance be changed
/// from one non-zero value to another. It stands for a second reserve, not for USDT's token behaviour.
library UsdtDeployer {
    /// @notice See UsdcDeployer.deploy: `admin` holds every role and must be the caller.
    function deploy(address fiatTokenImplementation, address admin) internal returns (IFiatToken) {
        return UsdcDeployer.deployInstance(fiatTokenImplementation, "Tether USD", "USDT", admin);
    }
}

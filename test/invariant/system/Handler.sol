// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Vault} from "../../../contracts/Vault.sol";
import {DepositorActs} from "./DepositorActs.sol";
import {KeeperActs} from "./KeeperActs.sol";
import {SwitchActs} from "./SwitchActs.sol";
import {VenueActs} from "./VenueActs.sol";

/// @title Handler
/// @notice Everybody who can touch the system, in one world.
contract Handler is DepositorActs, KeeperActs, VenueActs, SwitchActs {
    constructor() {
        _build();
    }

    function theVault() external view returns (Vault) {
        return vault;
    }

    /// @notice Who must not be a sender of acts: the system itself and its keys.
    function bystanders() external view returns (address[7] memory) {
        return [address(vault), address(hub), address(killSwitch), address(usdc), keeper, timelock, guardian];
    }

    /// @dev The world is built in the constructor.
    function setUp() public pure override {}
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Vm} from "forge-std/Vm.sol";

/// @notice An outside user of the protocols whose key is known, so that the deployer can act for it by signature.
struct Participant {
    address account;
    uint256 key;
}

/// @title Participants
/// @notice The outside supplier and borrower of the local chain: accounts 8 and 9 of the well-known development
/// mnemonic, which anvil funds and unlocks. Accounts 0 to 7 stay free for deployer, keeper, signers and depositors.
library Participants {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    string private constant MNEMONIC = "test test test test test test test test test test test junk";

    /// @notice Owns the outside liquidity: aTokens and MetaMorpho shares.
    function supplier() internal pure returns (Participant memory) {
        return fromKey(vm.deriveKey(MNEMONIC, 8));
    }

    /// @notice Owns the WETH collateral and the debts.
    function borrower() internal pure returns (Participant memory) {
        return fromKey(vm.deriveKey(MNEMONIC, 9));
    }

    function fromKey(uint256 key) internal pure returns (Participant memory) {
        return Participant(vm.addr(key), key);
    }

    function sign(Participant memory self, bytes32 digest) internal pure returns (uint8 v, bytes32 r, bytes32 s) {
        return vm.sign(self.key, digest);
    }
}

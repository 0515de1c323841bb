// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ISafe} from "../../script/protocols/SafeDeployer.sol";
import {Vm} from "forge-std/Vm.sol";

/// @title SafeOwners
/// @notice Owners of a Safe with known keys, and how they sign together. The hash they sign is written from EIP-712 and Safe's
/// published types, and not asked of the Safe, so that the Safe is checked against it.
library SafeOwners {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    bytes32 private constant DOMAIN_TYPEHASH = keccak256("EIP712Domain(uint256 chainId,address verifyingContract)");
    bytes32 private constant SAFE_TX_TYPEHASH = keccak256(
        "SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,uint256 gasPrice,address gasToken,address refundReceiver,uint256 nonce)"
    );

    /// @notice Has the first `count` of `keys` sign a call and sends it. Reverts as the Safe does, with GS026 and the like; a call
    /// that fails inside makes the Safe revert with GS013.
    function execute(ISafe safe, uint256[] memory keys, uint256 count, address to, bytes memory data) internal {
        _send(safe, to, data, signatures(safe, keys, count, to, data));
    }

    /// @notice Signatures of the first `count` keys in the order of their addresses, as a Safe wants them.
    function signatures(ISafe safe, uint256[] memory keys, uint256 count, address to, bytes memory data)
        internal
        view
        returns (bytes memory signed)
    {
        bytes32 digest = hash(safe, to, data, safe.nonce());
        uint256[] memory sorted = _sorted(keys, count);
        for (uint256 i; i < count; ++i) {
            (uint8 v, bytes32 r, bytes32 s) = vm.sign(sorted[i], digest);
            signed = abi.encodePacked(signed, r, s, v);
        }
    }

    function hash(ISafe safe, address to, bytes memory data, uint256 nonce) internal view returns (bytes32) {
        bytes32 domain = keccak256(abi.encode(DOMAIN_TYPEHASH, block.chainid, address(safe)));
        bytes32 message = keccak256(
            abi.encode(SAFE_TX_TYPEHASH, to, 0, keccak256(data), uint8(0), 0, 0, 0, address(0), address(0), nonce)
        );
        return keccak256(abi.encodePacked(hex"1901", domain, message));
    }

    function _send(ISafe safe, address to, bytes memory data, bytes memory signed) private {
        safe.execTransaction(to, 0, data, 0, 0, 0, 0, address(0), payable(address(0)), signed);
    }

    function _sorted(uint256[] memory keys, uint256 count) private pure returns (uint256[] memory sorted) {
        sorted = new uint256[](count);
        for (uint256 i; i < count; ++i) {
            uint256 j = i;
            while (j > 0 && vm.addr(sorted[j - 1]) > vm.addr(keys[i])) {
                sorted[j] = sorted[j - 1];
                --j;
            }
            sorted[j] = keys[i];
        }
    }
}

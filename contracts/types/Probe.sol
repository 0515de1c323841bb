// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice A question to a protocol about its own governed configuration: an implementation, an owner, an oracle, a delay.
/// @param target Contract that is asked; its code is part of the fingerprint.
/// @param call Calldata of a view function.
struct Probe {
    address target;
    bytes call;
}

/// @title ProbeLib
/// @notice The fingerprint of what a list of probes answers.
library ProbeLib {
    /// @notice Gas of one probe.
    uint256 internal constant READ_GAS = 200_000;
    /// @notice Most bytes of an answer that are looked at; its full length is part of the fingerprint.
    uint256 internal constant MAX_RETURN = 1024;

    /// @notice Hashes each probe, the code of its target and its answer. Never reverts, whatever the targets do.
    /// @return ok False if a target has no code, or its answer fails or is shorter than a word.
    function fingerprint(Probe[] memory probes) internal view returns (bool ok, bytes32 digest) {
        for (uint256 i; i < probes.length; ++i) {
            address target = probes[i].target;
            (bool answered, uint256 size, bytes32 answer) = _ask(target, probes[i].call);
            if (!answered || size < 32 || target.code.length == 0) return (false, 0);
            digest = keccak256(abi.encode(digest, target, keccak256(probes[i].call), target.codehash, size, answer));
        }
        return (true, digest);
    }

    function _ask(address target, bytes memory data) private view returns (bool ok, uint256 size, bytes32 answer) {
        uint256 gasCap = READ_GAS;
        uint256 kept = MAX_RETURN;
        assembly ("memory-safe") {
            ok := staticcall(gasCap, target, add(data, 0x20), mload(data), 0x00, 0x00)
            size := returndatasize()
            if lt(size, kept) { kept := size }
            let free := mload(0x40)
            returndatacopy(free, 0x00, kept)
            answer := keccak256(free, kept)
        }
    }
}

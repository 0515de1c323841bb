// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Vm} from "forge-std/Vm.sol";

/// @title Artifacts
/// @notice What the compiler says of the contracts of this project, from the build folder of this very run.
library Artifacts {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// @notice The artifact of a contract that is in a file of its own name.
    function read(string memory name) internal view returns (string memory) {
        return vm.readFile(string.concat(vm.envOr("FOUNDRY_OUT", string("out")), "/", name, ".sol/", name, ".json"));
    }

    /// @notice Runtime code as compiled, immutables zero.
    function runtime(string memory artifact) internal pure returns (bytes memory) {
        return vm.parseJsonBytes(artifact, ".deployedBytecode.object");
    }

    /// @notice Signatures of the functions that may change state, in the artifact's order.
    function changing(string memory artifact) internal view returns (string[] memory signatures) {
        string[] memory all = vm.parseJsonKeys(artifact, ".methodIdentifiers");
        signatures = new string[](all.length);
        uint256 count;
        for (uint256 i; i < all.length; ++i) {
            if (_changesState(artifact, vm.split(all[i], "(")[0])) signatures[count++] = all[i];
        }
        assembly ("memory-safe") {
            mstore(signatures, count)
        }
    }

    /// @notice The contracts of a folder's files that can be deployed, by name and in its order.
    function concrete(string memory folder) internal view returns (string[] memory names) {
        Vm.DirEntry[] memory entries = vm.readDir(folder);
        names = new string[](entries.length);
        uint256 count;
        for (uint256 i; i < entries.length; ++i) {
            if (entries[i].isDir) continue;
            string[] memory parts = vm.split(entries[i].path, "/");
            string memory name = vm.replace(parts[parts.length - 1], ".sol", "");
            string memory code = vm.parseJsonString(read(name), ".bytecode.object");
            if (equal(code, "0x")) continue;
            // The order of a folder's entries is the file system's own.
            uint256 at = count++;
            while (at > 0 && _after(names[at - 1], name)) {
                names[at] = names[at - 1];
                --at;
            }
            names[at] = name;
        }
        assembly ("memory-safe") {
            mstore(names, count)
        }
    }

    function equal(string memory a, string memory b) internal pure returns (bool) {
        return keccak256(bytes(a)) == keccak256(bytes(b));
    }

    function _changesState(string memory artifact, string memory name) private view returns (bool) {
        for (uint256 i; vm.keyExistsJson(artifact, _at(i, "")); ++i) {
            if (!equal(vm.parseJsonString(artifact, _at(i, ".type")), "function")) continue;
            if (!equal(vm.parseJsonString(artifact, _at(i, ".name")), name)) continue;
            string memory mutability = vm.parseJsonString(artifact, _at(i, ".stateMutability"));
            return !equal(mutability, "view") && !equal(mutability, "pure");
        }
        revert(string.concat("not in the ABI: ", name));
    }

    function _after(string memory a, string memory b) private pure returns (bool) {
        (bytes memory x, bytes memory y) = (bytes(a), bytes(b));
        for (uint256 i; i < x.length && i < y.length; ++i) {
            if (x[i] != y[i]) return x[i] > y[i];
        }
        return x.length > y.length;
    }

    function _at(uint256 i, string memory key) private pure returns (string memory) {
        return string.concat(".abi[", vm.toString(i), "]", key);
    }
}

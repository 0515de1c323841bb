// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Vm} from "forge-std/Vm.sol";

/// @title Artifact
/// @notice Deploys contracts whose compiled bytecode ships in an npm package, exactly as published.
/// @dev The cheatcodes only read; the creation itself is a plain CREATE, which a broadcasting script records as a
/// transaction. (`deployCode` creates from the cheatcode, so a broadcast would miss it.)
library Artifact {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// @notice The constructor reverted, or the package holds no deployable bytecode at that place.
    error CreationFailed(string artifact);
    /// @notice The file does not define `_bytecode`: the package's layout is not the one this reader knows.
    error NotAFactoryFile(string path);
    /// @notice The bytecode does not refer to the library that was to be linked into it.
    error LibraryNotReferenced(string artifact, string libraryName);

    /// @notice Creation code in the hardhat or truffle artifact at `path` (relative to the project root).
    function fromJson(string memory path) internal view returns (bytes memory) {
        return vm.parseJsonBytes(vm.readFile(path), ".bytecode");
    }

    /// @notice Creation code in a hardhat artifact, with one external library linked into it.
    /// @param libraryName Fully qualified as the compiler saw it: `source.sol:Library`.
    function fromJsonLinked(string memory path, string memory libraryName, address libraryAt)
        internal
        view
        returns (bytes memory)
    {
        string memory code = vm.parseJsonString(vm.readFile(path), ".bytecode");
        string memory placeholder = _placeholder(libraryName);
        if (vm.indexOf(code, placeholder) == type(uint256).max) revert LibraryNotReferenced(path, libraryName);
        return vm.parseBytes(vm.replace(code, placeholder, _hexDigits(abi.encodePacked(libraryAt))));
    }

    /// @notice Creation code in a typechain factory (`Name__factory.js`), the only form in which some packages ship it.
    function fromTypechain(string memory path) internal view returns (bytes memory) {
        string[] memory parts = vm.split(vm.readFile(path), "const _bytecode = \"");
        if (parts.length != 2) revert NotAFactoryFile(path);
        return vm.parseBytes(vm.split(parts[1], "\"")[0]);
    }

    /// @notice Runs `creationCode` followed by the ABI-encoded constructor arguments.
    /// @param name What is being created, for the error.
    function create(string memory name, bytes memory creationCode, bytes memory arguments)
        internal
        returns (address at)
    {
        bytes memory initCode = bytes.concat(creationCode, arguments);
        assembly ("memory-safe") {
            at := create(0, add(initCode, 0x20), mload(initCode))
        }
        if (at == address(0) || at.code.length == 0) revert CreationFailed(name);
    }

    /// @dev solc's placeholder for an unlinked library: `__$` + 34 hex digits of keccak256(name) + `$__`.
    function _placeholder(string memory libraryName) private pure returns (string memory) {
        return string.concat("__$", _hexDigits(abi.encodePacked(bytes17(keccak256(bytes(libraryName))))), "$__");
    }

    function _hexDigits(bytes memory data) private pure returns (string memory) {
        return vm.replace(vm.toString(data), "0x", "");
    }
}

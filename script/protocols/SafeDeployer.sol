// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Artifact} from "./Artifact.sol";
import {Create2} from "@openzeppelin/contracts/utils/Create2.sol";

/// @notice The part of a Safe 1.4.1 that deployments and tests call.
interface ISafe {
    function setup(
        address[] calldata owners,
        uint256 threshold,
        address to,
        bytes calldata data,
        address fallbackHandler,
        address paymentToken,
        uint256 payment,
        address payable paymentReceiver
    ) external;
    function execTransaction(
        address to,
        uint256 value,
        bytes calldata data,
        uint8 operation,
        uint256 safeTxGas,
        uint256 baseGas,
        uint256 gasPrice,
        address gasToken,
        address payable refundReceiver,
        bytes memory signatures
    ) external payable returns (bool success);
    function getTransactionHash(
        address to,
        uint256 value,
        bytes calldata data,
        uint8 operation,
        uint256 safeTxGas,
        uint256 baseGas,
        uint256 gasPrice,
        address gasToken,
        address refundReceiver,
        uint256 nonce
    ) external view returns (bytes32);
    function nonce() external view returns (uint256);
    function getOwners() external view returns (address[] memory);
    function isOwner(address owner) external view returns (bool);
    function getThreshold() external view returns (uint256);
    function getModulesPaginated(address start, uint256 pageSize)
        external
        view
        returns (address[] memory modules, address next);
    function getStorageAt(uint256 offset, uint256 length) external view returns (bytes memory);
    function swapOwner(address previous, address oldOwner, address newOwner) external;
    function changeThreshold(uint256 threshold) external;
    function VERSION() external view returns (string memory);
}

interface ISafeProxyFactory {
    function createProxyWithNonce(address singleton, bytes memory initializer, uint256 saltNonce)
        external
        returns (address proxy);
    function proxyCreationCode() external pure returns (bytes memory);
}

/// @title SafeDeployer
/// @notice Deploys Safe 1.4.1 from its published bytecode, and Safes on it.
library SafeDeployer {
    string private constant ARTIFACTS = "node_modules/@safe-global/safe-contracts/build/artifacts/contracts/";

    /// @notice What a chain has once, for all Safes.
    struct Infrastructure {
        address singleton;
        ISafeProxyFactory factory;
        address fallbackHandler;
    }

    /// @notice Deploys singleton, proxy factory and compatibility fallback handler.
    function deploy() internal returns (Infrastructure memory safe) {
        safe.singleton = _create("Safe", "Safe.sol/Safe.json");
        safe.factory =
            ISafeProxyFactory(_create("SafeProxyFactory", "proxies/SafeProxyFactory.sol/SafeProxyFactory.json"));
        safe.fallbackHandler = _create(
            "CompatibilityFallbackHandler", "handler/CompatibilityFallbackHandler.sol/CompatibilityFallbackHandler.json"
        );
    }

    /// @notice A Safe owned by `owners`, of whom `threshold` have to sign; no modules, no guard, no payment.
    /// @param saltNonce Distinguishes Safes of the same owners: the address follows from both. A Safe that is there already is
    /// returned as it is now, which need not be as it was created.
    function create(Infrastructure memory safe, address[] memory owners, uint256 threshold, uint256 saltNonce)
        internal
        returns (ISafe)
    {
        bytes memory setup = abi.encodeCall(
            ISafe.setup, (owners, threshold, address(0), "", safe.fallbackHandler, address(0), 0, payable(address(0)))
        );
        address predicted = _predict(safe, setup, saltNonce);
        if (predicted.code.length != 0) return ISafe(predicted);
        return ISafe(safe.factory.createProxyWithNonce(safe.singleton, setup, saltNonce));
    }

    /// @dev As SafeProxyFactory 1.4.1 derives the address.
    function _predict(Infrastructure memory safe, bytes memory setup, uint256 saltNonce)
        private
        pure
        returns (address)
    {
        bytes32 salt = keccak256(abi.encodePacked(keccak256(setup), saltNonce));
        bytes32 codeHash =
            keccak256(abi.encodePacked(safe.factory.proxyCreationCode(), uint256(uint160(safe.singleton))));
        return Create2.computeAddress(salt, codeHash, address(safe.factory));
    }

    function _create(string memory name, string memory file) private returns (address) {
        return Artifact.create(name, Artifact.fromJson(string.concat(ARTIFACTS, file)), "");
    }
}

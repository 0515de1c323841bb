// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Artifact} from "./Artifact.sol";
import {Participant, Participants} from "./Participant.sol";
import {Authorization, IMorpho, Id, MarketParams, Signature} from "@morpho-org/morpho-blue/src/interfaces/IMorpho.sol";
import {AUTHORIZATION_TYPEHASH} from "@morpho-org/morpho-blue/src/libraries/ConstantsLib.sol";
import {MarketParamsLib} from "@morpho-org/morpho-blue/src/libraries/MarketParamsLib.sol";
import {IERC20} from "@openzeppelin/contracts/interfaces/IERC20.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";

/// @notice The part of MetaMorpho 1.0 that deployments and tests call.
interface IMetaMorpho is IERC4626 {
    function submitCap(MarketParams memory marketParams, uint256 newSupplyCap) external;
    function acceptCap(MarketParams memory marketParams) external;
    function setSupplyQueue(Id[] calldata newSupplyQueue) external;
    function timelock() external view returns (uint256);
    function MORPHO() external view returns (IMorpho);
}

/// @title MorphoDeployer
/// @notice Deploys Morpho Blue, its AdaptiveCurveIrm and a MetaMorpho over one market, from the published bytecode.
/// @dev MetaMorpho lets a market in only after its timelock of at least a day: `deploy` submits the cap, `open` accepts
/// it once `CAP_TIMELOCK` has passed on the chain's clock.
library MorphoDeployer {
    using MarketParamsLib for MarketParams;
    using Participants for Participant;

    string private constant FACTORIES = "node_modules/@morpho-org/morpho-blue-bundlers/types/factories/lib/";

    /// @dev The shortest timelock MetaMorpho accepts, in seconds.
    uint256 internal constant CAP_TIMELOCK = 1 days;
    /// @dev Liquidation loan-to-value of the market, 1e18 = 100 %; Morpho's usual step for volatile collateral.
    uint256 internal constant LLTV = 0.86e18;

    struct Market {
        IMorpho blue;
        address irm;
        IMetaMorpho metaMorpho;
        MarketParams params;
    }

    /// @notice Deploys the protocol, creates the market and submits its cap. The caller must be `admin`.
    /// @param cap Most the MetaMorpho may supply to the market, in base units of the loan token.
    function deploy(address loanToken, address collateralToken, address oracle, uint256 cap, address admin)
        internal
        returns (Market memory market)
    {
        market.blue = IMorpho(_create("Morpho", "morpho-blue/src/Morpho__factory.js", abi.encode(admin)));
        market.irm = _create(
            "AdaptiveCurveIrm",
            "morpho-blue-irm/src/adaptive-curve-irm/AdaptiveCurveIrm__factory.js",
            abi.encode(market.blue)
        );
        market.blue.enableIrm(market.irm);
        market.params = MarketParams(loanToken, collateralToken, oracle, market.irm, LLTV);
        _openVault(market, "MetaMorpho USDC", "mmUSDC", cap, admin);
    }

    /// @notice A second market of the same tokens, with another liquidation loan-to-value, in the same Morpho Blue, under a MetaMorpho of its
    /// own. As after `deploy`, `open` is next. The caller must be `admin`, which owns the Morpho Blue.
    /// @param lltv 1e18 = 100 %, below 100 %; none that is enabled already.
    function deployBeside(
        Market memory first,
        uint256 lltv,
        string memory name,
        string memory symbol,
        uint256 cap,
        address admin
    ) internal returns (Market memory market) {
        (market.blue, market.irm) = (first.blue, first.irm);
        market.params =
            MarketParams(first.params.loanToken, first.params.collateralToken, first.params.oracle, first.irm, lltv);
        _openVault(market, name, symbol, cap, admin);
    }

    /// @notice Accepts the cap and makes the market the vault's supply queue; acceptance itself enters it in the withdraw
    /// queue. `CAP_TIMELOCK` seconds must have passed since `deploy`.
    function open(Market memory market) internal {
        market.metaMorpho.acceptCap(market.params);
        Id[] memory queue = new Id[](1);
        queue[0] = market.params.id();
        market.metaMorpho.setSupplyQueue(queue);
    }

    /// @notice Deposits the caller's loan tokens into the MetaMorpho for `receiver`.
    function supply(Market memory market, uint256 assets, address receiver) internal {
        IERC20(market.params.loanToken).approve(address(market.metaMorpho), assets);
        market.metaMorpho.deposit(assets, receiver);
    }

    /// @notice Supplies the caller's loan tokens to the market itself, past the MetaMorpho, for `onBehalfOf`.
    function supplyDirectly(Market memory market, uint256 assets, address onBehalfOf) internal {
        IERC20(market.params.loanToken).approve(address(market.blue), assets);
        market.blue.supply(market.params, assets, 0, onBehalfOf, "");
    }

    /// @notice Pledges the caller's collateral for `borrower` and draws `assets` to it. The borrower must have authorised
    /// the caller.
    function borrow(Market memory market, uint256 collateral, uint256 assets, address borrower) internal {
        IERC20(market.params.collateralToken).approve(address(market.blue), collateral);
        market.blue.supplyCollateral(market.params, collateral, borrower, "");
        market.blue.borrow(market.params, assets, 0, borrower, borrower);
    }

    /// @notice Lets `operator` borrow for `borrower`, by the borrower's signature, so that one sender does everything. The
    /// authorisation stays.
    function authorize(Market memory market, Participant memory borrower, address operator) internal {
        Authorization memory authorization = Authorization({
            authorizer: borrower.account,
            authorized: operator,
            isAuthorized: true,
            nonce: market.blue.nonce(borrower.account),
            deadline: type(uint256).max
        });
        bytes32 hash = keccak256(abi.encode(AUTHORIZATION_TYPEHASH, authorization));
        (uint8 v, bytes32 r, bytes32 s) =
            borrower.sign(keccak256(abi.encodePacked(hex"1901", market.blue.DOMAIN_SEPARATOR(), hash)));
        market.blue.setAuthorizationWithSig(authorization, Signature(v, r, s));
    }

    /// @notice Id of the market in Morpho Blue.
    function id(Market memory market) internal pure returns (Id) {
        return market.params.id();
    }

    /// @dev Creates the market and a MetaMorpho that wants it.
    function _openVault(Market memory market, string memory name, string memory symbol, uint256 cap, address admin)
        private
    {
        market.blue.enableLltv(market.params.lltv);
        market.blue.createMarket(market.params);
        market.metaMorpho = IMetaMorpho(
            _create(
                "MetaMorpho",
                "metamorpho/src/MetaMorpho__factory.js",
                abi.encode(admin, market.blue, CAP_TIMELOCK, market.params.loanToken, name, symbol)
            )
        );
        market.metaMorpho.submitCap(market.params, cap);
    }

    function _create(string memory name, string memory file, bytes memory arguments) private returns (address) {
        return Artifact.create(name, Artifact.fromTypechain(string.concat(FACTORIES, file)), arguments);
    }
}

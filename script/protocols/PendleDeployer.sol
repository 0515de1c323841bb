// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IPendleMarket, IStandardizedYield} from "../../contracts/interfaces/IPendle.sol";
import {Artifact} from "./Artifact.sol";
import {IERC20} from "@openzeppelin/contracts/interfaces/IERC20.sol";
import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";

/// @notice The parts of Pendle V2 that deployments and tests call, beside the adapter's.
interface ISplitCodeFactory {
    function deploy(string memory name, bytes calldata creationCode)
        external
        returns (address codeA, uint256 sizeA, address codeB, uint256 sizeB);
}

interface IPendleYieldContractFactory {
    function initialize(
        uint96 expiryDivisor,
        uint128 interestFeeRate,
        uint128 rewardFeeRate,
        address treasury,
        address owner
    ) external;
    function createYieldContract(address sy, uint32 expiry, bool doCacheIndexSameBlock)
        external
        returns (address pt, address yt);
}

interface IPendleMarketFactory {
    function initialize(address owner, address treasury, uint8 reserveFeePercent) external;
    function createNewMarket(address pt, int256 scalarRoot, int256 initialAnchor, uint80 lnFeeRateRoot)
        external
        returns (address market);
    function isValidMarket(address market) external view returns (bool);
}

interface IPendleGaugeController {
    function initialize(address owner) external;
}

interface IPendleMarketLiquidity is IPendleMarket {
    function mint(address receiver, uint256 syDesired, uint256 ptDesired)
        external
        returns (uint256 lp, uint256 syUsed, uint256 ptUsed);
    function burn(address receiverSy, address receiverPt, uint256 lp) external returns (uint256 sy, uint256 pt);
    function increaseObservationsCardinalityNext(uint16 cardinality) external;
}

interface IPendleYieldTokenMint {
    function mintPY(address receiverPt, address receiverYt) external returns (uint256 amount);
}

interface IPausableSy {
    function pause() external;
    function unpause() external;
}

/// @notice Pendle's own TWAP oracle: the independent implementation that the adapter's price is tested against.
interface IPendlePtOracle {
    function initialize(uint16 blockCycleNumerator, address owner) external;
    function getPtToAssetRate(address market, uint32 duration) external view returns (uint256);
    function getOracleState(address market, uint32 duration)
        external
        view
        returns (bool increaseCardinalityRequired, uint16 cardinalityRequired, bool oldestObservationSatisfied);
}

/// @title PendleDeployer
/// @notice Deploys Pendle V2 (market V7) and markets over ERC-4626 vaults from the published bytecode.
/// @dev The SY's bytecode is in an older release of the same package, which the project names `@pendle/core-v2-sy`.
library PendleDeployer {
    string private constant CORE = "node_modules/@pendle/core-v2/build/artifacts/contracts/";
    string private constant SY =
        "node_modules/@pendle/core-v2-sy/build/artifacts/contracts/core/StandardizedYield/implementations/PendleERC4626SY.sol/PendleERC4626SY.json";
    string private constant ORACLE_LIB = "contracts/core/Market/OracleLib.sol:OracleLib";

    /// @dev As on Ethereum mainnet: expiries at midnight, 5 % of the yield and 80 % of the swap fee to the treasury.
    uint96 private constant EXPIRY_DIVISOR = 1 days;
    uint128 private constant YIELD_FEE = 0.05e18;
    uint8 private constant RESERVE_FEE_PERCENT = 80;
    /// @dev Ethereum's 12 seconds, less one, in thousandths of a second.
    uint16 private constant BLOCK_CYCLE = 11_000;

    struct Core {
        IPendleYieldContractFactory yieldFactory;
        IPendleMarketFactory marketFactory;
    }

    struct Market {
        IStandardizedYield sy;
        IERC20 pt;
        address yt;
        IPendleMarketLiquidity market;
    }

    /// @dev `scalarRoot`: 18-decimal, the larger the less a trade moves the price. `initialAnchor`: 18-decimal, PT per asset at which the
    /// market opens with as much of one as of the other. `lnFeeRateRoot`: 18-decimal, ln(1 + fee) of a year to maturity. `expiry`: Unix time,
    /// a midnight. `observations`: how many the market keeps, one per block at most.
    struct Terms {
        int256 scalarRoot;
        int256 initialAnchor;
        uint80 lnFeeRateRoot;
        uint32 expiry;
        uint16 observations;
    }

    /// @notice Deploys factories and gauge controller, owned by `admin`.
    /// @param pendle The token that the gauges pay; none is paid here.
    function deploy(address pendle, address treasury, address admin) internal returns (Core memory core) {
        ISplitCodeFactory splitter = ISplitCodeFactory(
            _create("offchain-helpers/BaseSplitCodeFactoryContract.sol/", "BaseSplitCodeFactoryContract", "")
        );

        core.yieldFactory = IPendleYieldContractFactory(
            _proxy(
                _create(
                    "core/YieldContracts/PendleYieldContractFactoryUpg.sol/",
                    "PendleYieldContractFactoryUpg",
                    _split(
                        splitter,
                        "YT",
                        Artifact.fromJson(
                            string.concat(CORE, "core/YieldContracts/PendleYieldToken.sol/PendleYieldToken.json")
                        )
                    )
                ),
                abi.encodeCall(
                    IPendleYieldContractFactory.initialize, (EXPIRY_DIVISOR, YIELD_FEE, YIELD_FEE, treasury, admin)
                )
            )
        );

        address gauges = _proxy(
            _create(
                "LiquidityMining/GaugeController/PendleGaugeControllerUpg.sol/",
                "PendleGaugeControllerUpg",
                abi.encode(pendle)
            ),
            abi.encodeCall(IPendleGaugeController.initialize, (admin))
        );

        address oracleLib = _create("core/Market/OracleLib.sol/", "OracleLib", "");
        bytes memory marketCode = _split(
            splitter,
            "Market",
            Artifact.fromJsonLinked(
                string.concat(CORE, "core/Market/PendleMarketV7.sol/PendleMarketV7.json"), ORACLE_LIB, oracleLib
            )
        );
        core.marketFactory = IPendleMarketFactory(
            _proxy(
                _create(
                    "core/Market/PendleMarketFactoryV7Upg.sol/",
                    "PendleMarketFactoryV7Upg",
                    // Encoded words one after another: only static types.
                    bytes.concat(abi.encode(core.yieldFactory), marketCode, abi.encode(gauges))
                ),
                abi.encodeCall(IPendleMarketFactory.initialize, (admin, treasury, RESERVE_FEE_PERCENT))
            )
        );
    }

    /// @notice Deploys the SY of an ERC-4626 vault, owned by the caller, its PT and YT, and a market between SY and PT.
    function createMarket(Core memory core, address vault, Terms memory terms) internal returns (Market memory market) {
        market.sy = IStandardizedYield(
            Artifact.create("PendleERC4626SY", Artifact.fromJson(SY), abi.encode("SY Vault", "SY-VAULT", vault))
        );
        address pt;
        (pt, market.yt) = core.yieldFactory.createYieldContract(address(market.sy), terms.expiry, true);
        market.pt = IERC20(pt);
        market.market = IPendleMarketLiquidity(
            core.marketFactory.createNewMarket(pt, terms.scalarRoot, terms.initialAnchor, terms.lnFeeRateRoot)
        );
        market.market.increaseObservationsCardinalityNext(terms.observations);
    }

    /// @notice Puts `assets` of the caller into the SY, half of it as PT, and all of that into the new market. LP and YT go to `provider`.
    function open(Market memory market, IERC20 asset, uint256 assets, address provider) internal {
        asset.approve(address(market.sy), assets);
        uint256 principal = _mintPrincipal(market, asset, assets / 2, provider);
        uint256 shares = market.sy.deposit(address(market.market), address(asset), assets - assets / 2, 0);
        market.market.mint(provider, shares, principal);
    }

    /// @notice Sells PT for `assets` of the caller to the market: the first trade in a block after the one of its creation starts its
    /// row of observations. SY and YT go to `provider`.
    function startObservations(Market memory market, IERC20 asset, uint256 assets, address provider) internal {
        asset.approve(address(market.sy), assets);
        market.market.swapExactPtForSy(provider, _mintPrincipal(market, asset, assets, provider), "");
    }

    /// @notice Pendle's TWAP oracle, owned by `admin`.
    function deployOracle(address admin) internal returns (IPendlePtOracle) {
        return IPendlePtOracle(
            _proxy(
                _create("oracles/PtYtLpOracle/PendlePYLpOracle.sol/", "PendlePYLpOracle", ""),
                abi.encodeCall(IPendlePtOracle.initialize, (BLOCK_CYCLE, admin))
            )
        );
    }

    /// @dev Mints PT to the market.
    function _mintPrincipal(Market memory market, IERC20 asset, uint256 assets, address provider)
        private
        returns (uint256)
    {
        market.sy.deposit(market.yt, address(asset), assets, 0);
        return IPendleYieldTokenMint(market.yt).mintPY(address(market.market), provider);
    }

    /// @dev Creation code that is too large for its factory is kept in two contracts.
    function _split(ISplitCodeFactory splitter, string memory name, bytes memory code) private returns (bytes memory) {
        (address codeA, uint256 sizeA, address codeB, uint256 sizeB) = splitter.deploy(name, code);
        return abi.encode(codeA, sizeA, codeB, sizeB);
    }

    function _proxy(address implementation, bytes memory call) private returns (address) {
        return address(new ERC1967Proxy(implementation, call));
    }

    function _create(string memory folder, string memory name, bytes memory arguments) private returns (address) {
        return Artifact.create(name, Artifact.fromJson(string.concat(CORE, folder, name, ".json")), arguments);
    }
}

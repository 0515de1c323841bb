// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AaveDeployer} from "./protocols/AaveDeployer.sol";
import {IMetaMorpho, MorphoDeployer} from "./protocols/MorphoDeployer.sol";
import {Participant, Participants} from "./protocols/Participant.sol";
import {Protocols} from "./protocols/Protocols.sol";
import {ScriptedFeed} from "./protocols/ScriptedFeed.sol";
import {IFiatToken} from "./protocols/UsdcDeployer.sol";
import {IWETH9} from "./protocols/WethDeployer.sol";
import {IMorpho, Id} from "@morpho-org/morpho-blue/src/interfaces/IMorpho.sol";
import {IPool} from "aave-v3-origin/interfaces/IPool.sol";
import {IPoolAddressesProvider} from "aave-v3-origin/interfaces/IPoolAddressesProvider.sol";
import {IPoolDataProvider} from "aave-v3-origin/interfaces/IPoolDataProvider.sol";
import {Script} from "forge-std/Script.sol";

/// @title DeployProtocols
/// @notice Deploys the outside world onto a local chain, see Protocols.
///
///   forge script script/DeployProtocols.s.sol --sig 'phase1()' --broadcast --rpc-url … --sender <deployer>
///   … let MorphoDeployer.CAP_TIMELOCK + 1 s pass on the chain and mine a block …
///   forge script script/DeployProtocols.s.sol --sig 'phase2()' --broadcast --rpc-url … --sender <deployer>
///
/// Environment:
///   DEPLOYER_KEY   private key of the deployer, which ends up as admin of everything and must hold
///                  Protocols.ETH_NEEDED (160,001) ether plus gas
///   PROTOCOLS_OUT  JSON file of the addresses, under target/: phase1 writes it, phase2 reads it
///   SUPPLIER_KEY, BORROWER_KEY   optional; default to accounts 8 and 9 of the development mnemonic
/// @dev All transactions of a phase have one sender and are sent at once: `--slow` is not needed. Together phase1's gas
/// limits are 86M. anvil itself forgets transactions that a full block leaves over, and the script would wait for them
/// forever: with nothing but anvil behind the RPC, start it with `--gas-limit 150000000`.
contract DeployProtocols is Script {
    using AaveDeployer for AaveDeployer.Market;
    using MorphoDeployer for MorphoDeployer.Market;

    error NotALocalChain(uint256 chainId);

    /// @notice Deploys every contract, submits the MetaMorpho's cap and writes the addresses.
    function phase1() external {
        uint256 key = _deployerKey();
        (Participant memory supplier, Participant memory borrower) = _participants();
        vm.startBroadcast(key);
        Protocols.Deployment memory deployed = Protocols.deploy(vm.addr(key), supplier, borrower);
        vm.stopBroadcast();
        _write(deployed);
    }

    /// @notice Accepts the cap, and supplies to and borrows from every market.
    function phase2() external {
        uint256 key = _deployerKey();
        (Participant memory supplier, Participant memory borrower) = _participants();
        Protocols.Deployment memory deployed = _read();
        vm.startBroadcast(key);
        Protocols.fund(deployed, vm.addr(key), supplier, borrower);
        vm.stopBroadcast();
    }

    /// @dev Feeds that anyone may write and keys that everyone knows must not reach a public chain.
    function _deployerKey() private view returns (uint256) {
        if (block.chainid != 31_337) revert NotALocalChain(block.chainid);
        return vm.envUint("DEPLOYER_KEY");
    }

    function _participants() private view returns (Participant memory supplier, Participant memory borrower) {
        supplier = Participants.fromKey(vm.envOr("SUPPLIER_KEY", Participants.supplier().key));
        borrower = Participants.fromKey(vm.envOr("BORROWER_KEY", Participants.borrower().key));
    }

    function _write(Protocols.Deployment memory deployed) private {
        vm.serializeAddress("protocols", "usdc", address(deployed.usdc));
        vm.serializeAddress("protocols", "usdt", address(deployed.usdt));
        vm.serializeAddress("protocols", "weth", address(deployed.weth));
        vm.serializeString("protocols", "feeds", _feedsJson(deployed.feeds));
        vm.serializeString("protocols", "aave", _aaveJson(deployed.aave, address(deployed.usdc)));
        vm.serializeString("protocols", "morpho", _morphoJson(deployed.morpho));

        vm.serializeAddress("safe", "singleton", deployed.safe.singleton);
        vm.serializeAddress("safe", "factory", address(deployed.safe.factory));
        string memory safe = vm.serializeAddress("safe", "fallbackHandler", deployed.safe.fallbackHandler);
        vm.writeJson(vm.serializeString("protocols", "safe", safe), vm.envString("PROTOCOLS_OUT"));
    }

    function _feedsJson(Protocols.Feeds memory feeds) private returns (string memory) {
        vm.serializeAddress("feeds", "usdcUsd", address(feeds.usdcUsd));
        vm.serializeAddress("feeds", "usdtUsd", address(feeds.usdtUsd));
        return vm.serializeAddress("feeds", "ethUsd", address(feeds.ethUsd));
    }

    function _aaveJson(AaveDeployer.Market memory aave, address usdc) private returns (string memory) {
        vm.serializeAddress("aave", "pool", address(aave.pool));
        vm.serializeAddress("aave", "addressesProvider", address(aave.addressesProvider));
        vm.serializeAddress("aave", "dataProvider", address(aave.dataProvider));
        vm.serializeAddress("aave", "aUsdc", aave.aToken(usdc));
        vm.serializeAddress("aave", "variableDebtUsdc", address(aave.debtToken(usdc)));
        return vm.serializeAddress("aave", "rateStrategy", address(aave.rateStrategy));
    }

    function _morphoJson(MorphoDeployer.Market memory morpho) private returns (string memory) {
        vm.serializeAddress("morpho", "blue", address(morpho.blue));
        vm.serializeAddress("morpho", "irm", morpho.irm);
        vm.serializeAddress("morpho", "metaMorpho", address(morpho.metaMorpho));
        vm.serializeBytes32("morpho", "marketId", Id.unwrap(morpho.id()));
        vm.serializeAddress("morpho", "oracle", morpho.params.oracle);
        return vm.serializeAddress("morpho", "collateral", morpho.params.collateralToken);
    }

    /// @dev Only what `Protocols.fund` uses.
    function _read() private view returns (Protocols.Deployment memory deployed) {
        string memory json = vm.readFile(vm.envString("PROTOCOLS_OUT"));
        deployed.usdc = IFiatToken(vm.parseJsonAddress(json, ".usdc"));
        deployed.usdt = IFiatToken(vm.parseJsonAddress(json, ".usdt"));
        deployed.weth = IWETH9(vm.parseJsonAddress(json, ".weth"));
        deployed.feeds.usdcUsd = ScriptedFeed(vm.parseJsonAddress(json, ".feeds.usdcUsd"));
        deployed.feeds.usdtUsd = ScriptedFeed(vm.parseJsonAddress(json, ".feeds.usdtUsd"));
        deployed.feeds.ethUsd = ScriptedFeed(vm.parseJsonAddress(json, ".feeds.ethUsd"));
        deployed.aave.pool = IPool(vm.parseJsonAddress(json, ".aave.pool"));
        deployed.aave.addressesProvider = IPoolAddressesProvider(vm.parseJsonAddress(json, ".aave.addressesProvider"));
        deployed.aave.dataProvider = IPoolDataProvider(vm.parseJsonAddress(json, ".aave.dataProvider"));
        deployed.morpho.blue = IMorpho(vm.parseJsonAddress(json, ".morpho.blue"));
        deployed.morpho.irm = vm.parseJsonAddress(json, ".morpho.irm");
        deployed.morpho.metaMorpho = IMetaMorpho(vm.parseJsonAddress(json, ".morpho.metaMorpho"));
        deployed.morpho.params =
            deployed.morpho.blue.idToMarketParams(Id.wrap(vm.parseJsonBytes32(json, ".morpho.marketId")));
    }
}

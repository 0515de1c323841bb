// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AaveDeployer} from "./protocols/AaveDeployer.sol";
import {IMetaMorpho, MorphoDeployer} from "./protocols/MorphoDeployer.sol";
import {Participant, Participants} from "./protocols/Participant.sol";
import {PrimeMarkets} from "./protocols/PrimeMarkets.sol";
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
/// @notice Deploys the outside world onto a local chain, see Protocols and PrimeMarkets.
///
///   forge script script/DeployProtocols.s.sol --sig 'phase1()' --broadcast --rpc-url … --sender <deployer>
///   … let MorphoDeployer.CAP_TIMELOCK + 1 s pass on the chain and mine a block …
///   forge script script/DeployProtocols.s.sol --sig 'phase2()' --broadcast --rpc-url … --sender <deployer>
///
/// Environment:
///   DEPLOYER_KEY   private key of the deployer, which ends up as admin of everything and must hold
///                  what Protocols and PrimeMarkets need (280,002 ether) plus gas
///   PROTOCOLS_OUT  JSON file of the addresses, under target/: phase1 writes it, phase2 reads it
///   SUPPLIER_KEY, BORROWER_KEY   optional; default to accounts 8 and 9 of the development mnemonic
/// @dev All transactions of a phase have one sender and are sent at once: `--slow` is not needed. Together phase1's gas
/// limits are 126M. anvil itself forgets transactions that a full block leaves over, and the script would wait for them
/// forever: with nothing but anvil behind the RPC, start it with `--gas-limit 150000000`.
contract DeployProtocols is Script {
    using AaveDeployer for AaveDeployer.Market;
    using MorphoDeployer for MorphoDeployer.Market;

    error NotALocalChain(uint256 chainId);

    /// @notice Deploys every contract, submits the MetaMorphos' caps and writes the addresses.
    function phase1() external {
        uint256 key = _deployerKey();
        (Participant memory supplier, Participant memory borrower) = _participants();
        vm.startBroadcast(key);
        Protocols.Deployment memory deployed = Protocols.deploy(vm.addr(key), supplier, borrower);
        PrimeMarkets.Deployment memory prime =
            PrimeMarkets.deploy(deployed, vm.addr(key), supplier.account, borrower.account);
        vm.stopBroadcast();
        _write(deployed, prime);
    }

    /// @notice Accepts the caps, and supplies to and borrows from every market.
    function phase2() external {
        uint256 key = _deployerKey();
        (Participant memory supplier, Participant memory borrower) = _participants();
        (Protocols.Deployment memory deployed, PrimeMarkets.Deployment memory prime) = _read();
        vm.startBroadcast(key);
        Protocols.fund(deployed, vm.addr(key), supplier, borrower);
        PrimeMarkets.fund(prime, deployed, vm.addr(key), supplier.account, borrower);
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

    function _write(Protocols.Deployment memory deployed, PrimeMarkets.Deployment memory prime) private {
        vm.serializeAddress("protocols", "usdc", address(deployed.usdc));
        vm.serializeAddress("protocols", "usdt", address(deployed.usdt));
        vm.serializeAddress("protocols", "weth", address(deployed.weth));
        vm.serializeString("protocols", "feeds", _feedsJson(deployed.feeds));
        vm.serializeString("protocols", "aave", _aaveJson("aave", deployed.aave, address(deployed.usdc)));
        vm.serializeString("protocols", "morpho", _morphoJson("morpho", deployed.morpho));
        vm.serializeString("protocols", "aavePrime", _aaveJson("aavePrime", prime.aave, address(deployed.usdc)));
        vm.serializeString("protocols", "morphoPrime", _morphoJson("morphoPrime", prime.morpho));

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

    function _aaveJson(string memory key, AaveDeployer.Market memory aave, address usdc)
        private
        returns (string memory)
    {
        vm.serializeAddress(key, "pool", address(aave.pool));
        vm.serializeAddress(key, "addressesProvider", address(aave.addressesProvider));
        vm.serializeAddress(key, "dataProvider", address(aave.dataProvider));
        vm.serializeAddress(key, "aUsdc", aave.aToken(usdc));
        vm.serializeAddress(key, "variableDebtUsdc", address(aave.debtToken(usdc)));
        return vm.serializeAddress(key, "rateStrategy", address(aave.rateStrategy));
    }

    function _morphoJson(string memory key, MorphoDeployer.Market memory morpho) private returns (string memory) {
        vm.serializeAddress(key, "blue", address(morpho.blue));
        vm.serializeAddress(key, "irm", morpho.irm);
        vm.serializeAddress(key, "metaMorpho", address(morpho.metaMorpho));
        vm.serializeBytes32(key, "marketId", Id.unwrap(morpho.id()));
        vm.serializeAddress(key, "oracle", morpho.params.oracle);
        return vm.serializeAddress(key, "collateral", morpho.params.collateralToken);
    }

    /// @dev Only what `fund` uses.
    function _read() private view returns (Protocols.Deployment memory deployed, PrimeMarkets.Deployment memory prime) {
        string memory json = vm.readFile(vm.envString("PROTOCOLS_OUT"));
        deployed.usdc = IFiatToken(vm.parseJsonAddress(json, ".usdc"));
        deployed.usdt = IFiatToken(vm.parseJsonAddress(json, ".usdt"));
        deployed.weth = IWETH9(vm.parseJsonAddress(json, ".weth"));
        deployed.feeds.usdcUsd = ScriptedFeed(vm.parseJsonAddress(json, ".feeds.usdcUsd"));
        deployed.feeds.usdtUsd = ScriptedFeed(vm.parseJsonAddress(json, ".feeds.usdtUsd"));
        deployed.feeds.ethUsd = ScriptedFeed(vm.parseJsonAddress(json, ".feeds.ethUsd"));
        deployed.aave = _readAave(json, ".aave");
        deployed.morpho = _readMorpho(json, ".morpho");
        prime.aave = _readAave(json, ".aavePrime");
        prime.morpho = _readMorpho(json, ".morphoPrime");
    }

    function _readAave(string memory json, string memory at) private pure returns (AaveDeployer.Market memory aave) {
        aave.pool = IPool(_address(json, at, ".pool"));
        aave.addressesProvider = IPoolAddressesProvider(_address(json, at, ".addressesProvider"));
        aave.dataProvider = IPoolDataProvider(_address(json, at, ".dataProvider"));
    }

    function _readMorpho(string memory json, string memory at)
        private
        view
        returns (MorphoDeployer.Market memory morpho)
    {
        morpho.blue = IMorpho(_address(json, at, ".blue"));
        morpho.irm = _address(json, at, ".irm");
        morpho.metaMorpho = IMetaMorpho(_address(json, at, ".metaMorpho"));
        bytes32 id = vm.parseJsonBytes32(json, string.concat(at, ".marketId"));
        morpho.params = morpho.blue.idToMarketParams(Id.wrap(id));
    }

    function _address(string memory json, string memory at, string memory field) private pure returns (address) {
        return vm.parseJsonAddress(json, string.concat(at, field));
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AaveV3Adapter} from "../../contracts/adapters/AaveV3Adapter.sol";
import {IAaveV3Pool} from "../../contracts/interfaces/IAaveV3.sol";
import {ISwapper} from "../../contracts/interfaces/ISwapper.sol";
import {Allocation} from "../../contracts/types/Allocation.sol";
import {MorphoDeployer} from "../../script/protocols/MorphoDeployer.sol";
import {PrimeMarkets} from "../../script/protocols/PrimeMarkets.sol";
import {BallastOnProtocols} from "../integration/BallastOnProtocols.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title FourVenuesFloor
/// @notice Moves between two pools of Aave and two MetaMorphos with no checks and standing allowances: what the venues themselves cost.
contract FourVenuesFloor {
    IERC20 private immutable ASSET;
    IAaveV3Pool[2] private pools;
    IERC4626[2] private morphos;

    constructor(IERC20 asset, IAaveV3Pool[2] memory pools_, IERC4626[2] memory morphos_) {
        (ASSET, pools, morphos) = (asset, pools_, morphos_);
        for (uint256 i; i < 2; ++i) {
            require(asset.approve(address(pools_[i]), type(uint256).max));
            require(asset.approve(address(morphos_[i]), type(uint256).max));
        }
    }

    /// @notice A positive amount goes in, a negative one comes out; what comes out comes first.
    function move(int256[2] calldata aave, int256[2] calldata morpho) external {
        for (uint256 i; i < 2; ++i) {
            if (aave[i] < 0) pools[i].withdraw(address(ASSET), uint256(-aave[i]), address(this));
            if (morpho[i] < 0) morphos[i].withdraw(uint256(-morpho[i]), address(this), address(this));
        }
        for (uint256 i; i < 2; ++i) {
            if (aave[i] > 0) pools[i].supply(address(ASSET), uint256(aave[i]), address(this), 0);
            if (morpho[i] > 0) morphos[i].deposit(uint256(morpho[i]), address(this));
        }
    }
}

/// @notice Gas of moves between four real venues, all of which hold some before and after, beside what the venues themselves cost. Every
/// position is read twice, whether it is moved or not.
/// forge-config: default.isolate = true
contract LegsTest is BallastOnProtocols {
    string private constant BALLAST = "legs";
    string private constant FLOOR = "legs-venues-alone";
    int256 private constant STEP = 50_000e6;

    PrimeMarkets.Deployment private prime;
    FourVenuesFloor private floor;
    /// @dev Aave, MetaMorpho, Aave Prime, MetaMorpho Prime.
    address[4] private positions;

    function setUp() public override {
        super.setUp();
        _deployPrime();
        positions = [address(aave), address(metaMorpho), deployed.adapters[2], address(prime.morpho.metaMorpho)];
        floor = new FourVenuesFloor(
            IERC20(address(protocols.usdc)),
            [IAaveV3Pool(address(protocols.aave.pool)), IAaveV3Pool(address(prime.aave.pool))],
            [IERC4626(address(metaMorpho)), IERC4626(address(prime.morpho.metaMorpho))]
        );
        deposit(alice, 1_000_000e6);
        mintUsdc(address(floor), 1_000_000e6);
        rebalance(_targets([uint16(2000), 2000, 2000, 2000], 15));
        floor.move([4 * STEP, 4 * STEP], [4 * STEP, 4 * STEP]);
        pass(1 days);
    }

    // SPEC C11
    function test_TwoLegs() public {
        _measure("Aave to MetaMorpho", [uint16(1500), 2500, 2000, 2000], 3);
        _measureFloor("Aave to MetaMorpho", [-STEP, int256(0)], [STEP, int256(0)]);
    }

    // SPEC C11
    function test_TwoLegsTheOtherWay() public {
        _measure("MetaMorpho to Aave", [uint16(2500), 1500, 2000, 2000], 3);
        _measureFloor("MetaMorpho to Aave", [STEP, int256(0)], [-STEP, int256(0)]);
    }

    // SPEC C11
    function test_TwoLegsFromIdle() public {
        _measure("idle to Aave and MetaMorpho", [uint16(2500), 2500, 2000, 2000], 3);
        _measureFloor("idle to Aave and MetaMorpho", [STEP, int256(0)], [STEP, int256(0)]);
    }

    // SPEC C11
    function test_ThreeLegs() public {
        _measure("Aave to two MetaMorphos", [uint16(1000), 2500, 2000, 2500], 11);
        _measureFloor("Aave to two MetaMorphos", [-2 * STEP, int256(0)], [STEP, STEP]);
    }

    // SPEC C11
    function test_FourLegs() public {
        _measure("two Aaves to two MetaMorphos", [uint16(1500), 2500, 1500, 2500], 15);
        _measureFloor("two Aaves to two MetaMorphos", [-STEP, -STEP], [STEP, STEP]);
    }

    function _measure(string memory name, uint16[4] memory bps, uint256 changed) private {
        Allocation[] memory targets = _targets(bps, changed);
        bytes memory proof = prove(targets);
        vm.prank(keeper);
        hub.rebalance(targets, proof);
        assertGt(vm.snapshotGasLastCall(BALLAST, name), 21_000, "not measured as a transaction");
    }

    function _measureFloor(string memory name, int256[2] memory aaves, int256[2] memory morphos) private {
        floor.move(aaves, morphos);
        vm.snapshotGasLastCall(FLOOR, name);
    }

    /// Those of the four whose bit is set in `changed`, in the order of their addresses.
    function _targets(uint16[4] memory bps, uint256 changed) private view returns (Allocation[] memory targets) {
        uint256 count;
        for (uint256 i; i < 4; ++i) {
            count += (changed >> i) & 1;
        }
        targets = new Allocation[](count);
        uint256 filled;
        for (uint256 i; i < 4; ++i) {
            if ((changed >> i) & 1 == 0) continue;
            uint256 j = filled++;
            for (; j > 0 && targets[j - 1].adapter > positions[i]; --j) {
                targets[j] = targets[j - 1];
            }
            targets[j] = Allocation({adapter: positions[i], bps: bps[i], minOut: 0, data: ""});
        }
    }

    function _deployPrime() private {
        vm.deal(address(this), PrimeMarkets.ETH_NEEDED);
        prime = PrimeMarkets.deploy(protocols, address(this), supplier.account, borrower.account);
        skip(MorphoDeployer.CAP_TIMELOCK);
        PrimeMarkets.fund(prime, protocols, address(this), supplier.account, borrower);
        AaveV3Adapter adapter = new AaveV3Adapter(address(vault), address(prime.aave.pool), ISwapper(address(0)));
        vm.startPrank(address(deployed.timelock));
        vault.listAdapter(address(adapter), CAP);
        vault.listVenue(address(prime.morpho.metaMorpho), CAP);
        vm.stopPrank();
        deployed.adapters = vault.adapters();
        refreshFeeds();
        observe();
    }
}

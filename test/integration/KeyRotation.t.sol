// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {StrategyHub} from "../../contracts/StrategyHub.sol";
import {Mode} from "../../contracts/interfaces/IKillSwitch.sol";
import {IStrategyHub} from "../../contracts/interfaces/IStrategyHub.sol";
import {IVault} from "../../contracts/interfaces/IVault.sol";
import {Allocation} from "../../contracts/types/Allocation.sol";
import {ISafe} from "../../script/protocols/SafeDeployer.sol";
import {SafeOwners} from "../support/SafeOwners.sol";
import {GovernedBallast} from "./GovernedBallast.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {Vm} from "forge-std/Test.sol";

/// @notice Each key is replaced once, by those who would have to, on the real Safe 1.4.1 and the real timelock (SPEC G1, G2, G6).
contract KeyRotationTest is GovernedBallast {
    uint256 private constant STAKE = 50_000e6;
    /// The sentinel that precedes the first owner in a Safe's list.
    address private constant FIRST = address(1);

    function setUp() public override {
        super.setUp();
        deployGoverned();
        deposit(alice, STAKE);
        deposit(bob, STAKE / 2);
    }

    // SPEC G2: the new key works when the old one stops, in one operation.
    function test_TheKeepersKeyIsReplaced() public {
        address newKeeper = makeAddr("new keeper");
        bytes32 role = hub.KEEPER_ROLE();
        address[] memory targets = new address[](2);
        (targets[0], targets[1]) = (address(hub), address(hub));
        bytes[] memory payloads = new bytes[](2);
        payloads[0] = abi.encodeCall(IAccessControl.revokeRole, (role, keeper));
        payloads[1] = abi.encodeCall(IAccessControl.grantRole, (role, newKeeper));

        rebalance(one(address(aave), 2000));
        bySafe(
            address(timelock),
            abi.encodeCall(
                TimelockController.scheduleBatch, (targets, new uint256[](2), payloads, 0, 0, timelock.getMinDelay())
            )
        );
        pass(timelock.getMinDelay());
        bySafe(
            address(timelock),
            abi.encodeCall(TimelockController.executeBatch, (targets, new uint256[](2), payloads, 0, 0))
        );

        rebalanceReverts(
            one(address(aave), 3000),
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, keeper, role)
        );
        bytes memory proof = prove(one(address(aave), 3000));
        vm.prank(newKeeper);
        hub.rebalance(one(address(aave), 3000), proof);
        assertEq(hub.targetBps(address(aave)), 3000);
    }

    // SPEC G1, G2: a stolen keeper loses its key to any one guardian at once: it neither adds, nor takes out, nor passes for alive. Exits
    // go on; the new key works after the delay, long before the keeper counts as silent.
    function test_AGuardianRevokesAStolenKeeperAtOnce() public {
        address newKeeper = makeAddr("new keeper");
        bytes32 role = hub.KEEPER_ROLE();
        rebalance(one(address(aave), 4000));
        pass(6 hours);
        vm.prank(guardians[2]);
        hub.revokeKeeper(keeper);

        bytes memory denied =
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, keeper, role);
        rebalanceReverts(one(address(aave), 5000), denied);
        vm.expectRevert(denied);
        vm.prank(keeper);
        hub.heartbeat();
        vm.expectRevert(abi.encodeWithSelector(IStrategyHub.NotAuthorised.selector, keeper));
        vm.prank(keeper);
        hub.reduce(address(aave), 1, 0, "");
        vm.expectRevert(abi.encodeWithSelector(IStrategyHub.NotAuthorised.selector, keeper));
        vm.prank(keeper);
        hub.revokeKeeper(guardians[2]);
        _redeemAll(alice);
        assertGe(protocols.usdc.balanceOf(alice), STAKE - 1);

        govern(address(hub), abi.encodeCall(IAccessControl.grantRole, (role, newKeeper)));
        (uint256 seen, uint256 grace) = hub.lastSeen();
        assertLt(vm.getBlockTimestamp(), seen + grace);
        vm.prank(newKeeper);
        hub.heartbeat();
        bytes memory proof = prove(one(address(aave), 1000));
        vm.prank(newKeeper);
        hub.rebalance(one(address(aave), 1000), proof);
        assertEq(hub.targetBps(address(aave)), 1000);
    }

    // SPEC G1, X6: what is large waits for three of the five, who need no delay for it; any guardian takes the approval back.
    function test_TheGovernanceSafeApprovesWhatIsLarge() public {
        IStrategyHub.Limits memory limits = hub.limits();
        (limits.approvalBps, limits.approvalFloor) = (1250, 10_000);
        govern(address(hub), abi.encodeCall(hub.setLimits, (limits)));

        Allocation[] memory targets = one(address(aave), 4000);
        bytes32 decision = keccak256(abi.encode(targets, vm.getBlockTimestamp()));
        bytes32 digest = hub.approvalDigest(decision, keccak256(abi.encode(targets)), hub.nonce());
        bytes memory required =
            abi.encodeWithSelector(IStrategyHub.ApprovalRequired.selector, digest, 30_000e6, 10_000e6);
        rebalanceReverts(targets, required);
        vm.expectRevert("GS020");
        this.approveWith(2, digest);
        this.approveWith(3, digest);
        vm.prank(guardians[0]);
        hub.revokeApproval(digest);
        rebalanceReverts(targets, required);
        this.approveWith(3, digest);
        rebalance(targets);
        assertEq(hub.targetBps(address(aave)), 4000);
    }

    // SPEC G1, G2: short of that any one guardian stops a stolen keeper's additions at once, and nobody's exit with them.
    function test_AGuardianStopsAStolenKeeperAtOnce() public {
        rebalance(one(address(aave), 4000));
        pass(6 hours);
        vm.prank(guardians[1]);
        killSwitch.reduceOnly();
        rebalanceReverts(
            one(address(aave), 5000), abi.encodeWithSelector(IStrategyHub.NotOperational.selector, "Guardian")
        );
        _redeemAll(alice);
        assertGe(protocols.usdc.balanceOf(alice), STAKE - 1);
    }

    // SPEC G2
    function test_TheAttestorsKeyIsReplaced() public {
        Vm.Wallet memory old = attestor;
        Vm.Wallet memory fresh = vm.createWallet("new attestor");
        govern(address(hub), abi.encodeCall(hub.setAttestor, (fresh.addr)));
        rebalanceReverts(
            one(address(aave), 2000), abi.encodeWithSelector(IStrategyHub.WrongAttestor.selector, old.addr)
        );
        attestor = fresh;
        rebalance(one(address(aave), 2000));
    }

    // SPEC G2: on every contract, and the two others stay.
    function test_AGuardianIsReplaced() public {
        address newGuardian = makeAddr("new guardian");
        bytes32 role = vault.GUARDIAN_ROLE();
        address[3] memory governed = [address(vault), address(hub), address(killSwitch)];
        for (uint256 i; i < governed.length; ++i) {
            govern(governed[i], abi.encodeCall(IAccessControl.revokeRole, (role, guardians[0])));
            govern(governed[i], abi.encodeCall(IAccessControl.grantRole, (role, newGuardian)));
        }
        vm.expectRevert(abi.encodeWithSelector(IVault.NotAuthorised.selector, guardians[0]));
        vm.prank(guardians[0]);
        vault.pauseDeposits();
        for (uint256 i; i < governed.length; ++i) {
            assertFalse(IAccessControl(governed[i]).hasRole(role, guardians[0]));
            assertTrue(IAccessControl(governed[i]).hasRole(role, guardians[1]));
            assertTrue(IAccessControl(governed[i]).hasRole(role, guardians[2]));
        }
        vm.prank(newGuardian);
        killSwitch.reduceOnly();
        assertEq(uint256(killSwitch.mode()), uint256(Mode.ReduceOnly));
    }

    // SPEC G2: yearly rotation of a signer; the old signature is worth nothing afterwards, and the address of governance stays.
    function test_AnOwnerOfTheGovernanceSafeIsReplaced() public {
        (address fresh, uint256 freshKey) = makeAddrAndKey("new owner");
        address leaving = vm.addr(governanceKeys[0]);
        bySafe(address(governance), abi.encodeCall(ISafe.swapOwner, (_before(governance, leaving), leaving, fresh)));
        assertFalse(governance.isOwner(leaving));
        assertEq(governance.getOwners().length, 5);
        assertEq(governance.getThreshold(), 3);

        vm.expectRevert("GS026");
        this.sign(3);
        governanceKeys[0] = freshKey;
        govern(address(vault), abi.encodeCall(vault.setDepositCap, (STAKE)));
        assertEq(vault.depositCap(), STAKE);
    }

    // SPEC X6, G1: two of five do not govern, one of three does not act in an emergency; after a change of threshold four must sign.
    function test_ThresholdsHold() public {
        vm.expectRevert("GS020");
        this.sign(2);
        bytes memory exit = abi.encodeCall(killSwitch.enterExit, ());
        vm.expectRevert("GS020");
        this.signEmergency(1, exit);

        bySafe(address(governance), abi.encodeCall(ISafe.changeThreshold, (4)));
        vm.expectRevert("GS020");
        this.sign(3);
        this.sign(4);

        byEmergencySafe(address(killSwitch), exit);
        assertEq(uint256(killSwitch.mode()), uint256(Mode.Exit));
    }

    // SPEC G6: nothing before the delay, nothing by anyone else, nothing that was cancelled, and no shortcut.
    function test_TheTimelockDelaysEverything() public {
        bytes memory raise = abi.encodeCall(vault.setDepositCap, (type(uint96).max));
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessControl.AccessControlUnauthorizedAccount.selector, address(governance), bytes32(0)
            )
        );
        vm.prank(address(governance));
        vault.setDepositCap(type(uint96).max);

        schedule(address(vault), raise);
        pass(timelock.getMinDelay() - 13);
        vm.expectRevert("GS013");
        this.executeRaise(raise);
        pass(13);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessControl.AccessControlUnauthorizedAccount.selector, stranger, timelock.EXECUTOR_ROLE()
            )
        );
        vm.prank(stranger);
        timelock.execute(address(vault), 0, raise, 0, 0);

        uint256 snapshot = vm.snapshotState();
        bytes32 id = timelock.hashOperation(address(vault), 0, raise, 0, 0);
        bySafe(address(timelock), abi.encodeCall(TimelockController.cancel, (id)));
        vm.expectRevert("GS013");
        this.executeRaise(raise);
        vm.revertToState(snapshot);

        executeScheduled(address(vault), raise);
        assertEq(vault.depositCap(), type(uint96).max);
    }

    // SPEC G6: the delay itself is under the delay, and so are the timelock's own roles.
    function test_TheTimelockIsItsOwnAdministrator() public {
        vm.expectRevert(
            abi.encodeWithSelector(TimelockController.TimelockUnauthorizedCaller.selector, address(governance))
        );
        vm.prank(address(governance));
        timelock.updateDelay(0);
        bytes32 proposer = timelock.PROPOSER_ROLE();
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessControl.AccessControlUnauthorizedAccount.selector, address(governance), bytes32(0)
            )
        );
        vm.prank(address(governance));
        timelock.grantRole(proposer, stranger);

        govern(address(timelock), abi.encodeCall(TimelockController.updateDelay, (4 days)));
        assertEq(timelock.getMinDelay(), 4 days);
    }

    // SPEC G6, C13: depositors who do not want the new hub leave in any hour of the delay, and after it.
    function test_EveryoneMayLeaveWhileTheHubIsBeingReplaced() public {
        rebalance(one(address(aave), 4000));
        StrategyHub fresh = new StrategyHub(vault, killSwitch, attestor.addr, address(timelock), hub.limits(), 7 days);
        bytes memory replace = abi.encodeCall(vault.setHub, (address(fresh)));
        schedule(address(vault), replace);

        uint256 hoursLeft = timelock.getMinDelay() / 1 hours;
        for (uint256 i; i < hoursLeft; ++i) {
            pass(1 hours);
            uint256 snapshot = vm.snapshotState();
            _redeemAll(alice);
            assertGe(protocols.usdc.balanceOf(alice), STAKE - 1);
            vm.revertToState(snapshot);
        }
        _redeemAll(alice);
        assertGe(protocols.usdc.balanceOf(alice), STAKE - 1);

        executeScheduled(address(vault), replace);
        assertEq(vault.hub(), address(fresh));
        // The old hub moves nothing any more.
        rebalanceReverts(one(address(aave), 0), abi.encodeWithSelector(IVault.OnlyHub.selector, address(hub)));
        _redeemAll(bob);
        assertGe(protocols.usdc.balanceOf(bob), STAKE / 2 - 1);
    }

    /// External, so that a revert of the Safe can be expected.
    function sign(uint256 count) external {
        SafeOwners.execute(
            governance,
            governanceKeys,
            count,
            address(timelock),
            abi.encodeCall(timelock.schedule, (address(vault), 0, "", 0, bytes32(count), timelock.getMinDelay()))
        );
    }

    function approveWith(uint256 count, bytes32 digest) external {
        SafeOwners.execute(governance, governanceKeys, count, address(hub), abi.encodeCall(hub.approve, (digest)));
    }

    function signEmergency(uint256 count, bytes calldata data) external {
        SafeOwners.execute(emergency, emergencyKeys, count, address(killSwitch), data);
    }

    function executeRaise(bytes calldata raise) external {
        executeScheduled(address(vault), raise);
    }

    function _redeemAll(address who) private {
        uint256 shares = vault.balanceOf(who);
        vm.prank(who);
        vault.redeem(shares, who, who);
    }

    function _before(ISafe safe, address owner) private view returns (address previous) {
        address[] memory owners = safe.getOwners();
        previous = FIRST;
        for (uint256 i; owners[i] != owner; ++i) {
            previous = owners[i];
        }
    }
}

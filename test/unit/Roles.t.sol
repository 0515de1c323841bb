// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IKillSwitch, Trigger} from "../../contracts/interfaces/IKillSwitch.sol";
import {IStrategyHub} from "../../contracts/interfaces/IStrategyHub.sol";
import {IVault} from "../../contracts/interfaces/IVault.sol";
import {Allocation} from "../../contracts/types/Allocation.sol";
import {BallastFixture} from "../support/BallastFixture.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";

/// @notice Every external function that changes state × every role (SPEC C1, C3, C7, C13). A call counts as denied if it reverts
/// with one of the errors that say "not you"; what else it may revert with is the other tests' subject.
contract RolesTest is BallastFixture {
    uint256 private constant GOVERNANCE = 1;
    uint256 private constant GUARDIAN = 2;
    uint256 private constant EMERGENCY = 4;
    uint256 private constant KEEPER = 8;
    uint256 private constant HUB = 16;
    uint256 private constant SWITCH = 32;
    uint256 private constant ATTESTOR = 64;
    uint256 private constant STRANGER = 128;
    uint256 private constant EVERYONE = 255;
    /// The kill switch is a guardian of the vault.
    uint256 private constant LOWERS = GOVERNANCE | GUARDIAN | EMERGENCY | SWITCH;

    struct Row {
        string name;
        bytes data;
        uint256 allowed;
    }

    Row[] private rows;
    address[8] private holders;

    function setUp() public override {
        super.setUp();
        holders = [timelock, guardian, emergency, keeper, address(hub), address(killSwitch), attestor.addr, stranger];
    }

    // SPEC C1, C13
    function test_Vault() public {
        Allocation[] memory none = new Allocation[](0);
        address[] memory order = new address[](0);
        _row("deposit", abi.encodeCall(IERC4626.deposit, (0, alice)), EVERYONE);
        _row("mint", abi.encodeCall(IERC4626.mint, (0, alice)), EVERYONE);
        _row("withdraw", abi.encodeCall(IERC4626.withdraw, (0, alice, alice)), EVERYONE);
        _row("redeem", abi.encodeCall(IERC4626.redeem, (0, alice, alice)), EVERYONE);
        _row("redeemFromReadable", abi.encodeCall(IVault.redeemFromReadable, (0, 0, alice, alice)), EVERYONE);
        _row("approve", abi.encodeCall(vault.approve, (alice, 1)), EVERYONE);
        _row("transfer", abi.encodeCall(vault.transfer, (alice, 0)), EVERYONE);
        _row("transferFrom", abi.encodeCall(vault.transferFrom, (alice, bob, 0)), EVERYONE);
        _row("permit", abi.encodeCall(vault.permit, (alice, bob, 0, 0, 27, 0, 0)), EVERYONE);
        _row("drawForLeaver", abi.encodeCall(IVault.drawForLeaver, (address(low), 0)), 0);
        _row("reallocate", abi.encodeCall(IVault.reallocate, (none)), HUB);
        _row("reduce", abi.encodeCall(IVault.reduce, (address(low), 0, 0, "")), HUB);
        _row("exit", abi.encodeCall(IVault.exit, (address(low), "")), HUB | EMERGENCY);
        _row("listAdapter", abi.encodeCall(vault.listAdapter, (address(low), 1)), GOVERNANCE);
        _row("delistAdapter", abi.encodeCall(vault.delistAdapter, (address(low))), GOVERNANCE);
        _row("setExitQueue", abi.encodeCall(vault.setExitQueue, (order)), GOVERNANCE);
        _row("setHub", abi.encodeCall(vault.setHub, (bob)), GOVERNANCE);
        _row("setAdapterCap", abi.encodeCall(vault.setAdapterCap, (address(low), CAP + 1)), GOVERNANCE);
        _row("setAdapterCap", abi.encodeCall(vault.setAdapterCap, (address(low), CAP - 1)), LOWERS);
        _row("setDepositCap", abi.encodeCall(vault.setDepositCap, (CAP + 1)), GOVERNANCE);
        _row("setDepositCap", abi.encodeCall(vault.setDepositCap, (CAP - 1)), LOWERS);
        _row("setMaxLoss", abi.encodeCall(vault.setMaxLoss, (51)), GOVERNANCE);
        _row("setMaxLoss", abi.encodeCall(vault.setMaxLoss, (49)), LOWERS);
        _row("pauseDeposits", abi.encodeCall(IVault.pauseDeposits, ()), LOWERS);
        _row("unpauseDeposits", abi.encodeCall(vault.unpauseDeposits, ()), GOVERNANCE);
        _accessControl();
        _assertMatrix(address(vault));
        _assertComplete("out/Vault.sol/Vault.json");
    }

    // SPEC C3, C13
    function test_StrategyHub() public {
        Allocation[] memory none = new Allocation[](0);
        _row("rebalance", abi.encodeCall(IStrategyHub.rebalance, (none, "")), KEEPER);
        _row("reduce", abi.encodeCall(IStrategyHub.reduce, (address(low), 0, 0, "")), KEEPER | GUARDIAN | EMERGENCY);
        _row("emergencyExit", abi.encodeCall(IStrategyHub.emergencyExit, ()), GUARDIAN | EMERGENCY);
        _row("checkpoint", abi.encodeCall(IStrategyHub.checkpoint, (address(low))), EVERYONE);
        _row("setLimits", abi.encodeCall(hub.setLimits, (defaultLimits())), GOVERNANCE);
        _row("setAttestor", abi.encodeCall(hub.setAttestor, (bob)), GOVERNANCE);
        _row("setKillSwitch", abi.encodeCall(hub.setKillSwitch, (IKillSwitch(bob))), GOVERNANCE);
        _row("setRiskScore", abi.encodeCall(hub.setRiskScore, (address(low), 1)), GOVERNANCE);
        _accessControl();
        _assertMatrix(address(hub));
        _assertComplete("out/StrategyHub.sol/StrategyHub.json");
    }

    // SPEC C10: in Exit mode the exit is everyone's, and nothing else is anyone's who had it not before.
    function test_StrategyHubInExitMode() public {
        vm.prank(emergency);
        killSwitch.enterExit();
        _row("emergencyExit", abi.encodeCall(IStrategyHub.emergencyExit, ()), EVERYONE);
        _row("rebalance", abi.encodeCall(IStrategyHub.rebalance, (new Allocation[](0), "")), KEEPER);
        _row("reduce", abi.encodeCall(IStrategyHub.reduce, (address(low), 0, 0, "")), KEEPER | GUARDIAN | EMERGENCY);
        _assertMatrix(address(hub));
    }

    // SPEC C7, C13
    function test_KillSwitchManager() public {
        address[] memory none = new address[](0);
        _row("trip", abi.encodeCall(killSwitch.trip, (Trigger.Peg, address(usdc))), EVERYONE);
        _row("reduceOnly", abi.encodeCall(killSwitch.reduceOnly, ()), GUARDIAN | EMERGENCY);
        _row("enterExit", abi.encodeCall(killSwitch.enterExit, ()), EMERGENCY);
        _row("reset", abi.encodeCall(killSwitch.reset, ()), GOVERNANCE);
        _row("setFeed", abi.encodeCall(killSwitch.setFeed, (address(usdc), address(feed), 1)), GOVERNANCE);
        _row("setVenueTokens", abi.encodeCall(killSwitch.setVenueTokens, (address(low), none)), GOVERNANCE);
        _row("setTrigger", abi.encodeCall(killSwitch.setTrigger, (Trigger.Peg, true, 0, 0)), GOVERNANCE);
        _accessControl();
        _assertMatrix(address(killSwitch));
        _assertComplete("out/KillSwitchManager.sol/KillSwitchManager.json");
    }

    function _accessControl() private {
        _row("grantRole", abi.encodeCall(IAccessControl.grantRole, ("role", bob)), GOVERNANCE);
        _row("revokeRole", abi.encodeCall(IAccessControl.revokeRole, ("role", bob)), GOVERNANCE);
        // One's own role alone.
        _row("renounceRole", abi.encodeCall(IAccessControl.renounceRole, ("role", stranger)), STRANGER);
    }

    function _row(string memory name, bytes memory data, uint256 allowed) private {
        rows.push(Row(name, data, allowed));
    }

    function _assertMatrix(address target) private {
        for (uint256 i; i < rows.length; ++i) {
            for (uint256 j; j < holders.length; ++j) {
                uint256 snapshot = vm.snapshotState();
                vm.prank(holders[j]);
                (bool ok, bytes memory returned) = target.call(rows[i].data);
                bool allowed = rows[i].allowed & (1 << j) != 0;
                assertEq(
                    ok || !_saysNotYou(returned), allowed, string.concat(rows[i].name, " ", vm.getLabel(holders[j]))
                );
                vm.revertToState(snapshot);
            }
        }
    }

    function _saysNotYou(bytes memory returned) private pure returns (bool) {
        bytes4 selector = bytes4(returned);
        return selector == IAccessControl.AccessControlUnauthorizedAccount.selector
            || selector == IAccessControl.AccessControlBadConfirmation.selector
            || selector == IVault.NotAuthorised.selector || selector == IVault.OnlyHub.selector;
    }

    /// Every function of the compiled contract that may change state has its row.
    function _assertComplete(string memory artifact) private view {
        string memory json = vm.readFile(artifact);
        uint256 found;
        for (uint256 i; vm.keyExistsJson(json, _at(i, "")); ++i) {
            if (!_is(vm.parseJsonString(json, _at(i, ".type")), "function")) continue;
            string memory mutability = vm.parseJsonString(json, _at(i, ".stateMutability"));
            if (_is(mutability, "view") || _is(mutability, "pure")) continue;
            string memory name = vm.parseJsonString(json, _at(i, ".name"));
            bool listed;
            for (uint256 j; j < rows.length && !listed; ++j) {
                listed = _is(rows[j].name, name);
            }
            assertTrue(listed, string.concat("no row for ", name));
            ++found;
        }
        assertGt(found, 5);
    }

    function _at(uint256 i, string memory key) private pure returns (string memory) {
        return string.concat(".abi[", vm.toString(i), "]", key);
    }

    function _is(string memory a, string memory b) private pure returns (bool) {
        return keccak256(bytes(a)) == keccak256(bytes(b));
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AutomationUpkeep} from "../../contracts/AutomationUpkeep.sol";
import {OracleSwapper} from "../../contracts/OracleSwapper.sol";
import {SidePocket} from "../../contracts/SidePocket.sol";
import {UniswapV3LpAdapter} from "../../contracts/adapters/UniswapV3LpAdapter.sol";
import {IAdapter} from "../../contracts/interfaces/IAdapter.sol";
import {IKillSwitch, Trigger} from "../../contracts/interfaces/IKillSwitch.sol";
import {ISidePocket} from "../../contracts/interfaces/ISidePocket.sol";
import {IStrategyHub} from "../../contracts/interfaces/IStrategyHub.sol";
import {IVault} from "../../contracts/interfaces/IVault.sol";
import {Allocation} from "../../contracts/types/Allocation.sol";
import {PegBandLib} from "../../contracts/types/PegBand.sol";
import {Probe} from "../../contracts/types/Probe.sol";
import {Artifacts} from "../support/Artifacts.sol";
import {BallastFixture} from "../support/BallastFixture.sol";
import {Fault} from "../support/ScriptedAdapter.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";

/// @notice Every external function that changes state × every role (SPEC C1, C3, C7, C13, G1). A call counts as denied if it reverts
/// with one of the errors that say "not you"; what else it may revert with is the other tests' subject. The functions come from
/// the compiled ABIs: one without a row fails, and so does a contract without a matrix. docs/ROLES.md is the same table to
/// read; `UPDATE_ROLES=true forge test --match-contract RolesTest` writes it.
contract RolesTest is BallastFixture {
    using Artifacts for string;

    uint256 private constant GOVERNANCE = 1 << 0;
    uint256 private constant APPROVER = 1 << 1;
    uint256 private constant GUARDIAN = 1 << 2;
    uint256 private constant EMERGENCY = 1 << 3;
    uint256 private constant KEEPER = 1 << 4;
    uint256 private constant WATCHER = 1 << 5;
    uint256 private constant HUB = 1 << 6;
    uint256 private constant SWITCH = 1 << 7;
    uint256 private constant VAULT = 1 << 8;
    // 1 << 9 is the attestor, who may call nothing of his own.
    uint256 private constant STRANGER = 1 << 10;
    uint256 private constant EVERYONE = (1 << 11) - 1;
    uint256 private constant REDUCERS = GUARDIAN | EMERGENCY;
    /// The kill switch is a guardian of the vault.
    uint256 private constant LOWERS = GOVERNANCE | REDUCERS | SWITCH;

    string private constant DOCUMENT = "docs/ROLES.md";
    /// The holders in the order of their bits.
    string private constant HEADER =
        "| Function | timelock | governance Safe | guardian | emergency Safe | keeper | watcher | hub | kill switch | vault | attestor | anyone |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";

    struct Row {
        string name;
        bytes data;
        uint256 allowed;
    }

    Row[] private rows;
    address[11] private holders;
    OracleSwapper private swapper;
    SidePocket private pocket;

    function setUp() public override {
        super.setUp();
        address approver = makeAddr("governance safe");
        address watcher = makeAddr("watcher");
        vm.startPrank(timelock);
        hub.grantRole(hub.APPROVER_ROLE(), approver);
        killSwitch.grantRole(killSwitch.WATCHER_ROLE(), watcher);
        vm.stopPrank();
        swapper = new OracleSwapper(timelock, killSwitch);
        pocket = SidePocket(address(vault.sidePocket()));
        holders = [
            timelock,
            approver,
            guardian,
            emergency,
            keeper,
            watcher,
            address(hub),
            address(killSwitch),
            address(vault),
            attestor.addr,
            stranger
        ];
    }

    // SPEC C1, C13
    function test_Vault() public {
        _rowsOfVault();
        _assertMatrix(address(vault));
        _assertComplete("Vault", 4);
    }

    // SPEC C3, C13
    function test_StrategyHub() public {
        _rowsOfStrategyHub();
        _assertMatrix(address(hub));
        _assertComplete("StrategyHub", 4);
    }

    // SPEC C10: in Exit mode the exit is everyone's, and nothing else is anyone's who had it not before.
    function test_StrategyHubInExitMode() public {
        vm.prank(emergency);
        killSwitch.enterExit();
        _rowsOfOpenExit();
        _assertMatrix(address(hub));
    }

    // SPEC C10: the same once the keeper has been silent for longer than its grace.
    function test_StrategyHubAfterTheKeepersSilence() public {
        pass(GRACE_PERIOD + 1);
        _rowsOfOpenExit();
        _assertMatrix(address(hub));
    }

    // SPEC C7, C8, C13: the peg monitor's and the venue triggers' functions are the switch's own.
    function test_KillSwitchManager() public {
        _rowsOfKillSwitchManager();
        _assertMatrix(address(killSwitch));
        _assertComplete("KillSwitchManager", 4);
    }

    // SPEC C13
    function test_SidePocket() public {
        _rowsOfSidePocket();
        _assertMatrix(address(pocket));
        _assertComplete("SidePocket", 4);
    }

    // SPEC X9, C13: it has no roles, and whatever it is told the switch judges.
    function test_AutomationUpkeep() public {
        _rowsOfAutomationUpkeep();
        _assertMatrix(address(new AutomationUpkeep(killSwitch)));
        _assertComplete("AutomationUpkeep", 2);
    }

    // SPEC C13
    function test_OracleSwapper() public {
        _rowsOfOracleSwapper();
        _assertMatrix(address(swapper));
        _assertComplete("OracleSwapper", 4);
    }

    // SPEC C9, C13: an adapter's every function that changes state is its vault's alone, and a pool's callbacks are that pool's. Their
    // compiled code is asked directly, with the addresses that the constructor would set at zero: the zero address is then both.
    function test_AdaptersObeyTheirVaultAlone() public {
        string[] memory names = Artifacts.concrete("contracts/adapters");
        assertGt(names.length, 1);
        for (uint256 i; i < names.length; ++i) {
            string memory artifact = names[i].read();
            address adapter = address(uint160(uint256(keccak256(bytes(names[i])))));
            vm.etch(adapter, artifact.runtime());
            string[] memory signatures = artifact.changing();
            assertGt(signatures.length, 2, names[i]);
            for (uint256 j; j < signatures.length; ++j) {
                bytes4 refusal =
                    _isCallback(signatures[j]) ? UniswapV3LpAdapter.NotThePool.selector : IAdapter.OnlyVault.selector;
                // Zeros decode as any arguments: amounts of zero, empty bytes.
                bytes memory data = abi.encodePacked(bytes4(keccak256(bytes(signatures[j]))), new bytes(512));
                for (uint256 k; k < holders.length; ++k) {
                    vm.prank(holders[k]);
                    (bool ok, bytes memory returned) = adapter.call(data);
                    assertTrue(
                        !ok && bytes4(returned) == refusal,
                        string.concat(names[i], ".", signatures[j], " ", vm.getLabel(holders[k]))
                    );
                }
                vm.prank(address(0));
                (, bytes memory asOwner) = adapter.call(data);
                assertTrue(bytes4(asOwner) != refusal, "not even its own");
            }
        }
    }

    // SPEC C13: nothing that is deployed escapes: a new contract in contracts/ needs its matrix here.
    function test_EveryContractHasItsMatrix() public view {
        string[6] memory covered =
            ["AutomationUpkeep", "KillSwitchManager", "OracleSwapper", "SidePocket", "StrategyHub", "Vault"];
        string[] memory names = Artifacts.concrete("contracts");
        assertEq(names.length, covered.length);
        for (uint256 i; i < names.length; ++i) {
            assertEq(names[i], covered[i], "no matrix");
        }
    }

    // SPEC G1, C13: the matrix to read is the one that the other tests have just held against the contracts.
    function test_TheDocumentIsTheMatrix() public {
        string memory text = string.concat(
            "# Roles\n\n",
            "Who may call what: every function that changes state, in the order of the roles matrix of `test/unit/Roles.t.sol`, which writes this file (`make roles`) ",
            "and holds it against the compiled contracts.\n\n",
            "The timelock acts for the governance Safe (three of five) after its delay; what that Safe may do itself, at once, has its own column. The emergency Safe is two of three; any one of three guardians acts alone. ",
            "In Exit mode, and once the keeper has been silent for longer than its grace period, `emergencyExit` and `exitVenues` are everyone's. Where a depositor acts, only on what is theirs.\n"
        );
        _rowsOfVault();
        text = string.concat(text, _section("Vault"));
        _rowsOfStrategyHub();
        text = string.concat(text, _section("StrategyHub"));
        _rowsOfKillSwitchManager();
        text = string.concat(text, _section("KillSwitchManager"));
        _rowsOfSidePocket();
        text = string.concat(text, _section("SidePocket"));
        _rowsOfOracleSwapper();
        text = string.concat(text, _section("OracleSwapper"));
        _rowsOfAutomationUpkeep();
        text = string.concat(text, _section("AutomationUpkeep"), "\n## Adapters\n\n");
        string[] memory names = Artifacts.concrete("contracts/adapters");
        for (uint256 i; i < names.length; ++i) {
            string[] memory signatures = names[i].read().changing();
            text = string.concat(text, "- `", names[i], "`: ", _list(signatures, false), ": the vault alone");
            string memory callbacks = _list(signatures, true);
            if (bytes(callbacks).length != 0) text = string.concat(text, "; ", callbacks, ": its pool alone");
            text = string.concat(text, "\n");
        }
        if (vm.envOr("UPDATE_ROLES", false)) vm.writeFile(DOCUMENT, text);
        assertEq(vm.readFile(DOCUMENT), text, "docs/ROLES.md differs: run `make roles` and commit");
    }

    function _rowsOfVault() private {
        delete rows;
        high.setFaults(Fault.Revert, Fault.None, Fault.None);
        Allocation[] memory none = new Allocation[](0);
        address[] memory order = new address[](0);
        _row("deposit", abi.encodeCall(IERC4626.deposit, (0, alice)), EVERYONE);
        _row("mint", abi.encodeCall(IERC4626.mint, (0, alice)), EVERYONE);
        _row("withdraw", abi.encodeCall(IERC4626.withdraw, (0, alice, alice)), EVERYONE);
        _row("redeem", abi.encodeCall(IERC4626.redeem, (0, alice, alice)), EVERYONE);
        _row("redeemFrom", abi.encodeCall(IVault.redeemFrom, (address(low), 0, 0, alice, alice, "")), EVERYONE);
        _row("approve", abi.encodeCall(vault.approve, (alice, 1)), EVERYONE);
        _row("transfer", abi.encodeCall(vault.transfer, (alice, 0)), EVERYONE);
        _row("transferFrom", abi.encodeCall(vault.transferFrom, (alice, bob, 0)), EVERYONE);
        _row("permit", abi.encodeCall(vault.permit, (alice, bob, 0, 0, 27, 0, 0)), EVERYONE);
        _row("drawForLeaver", abi.encodeCall(IVault.drawForLeaver, (0, 0)), VAULT);
        _row("accrue", abi.encodeCall(IVault.accrue, ()), EVERYONE);
        _row("quarantine, of what cannot be read", abi.encodeCall(IVault.quarantine, (address(high))), EVERYONE);
        _row("quarantine, of what answers", abi.encodeCall(IVault.quarantine, (address(low))), EMERGENCY);
        _row("recover, where leaving costs nothing", abi.encodeCall(IVault.recover, (address(low))), EVERYONE);
        _row("reallocate", abi.encodeCall(IVault.reallocate, (none)), HUB);
        _row("reduce", abi.encodeCall(IVault.reduce, (address(low), 0, 0, "", true)), HUB);
        _row("harvest", abi.encodeCall(IVault.harvest, (address(low), "")), HUB);
        _row("exit", abi.encodeCall(IVault.exit, (address(low), "")), HUB | EMERGENCY);
        _row("listAdapter", abi.encodeCall(vault.listAdapter, (address(low), 1)), GOVERNANCE);
        _row("listVenue", abi.encodeCall(vault.listVenue, (address(low), 1)), GOVERNANCE);
        _row("delist", abi.encodeCall(vault.delist, (address(low))), GOVERNANCE);
        _row("writeOff", abi.encodeCall(vault.writeOff, (address(low))), GOVERNANCE);
        _row("setExitQueue", abi.encodeCall(vault.setExitQueue, (order)), GOVERNANCE);
        _row("setHub", abi.encodeCall(vault.setHub, (bob)), GOVERNANCE);
        _row("setAdapterCap, raised", abi.encodeCall(vault.setAdapterCap, (address(low), CAP + 1)), GOVERNANCE);
        _row("setAdapterCap, lowered", abi.encodeCall(vault.setAdapterCap, (address(low), CAP - 1)), LOWERS);
        _row("setDepositCap, raised", abi.encodeCall(vault.setDepositCap, (CAP + 1)), GOVERNANCE);
        _row("setDepositCap, lowered", abi.encodeCall(vault.setDepositCap, (CAP - 1)), LOWERS);
        _row("setMaxLoss, raised", abi.encodeCall(vault.setMaxLoss, (51)), GOVERNANCE);
        _row("setMaxLoss, lowered", abi.encodeCall(vault.setMaxLoss, (49)), LOWERS);
        _row("setDailyLoss, raised", abi.encodeCall(vault.setDailyLoss, (101)), GOVERNANCE);
        _row("setDailyLoss, lowered", abi.encodeCall(vault.setDailyLoss, (99)), LOWERS);
        _row("setMaxGrowth", abi.encodeCall(vault.setMaxGrowth, (1)), GOVERNANCE);
        _row("pauseDeposits", abi.encodeCall(IVault.pauseDeposits, ()), LOWERS | HUB);
        _row("unpauseDeposits", abi.encodeCall(vault.unpauseDeposits, ()), GOVERNANCE);
        _accessControl();
    }

    function _rowsOfStrategyHub() private {
        delete rows;
        _rowsOfExit(REDUCERS);
        _row("harvest", abi.encodeCall(IStrategyHub.harvest, (address(low), "")), KEEPER);
        _row("heartbeat", abi.encodeCall(IStrategyHub.heartbeat, ()), KEEPER);
        _row("approve", abi.encodeCall(IStrategyHub.approve, ("digest")), APPROVER);
        _row("revokeApproval", abi.encodeCall(IStrategyHub.revokeApproval, ("digest")), APPROVER | REDUCERS);
        _row("revokeKeeper", abi.encodeCall(IStrategyHub.revokeKeeper, (keeper)), REDUCERS);
        _row("setLimits", abi.encodeCall(hub.setLimits, (defaultLimits())), GOVERNANCE);
        _row("setAttestor", abi.encodeCall(hub.setAttestor, (bob)), GOVERNANCE);
        _row("setKillSwitch", abi.encodeCall(hub.setKillSwitch, (IKillSwitch(bob))), GOVERNANCE);
        _row("setGracePeriod", abi.encodeCall(hub.setGracePeriod, (1 days)), GOVERNANCE);
        _row("setRiskScore", abi.encodeCall(hub.setRiskScore, (address(low), 1)), GOVERNANCE);
        _accessControl();
    }

    /// The hub when everyone may call the exit.
    function _rowsOfOpenExit() private {
        delete rows;
        _rowsOfExit(EVERYONE);
        _row("heartbeat", abi.encodeCall(IStrategyHub.heartbeat, ()), KEEPER);
        _row("approve", abi.encodeCall(IStrategyHub.approve, ("digest")), APPROVER);
        _row("revokeKeeper", abi.encodeCall(IStrategyHub.revokeKeeper, (keeper)), REDUCERS);
    }

    function _rowsOfExit(uint256 mayExit) private {
        Allocation[] memory none = new Allocation[](0);
        address[] memory all = vault.adapters();
        _row("rebalance", abi.encodeCall(IStrategyHub.rebalance, (none, "")), KEEPER);
        _row("reduce", abi.encodeCall(IStrategyHub.reduce, (address(low), 0, 0, "")), KEEPER | REDUCERS);
        _row("emergencyExit", abi.encodeCall(IStrategyHub.emergencyExit, ()), mayExit);
        _row("exitVenues", abi.encodeCall(IStrategyHub.exitVenues, (all)), mayExit);
    }

    function _rowsOfKillSwitchManager() private {
        delete rows;
        address[] memory none = new address[](0);
        Probe[] memory noProbes = new Probe[](0);
        _row("trip", abi.encodeCall(killSwitch.trip, (Trigger.Peg, address(usdc))), EVERYONE);
        _row("clear", abi.encodeCall(killSwitch.clear, (Trigger.Tvl, address(low))), EVERYONE);
        _row("observe", abi.encodeCall(IKillSwitch.observe, (vault.adapters())), EVERYONE);
        _row(
            "attestGovernanceAlert",
            abi.encodeCall(
                killSwitch.attestGovernanceAlert, (address(low), "evidence", uint40(vm.getBlockTimestamp() + 1))
            ),
            WATCHER
        );
        _row("blockVenue", abi.encodeCall(killSwitch.blockVenue, (address(low))), REDUCERS);
        _row("unblockVenue", abi.encodeCall(killSwitch.unblockVenue, (address(low))), GOVERNANCE);
        _row("withdrawGovernanceAlert", abi.encodeCall(killSwitch.withdrawGovernanceAlert, (address(low))), GOVERNANCE);
        _row("setProbes", abi.encodeCall(killSwitch.setProbes, (address(low), noProbes, 0)), GOVERNANCE);
        _row("acceptFingerprint", abi.encodeCall(killSwitch.acceptFingerprint, (address(low), 0)), GOVERNANCE);
        _row("reduceOnly", abi.encodeCall(killSwitch.reduceOnly, ()), REDUCERS);
        _row("enterExit", abi.encodeCall(killSwitch.enterExit, ()), EMERGENCY);
        _row("reset", abi.encodeCall(killSwitch.reset, ()), GOVERNANCE);
        _row("setFeed", abi.encodeCall(killSwitch.setFeed, (address(usdc), address(feed), 1)), GOVERNANCE);
        _row("setBand", abi.encodeCall(killSwitch.setBand, (address(usdc), PegBandLib.usdc())), GOVERNANCE);
        _row("setSequencerFeed", abi.encodeCall(killSwitch.setSequencerFeed, (address(feed))), GOVERNANCE);
        _row("setVenueTokens", abi.encodeCall(killSwitch.setVenueTokens, (address(low), none)), GOVERNANCE);
        _row("setTrigger", abi.encodeCall(killSwitch.setTrigger, (Trigger.Peg, true, 0, 0)), GOVERNANCE);
        _accessControl();
    }

    function _rowsOfSidePocket() private {
        delete rows;
        _row("claim", abi.encodeCall(ISidePocket.claim, (address(low), 0, alice)), EVERYONE);
        _row("credit", abi.encodeCall(ISidePocket.credit, (address(low), alice, 1)), VAULT);
        _row("distribute", abi.encodeCall(ISidePocket.distribute, (address(low), 0)), VAULT);
        _row("close", abi.encodeCall(ISidePocket.close, (address(low))), VAULT);
    }

    function _rowsOfAutomationUpkeep() private {
        delete rows;
        _row("checkUpkeep, in a simulation", abi.encodeCall(AutomationUpkeep.checkUpkeep, ("")), EVERYONE);
        _row("performUpkeep", abi.encodeCall(AutomationUpkeep.performUpkeep, ("")), EVERYONE);
    }

    function _rowsOfOracleSwapper() private {
        delete rows;
        _row("swap", abi.encodeCall(swapper.swap, (address(usdc), bob, 0, alice, "")), EVERYONE);
        _row("setRouter", abi.encodeCall(swapper.setRouter, (address(feed), true)), GOVERNANCE);
        _row("setTolerance", abi.encodeCall(swapper.setTolerance, (address(usdc), 50)), GOVERNANCE);
        _row("setDefaultRoute", abi.encodeCall(swapper.setDefaultRoute, (address(usdc), bob, bob, "")), GOVERNANCE);
        _accessControl();
    }

    function _accessControl() private {
        _row("grantRole", abi.encodeCall(IAccessControl.grantRole, ("role", bob)), GOVERNANCE);
        _row("revokeRole", abi.encodeCall(IAccessControl.revokeRole, ("role", bob)), GOVERNANCE);
        _row(
            "renounceRole, the caller's own", abi.encodeCall(IAccessControl.renounceRole, ("role", stranger)), STRANGER
        );
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
            || selector == IVault.NotAuthorised.selector || selector == IVault.OnlyHub.selector
            || selector == ISidePocket.OnlyVault.selector;
    }

    /// Every function of the compiled contract that may change state has its row, and every row is of such a function. `least`: how many there
    /// are at least, so that an artifact that was misread does not pass.
    function _assertComplete(string memory name, uint256 least) private view {
        string[] memory signatures = name.read().changing();
        assertGe(signatures.length, least);
        for (uint256 i; i < signatures.length; ++i) {
            bool listed;
            for (uint256 j; j < rows.length && !listed; ++j) {
                listed = bytes4(rows[j].data) == bytes4(keccak256(bytes(signatures[i])));
            }
            assertTrue(listed, string.concat("no row for ", signatures[i]));
        }
        for (uint256 j; j < rows.length; ++j) {
            bool exists;
            for (uint256 i; i < signatures.length && !exists; ++i) {
                exists = bytes4(rows[j].data) == bytes4(keccak256(bytes(signatures[i])));
            }
            assertTrue(exists, string.concat("no such function: ", rows[j].name));
        }
    }

    function _section(string memory name) private view returns (string memory text) {
        text = string.concat("\n## ", name, "\n\n", HEADER);
        for (uint256 i; i < rows.length; ++i) {
            text = string.concat(text, "| `", rows[i].name, "` |");
            for (uint256 j; j < holders.length; ++j) {
                text = string.concat(text, rows[i].allowed & (1 << j) != 0 ? " yes |" : "  |");
            }
            text = string.concat(text, "\n");
        }
    }

    /// The callbacks among the signatures, or the others.
    function _list(string[] memory signatures, bool callbacks) private pure returns (string memory text) {
        for (uint256 i; i < signatures.length; ++i) {
            if (_isCallback(signatures[i]) != callbacks) continue;
            text = string.concat(text, bytes(text).length == 0 ? "`" : ", `", signatures[i], "`");
        }
    }

    function _isCallback(string memory signature) private pure returns (bool) {
        return vm.split(signature, "Callback(").length == 2;
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IStrategyHub} from "../../contracts/interfaces/IStrategyHub.sol";
import {Configure} from "../../script/Configure.s.sol";
import {Deploy} from "../../script/Deploy.s.sol";
import {EmergencyExit} from "../../script/EmergencyExit.s.sol";
import {Handover} from "../../script/Handover.s.sol";
import {Ballast} from "../../script/ballast/Ballast.sol";
import {Custody} from "../../script/ballast/Custody.sol";
import {Deployment, DeploymentFile} from "../../script/ballast/DeploymentFile.sol";
import {ParameterFile} from "../../script/ballast/ParameterFile.sol";
import {SafeDeployer} from "../../script/protocols/SafeDeployer.sol";
import {GovernedBallast} from "./GovernedBallast.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {Vm} from "forge-std/Test.sol";

/// @notice The deployment scripts on real Safes and protocols: who holds what in the end, and what they refuse.
contract HandoverTest is GovernedBallast {
    using Ballast for Ballast.Contracts;
    using SafeDeployer for SafeDeployer.Infrastructure;

    /// Roles that some account holds now by the events: keccak(contract, role, holder).
    mapping(bytes32 grant => bool) private live;
    uint256 private liveCount;

    // SPEC G1, C13: every role event of every contract, replayed: exactly the intended grants are left, none of them the deployer's.
    function test_TheDeployerKeepsNothing() public {
        vm.recordLogs();
        deployGoverned();
        address[] memory touched = _replayRoles(vm.getRecordedLogs());

        for (uint256 i; i < touched.length; ++i) {
            assertTrue(touched[i] != deployer.addr, "a role of the deployer is left");
        }
        Ballast.Parameters memory intended = ParameterFile.parse(parameters()).ballast;
        (intended.governance, intended.emergency) = (address(governance), address(emergency));
        _assertHeld(deployment.contracts.grants(intended));
        _assertHeld(deployment.contracts.administrators());
        _assertLive(address(timelock), 0, address(timelock));
        _assertLive(address(timelock), timelock.PROPOSER_ROLE(), address(governance));
        _assertLive(address(timelock), timelock.CANCELLER_ROLE(), address(governance));
        _assertLive(address(timelock), timelock.EXECUTOR_ROLE(), address(governance));
        assertEq(liveCount, 0, "somebody holds a role that the file gives to nobody");
    }

    // SPEC G1: the shape of governance.
    function test_ThreeOfFiveGovernAndTwoOfThreeActInAnEmergency() public {
        deployGoverned();
        assertEq(governance.getThreshold(), 3);
        assertEq(governance.getOwners().length, 5);
        assertEq(emergency.getThreshold(), 2);
        assertEq(emergency.getOwners().length, 3);
        assertEq(timelock.getMinDelay(), 2 days);
        assertGe(timelock.getMinDelay(), ParameterFile.parse(parameters()).longestExit);
    }

    // SPEC Y3: each script from its environment and files, each twice; then a guardian's exit.
    function test_TheScriptsRunAndMayBeRepeated() public {
        string memory directory = "target/test-deployment/";
        vm.createDir(directory, true);
        vm.writeFile(string.concat(directory, "parameters.json"), parameters());
        string memory path = string.concat(directory, "deployment.json");
        if (vm.exists(path)) vm.removeFile(path);
        vm.setEnv("PARAMETERS", string.concat(directory, "parameters.json"));
        vm.setEnv("DEPLOYMENT_OUT", path);
        vm.setEnv("DEPLOYER_KEY", vm.toString(deployer.privateKey));
        vm.setEnv("GUARDIAN_KEY", vm.toString(guardianKeys[2]));

        new Deploy().deploy();
        adopt(DeploymentFile.read(path));
        assertTrue(vault.hasRole(0, deployer.addr));
        assertEq(vault.hub(), address(0));
        new Deploy().deploy();
        assertEq(address(DeploymentFile.read(path).contracts.vault), address(vault), "deployed a second time");

        new Configure().run();
        assertEq(vault.hub(), address(hub));
        vm.recordLogs();
        new Configure().run();
        assertEq(vm.getRecordedLogs().length, 0, "configured a second time");

        new Handover().run();
        assertFalse(vault.hasRole(0, deployer.addr));
        assertTrue(vault.hasRole(0, address(timelock)));
        vm.recordLogs();
        new Handover().run();
        new Deploy().run();
        new Configure().run();
        assertEq(vm.getRecordedLogs().length, 0, "something was left to do");

        nextBlock();
        observe();
        deposit(alice, 10_000e6);
        rebalance(one(address(aave), 5000));
        EmergencyExit script = new EmergencyExit();
        (address to, bytes memory data) = script.payload();
        assertEq(to, address(hub));
        assertEq(data, abi.encodeCall(IStrategyHub.emergencyExit, ()));
        IStrategyHub.ExitResult[] memory results = script.run();
        for (uint256 i; i < results.length; ++i) {
            assertTrue(results[i].ok);
            assertEq(results[i].remaining, 0);
        }
        assertApproxEqAbs(vault.idle(), 10_000e6, 1);
    }

    function test_RevertIf_AStrangerRunsTheExit() public {
        deployGoverned();
        EmergencyExit script = new EmergencyExit();
        (uint256 seen, uint256 grace) = hub.lastSeen();
        vm.expectRevert(abi.encodeWithSelector(EmergencyExit.MayNotExit.selector, stranger, killSwitch.mode(), seen));
        script.exit(hub, stranger);

        uint256 snapshot = vm.snapshotState();
        pass(seen + grace + 1 - vm.getBlockTimestamp());
        script.exit(hub, stranger);
        vm.revertToState(snapshot);
        byEmergencySafe(address(killSwitch), abi.encodeCall(killSwitch.enterExit, ()));
        script.exit(hub, stranger);
    }

    // SPEC G6: governance may do all the setting itself, through the timelock, with a deployer who only deploys.
    function test_HandedOverBeforeItIsConfigured() public {
        string memory json = parameters();
        adopt(steps.deploy(json, deployer.privateKey));
        steps.handOver(json, deployment, deployer.privateKey);
        assertTrue(vault.hasRole(0, address(timelock)));
        govern(address(vault), abi.encodeCall(vault.setHub, (address(hub))));
        assertEq(vault.hub(), address(hub));
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, deployer.addr, bytes32(0))
        );
        steps.configure(json, deployment, deployer.privateKey);
    }

    // ------------------------------------------------------------------------------------------------- what is refused

    function test_RevertIf_AnEntryIsStillEmpty() public {
        string[6] memory keys = ["asset", "keeper", "attestor", "singleton", "factory", "fallbackHandler"];
        string[6] memory paths =
            [".asset", ".keeper", ".attestor", ".safe.singleton", ".safe.factory", ".safe.fallbackHandler"];
        for (uint256 i; i < keys.length; ++i) {
            _refused(_emptied(keys[i]), abi.encodeWithSelector(ParameterFile.MissingParameter.selector, paths[i]));
        }
        // As the repository has it for every public chain.
        vm.chainId(1);
        _refused(
            vm.readFile("deploy/parameters/mainnet.json"),
            abi.encodeWithSelector(ParameterFile.MissingParameter.selector, ".keeper")
        );
    }

    function test_RevertIf_TheFileIsForAnotherChain() public {
        string memory json = parameters();
        vm.chainId(1);
        _refused(json, abi.encodeWithSelector(ParameterFile.WrongChain.selector, 31_337, 1));
    }

    function test_RevertIf_AnAddressIsMistyped() public {
        string memory right = vm.toString(keeper);
        string memory wrong = vm.toLowercase(right);
        _refused(
            vm.replace(parameters(), right, wrong),
            abi.encodeWithSelector(ParameterFile.NotChecksummed.selector, ".keeper", wrong, right)
        );
    }

    function test_RevertIf_OneKeyHasTwoJobs() public {
        string memory json = parameters();
        address[6] memory others = [
            attestor.addr, deployer.addr, guardians[0], watcher, vm.addr(governanceKeys[4]), vm.addr(emergencyKeys[2])
        ];
        for (uint256 i; i < others.length; ++i) {
            _refused(
                vm.replace(json, vm.toString(keeper), vm.toString(others[i])),
                abi.encodeWithSelector(Custody.HeldTwice.selector, others[i])
            );
        }
    }

    function test_RevertIf_AQuorumIsNotTheIntendedOne() public {
        string memory json = parameters();
        _refused(
            vm.replace(json, '"threshold": 3', '"threshold": 2'),
            abi.encodeWithSelector(Custody.WrongQuorum.selector, "governance", 5, 2)
        );
        _refused(
            vm.replace(json, '"threshold": 2', '"threshold": 1'),
            abi.encodeWithSelector(Custody.WrongQuorum.selector, "emergency", 3, 1)
        );
        string memory last = string.concat(',\n    "', vm.toString(guardians[2]), '"');
        _refused(vm.replace(json, last, ""), abi.encodeWithSelector(Custody.WrongQuorum.selector, "guardians", 2, 1));
    }

    function test_RevertIf_TheTimelockIsShorterThanTheLongestExit() public {
        _refused(
            vm.replace(parameters(), '"timelockDelay": 172800', '"timelockDelay": 86399'),
            abi.encodeWithSelector(Custody.TimelockShorterThanExit.selector, 86_399, 86_400)
        );
    }

    // A Safe that is already there must be the one that the file describes.
    function test_RevertIf_TheSafeIsNotTheOneDescribed() public {
        address[] memory owners = new address[](5);
        for (uint256 i; i < 5; ++i) {
            owners[i] = vm.addr(governanceKeys[i]);
        }
        SafeDeployer.Infrastructure memory infrastructure = protocols.safe;
        address lax = address(infrastructure.create(owners, 1, 7));
        _refused(_withSafe(lax), abi.encodeWithSelector(Custody.UnexpectedSafe.selector, lax, "another threshold"));
        owners[4] = stranger;
        address foreign = address(infrastructure.create(owners, 3, 8));
        _refused(_withSafe(foreign), abi.encodeWithSelector(Custody.UnexpectedSafe.selector, foreign, "other owners"));
        _refused(
            _withSafe(stranger), abi.encodeWithSelector(Custody.UnexpectedSafe.selector, stranger, "no contract there")
        );
        owners[4] = vm.addr(governanceKeys[4]);
        address right = address(infrastructure.create(owners, 3, 9));
        assertEq(steps.deploy(_withSafe(right), deployer.privateKey).governance, right);
        vm.prank(right);
        (bool enabled,) = right.call(abi.encodeWithSignature("enableModule(address)", stranger));
        assertTrue(enabled);
        _refused(
            _withSafe(right), abi.encodeWithSelector(Custody.UnexpectedSafe.selector, right, "a module is enabled")
        );
    }

    // Nothing is given away to a timelock that somebody else can open.
    function test_RevertIf_TheTimelockIsNotTheOneDescribed() public {
        string memory json = parameters();
        adopt(steps.deploy(json, deployer.privateKey));
        bytes32 proposer = timelock.PROPOSER_ROLE();
        vm.prank(address(timelock));
        timelock.grantRole(proposer, deployer.addr);
        vm.expectRevert(abi.encodeWithSelector(Custody.StillHolds.selector, deployer.addr, address(timelock), proposer));
        steps.handOver(json, deployment, deployer.privateKey);
        assertTrue(vault.hasRole(0, deployer.addr), "given away all the same");
    }

    // A deployer who has made itself keeper, guardian or emergency Safe does not get away with it.
    function test_RevertIf_TheDeployerKeepsARole() public {
        string memory json = parameters();
        adopt(steps.deploy(json, deployer.privateKey));
        bytes32 role = hub.KEEPER_ROLE();
        vm.prank(deployer.addr);
        hub.grantRole(role, deployer.addr);
        vm.expectRevert(abi.encodeWithSelector(Custody.StillHolds.selector, deployer.addr, address(hub), role));
        steps.handOver(json, deployment, deployer.privateKey);
    }

    function _refused(string memory json, bytes memory error) private {
        vm.expectRevert(error);
        steps.deploy(json, deployer.privateKey);
        // The refusal may have come in the middle of the broadcast, which is not undone by a revert.
        try vm.stopBroadcast() {} catch {}
    }

    function _withSafe(address safe) private view returns (string memory) {
        return vm.replace(
            parameters(),
            '"governance": {\n    "safe": ""',
            string.concat('"governance": {\n    "safe": "', vm.toString(safe), '"')
        );
    }

    /// The filled file with one entry emptied again.
    function _emptied(string memory key) private view returns (string memory) {
        string memory json = parameters();
        string[] memory parts = vm.split(json, string.concat('"', key, '": "'));
        assertEq(parts.length, 2, key);
        string memory rest = parts[1];
        return
            string.concat(parts[0], '"', key, '": "', vm.replace(rest, string.concat(vm.split(rest, '"')[0], '"'), '"'));
    }

    function _replayRoles(Vm.Log[] memory logs) private returns (address[] memory holders) {
        holders = new address[](logs.length);
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics.length != 4) continue;
            bool granted = logs[i].topics[0] == IAccessControl.RoleGranted.selector;
            if (!granted && logs[i].topics[0] != IAccessControl.RoleRevoked.selector) continue;
            address holder = address(uint160(uint256(logs[i].topics[2])));
            bytes32 grant = keccak256(abi.encode(logs[i].emitter, logs[i].topics[1], holder));
            if (live[grant] == granted) continue;
            live[grant] = granted;
            liveCount = granted ? liveCount + 1 : liveCount - 1;
        }
        uint256 count;
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics.length != 4 || logs[i].topics[0] != IAccessControl.RoleGranted.selector) continue;
            address holder = address(uint160(uint256(logs[i].topics[2])));
            if (live[keccak256(abi.encode(logs[i].emitter, logs[i].topics[1], holder))]) holders[count++] = holder;
        }
        assertGt(count, 10);
    }

    function _assertHeld(Ballast.Grant[] memory grants) private {
        for (uint256 i; i < grants.length; ++i) {
            _assertLive(address(grants[i].on), grants[i].role, grants[i].holder);
        }
    }

    /// Takes the grant out of the live ones, so that what is left over shows.
    function _assertLive(address on, bytes32 role, address holder) private {
        bytes32 grant = keccak256(abi.encode(on, role, holder));
        assertTrue(live[grant], "a role is not held");
        live[grant] = false;
        --liveCount;
    }
}

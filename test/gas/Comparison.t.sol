// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {KillSwitchManager} from "../../contracts/KillSwitchManager.sol";
import {StrategyHub} from "../../contracts/StrategyHub.sol";
import {Vault} from "../../contracts/Vault.sol";
import {IStrategyHub} from "../../contracts/interfaces/IStrategyHub.sol";
import {Allocation} from "../../contracts/types/Allocation.sol";
import {ScriptedFeed} from "../../script/protocols/ScriptedFeed.sol";
import {KeeperActions} from "../support/KeeperActions.sol";
import {TestAsset} from "../support/TestAsset.sol";
import {Market, NoChecks} from "./NoChecks.sol";

/// @notice Gas of the moves that vaults are compared by: 10M of TVL in a plain 6-decimals ERC-20, four OpenZeppelin ERC-4626 markets that
/// all hold some of ours before and after, six hours since the last action, every limit on, each call its own transaction with
/// calldata and intrinsic cost. Beside each, the same move with no checks at all.
/// forge-config: default.isolate = true
contract ComparisonTest is KeeperActions {
    string private constant BALLAST = "comparison";
    string private constant NO_CHECKS = "comparison-no-checks";
    uint256 private constant TVL = 10_000_000e6;
    uint256 private constant MARKET_SIZE = 1_000_000_000e6;
    uint16[4] private STARTING = [uint16(2500), 2000, 1500, 1500];

    address private immutable timelock = makeAddr("timelock");
    address private immutable safe = makeAddr("safe");
    address private immutable alice = makeAddr("alice");
    address private immutable bob = makeAddr("bob");

    TestAsset private usdc;
    ScriptedFeed private feed;
    Market[4] private markets;
    NoChecks private noChecks;

    function setUp() public {
        createKeys();
        vm.warp(1_750_000_000);
        usdc = new TestAsset();
        vault = new Vault(usdc, "Ballast USDC", "bUSDC", timelock, 100_000_000e6, 50, 100, 10_000);
        killSwitch = new KillSwitchManager(vault, timelock);
        hub = new StrategyHub(vault, killSwitch, attestor.addr, timelock, _limits(), 7 days);
        feed = new ScriptedFeed(8, "USDC / USD", 1e8);
        noChecks = new NoChecks(usdc);
        for (uint256 i; i < 4; ++i) {
            markets[i] = new Market(usdc);
        }
        _sortMarkets();

        vm.startPrank(timelock);
        vault.setHub(address(hub));
        vault.grantRole(vault.GUARDIAN_ROLE(), address(killSwitch));
        killSwitch.setFeed(address(usdc), address(feed), 24 hours);
        hub.grantRole(hub.KEEPER_ROLE(), keeper);
        hub.grantRole(hub.APPROVER_ROLE(), safe);
        for (uint256 i; i < 4; ++i) {
            vault.listVenue(address(markets[i]), TVL);
        }
        vm.stopPrank();

        usdc.mint(address(this), 4 * MARKET_SIZE);
        for (uint256 i; i < 4; ++i) {
            usdc.approve(address(markets[i]), MARKET_SIZE);
            markets[i].deposit(MARKET_SIZE, address(this));
            noChecks.allow(markets[i]);
        }
        _observe();
        _deposit(alice, TVL);
        _deposit(bob, 10_000e6);
        _start();
    }

    // ------------------------------------------------------------------------------------------------- idle to n

    function test_IdleToTwo() public {
        _measure("idle->2", _targets([uint16(0), 0, 500, 500], [uint16(0), 0, 0, 0]));
    }

    function test_IdleToThree() public {
        _measure("idle->3", _targets([uint16(0), 500, 500, 500], [uint16(0), 0, 0, 0]));
    }

    function test_IdleToFour() public {
        _measure("idle->4", _targets([uint16(500), 500, 500, 500], [uint16(0), 0, 0, 0]));
    }

    // ------------------------------------------------------------------------------------------- a markets to b others

    function test_OneToOne() public {
        _measure("1->1", _targets([uint16(0), 0, 0, 500], [uint16(500), 0, 0, 0]));
    }

    function test_OneToTwo() public {
        _measure("1->2", _targets([uint16(0), 0, 500, 500], [uint16(1000), 0, 0, 0]));
    }

    function test_TwoToTwo() public {
        _measure("2->2", _targets([uint16(0), 0, 500, 500], [uint16(500), 500, 0, 0]));
    }

    function test_OneToThree() public {
        _measure("1->3", _targets([uint16(0), 500, 500, 500], [uint16(1500), 0, 0, 0]));
    }

    // -------------------------------------------------------------------------------------------------- depositors

    function test_DepositAgain() public {
        vm.startPrank(bob);
        vault.deposit(1000e6, bob);
        vm.snapshotGasLastCall(BALLAST, "deposit again");
        noChecks.deposit(1000e6);
        vm.snapshotGasLastCall(NO_CHECKS, "deposit again");
        vm.stopPrank();
    }

    function test_WithdrawFromIdle() public {
        vm.startPrank(bob);
        vault.withdraw(1000e6, bob, bob);
        vm.snapshotGasLastCall(BALLAST, "withdraw idle");
        noChecks.withdraw(1000e6);
        vm.snapshotGasLastCall(NO_CHECKS, "withdraw idle");
        vm.stopPrank();
    }

    // ----------------------------------------------------------------------------------------------------- set-up

    function _measure(string memory name, Allocation[] memory targets) private {
        bytes memory proof = prove(targets);
        // 12.5 % of NAV is what the keeper may add without the Safe.
        bytes32 digest = hub.approvalDigest(
            keccak256(abi.encode(targets, vm.getBlockTimestamp())), keccak256(abi.encode(targets)), hub.nonce()
        );
        vm.prank(safe);
        hub.approve(digest);
        uint256[4] memory before = _positions();
        vm.prank(keeper);
        hub.rebalance(targets, proof);
        uint256 gas = vm.snapshotGasLastCall(BALLAST, name);
        assertGt(gas, 21_000, "not measured as a transaction");
        uint256[4] memory afterwards = _positions();

        int256[4] memory moves;
        for (uint256 i; i < 4; ++i) {
            assertGt(afterwards[i], 0, "a market is empty");
            moves[i] = int256(afterwards[i]) - int256(before[i]);
        }
        noChecks.move(markets, moves);
        vm.snapshotGasLastCall(NO_CHECKS, name);
    }

    function _positions() private view returns (uint256[4] memory held) {
        for (uint256 i; i < 4; ++i) {
            held[i] = markets[i].convertToAssets(markets[i].balanceOf(address(vault)));
        }
    }

    /// The changed markets only, in the order of their addresses.
    function _targets(uint16[4] memory more, uint16[4] memory less) private view returns (Allocation[] memory targets) {
        uint256 count;
        for (uint256 i; i < 4; ++i) {
            if (more[i] + less[i] != 0) ++count;
        }
        targets = new Allocation[](count);
        count = 0;
        for (uint256 i; i < 4; ++i) {
            if (more[i] + less[i] == 0) continue;
            targets[count++] =
                Allocation({adapter: address(markets[i]), bps: STARTING[i] + more[i] - less[i], minOut: 0, data: ""});
        }
    }

    /// Every market gets its starting share in three steps that the limits allow; six hours pass.
    function _start() private {
        Allocation[] memory targets = new Allocation[](4);
        int256[4] memory moves;
        for (uint256 i; i < 4; ++i) {
            targets[i] = Allocation({adapter: address(markets[i]), bps: STARTING[i], minOut: 0, data: ""});
            moves[i] = int256(TVL * STARTING[i] / 10_000);
        }
        bytes memory proof = prove(targets);
        bytes32 digest = hub.approvalDigest(
            keccak256(abi.encode(targets, vm.getBlockTimestamp())), keccak256(abi.encode(targets)), hub.nonce()
        );
        vm.prank(safe);
        hub.approve(digest);
        vm.prank(keeper);
        hub.rebalance(targets, proof);
        noChecks.move(markets, moves);
        skip(6 hours);
        nextBlock();
        feed.push(1e8);
        _observe();
    }

    function _observe() private {
        for (uint256 i; i < 2; ++i) {
            killSwitch.observe(vault.adapters());
            nextBlock();
        }
    }

    function _deposit(address who, uint256 assets) private {
        usdc.mint(who, 4 * assets);
        vm.startPrank(who);
        usdc.approve(address(vault), type(uint256).max);
        usdc.approve(address(noChecks), type(uint256).max);
        vault.deposit(assets, who);
        noChecks.deposit(assets);
        vm.stopPrank();
    }

    function _sortMarkets() private {
        for (uint256 i = 1; i < 4; ++i) {
            for (uint256 j = i; j > 0 && markets[j] < markets[j - 1]; --j) {
                (markets[j], markets[j - 1]) = (markets[j - 1], markets[j]);
            }
        }
    }

    function _limits() private pure returns (IStrategyHub.Limits memory) {
        return IStrategyHub.Limits({
            reserveBps: 500,
            minPositionBps: 500,
            maxPositionBps: 5000,
            minStepBps: 500,
            maxVenueShareBps: 100,
            maxUtilisationBps: 9500,
            flowBps: 5000,
            approvalBps: 1250,
            approvalFloor: 50_000,
            cooldown: 6 hours
        });
    }
}

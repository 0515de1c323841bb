// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IStrategyHub} from "../../contracts/interfaces/IStrategyHub.sol";
import {Allocation} from "../../contracts/types/Allocation.sol";
import {TestAsset} from "../support/TestAsset.sol";
import {LeastFeed, LeastHub, LeastPlan, LeastSwitch, LeastVault} from "./LeastMove.sol";
import {Market} from "./NoChecks.sol";
import {Test} from "forge-std/Test.sol";

/// @notice The moves `2->2` and `1->3` of {ComparisonTest} with the same markets, amounts and calldata, and nothing else but what the limits need at the
/// very least: what is between this and what a move may cost is left for instructions.
/// forge-config: default.isolate = true
contract FloorTest is Test {
    uint256 private constant NAV = 10_010_000e6;
    uint256 private constant OTHERS = 1_000_000_000e6;
    uint256 private constant STEP = NAV * 500 / 10_000;
    uint16[4] private STARTING = [uint16(2500), 2000, 1500, 1500];

    TestAsset private usdc;
    LeastVault private vault;
    LeastHub private hub;
    address[4] private markets;

    function setUp() public {
        usdc = new TestAsset();
        usdc.mint(address(this), 4 * OTHERS + NAV);
        for (uint256 i; i < 4; ++i) {
            markets[i] = address(new Market(usdc));
        }
        for (uint256 i = 1; i < 4; ++i) {
            for (uint256 j = i; j > 0 && markets[j] < markets[j - 1]; --j) {
                (markets[j], markets[j - 1]) = (markets[j - 1], markets[j]);
            }
        }
    }

    function test_TwoToTwo() public {
        _measure("2->2", [STEP, STEP, 0, 0], [uint256(0), 0, STEP, STEP], [markets[2], markets[3], address(0)]);
    }

    function test_OneToThree() public {
        _measure("1->3", [3 * STEP, 0, 0, 0], [uint256(0), STEP, STEP, STEP], [markets[1], markets[2], markets[3]]);
    }

    function _measure(string memory name, uint256[4] memory less, uint256[4] memory more, address[3] memory added)
        private
    {
        vault = new LeastVault(address(usdc), address(new LeastPlan(markets, less, more)));
        hub = new LeastHub(address(vault), address(new LeastSwitch(address(new LeastFeed()), markets)), added);
        _hold();
        (bool ok,) = address(hub).call(_rebalance());
        uint256 gas = vm.snapshotGasLastCall("comparison-floor", name);
        assertTrue(ok);
        assertGt(gas, 21_000, "not measured as a transaction");
        for (uint256 i; i < 4; ++i) {
            Market market = Market(markets[i]);
            uint256 held = NAV * STARTING[i] / 10_000;
            assertEq(market.previewRedeem(market.balanceOf(address(vault))), held + more[i] - less[i]);
            assertEq(usdc.allowance(address(vault), markets[i]), 0);
        }
        assertEq(usdc.balanceOf(address(vault)), NAV / 4);
    }

    /// A quarter is idle.
    function _hold() private {
        for (uint256 i; i < 4; ++i) {
            usdc.approve(markets[i], type(uint256).max);
            Market(markets[i]).deposit(OTHERS, address(this));
            Market(markets[i]).deposit(NAV * STARTING[i] / 10_000, address(vault));
        }
        require(usdc.transfer(address(vault), NAV / 4));
    }

    /// The calldata of four targets and a proof.
    function _rebalance() private view returns (bytes memory) {
        Allocation[] memory targets = new Allocation[](4);
        for (uint256 i; i < 4; ++i) {
            targets[i] = Allocation({adapter: markets[i], bps: STARTING[i], minOut: 0, data: ""});
        }
        bytes memory signature = abi.encodePacked(keccak256("r"), keccak256("s"), uint8(27));
        bytes memory proof = abi.encode(keccak256("decision"), uint64(1), uint64(1_750_022_200), signature);
        return abi.encodeCall(IStrategyHub.rebalance, (targets, proof));
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {OracleSwapper} from "../../../contracts/OracleSwapper.sol";
import {IPriceSource} from "../../../contracts/interfaces/IPriceSource.sol";
import {ISwapper} from "../../../contracts/interfaces/ISwapper.sol";
import {SwapFixture} from "../../support/SwapFixture.sol";
import {TestToken} from "../../support/TestToken.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

/// @notice What governance sets, within which bounds, and that no one else does (SPEC X4).
contract OracleSwapperGovernanceTest is SwapFixture {
    TestToken private usd;

    function setUp() public {
        usd = new TestToken("USD", 6);
        deploySwaps(address(usd));
    }

    function giveAsset(address to, uint256 amount) internal override {
        usd.mint(to, amount);
    }

    function test_RevertIf_SetByAnyoneElse() public {
        address stranger = makeAddr("stranger");
        address router = address(market.router());
        bytes memory refusal =
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, stranger, bytes32(0));
        vm.startPrank(stranger);
        vm.expectRevert(refusal);
        swapper.setRouter(router, true);
        vm.expectRevert(refusal);
        swapper.setTolerance(address(usd), 1);
        vm.expectRevert(refusal);
        swapper.setDefaultRoute(address(usd), address(reward), router, "");
        vm.stopPrank();
    }

    // SPEC X4: 2 % is the most that any token may ever be given.
    function testFuzz_NoToleranceAboveTwoPercent(uint256 bps) public {
        if (bps > 200) {
            vm.expectRevert(abi.encodeWithSelector(OracleSwapper.ToleranceTooHigh.selector, bps, 200));
            swapper.setTolerance(address(usd), bps);
        } else {
            vm.expectEmit(address(swapper));
            emit OracleSwapper.ToleranceSet(address(usd), bps);
            swapper.setTolerance(address(usd), bps);
            assertEq(swapper.toleranceBps(address(usd)), bps);
        }
    }

    function test_RevertIf_ARouterOrThePricesHaveNoCode() public {
        address empty = makeAddr("no code");
        vm.expectRevert(abi.encodeWithSelector(OracleSwapper.NotAContract.selector, empty));
        swapper.setRouter(empty, true);
        vm.expectRevert(abi.encodeWithSelector(OracleSwapper.NotAContract.selector, empty));
        new OracleSwapper(address(this), IPriceSource(empty));
    }

    function test_ADefaultRouteIsReplacedAndRemoved() public {
        address middle = makeAddr("middle");
        address router = address(market.router());
        bytes memory path = abi.encodePacked(address(reward), uint24(500), middle, uint24(3000), address(usd));
        vm.expectEmit(address(swapper));
        emit OracleSwapper.DefaultRouteSet(address(reward), address(usd), router, path);
        swapper.setDefaultRoute(address(reward), address(usd), router, path);
        (address setRouter, bytes memory setPath) = swapper.defaultRoute(address(reward), address(usd));
        assertEq(setRouter, router);
        assertEq(setPath, path);
        swapper.setDefaultRoute(address(reward), address(usd), address(0), "");
        (setRouter, setPath) = swapper.defaultRoute(address(reward), address(usd));
        assertEq(setRouter, address(0));
        assertEq(setPath.length, 0);
    }

    // SPEC X4: a path leads from the one token to the other.
    function test_RevertIf_APathIsNotFromTheOneToTheOther() public {
        address router = address(market.router());
        bytes[5] memory paths = [
            market.path(address(usd), address(reward)),
            abi.encodePacked(address(reward)),
            abi.encodePacked(address(reward), address(usd)),
            abi.encodePacked(address(reward), uint24(500), address(usd), uint8(0)),
            abi.encodePacked(address(reward), uint24(500), address(reward))
        ];
        for (uint256 i; i < paths.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(OracleSwapper.InvalidPath.selector, paths[i]));
            swapper.setDefaultRoute(address(reward), address(usd), router, paths[i]);
        }
    }

    function test_RevertIf_ADefaultRoutesRouterIsNotAllowed() public {
        bytes memory path = market.path(address(reward), address(usd));
        vm.expectRevert(abi.encodeWithSelector(ISwapper.RouterNotAllowed.selector, address(this)));
        swapper.setDefaultRoute(address(reward), address(usd), address(this), path);
    }
}

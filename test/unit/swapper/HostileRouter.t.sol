// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ISwapper} from "../../../contracts/interfaces/ISwapper.sol";
import {HostileRouter} from "../../support/HostileRouter.sol";
import {SwapFixture} from "../../support/SwapFixture.sol";
import {TestToken} from "../../support/TestToken.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @notice Routers that governance should not have allowed, and routes that the keeper should not have brought (SPEC X4).
contract HostileRouterTest is SwapFixture {
    uint256 private constant AMOUNT = 100e18;
    uint256 private constant MINIMUM = 196e6;

    TestToken private usd;
    HostileRouter private hostile;
    address private immutable recipient = makeAddr("recipient");
    address private immutable thief = makeAddr("thief");

    function setUp() public {
        usd = new TestToken("USD", 6);
        deploySwaps(address(usd));
        hostile = new HostileRouter();
        swapper.setRouter(address(hostile), true);
        reward.mint(address(this), 10 * AMOUNT);
        // More than one swap's worth: what is not named must stay.
        reward.approve(address(swapper), 10 * AMOUNT);
    }

    function giveAsset(address to, uint256 amount) internal override {
        usd.mint(to, amount);
    }

    function _swap(address router, bytes memory call) private returns (uint256) {
        return swapper.swap(address(reward), address(usd), AMOUNT, recipient, abi.encode(router, call));
    }

    function _trade(uint256 amountIn, uint256 amountOut, address receiver) private view returns (bytes memory) {
        return abi.encodeCall(hostile.trade, (reward, amountIn, usd, amountOut, receiver));
    }

    // SPEC X4
    function test_RevertIf_TheRouterKeepsTheTokens() public {
        bytes memory call = _trade(AMOUNT, 0, address(swapper));
        vm.expectRevert(abi.encodeWithSelector(ISwapper.InsufficientOutput.selector, 0, MINIMUM));
        _swap(address(hostile), call);
    }

    // SPEC X4: to the unit.
    function test_RevertIf_TheRouterPaysOneUnitShort() public {
        bytes memory call = _trade(AMOUNT, MINIMUM - 1, address(swapper));
        vm.expectRevert(abi.encodeWithSelector(ISwapper.InsufficientOutput.selector, MINIMUM - 1, MINIMUM));
        _swap(address(hostile), call);
        assertEq(_swap(address(hostile), _trade(AMOUNT, MINIMUM, address(swapper))), MINIMUM);
    }

    // SPEC X4: what reaches the recipient past the swapper (say, a deposit for someone else) is no output.
    function test_RevertIf_TheRecipientIsPaidByAnotherDoor() public {
        bytes memory call = _trade(AMOUNT, MINIMUM, recipient);
        vm.expectRevert(abi.encodeWithSelector(ISwapper.InsufficientOutput.selector, 0, MINIMUM));
        _swap(address(hostile), call);
    }

    // SPEC X4: part of the tokens kept, the rest left: the part must have been paid for.
    function test_RevertIf_APartIsTakenAndNotPaidFor() public {
        bytes memory call = _trade(AMOUNT / 2, MINIMUM / 2 - 1, address(swapper));
        vm.expectRevert(abi.encodeWithSelector(ISwapper.InsufficientOutput.selector, MINIMUM / 2 - 1, MINIMUM / 2));
        _swap(address(hostile), call);
    }

    // SPEC X4: the allowance is exact, and gone afterwards.
    function test_RevertIf_TheRouterTakesMoreThanTheAmount() public {
        reward.mint(address(swapper), AMOUNT);
        bytes memory call = _trade(AMOUNT + 1, 10 * MINIMUM, address(swapper));
        vm.expectPartialRevert(ISwapper.SwapFailed.selector);
        _swap(address(hostile), call);
    }

    // SPEC X4: an allowance that was not used is taken back, so nothing can be drained later.
    function test_RevertIf_TheAllowanceIsDrainedAfterwards() public {
        assertEq(_swap(address(hostile), _trade(0, 0, address(swapper))), 0);
        assertEq(reward.balanceOf(address(this)), 10 * AMOUNT);
        assertEq(reward.allowance(address(swapper), address(hostile)), 0);
        reward.mint(address(swapper), AMOUNT);
        vm.prank(thief);
        vm.expectRevert();
        hostile.drain(reward, address(swapper), 1);
        vm.expectRevert();
        hostile.drain(reward, address(this), 1);
    }

    // SPEC X4
    function test_RevertIf_TheRouterReenters() public {
        bytes memory call = abi.encodeCall(hostile.reenter, (swapper, reward, usd, AMOUNT));
        vm.expectRevert(
            abi.encodeWithSelector(
                ISwapper.SwapFailed.selector,
                abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector)
            )
        );
        _swap(address(hostile), call);
    }

    // SPEC X4: tokens and the swapper itself are not routers, even if governance says so.
    function test_RevertIf_TheRouterIsATokenOrTheSwapper() public {
        bytes memory call = abi.encodeCall(reward.approve, (thief, type(uint256).max));
        address[3] memory routers = [address(reward), address(usd), address(swapper)];
        for (uint256 i; i < routers.length; ++i) {
            swapper.setRouter(routers[i], true);
            vm.expectRevert(abi.encodeWithSelector(ISwapper.RouterNotAllowed.selector, routers[i]));
            _swap(routers[i], call);
        }
        address stranger = address(new HostileRouter());
        vm.expectRevert(abi.encodeWithSelector(ISwapper.RouterNotAllowed.selector, stranger));
        _swap(stranger, call);
    }

    // SPEC X4: the router's reason is passed on, cut off at a kilobyte.
    function test_RevertIf_TheRouterFailsWithItsReason() public {
        bytes memory call = abi.encodeCall(hostile.refuse, ("no"));
        vm.expectRevert(
            abi.encodeWithSelector(
                ISwapper.SwapFailed.selector, abi.encodeWithSelector(HostileRouter.Refused.selector, "no")
            )
        );
        _swap(address(hostile), call);
        call = abi.encodeCall(hostile.refuseAtLength, ());
        vm.expectRevert(abi.encodeWithSelector(ISwapper.SwapFailed.selector, new bytes(1024)));
        _swap(address(hostile), call);
    }

    // SPEC X4: what others have approved the swapper for is out of a route's reach.
    function test_RevertIf_AStrangerSellsWhatIsNotHis() public {
        bytes memory data = abi.encode(address(hostile), _trade(AMOUNT, MINIMUM, address(swapper)));
        vm.prank(thief);
        vm.expectRevert();
        swapper.swap(address(reward), address(usd), AMOUNT, thief, data);
    }

    // SPEC X4: malformed instructions revert.
    function test_RevertIf_TheInstructionsAreMalformed() public {
        vm.expectRevert();
        swapper.swap(address(reward), address(usd), AMOUNT, recipient, hex"00");
    }
}

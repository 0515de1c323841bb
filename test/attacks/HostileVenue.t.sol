// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IVault} from "../../contracts/interfaces/IVault.sol";
import {BallastFixture} from "../support/BallastFixture.sol";
import {LendingVenue} from "../support/LendingVenue.sol";
import {TestAsset} from "../support/TestAsset.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @notice An ERC-4626 venue that lies in one way at a time.
contract LyingVenue is LendingVenue {
    enum Lie {
        None,
        PullsHalf,
        PullsMore,
        MintsNothing,
        AnswersNonsense,
        PaysNothing,
        PaysLess,
        BurnsTwice,
        SaysItIsLiquid,
        SaysItIsWorthMore
    }

    Lie public lie;

    constructor(TestAsset asset_) LendingVenue(asset_) {}

    function setLie(Lie lie_) external {
        lie = lie_;
    }

    function deposit(uint256 assets, address receiver) public override returns (uint256 shares) {
        if (lie == Lie.PullsMore) require(IERC20(asset()).transferFrom(msg.sender, address(this), assets + 1));
        if (lie == Lie.MintsNothing) {
            require(IERC20(asset()).transferFrom(msg.sender, address(this), assets));
            return assets;
        }
        if (lie == Lie.PullsHalf) {
            // Shares for all of it.
            shares = previewDeposit(assets);
            require(IERC20(asset()).transferFrom(msg.sender, address(this), assets / 2));
            _mint(receiver, shares);
            return shares;
        }
        shares = super.deposit(assets, receiver);
        if (lie == Lie.AnswersNonsense) shares = type(uint256).max;
    }

    function withdraw(uint256 assets, address receiver, address owner) public override returns (uint256 shares) {
        if (lie == Lie.PaysNothing) return assets;
        if (lie == Lie.BurnsTwice) _burn(owner, previewWithdraw(assets));
        return super.withdraw(lie == Lie.PaysLess ? assets - 1 : assets, receiver, owner);
    }

    function maxWithdraw(address owner) public view override returns (uint256) {
        return lie == Lie.SaysItIsLiquid ? type(uint256).max : super.maxWithdraw(owner);
    }

    function previewRedeem(uint256 shares) public view override returns (uint256) {
        return lie == Lie.SaysItIsWorthMore ? 1000 * super.previewRedeem(shares) : super.previewRedeem(shares);
    }
}

/// @notice A venue that the vault holds directly and that turns against it: whatever it does, it gets no more than was put into it, and
/// the rest can leave (SPEC C1, C5, C10).
contract HostileVenueTest is BallastFixture {
    uint256 private constant OTHERS = 1_000_000e6;

    LyingVenue private venue;

    function setUp() public override {
        super.setUp();
        venue = new LyingVenue(usdc);
        // Others own most of it, so that what it takes is not ours again by way of our shares.
        usdc.mint(address(this), OTHERS);
        usdc.approve(address(venue), OTHERS);
        venue.deposit(OTHERS, address(this));
        vm.prank(timelock);
        vault.listVenue(address(venue), CAP);
        deposit(alice, 600e6);
        deposit(bob, 400e6);
        _reallocate(2000);
    }

    // SPEC C9: what it did not take stays here, and it may not come back for it.
    function test_PullsLessThanItWasGiven() public {
        venue.setLie(LyingVenue.Lie.PullsHalf);
        _reallocate(4000);
        assertEq(usdc.allowance(address(vault), address(venue)), 0);
        assertEq(usdc.balanceOf(address(vault)), vault.idle() + 100e6);
        assertEq(usdc.balanceOf(address(venue)), OTHERS + 300e6);
    }

    // SPEC C9
    function test_RevertIf_ItPullsMoreThanItWasGiven() public {
        venue.setLie(LyingVenue.Lie.PullsMore);
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(venue), 200e6, 200e6 + 1)
        );
        _reallocate(4000);
    }

    // SPEC C5: whatever it answers, what counts is what its shares are worth.
    function test_RevertIf_ItMintsNothing() public {
        venue.setLie(LyingVenue.Lie.MintsNothing);
        vm.expectPartialRevert(IVault.LossTooHigh.selector);
        _reallocate(4000);
    }

    function test_ItsAnswersAreNotRead() public {
        venue.setLie(LyingVenue.Lie.AnswersNonsense);
        _reallocate(4000);
        assertEq(vault.totalAssets(), 1000e6);
    }

    // SPEC C1: a leaver is paid by the others, and it has kept nothing of his.
    function test_PaysLeaversLessOrNothingOrTakesMore() public {
        LyingVenue.Lie[3] memory lies = [LyingVenue.Lie.PaysNothing, LyingVenue.Lie.PaysLess, LyingVenue.Lie.BurnsTwice];
        for (uint256 i; i < lies.length; ++i) {
            uint256 snapshot = vm.snapshotState();
            venue.setLie(lies[i]);
            uint256 shares = venue.balanceOf(address(vault));
            vm.prank(alice);
            vault.withdraw(500e6, alice, alice);
            vm.prank(bob);
            vault.withdraw(300e6, bob, bob);
            vm.expectRevert(abi.encodeWithSelector(IVault.InsufficientLiquidity.selector, 99e6, 0));
            vm.prank(bob);
            vault.withdraw(99e6, bob, bob);
            assertEq(venue.balanceOf(address(vault)), shares);
            vm.revertToState(snapshot);
        }
    }

    // SPEC C1: nor does it rob one who names it himself.
    function test_ALeaverWhoNamesItIsProtectedByHisMinimum() public {
        venue.setLie(LyingVenue.Lie.PaysNothing);
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IVault.InsufficientAssets.selector, 0, 100e6));
        vault.redeemFrom(address(venue), 100e12, 100e6, alice, alice, "");
        venue.setLie(LyingVenue.Lie.BurnsTwice);
        vm.expectPartialRevert(IVault.ValueFellTooFar.selector);
        vault.redeemFrom(address(venue), 100e12, 100e6, alice, alice, "");
        vm.stopPrank();
    }

    // SPEC C5: an instruction to take out of it is within the loss bound or is not done.
    function test_RevertIf_AReductionIsRobbed() public {
        venue.setLie(LyingVenue.Lie.BurnsTwice);
        vm.expectPartialRevert(IVault.LossTooHigh.selector);
        vm.prank(keeper);
        hub.reduce(address(venue), 100e6, 0, "");
    }

    // SPEC C1: "without limit" is what its position is worth, not more: the maximum is of what is there, and is paid by all of them together.
    function test_NoLimitIsThePositionsWorth() public {
        venue.setLie(LyingVenue.Lie.SaysItIsLiquid);
        vm.prank(address(hub));
        vault.reallocate(one(low, 5000));
        low.setLiquidityCap(0);
        assertEq(vault.maxWithdraw(alice), 500e6);
        low.setLiquidityCap(200e6);
        assertEq(vault.maxWithdraw(alice), 600e6);
        vm.prank(alice);
        vault.withdraw(600e6, alice, alice);
        assertEq(usdc.balanceOf(alice), 600e6);
    }

    // SPEC C1: idle can always be had, whatever it says it could pay.
    function test_SaysItIsLiquid() public {
        venue.setLie(LyingVenue.Lie.SaysItIsLiquid);
        venue.lend(venue.cash());
        vm.prank(alice);
        vault.withdraw(600e6, alice, alice);
        vm.prank(bob);
        vault.withdraw(200e6, bob, bob);
        assertEq(vault.idle(), 0);
    }

    // SPEC C1: a value that it makes up reaches the price at the rate at most, and who leaves early takes no more than there was.
    function test_SaysItIsWorthMore() public {
        venue.setLie(LyingVenue.Lie.SaysItIsWorthMore);
        assertEq(vault.totalAssets(), 1000e6);
        vm.prank(alice);
        assertEq(vault.redeem(600e12, alice, alice), 600e6);
        skip(1 days);
        assertLe(vault.totalAssets(), 400e6 + 400e6 / uint256(365) + 1);
    }

    // SPEC C10: the emergency Safe takes it out, and the rest is paid as if it had never said so.
    function test_TheEmergencySafeTakesItOutAndTheRestIsPaid() public {
        venue.setLie(LyingVenue.Lie.SaysItIsWorthMore);
        vm.prank(emergency);
        vault.quarantine(address(venue));
        assertEq(vault.totalAssets(), 800e6);
        vm.prank(alice);
        assertEq(vault.redeem(600e12, alice, alice), 480e6);
    }

    // SPEC C10: exits of the others are not its business.
    function test_AnEmergencyExitOfTheOthers() public {
        vm.prank(address(hub));
        vault.reallocate(one(low, 3000));
        venue.setLie(LyingVenue.Lie.SaysItIsWorthMore);
        venue.lend(venue.cash());
        vm.prank(guardian);
        hub.emergencyExit();
        assertEq(vault.idle(), 800e6);
    }

    function _reallocate(uint16 bps) private {
        vm.prank(address(hub));
        vault.reallocate(one(address(venue), bps));
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Erc4626Adapter} from "../../contracts/adapters/Erc4626Adapter.sol";
import {ISwapper} from "../../contracts/interfaces/ISwapper.sol";
import {BallastFixture} from "../support/BallastFixture.sol";
import {LendingVenue} from "../support/LendingVenue.sol";

/// @notice The promises of ERC-4626 in any state: any deposits, any part of them in a venue that earned, lost or lent any amount
/// (SPEC C1).
/// forge-config: default.fuzz.runs = 512
contract Erc4626PropertiesTest is BallastFixture {
    /// What a run starts from.
    struct State {
        uint256 alice;
        uint256 bob;
        uint256 invested;
        uint256 gained;
        uint256 lost;
        uint256 lent;
        uint256 time;
    }

    LendingVenue private venue;
    Erc4626Adapter private adapter;

    function setUp() public override {
        super.setUp();
        venue = new LendingVenue(usdc);
        adapter = new Erc4626Adapter(address(vault), address(venue), ISwapper(address(0)));
        vm.prank(timelock);
        vault.listAdapter(address(adapter), CAP);
        // Others own a part of the venue, as they do of every venue that may be listed; one of its shares stays about a unit.
        usdc.mint(address(this), CAP);
        usdc.approve(address(venue), CAP);
        venue.deposit(CAP, address(this));
    }

    // ------------------------------------------------------------------------------------------------- round trips

    // SPEC C1: in and out never profits, in whatever unit.
    function testFuzz_DepositThenRedeem(State memory state, uint256 assets) public {
        _arrange(state);
        assets = _fundForDeposit(assets);
        vm.startPrank(stranger);
        uint256 shares = vault.deposit(assets, stranger);
        if (vault.maxRedeem(stranger) == shares) assertLe(vault.redeem(shares, stranger, stranger), assets);
    }

    // SPEC C1
    function testFuzz_DepositThenWithdraw(State memory state, uint256 assets) public {
        _arrange(state);
        assets = _fundForDeposit(assets);
        vm.startPrank(stranger);
        uint256 shares = vault.deposit(assets, stranger);
        uint256 out = vault.maxWithdraw(stranger);
        assertLe(out, assets);
        if (out == assets) assertGe(vault.withdraw(assets, stranger, stranger), shares);
    }

    // SPEC C1
    function testFuzz_MintThenRedeem(State memory state, uint256 shares) public {
        _arrange(state);
        shares = _fundForMint(shares);
        vm.startPrank(stranger);
        uint256 assets = vault.mint(shares, stranger);
        if (vault.maxRedeem(stranger) == shares) assertLe(vault.redeem(shares, stranger, stranger), assets);
    }

    // SPEC C1: out and in again never profits either. Out of idle in shares; out of a venue, whose own rounding lowers the price by
    // a grain on the way, in what the shares are worth, and those who stayed have lost no more than that grain.
    function testFuzz_RedeemThenDeposit(State memory state, uint256 shares) public {
        _arrange(state);
        shares = bound(shares, 0, vault.maxRedeem(alice));
        uint256 idle = vault.idle();
        uint256 bobs = vault.convertToAssets(vault.balanceOf(bob));
        vm.startPrank(alice);
        uint256 assets = vault.redeem(shares, alice, alice);
        usdc.approve(address(vault), assets);
        if (assets == 0 || vault.previewDeposit(assets) == 0 || assets > vault.maxDeposit(alice)) return;
        uint256 got = vault.deposit(assets, alice);
        if (assets <= idle) assertLe(got, shares);
        assertLe(vault.convertToAssets(got), assets);
        assertGe(vault.convertToAssets(vault.balanceOf(bob)) + _grain(), bobs);
    }

    // SPEC C1
    function testFuzz_WithdrawThenMint(State memory state, uint256 assets) public {
        _arrange(state);
        assets = bound(assets, 0, vault.maxWithdraw(alice));
        uint256 idle = vault.idle();
        uint256 bobs = vault.convertToAssets(vault.balanceOf(bob));
        vm.startPrank(alice);
        uint256 shares = vault.withdraw(assets, alice, alice);
        usdc.mint(alice, CAP);
        usdc.approve(address(vault), type(uint256).max);
        if (shares > vault.maxMint(alice)) return;
        uint256 paid = vault.mint(shares, alice);
        if (assets <= idle) assertGe(paid, assets);
        assertLe(vault.convertToAssets(shares), paid);
        assertGe(vault.convertToAssets(vault.balanceOf(bob)) + _grain(), bobs);
    }

    // ---------------------------------------------------------------------------------------------------- previews

    // SPEC C1: a preview never promises more than the call gives.
    function testFuzz_PreviewDeposit(State memory state, uint256 assets) public {
        _arrange(state);
        assets = _fundForDeposit(assets);
        uint256 preview = vault.previewDeposit(assets);
        vm.prank(stranger);
        uint256 shares = vault.deposit(assets, stranger);
        assertLe(preview, shares);
        assertEq(vault.balanceOf(stranger), shares);
    }

    // SPEC C1
    function testFuzz_PreviewMint(State memory state, uint256 shares) public {
        _arrange(state);
        shares = _fundForMint(shares);
        uint256 preview = vault.previewMint(shares);
        uint256 before = usdc.balanceOf(stranger);
        vm.prank(stranger);
        uint256 assets = vault.mint(shares, stranger);
        assertGe(preview, assets);
        assertEq(before - usdc.balanceOf(stranger), assets);
    }

    // SPEC C1
    function testFuzz_PreviewWithdraw(State memory state, uint256 assets) public {
        _arrange(state);
        assets = bound(assets, 0, vault.maxWithdraw(alice));
        uint256 preview = vault.previewWithdraw(assets);
        uint256 before = usdc.balanceOf(alice);
        vm.prank(alice);
        assertGe(preview, vault.withdraw(assets, alice, alice));
        assertEq(usdc.balanceOf(alice) - before, assets);
    }

    // SPEC C1
    function testFuzz_PreviewRedeem(State memory state, uint256 shares) public {
        _arrange(state);
        shares = bound(shares, 0, vault.maxRedeem(alice));
        uint256 preview = vault.previewRedeem(shares);
        uint256 before = usdc.balanceOf(alice);
        vm.prank(alice);
        uint256 assets = vault.redeem(shares, alice, alice);
        assertLe(preview, assets);
        assertEq(usdc.balanceOf(alice) - before, assets);
    }

    // ------------------------------------------------------------------------------------------------------ maxima

    // SPEC C1, C2: the most that may go in goes in, and one more does not.
    function testFuzz_MaxDeposit(State memory state) public {
        _arrange(state);
        uint256 most = vault.maxDeposit(stranger);
        usdc.mint(stranger, most + 1);
        vm.startPrank(stranger);
        usdc.approve(address(vault), most + 1);
        vm.expectRevert();
        vault.deposit(most + 1, stranger);
        if (most == 0 || vault.previewDeposit(most) != 0) vault.deposit(most, stranger);
    }

    // SPEC C1, C2
    function testFuzz_MaxMint(State memory state) public {
        _arrange(state);
        uint256 most = vault.maxMint(stranger);
        usdc.mint(stranger, CAP + 2);
        vm.startPrank(stranger);
        usdc.approve(address(vault), CAP + 2);
        vm.expectRevert();
        vault.mint(most + 1, stranger);
        vault.mint(most, stranger);
    }

    // SPEC C1: the most that may go out goes out, and one more does not.
    function testFuzz_MaxWithdraw(State memory state) public {
        _arrange(state);
        uint256 most = vault.maxWithdraw(alice);
        vm.startPrank(alice);
        vm.expectRevert();
        vault.withdraw(most + 1, alice, alice);
        vault.withdraw(most, alice, alice);
    }

    // SPEC C1: where liquidity is the limit, shares are finer than assets: one share more may pass, one unit more never.
    function testFuzz_MaxRedeem(State memory state) public {
        _arrange(state);
        uint256 most = vault.maxRedeem(alice);
        uint256 payable_ = vault.maxWithdraw(alice);
        uint256 snapshot = vm.snapshotState();
        vm.prank(alice);
        try vault.redeem(most + 1, alice, alice) returns (uint256 assets) {
            assertLe(assets, payable_);
        } catch {
            assertTrue(most == vault.balanceOf(alice) || vault.previewRedeem(most + 1) > payable_);
        }
        vm.revertToState(snapshot);
        // At most a share's worth and its rounding are left.
        uint256 grain = 2 + vault.convertToAssets(1);
        vm.prank(alice);
        assertApproxEqAbs(vault.redeem(most, alice, alice), payable_, grain);
    }

    // SPEC C1: both leave, and together they get no more than there was; the last one takes what was not released as well.
    function testFuzz_EverybodyLeaves(State memory state) public {
        state.lent = 0;
        _arrange(state);
        (uint256 total,) = vault.nav();
        uint256 paid;
        address[2] memory both = [alice, bob];
        for (uint256 i; i < 2; ++i) {
            uint256 shares = vault.balanceOf(both[i]);
            vm.prank(both[i]);
            paid += vault.redeem(shares, both[i], both[i]);
        }
        assertEq(vault.totalSupply(), 0);
        assertLe(paid, total);
        // What the virtual share keeps: its part is one in the last holder's and its own.
        assertApproxEqAbs(paid, total, 3 + total / (state.bob + 1));
    }

    // ------------------------------------------------------------------------------------------------- conversions

    // SPEC C1: more never converts to less, and there and back never gains.
    function testFuzz_ConversionsAreMonotone(State memory state, uint256 less, uint256 more) public {
        _arrange(state);
        less = bound(less, 0, 1e18);
        more = bound(more, less, 1e18);
        assertLe(vault.convertToShares(less), vault.convertToShares(more));
        assertLe(vault.convertToAssets(less), vault.convertToAssets(more));
        assertLe(vault.convertToAssets(vault.convertToShares(more)), more);
        assertLe(vault.convertToShares(vault.convertToAssets(more)), more);
        assertGe(vault.previewMint(vault.previewDeposit(more)) + 1, vault.convertToAssets(vault.convertToShares(more)));
    }

    // SPEC C1: nobody's coming or going costs those who stay.
    function testFuzz_ThePriceOfThoseWhoStayNeverFalls(State memory state, uint256 in_, uint256 out) public {
        _arrange(state);
        uint256 price = vault.convertToAssets(1e18);
        in_ = _fundForDeposit(in_);
        vm.prank(stranger);
        vault.deposit(in_, stranger);
        assertGe(vault.convertToAssets(1e18), price);
        price = vault.convertToAssets(1e18);
        uint256 idle = vault.idle();
        out = bound(out, 0, vault.maxWithdraw(alice));
        vm.prank(alice);
        vault.withdraw(out, alice, alice);
        // Out of idle exactly; out of the venue to the venue's own rounding.
        uint256 slack = out <= idle ? 0 : 1 + _grain() * 1e18 / (vault.totalSupply() + 1e6);
        assertGe(vault.convertToAssets(1e18) + slack, price);
    }

    // --------------------------------------------------------------------------------------------------- arranging

    /// What one rounding of the venue can cost: one of its shares, and a unit.
    function _grain() private view returns (uint256) {
        return 2 + venue.convertToAssets(1);
    }

    function _arrange(State memory state) private {
        state.alice = bound(state.alice, 1e6, CAP / 4);
        state.bob = bound(state.bob, 1, CAP / 4);
        deposit(alice, state.alice);
        deposit(bob, state.bob);
        state.invested = bound(state.invested, 0, 9500);
        vm.prank(address(hub));
        vault.reallocate(one(address(adapter), uint16(state.invested)));
        venue.gain(bound(state.gained, 0, CAP));
        venue.lose(bound(state.lost, 0, venue.cash()));
        // Gains are released over time, and a loss of a fifth closes deposits until governance opens them.
        skip(bound(state.time, 0, 2 * 365 days));
        vault.accrue();
        if (vault.paused()) {
            vm.prank(timelock);
            vault.unpauseDeposits();
        }
        venue.lend(bound(state.lent, 0, venue.cash()));
    }

    function _fundForDeposit(uint256 assets) private returns (uint256) {
        assets = bound(assets, 0, vault.maxDeposit(stranger));
        // A deposit too small for one share is refused; see the vault's own tests.
        if (vault.previewDeposit(assets) == 0) assets = 0;
        usdc.mint(stranger, assets);
        vm.prank(stranger);
        usdc.approve(address(vault), assets);
        return assets;
    }

    function _fundForMint(uint256 shares) private returns (uint256) {
        shares = bound(shares, 0, vault.maxMint(stranger));
        usdc.mint(stranger, CAP + 1);
        vm.prank(stranger);
        usdc.approve(address(vault), CAP + 1);
        return shares;
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {BallastFixture} from "../../support/BallastFixture.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {Vm} from "forge-std/Test.sol";

/// @notice EIP-2612 on the shares (SPEC C1).
contract PermitTest is BallastFixture {
    bytes32 private constant PERMIT_TYPEHASH =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");

    Vm.Wallet private owner;

    function setUp() public override {
        super.setUp();
        owner = vm.createWallet("share owner");
        deposit(owner.addr, 100e6);
    }

    // SPEC C1
    function test_SignedAllowanceLetsTheSpenderRedeem() public {
        (uint8 v, bytes32 r, bytes32 s) = _sign(100e12, 0, block.timestamp);
        vault.permit(owner.addr, bob, 100e12, block.timestamp, v, r, s);
        vm.prank(bob);
        vault.redeem(100e12, bob, owner.addr);
        assertEq(usdc.balanceOf(bob), 100e6);
        assertEq(vault.nonces(owner.addr), 1);
    }

    function test_RevertIf_Expired() public {
        uint256 deadline = block.timestamp - 1;
        (uint8 v, bytes32 r, bytes32 s) = _sign(100e12, 0, deadline);
        vm.expectRevert(abi.encodeWithSelector(ERC20Permit.ERC2612ExpiredSignature.selector, deadline));
        vault.permit(owner.addr, bob, 100e12, deadline, v, r, s);
    }

    function test_RevertIf_Replayed() public {
        (uint8 v, bytes32 r, bytes32 s) = _sign(100e12, 0, block.timestamp);
        vault.permit(owner.addr, bob, 100e12, block.timestamp, v, r, s);
        vm.expectPartialRevert(ERC20Permit.ERC2612InvalidSigner.selector);
        vault.permit(owner.addr, bob, 100e12, block.timestamp, v, r, s);
    }

    function test_RevertIf_TheAmountIsNotTheSignedOne() public {
        (uint8 v, bytes32 r, bytes32 s) = _sign(100e12, 0, block.timestamp);
        vm.expectPartialRevert(ERC20Permit.ERC2612InvalidSigner.selector);
        vault.permit(owner.addr, bob, 100e12 + 1, block.timestamp, v, r, s);
    }

    function _sign(uint256 value, uint256 nonce, uint256 deadline) private returns (uint8 v, bytes32 r, bytes32 s) {
        bytes32 message = keccak256(abi.encode(PERMIT_TYPEHASH, owner.addr, bob, value, nonce, deadline));
        return vm.sign(owner, keccak256(abi.encodePacked(hex"1901", vault.DOMAIN_SEPARATOR(), message)));
    }
}

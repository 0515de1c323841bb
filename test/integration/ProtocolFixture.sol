// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AaveDeployer} from "../../script/protocols/AaveDeployer.sol";
import {MorphoDeployer} from "../../script/protocols/MorphoDeployer.sol";
import {Participant, Participants} from "../../script/protocols/Participant.sol";
import {Protocols} from "../../script/protocols/Protocols.sol";
import {Test} from "forge-std/Test.sol";

/// @title ProtocolFixture
/// @notice The real protocols with lent-out markets, for integration tests: call `deployProtocols` in `setUp`.
/// @dev The test contract is admin of everything. Amounts are base units of USDC (10^-6).
abstract contract ProtocolFixture is Test {
    using AaveDeployer for AaveDeployer.Market;

    /// @dev 2025-06-15 15:06:40 UTC: tests that subtract days from the clock do not underflow.
    uint256 internal constant START_TIME = 1_750_000_000;

    uint256 private constant VARIABLE_RATE_MODE = 2;

    Protocols.Deployment internal protocols;
    Participant internal supplier;
    Participant internal borrower;

    /// @notice Deploys and funds everything. Afterwards the clock is at START_TIME and every feed has just answered.
    function deployProtocols() internal {
        supplier = Participants.supplier();
        borrower = Participants.borrower();
        vm.deal(address(this), Protocols.ETH_NEEDED);

        vm.warp(START_TIME - MorphoDeployer.CAP_TIMELOCK);
        Protocols.Deployment memory deployed = Protocols.deploy(address(this), supplier, borrower);
        vm.warp(START_TIME);
        Protocols.fund(deployed, address(this), supplier, borrower);
        protocols = deployed;
    }

    /// @notice Mints real USDC.
    function mintUsdc(address to, uint256 amount) internal {
        protocols.usdc.mint(to, amount);
    }

    /// @notice The outside borrower draws USDC from Aave.
    function borrowAave(uint256 amount) internal {
        vm.prank(borrower.account);
        protocols.aave.pool.borrow(address(protocols.usdc), amount, VARIABLE_RATE_MODE, 0, borrower.account);
    }

    /// @notice The outside borrower repays USDC to Aave, at most its debt; freshly minted, so it never lacks any.
    function repayAave(uint256 amount) internal {
        mintUsdc(borrower.account, amount);
        vm.startPrank(borrower.account);
        protocols.usdc.approve(address(protocols.aave.pool), amount);
        protocols.aave.pool.repay(address(protocols.usdc), amount, VARIABLE_RATE_MODE, borrower.account);
        vm.stopPrank();
    }

    /// @notice The outside borrower draws USDC from the Morpho market under the MetaMorpho.
    function borrowMorpho(uint256 amount) internal {
        vm.prank(borrower.account);
        protocols.morpho.blue.borrow(protocols.morpho.params, amount, 0, borrower.account, borrower.account);
    }

    /// @notice The outside borrower repays USDC to the Morpho market; reverts when it is more than the debt.
    function repayMorpho(uint256 amount) internal {
        mintUsdc(borrower.account, amount);
        vm.startPrank(borrower.account);
        protocols.usdc.approve(address(protocols.morpho.blue), amount);
        protocols.morpho.blue.repay(protocols.morpho.params, amount, 0, borrower.account, "");
        vm.stopPrank();
    }

    /// @notice USDC that can be withdrawn from Aave now.
    function aaveLiquidity() internal view returns (uint256) {
        return protocols.usdc.balanceOf(aUsdc());
    }

    /// @notice USDC that can be withdrawn from the Morpho market now.
    function morphoLiquidity() internal view returns (uint256) {
        return protocols.usdc.balanceOf(address(protocols.morpho.blue));
    }

    function aUsdc() internal view returns (address) {
        return protocols.aave.aToken(address(protocols.usdc));
    }

    /// @notice Answers a new USDC / USD round now.
    /// @param answer 8 decimals.
    function setUsdcPrice(int256 answer) internal {
        protocols.feeds.usdcUsd.push(answer);
    }

    /// @notice Repeats every feed's answer in a round of now, as after a long `skip`.
    function refreshFeeds() internal {
        Protocols.refresh(protocols.feeds);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {BoundedCall} from "../libraries/BoundedCall.sol";

/// @title LadderExit
/// @notice What "all that can be had now" is to an adapter whose exit trades: the whole position if leaving pays enough for it, else the
/// largest of its half, quarter and eighth for which it does.
/// @dev Tried, not estimated: how much a market takes shows in the trade alone. Each attempt is a call of its own, so one that pays too
/// little leaves nothing behind.
abstract contract LadderExit {
    using BoundedCall for address;

    /// @dev The whole, and this many halvings of it.
    uint256 internal constant HALVINGS = 3;
    /// @dev Bytes of the reason that are passed on: a swapper's own, with its router's inside.
    uint256 private constant MAX_ATTEMPT_REASON = 1280;

    /// @notice Takes out all that can be had of the whole position, halved `halvings` times. One attempt of {IAdapter.withdraw} with
    /// type(uint256).max, which this contract makes by calling itself; the vault, which alone may call it too, has no need of it.
    /// @param data As for {IAdapter.withdraw}.
    function withdrawHalved(uint256 halvings, bytes calldata data) external virtual;

    /// @dev Reverts as the attempt at the whole did if even the smallest part does not pay enough.
    function _withdrawAllThatPays(bytes calldata data) internal {
        bytes memory reason;
        for (uint256 halvings; halvings <= HALVINGS; ++halvings) {
            (bool ok, bytes memory why) = address(this)
                .tryCall(gasleft(), abi.encodeCall(this.withdrawHalved, (halvings, data)), MAX_ATTEMPT_REASON);
            if (ok) return;
            if (halvings == 0) reason = why;
        }
        assembly ("memory-safe") {
            revert(add(reason, 0x20), mload(reason))
        }
    }
}

// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Trigger} from "../interfaces/IKillSwitch.sol";

/// @notice Why nothing may be added. The five triggers (SPEC C7), a guardian, the emergency Safe.
enum Cause {
    None,
    Peg,
    Tvl,
    Utilisation,
    Oracle,
    Governance,
    Guardian,
    Emergency
}

using CauseLib for Cause global;

/// @title CauseLib
/// @notice The words for a cause.
library CauseLib {
    /// @notice The cause that a trigger is.
    function fromTrigger(Trigger trigger) internal pure returns (Cause) {
        return Cause(uint8(trigger) + 1);
    }

    /// @notice The words of the specification; empty for none.
    function text(Cause cause) internal pure returns (string memory words) {
        bytes32 word;
        uint256 length;
        if (cause == Cause.Peg) (word, length) = ("Stablecoin depeg detected", 25);
        else if (cause == Cause.Tvl) (word, length) = ("TVL crash detected", 18);
        else if (cause == Cause.Utilisation) (word, length) = ("Utilization spike detected", 26);
        else if (cause == Cause.Oracle) (word, length) = ("Oracle failure detected", 23);
        else if (cause == Cause.Governance) (word, length) = ("Governance attack detected", 26);
        else if (cause == Cause.Guardian) (word, length) = ("Guardian", 8);
        else if (cause == Cause.Emergency) (word, length) = ("Emergency Safe", 14);
        words = new string(length);
        // One word holds each of them; seven string literals would cost the contract four times the code.
        assembly ("memory-safe") {
            if length { mstore(add(words, 0x20), word) }
        }
    }
}

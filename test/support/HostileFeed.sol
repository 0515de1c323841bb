// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title HostileFeed
/// @notice An aggregator that breaks Chainlink's interface in the ways that a caller must survive.
contract HostileFeed {
    enum Fault {
        None,
        ShortReturn,
        LongReturn,
        HugeRevert,
        BurnGas
    }

    uint8 public constant decimals = 8;

    Fault public fault;

    function setFault(Fault fault_) external {
        fault = fault_;
    }

    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        uint256 updatedAt = block.timestamp;
        Fault f = fault;
        assembly ("memory-safe") {
            let at := mload(0x40)
            mstore(at, 1)
            mstore(add(at, 0x20), 100000000)
            mstore(add(at, 0x40), updatedAt)
            mstore(add(at, 0x60), updatedAt)
            mstore(add(at, 0x80), 1)
            switch f
            case 0 { return(at, 0xa0) }
            case 1 { return(at, 0x9f) }
            case 2 { return(at, 10000) }
            case 3 { revert(at, 10000) }
            default { invalid() }
        }
    }
}

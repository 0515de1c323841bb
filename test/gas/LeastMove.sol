// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

// The least that a move inside the limits needs of vault, hub, switch and feed as contracts of their own, each with the best layout of storage that one
// could have: the calldata of a rebalance; accounts, slots, calls, one signature and one event. Nothing is checked, decoded or calculated, and
// what is read is added up only so that the compiler keeps the reading. For measuring ({FloorTest}); they guard nothing.

// Selectors, as a call begins with them.
bytes4 constant BALANCE_OF = 0x70a08231;
bytes4 constant PREVIEW_REDEEM = 0x4cdad506;
bytes4 constant MAX_WITHDRAW = 0xce96cb77;
bytes4 constant TOTAL_ASSETS = 0x01e1d114;
bytes4 constant APPROVE = 0x095ea7b3;
bytes4 constant DEPOSIT = 0x6e553f65;
bytes4 constant WITHDRAW = 0xb460af94;

/// @notice Four positions in the code of a contract, which is less to read than four slots: of each three words, the market, what is taken out of it
/// and what is put into it.
contract LeastPlan {
    constructor(address[4] memory markets, uint256[4] memory less, uint256[4] memory more) {
        uint256[12] memory words;
        for (uint256 i; i < 4; ++i) {
            (words[3 * i], words[3 * i + 1], words[3 * i + 2]) = (uint160(markets[i]), less[i], more[i]);
        }
        assembly ("memory-safe") {
            return(words, 0x180)
        }
    }
}

/// @notice A price from one slot.
contract LeastFeed {
    uint256 private _round = 1;

    fallback() external {
        assembly {
            mstore(0x80, sload(_round.slot))
            return(0x00, 0xa0)
        }
    }
}

/// @notice One slot for the mode, one for the asset's feed, one for each venue.
contract LeastSwitch {
    uint256 private _mode = 1;
    address private _feed;

    constructor(address feed, address[4] memory markets) {
        _feed = feed;
        for (uint256 i; i < 4; ++i) {
            address market = markets[i];
            assembly ("memory-safe") {
                sstore(market, 1)
            }
        }
    }

    /// Without an argument: whether anything may be added. With a venue: what limits are measured by.
    fallback() external {
        assembly {
            switch calldatasize()
            case 0 {
                let mode := sload(_mode.slot)
                if iszero(staticcall(gas(), sload(_feed.slot), 0x00, 0x04, 0x00, 0xa0)) {
                    revert(0x00, 0x00)
                }
                mstore(0x00, add(mode, mload(0x80)))
            }
            default { mstore(0x00, sload(calldataload(0x00))) }
            return(0x00, 0x20)
        }
    }
}

/// @notice One slot for the hub and the pause, one for what is accounted.
contract LeastVault {
    address private immutable ASSET;
    address private immutable PLAN;
    uint256 private _hub = 1;
    uint256 private _ledger = 1;

    constructor(address asset, address plan) {
        (ASSET, PLAN) = (asset, plan);
    }

    /// Values every position, takes out, puts in by exact allowances, and values every position again.
    fallback() external {
        (address asset, address plan) = (ASSET, PLAN);
        assembly {
            function ask(target, selector, argument) -> word {
                mstore(0x00, selector)
                mstore(0x04, argument)
                if iszero(staticcall(gas(), target, 0x00, 0x24, 0x00, 0x20)) { revert(0x00, 0x00) }
                word := mload(0x00)
            }
            function tell(target, selector, a, b, size) {
                mstore(0x00, selector)
                mstore(0x04, a)
                mstore(0x24, b)
                mstore(0x44, b)
                if iszero(call(gas(), target, 0x00, 0x00, size, 0x00, 0x00)) { revert(0x00, 0x00) }
            }
            function valueAll() -> sum {
                for { let i := 0x80 } lt(i, 0x200) { i := add(i, 0x60) } {
                    let market := mload(i)
                    sum := add(sum, ask(market, PREVIEW_REDEEM, ask(market, BALANCE_OF, address())))
                }
            }
            let sum := add(sload(_hub.slot), sload(_ledger.slot))
            extcodecopy(plan, 0x80, 0x00, 0x180)
            sum := add(sum, valueAll())
            // What arrives is measured.
            sum := add(sum, ask(asset, BALANCE_OF, address()))
            for { let i := 0x80 } lt(i, 0x200) { i := add(i, 0x60) } {
                let less := mload(add(i, 0x20))
                if less { tell(mload(i), WITHDRAW, less, address(), 0x64) }
            }
            for { let i := 0x80 } lt(i, 0x200) { i := add(i, 0x60) } {
                let more := mload(add(i, 0x40))
                if more {
                    tell(asset, APPROVE, mload(i), more, 0x44)
                    tell(mload(i), DEPOSIT, more, address(), 0x44)
                }
            }
            sum := add(sum, ask(asset, BALANCE_OF, address()))
            // As much is idle as before.
            sstore(_ledger.slot, 1)
            sum := add(sum, valueAll())
            mstore(0x00, sum)
            return(0x00, 0x20)
        }
    }
}

/// @notice A slot each for the keeper's role, the attestor, and the switch; one for log and limits, and one for targets and buckets, are written.
contract LeastHub {
    address private immutable VAULT;
    /// @dev What is added to: the third is zero if there are two.
    address private immutable FIRST;
    address private immutable SECOND;
    address private immutable THIRD;
    uint256 private _role = 1;
    uint256 private _policy = 1;
    uint256 private _attestor = 1;
    address private _switch;
    uint256 private _lanes = 1;

    constructor(address vault, address switch_, address[3] memory added) {
        (VAULT, _switch) = (vault, switch_);
        (FIRST, SECOND, THIRD) = (added[0], added[1], added[2]);
    }

    /// Takes the calldata of a rebalance. The event is as large as that of four targets.
    fallback() external {
        (address vault, address first, address second, address third) = (VAULT, FIRST, SECOND, THIRD);
        assembly {
            function ask(target, selector, argument) -> word {
                mstore(0x00, selector)
                mstore(0x04, argument)
                if iszero(staticcall(gas(), target, 0x00, 0x24, 0x00, 0x20)) { revert(0x00, 0x00) }
                word := mload(0x00)
            }
            function lookAt(market, vault_, switch_) -> sum {
                mstore(0x00, market)
                if iszero(staticcall(gas(), switch_, 0x00, 0x20, 0x00, 0x20)) { revert(0x00, 0x00) }
                sum := mload(0x00)
                // Liquidity and size.
                sum := add(sum, ask(market, MAX_WITHDRAW, vault_))
                sum := add(sum, ask(market, TOTAL_ASSETS, 0x00))
            }
            let sum := add(sload(_role.slot), sload(_attestor.slot))
            let switch_ := sload(_switch.slot)
            if iszero(staticcall(gas(), switch_, 0x00, 0x00, 0x00, 0x20)) { revert(0x00, 0x00) }
            sum := add(sum, mload(0x00))
            if iszero(staticcall(gas(), 0x01, 0x00, 0x80, 0x00, 0x20)) { revert(0x00, 0x00) }
            sstore(_policy.slot, add(sload(_policy.slot), 1))
            calldatacopy(0x80, 0x00, calldatasize())
            if iszero(call(gas(), vault, 0x00, 0x80, calldatasize(), 0x00, 0x20)) { revert(0x00, 0x00) }
            sum := add(sum, mload(0x00))
            sum := add(sum, lookAt(first, vault, switch_))
            sum := add(sum, lookAt(second, vault, switch_))
            if third { sum := add(sum, lookAt(third, vault, switch_)) }
            sstore(_lanes.slot, add(sload(_lanes.slot), 1))
            mstore(0x80, sum)
            // Three topics. NAV before and after, idle after, a word of each target and one of its values, offsets and lengths of both lists.
            log3(0x80, 0x1e0, 0x01, 0x02, 0x03)
        }
    }
}

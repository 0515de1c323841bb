// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAdapter} from "../../../contracts/interfaces/IAdapter.sol";
import {VenueReader} from "../../../contracts/libraries/VenueReader.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Test} from "forge-std/Test.sol";

/// @notice Answers each function as a test says: with a word, with less than a word, with a revert or by burning its gas.
contract Answers {
    enum Way {
        Word,
        Short,
        Refuse,
        Burn
    }

    mapping(bytes4 selector => uint256) private _words;
    mapping(bytes4 selector => Way) private _ways;

    function set(bytes4 selector, uint256 word) external {
        _words[selector] = word;
    }

    function set(bytes4 selector, Way way) external {
        _ways[selector] = way;
    }

    fallback() external {
        uint256 word = _words[msg.sig];
        Way way = _ways[msg.sig];
        assembly ("memory-safe") {
            mstore(0x00, word)
            switch way
            case 0 { return(0x00, 0x20) }
            case 1 { return(0x00, 0x1f) }
            case 2 { revert(0x00, 0x20) }
            default { invalid() }
        }
    }
}

/// @notice What is read of a venue, and what counts as not read (SPEC C1, C10).
contract VenueReaderTest is Test {
    address private immutable holder = makeAddr("holder");
    Answers private venue;

    function setUp() public {
        venue = new Answers();
    }

    // SPEC C1: of an adapter its own figures.
    function testFuzz_OfAnAdapter(uint128[5] memory words) public {
        venue.set(IAdapter.value.selector, words[0]);
        venue.set(IAdapter.liquidity.selector, words[1]);
        venue.set(IAdapter.exitLiquidity.selector, words[2]);
        venue.set(IAdapter.utilisation.selector, words[3]);
        venue.set(IAdapter.venueSize.selector, words[4]);
        uint256[5] memory read = _readAll(false);
        for (uint256 i; i < 5; ++i) {
            assertEq(read[i], words[i]);
        }
    }

    // SPEC C1: of a venue held directly what ERC-4626 says.
    function testFuzz_OfAVenueHeldDirectly(uint256 shares, uint128 value, uint128 liquid, uint128 size) public {
        venue.set(IERC20.balanceOf.selector, bound(shares, 1, type(uint256).max));
        venue.set(IERC4626.previewRedeem.selector, value);
        venue.set(IERC4626.maxWithdraw.selector, liquid);
        venue.set(IERC4626.totalAssets.selector, size);
        uint256[5] memory read = _readAll(true);
        assertEq(read[0], value);
        assertEq(read[1], liquid);
        assertEq(read[2], liquid);
        uint256 stuck = value > liquid ? uint256(value) - liquid : 0;
        assertEq(read[3], value == 0 ? 0 : (stuck * 1e18 + value - 1) / value);
        assertEq(read[4], size);
    }

    // SPEC C1: the arguments are the holder and its shares.
    function test_AsksForTheHoldersShares() public {
        venue.set(IERC20.balanceOf.selector, 77);
        vm.expectCall(address(venue), abi.encodeCall(IERC20.balanceOf, (holder)));
        vm.expectCall(address(venue), abi.encodeCall(IERC4626.previewRedeem, (77)));
        vm.expectCall(address(venue), abi.encodeCall(IERC4626.maxWithdraw, (holder)));
        _readAll(true);
    }

    // SPEC C1: without shares there is nothing to ask.
    function test_WithoutSharesItIsWorthNothing() public {
        venue.set(IERC4626.previewRedeem.selector, Answers.Way.Refuse);
        (bool ok, uint256 value) = VenueReader.value(address(venue), true, holder);
        assertTrue(ok);
        assertEq(value, 0);
        (ok, value) = VenueReader.utilisation(address(venue), true, holder);
        assertTrue(ok);
        assertEq(value, 0);
    }

    // SPEC C10: an amount that no honest venue can have is no answer; the largest that one can have is.
    function test_AmountEdge() public {
        uint256 most = type(uint128).max;
        venue.set(IERC20.balanceOf.selector, 1);
        bytes4[5] memory selectors = [
            IAdapter.value.selector,
            IAdapter.liquidity.selector,
            IAdapter.venueSize.selector,
            IERC4626.previewRedeem.selector,
            IERC4626.maxWithdraw.selector
        ];
        for (uint256 i; i < selectors.length; ++i) {
            venue.set(selectors[i], most);
            (bool ok, uint256 amount) = _read(i);
            assertTrue(ok);
            assertEq(amount, most);
            venue.set(selectors[i], most + 1);
            (ok, amount) = _read(i);
            assertFalse(ok);
            assertEq(amount, 0);
        }
    }

    // SPEC C1: ERC-4626 says that without a limit it is the largest number there is.
    function test_NoLimitIsAnAnswer() public {
        venue.set(IERC4626.maxWithdraw.selector, type(uint256).max);
        (bool ok, uint256 liquid) = VenueReader.liquidity(address(venue), true, holder);
        assertTrue(ok);
        assertEq(liquid, type(uint128).max);
    }

    // SPEC C10: too short, refused, all gas burned, no code: not an answer, and not a revert.
    function test_WhatIsNoAnswer() public {
        venue.set(IERC20.balanceOf.selector, 1);
        for (uint256 way = 1; way < 4; ++way) {
            venue.set(IAdapter.value.selector, Answers.Way(way));
            venue.set(IAdapter.liquidity.selector, Answers.Way(way));
            venue.set(IAdapter.venueSize.selector, Answers.Way(way));
            venue.set(IERC4626.previewRedeem.selector, Answers.Way(way));
            venue.set(IERC4626.maxWithdraw.selector, Answers.Way(way));
            for (uint256 i; i < 5; ++i) {
                (bool ok, uint256 amount) = _read(i);
                assertFalse(ok);
                assertEq(amount, 0);
            }
        }
        (bool readable,) = VenueReader.value(holder, true, holder);
        assertFalse(readable);
        (readable,) = VenueReader.value(holder, false, holder);
        assertFalse(readable);
    }

    // SPEC C10: a reading costs at most its cap, of which a venue held directly takes two.
    function test_GasIsCapped() public {
        venue.set(IERC20.balanceOf.selector, 1);
        venue.set(IERC4626.previewRedeem.selector, Answers.Way.Burn);
        uint256 before = gasleft();
        VenueReader.value(address(venue), true, holder);
        assertLt(before - gasleft(), VenueReader.READ_GAS + 50_000);
    }

    function _read(uint256 i) private view returns (bool, uint256) {
        if (i == 0) return VenueReader.value(address(venue), false, holder);
        if (i == 1) return VenueReader.liquidity(address(venue), false, holder);
        if (i == 2) return VenueReader.size(address(venue), false);
        if (i == 3) return VenueReader.value(address(venue), true, holder);
        return VenueReader.liquidity(address(venue), true, holder);
    }

    function _readAll(bool direct) private view returns (uint256[5] memory read) {
        bool[5] memory ok;
        (ok[0], read[0]) = VenueReader.value(address(venue), direct, holder);
        (ok[1], read[1]) = VenueReader.liquidity(address(venue), direct, holder);
        (ok[2], read[2]) = VenueReader.exitLiquidity(address(venue), direct, holder);
        (ok[3], read[3]) = VenueReader.utilisation(address(venue), direct, holder);
        (ok[4], read[4]) = VenueReader.size(address(venue), direct);
        for (uint256 i; i < 5; ++i) {
            assertTrue(ok[i]);
        }
    }
}

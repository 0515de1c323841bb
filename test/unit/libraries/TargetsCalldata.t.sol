// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {TargetsCalldata} from "../../../contracts/libraries/TargetsCalldata.sol";
import {Allocation} from "../../../contracts/types/Allocation.sol";
import {Test} from "forge-std/Test.sol";

/// @notice What is hashed and forwarded is what was sent (SPEC C3).
contract TargetsCalldataTest is Test {
    function forward(Allocation[] calldata targets, bytes calldata proof)
        external
        pure
        returns (bytes memory, bytes32)
    {
        return TargetsCalldata.forward(targets, proof, this.take.selector);
    }

    function take(Allocation[] calldata targets) external pure returns (bytes32) {
        return keccak256(abi.encode(targets));
    }

    // SPEC C3: the call is the one an encoder makes, and the hash that of the targets alone.
    function testFuzz_AsAnEncoderWould(Allocation[] memory targets, bytes memory proof) public {
        (bytes memory call_, bytes32 hash) = this.forward(targets, proof);
        assertEq(hash, keccak256(abi.encode(targets)));
        assertEq(call_, abi.encodeCall(this.take, (targets)));
        (bool ok, bytes memory returned) = address(this).call(call_);
        assertTrue(ok);
        assertEq(abi.decode(returned, (bytes32)), hash);
    }

    // SPEC C3: what no encoder writes has the hash of no list that somebody could have signed: the proof before the targets, …
    function test_TheProofBeforeTheTargets() public {
        Allocation[] memory targets = _one();
        bytes memory body = abi.encode(targets);
        // Two offsets, then an empty proof, then the targets.
        bytes memory data =
            abi.encodePacked(this.forward.selector, uint256(0x60), uint256(0x40), uint256(0), _tail(body));
        (bool ok, bytes memory returned) = address(this).call(data);
        assertTrue(ok);
        (, bytes32 hash) = abi.decode(returned, (bytes, bytes32));
        assertNotEq(hash, keccak256(body));
        assertEq(hash, keccak256(abi.encode(0x20)));
    }

    // SPEC C3: … and something between the two.
    function test_SomethingBetween() public {
        Allocation[] memory targets = _one();
        bytes memory body = abi.encode(targets);
        bytes memory tail = _tail(body);
        bytes memory data = abi.encodePacked(
            this.forward.selector, uint256(0x40), 0x40 + tail.length + 0x20, tail, uint256(7), uint256(0)
        );
        (bool ok, bytes memory returned) = address(this).call(data);
        assertTrue(ok);
        (, bytes32 hash) = abi.decode(returned, (bytes, bytes32));
        assertEq(hash, keccak256(abi.encodePacked(body, uint256(7))));
    }

    function _one() private pure returns (Allocation[] memory targets) {
        targets = new Allocation[](1);
        targets[0] = Allocation(address(0x11), 500, 7, hex"1234");
    }

    /// What follows the first word.
    function _tail(bytes memory body) private pure returns (bytes memory tail) {
        tail = new bytes(body.length - 32);
        for (uint256 i; i < tail.length; ++i) {
            tail[i] = body[i + 32];
        }
    }
}

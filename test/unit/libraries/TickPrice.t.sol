// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IUniswapV3Pool} from "../../../contracts/interfaces/IUniswapV3.sol";
import {TickPrice} from "../../../contracts/libraries/TickPrice.sol";
import {Artifact} from "../../../script/protocols/Artifact.sol";
import {IUniswapV3Factory, IUniswapV3PoolInitializer} from "../../../script/protocols/UniswapV3Deployer.sol";
import {Test} from "forge-std/Test.sol";

/// @notice The price grid against the real pools' bytecode, which computes a tick from any price that a pool is started at (SPEC C9).
contract TickPriceTest is Test {
    IUniswapV3Factory private factory;
    uint160 private pools;

    function setUp() public {
        string memory artifact =
            "node_modules/@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json";
        factory = IUniswapV3Factory(Artifact.create("UniswapV3Factory", Artifact.fromJson(artifact), ""));
    }

    function testFuzz_TickOfAPriceIsThePools(uint160 price) public {
        price = uint160(
            bound(price, TickPrice.sqrtPriceAt(TickPrice.MIN_TICK), TickPrice.sqrtPriceAt(TickPrice.MAX_TICK) - 1)
        );
        assertEq(TickPrice.tickAt(price), _realTickAt(price));
    }

    // The price of a tick is the lowest that the pool counts to it: exact to the last bit.
    function testFuzz_PriceOfATickIsThePools(int24 tick) public {
        tick = int24(bound(tick, TickPrice.MIN_TICK + 1, TickPrice.MAX_TICK - 1));
        uint160 price = TickPrice.sqrtPriceAt(tick);
        assertEq(_realTickAt(price), tick);
        assertEq(_realTickAt(price - 1), tick - 1);
        assertEq(TickPrice.tickAt(price), tick);
        assertEq(TickPrice.tickAt(price - 1), tick - 1);
    }

    // Each bit of the tick by itself, and both ends.
    function test_EveryPowerOfTwoIsThePools() public {
        for (uint256 k; k < 20; ++k) {
            testFuzz_PriceOfATickIsThePools(int24(uint24(1 << k)));
            testFuzz_PriceOfATickIsThePools(-int24(uint24(1 << k)));
        }
        testFuzz_TickOfAPriceIsThePools(TickPrice.sqrtPriceAt(TickPrice.MIN_TICK));
        testFuzz_TickOfAPriceIsThePools(TickPrice.sqrtPriceAt(TickPrice.MAX_TICK) - 1);
    }

    function test_TheEndsAreThePools() public {
        uint160 lowest = TickPrice.sqrtPriceAt(TickPrice.MIN_TICK);
        uint160 highest = TickPrice.sqrtPriceAt(TickPrice.MAX_TICK);
        IUniswapV3PoolInitializer pool = _newPool();
        vm.expectRevert(bytes("R"));
        pool.initialize(lowest - 1);
        vm.expectRevert(bytes("R"));
        pool.initialize(highest);
        vm.expectRevert(abi.encodeWithSelector(TickPrice.PriceOutOfRange.selector, lowest - 1));
        this.tickAt(lowest - 1);
        vm.expectRevert(abi.encodeWithSelector(TickPrice.PriceOutOfRange.selector, highest));
        this.tickAt(highest);
        vm.expectRevert(abi.encodeWithSelector(TickPrice.TickOutOfRange.selector, TickPrice.MAX_TICK + 1));
        this.sqrtPriceAt(TickPrice.MAX_TICK + 1);
        vm.expectRevert(abi.encodeWithSelector(TickPrice.TickOutOfRange.selector, TickPrice.MIN_TICK - 1));
        this.sqrtPriceAt(TickPrice.MIN_TICK - 1);
    }

    function tickAt(uint160 price) external pure returns (int24) {
        return TickPrice.tickAt(price);
    }

    function sqrtPriceAt(int24 tick) external pure returns (uint160) {
        return TickPrice.sqrtPriceAt(tick);
    }

    function _realTickAt(uint160 price) private returns (int24 tick) {
        IUniswapV3PoolInitializer pool = _newPool();
        pool.initialize(price);
        (, tick,,,,,) = IUniswapV3Pool(address(pool)).slot0();
    }

    function _newPool() private returns (IUniswapV3PoolInitializer) {
        ++pools;
        return IUniswapV3PoolInitializer(factory.createPool(address(pools), address(type(uint160).max), 500));
    }
}

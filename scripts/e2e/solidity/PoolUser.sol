// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

interface IToken {
    function transferFrom(address from, address to, uint256 value) external returns (bool);
}

interface IPool {
    function token0() external view returns (address);
    function token1() external view returns (address);
    function mint(address recipient, int24 lower, int24 upper, uint128 amount, bytes calldata data)
        external
        returns (uint256, uint256);
    function swap(address recipient, bool zeroForOne, int256 amount, uint160 limit, bytes calldata data)
        external
        returns (int256, int256);
    function collect(address recipient, int24 lower, int24 upper, uint128 amount0, uint128 amount1)
        external
        returns (uint128, uint128);
    function burn(int24 lower, int24 upper, uint128 amount) external returns (uint256, uint256);
    function flash(address recipient, uint256 amount0, uint256 amount1, bytes calldata data) external;
}

/// @title Mints and swaps in a pool of Uniswap v3 and pays from the caller's allowance in its callbacks
contract PoolUser {
    function mint(IPool pool, int24 lower, int24 upper, uint128 amount) external returns (uint256, uint256) {
        return pool.mint(msg.sender, lower, upper, amount, abi.encode(msg.sender));
    }

    function swap(IPool pool, bool zeroForOne, int256 amount, uint160 limit) external returns (int256, int256) {
        return pool.swap(msg.sender, zeroForOne, amount, limit, abi.encode(msg.sender));
    }

    function uniswapV3MintCallback(uint256 owed0, uint256 owed1, bytes calldata data) external {
        address payer = abi.decode(data, (address));
        if (owed0 > 0) IToken(IPool(msg.sender).token0()).transferFrom(payer, msg.sender, owed0);
        if (owed1 > 0) IToken(IPool(msg.sender).token1()).transferFrom(payer, msg.sender, owed1);
    }

    function uniswapV3SwapCallback(int256 delta0, int256 delta1, bytes calldata data) external {
        address payer = abi.decode(data, (address));
        if (delta0 > 0) IToken(IPool(msg.sender).token0()).transferFrom(payer, msg.sender, uint256(delta0));
        if (delta1 > 0) IToken(IPool(msg.sender).token1()).transferFrom(payer, msg.sender, uint256(delta1));
    }
}

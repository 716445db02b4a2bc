// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

interface IToken {
    function balanceOf(address) external view returns (uint256);
    function transfer(address to, uint256 value) external returns (bool);
    function transferFrom(address from, address to, uint256 value) external returns (bool);
}

/// A constant-product exchange that does what a pair of Uniswap v2 does in a swap: packed reserves, optimistic payout,
/// balances read back, the product with the fee, prices summed over time, events, a lock.
contract Pair {
    address public immutable token0;
    address public immutable token1;
    uint112 private reserve0;
    uint112 private reserve1;
    uint32 private updated;
    uint256 public priceSum0;
    uint256 public priceSum1;
    uint256 private entered = 1;

    event Sync(uint112 reserve0, uint112 reserve1);
    event Swap(address indexed sender, uint256 in0, uint256 in1, uint256 out0, uint256 out1, address indexed to);

    error Locked();
    error NothingOut();
    error NotEnoughReserves();
    error NothingIn();
    error ProductShrinks();
    error Overflow();

    modifier locked() {
        if (entered != 1) revert Locked();
        entered = 2;
        _;
        entered = 1;
    }

    constructor(address one, address other) {
        token0 = one;
        token1 = other;
    }

    function reserves() public view returns (uint112, uint112, uint32) {
        return (reserve0, reserve1, updated);
    }

    function sync() external locked {
        update(IToken(token0).balanceOf(address(this)), IToken(token1).balanceOf(address(this)), reserve0, reserve1);
    }

    function swap(uint256 out0, uint256 out1, address to) external locked {
        if (out0 == 0 && out1 == 0) revert NothingOut();
        (uint112 had0, uint112 had1,) = reserves();
        if (out0 >= had0 || out1 >= had1) revert NotEnoughReserves();
        if (out0 > 0) IToken(token0).transfer(to, out0);
        if (out1 > 0) IToken(token1).transfer(to, out1);
        uint256 has0 = IToken(token0).balanceOf(address(this));
        uint256 has1 = IToken(token1).balanceOf(address(this));
        uint256 in0 = has0 > had0 - out0 ? has0 - (had0 - out0) : 0;
        uint256 in1 = has1 > had1 - out1 ? has1 - (had1 - out1) : 0;
        if (in0 == 0 && in1 == 0) revert NothingIn();
        uint256 product = (has0 * 1000 - in0 * 3) * (has1 * 1000 - in1 * 3);
        if (product < uint256(had0) * had1 * 1000 ** 2) revert ProductShrinks();
        update(has0, has1, had0, had1);
        emit Swap(msg.sender, in0, in1, out0, out1, to);
    }

    function update(uint256 has0, uint256 has1, uint112 had0, uint112 had1) private {
        if (has0 > type(uint112).max || has1 > type(uint112).max) revert Overflow();
        uint32 time = uint32(block.timestamp);
        unchecked {
            uint32 passed = time - updated;
            if (passed > 0 && had0 != 0 && had1 != 0) {
                priceSum0 += ((uint256(had1) << 112) / had0) * passed;
                priceSum1 += ((uint256(had0) << 112) / had1) * passed;
            }
        }
        reserve0 = uint112(has0);
        reserve1 = uint112(has1);
        updated = time;
        emit Sync(uint112(has0), uint112(has1));
    }
}

/// Swaps a fixed amount in, for as much as comes out, as a router does it. Which way depends on `zeroForOne`.
contract Router {
    function swap(Pair pair, uint256 amount, bool zeroForOne) external returns (uint256 out) {
        (uint112 reserve0, uint112 reserve1,) = pair.reserves();
        (uint256 from, uint256 to) = zeroForOne ? (reserve0, reserve1) : (reserve1, reserve0);
        IToken(zeroForOne ? pair.token0() : pair.token1()).transferFrom(msg.sender, address(pair), amount);
        uint256 paid = amount * 997;
        out = (paid * to) / (from * 1000 + paid);
        if (zeroForOne) {
            pair.swap(0, out, msg.sender);
        } else {
            pair.swap(out, 0, msg.sender);
        }
    }
}

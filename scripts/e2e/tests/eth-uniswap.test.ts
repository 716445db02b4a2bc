// Uniswap as its packages hold it, compiled years ago: v2's factory, router and pairs, v3's factory and a pool.

import assert from 'node:assert/strict';
import { before, it } from 'node:test';
import { type Hex, maxUint256 } from 'viem';
import { type Contract, ETHER, ethereumSuite } from '../lib/ethereum.ts';
import { compile, packaged } from '../lib/solidity.ts';

const { Coin } = compile('solidity/Tokens.sol');
const { PoolUser } = compile('solidity/PoolUser.sol');
const v2 = {
  factory: packaged('@uniswap/v2-core/build/UniswapV2Factory.json'),
  pair: packaged('@uniswap/v2-core/build/UniswapV2Pair.json'),
  router: packaged('@uniswap/v2-periphery/build/UniswapV2Router02.json'),
  weth: packaged('@uniswap/v2-periphery/build/WETH9.json'),
};
const v3 = {
  factory: packaged('@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json'),
  pool: packaged('@uniswap/v3-core/artifacts/contracts/UniswapV3Pool.sol/UniswapV3Pool.json'),
};
const NEVER = 2n ** 40n;
/** Square roots of prices in 96 bits of fraction: 1, and the least that v3 knows. */
const PRICE_ONE = 2n ** 96n;
const PRICE_MIN = 4295128739n;

ethereumSuite(import.meta.filename, (ethereum) => {
  let [one, two] = [] as unknown as [Contract, Contract];
  const trader = () => ethereum().account(8);
  const sending = () => ({ who: trader() });

  before(async () => {
    one = await ethereum().deploy(Coin!, [1_000_000n * ETHER], sending());
    two = await ethereum().deploy(Coin!, [1_000_000n * ETHER], sending());
    if (one.address.toLowerCase() > two.address.toLowerCase()) [one, two] = [two, one];
  });

  it('v2: liquidity, swaps of tokens and of Ether, and out again', async () => {
    const factory = await ethereum().deploy(v2.factory, [trader().address], sending());
    const weth = await ethereum().deploy(v2.weth, [], sending());
    const router = await ethereum().deploy(v2.router, [factory.address, weth.address], sending());
    for (const coin of [one, two]) await coin.write('approve', [router.address, maxUint256], sending());
    const to = trader().address;

    await router.write('addLiquidity', [one.address, two.address, 1_000n * ETHER, 4_000n * ETHER, 0n, 0n, to, NEVER], sending());
    const pair = ethereum().contract(v2.pair.abi, await factory.read<Hex>('getPair', one.address, two.address));
    const [reserve0, reserve1] = await pair.read<[bigint, bigint]>('getReserves');
    assert.deepEqual([reserve0, reserve1], [1_000n * ETHER, 4_000n * ETHER]);

    const input = 10n * ETHER;
    const withFee = input * 997n;
    const expected = (withFee * reserve1) / (reserve0 * 1000n + withFee);
    const path = [one.address, two.address];
    assert.deepEqual(await router.read('getAmountsOut', input, path), [input, expected]);
    const before = await two.read<bigint>('balanceOf', to);
    const receipt = await router.write('swapExactTokensForTokens', [input, expected, path, to, NEVER], sending());
    assert.equal((await two.read<bigint>('balanceOf', to)) - before, expected);
    assert.equal(pair.events(receipt, 'Swap')[0]?.amount1Out, expected);
    await assert.rejects(
      router.write('swapExactTokensForTokens', [input, expected, path, to, NEVER], sending()),
      /INSUFFICIENT_OUTPUT_AMOUNT/,
    );

    await router.write('addLiquidityETH', [one.address, 1_000n * ETHER, 0n, 0n, to, NEVER], { ...sending(), value: 5n * ETHER });
    const through = [two.address, one.address, weth.address];
    await router.write('swapExactTokensForETH', [ETHER, 0n, through, to, NEVER], sending());

    const liquidity = await pair.read<bigint>('balanceOf', to);
    await pair.write('approve', [router.address, liquidity], sending());
    await router.write('removeLiquidity', [one.address, two.address, liquidity, 0n, 0n, to, NEVER], sending());
    assert.equal(await pair.read('balanceOf', to), 0n);
  });

  it('v3: a pool, a position, a swap and its fees', async () => {
    const factory = await ethereum().deploy(v3.factory, [], sending());
    const user = await ethereum().deploy(PoolUser!, [], sending());
    for (const coin of [one, two]) await coin.write('approve', [user.address, maxUint256], sending());
    const created = await factory.write('createPool', [one.address, two.address, 3000], sending());
    const pool = ethereum().contract(v3.pool.abi, factory.events(created, 'PoolCreated')[0]!.pool as Hex);
    await pool.write('initialize', [PRICE_ONE], sending());

    const minted = await user.write('mint', [pool.address, -600, 600, 10n ** 24n], sending());
    const [mint] = pool.events(minted, 'Mint');
    assert.equal(mint?.amount0, mint?.amount1, 'the price is one');
    assert.equal(await one.read('balanceOf', pool.address), mint?.amount0);

    const before = await two.read<bigint>('balanceOf', trader().address);
    const swapped = await user.write('swap', [pool.address, true, ETHER, PRICE_MIN + 1n], sending());
    const [swap] = pool.events(swapped, 'Swap');
    const out = (await two.read<bigint>('balanceOf', trader().address)) - before;
    assert.equal(swap?.amount0, ETHER);
    assert.equal(swap?.amount1, -out);
    // 0.3 % of fee, and next to no slippage.
    assert.ok(out < (ETHER * 997n) / 1000n && out > (ETHER * 996n) / 1000n, `${out}`);
    const [price, tick] = await pool.read<[bigint, number]>('slot0');
    assert.ok(price < PRICE_ONE && tick === -1);
    await assert.rejects(pool.write('initialize', [PRICE_ONE], sending()), /AI/);
    await pool.write('increaseObservationCardinalityNext', [4], sending());
  });
});

// What a node must refuse, with the codes and words that Ethereum's tools look for, and reverts with their data.

import assert from 'node:assert/strict';
import { before, it } from 'node:test';
import {
  type Account,
  BaseError,
  ContractFunctionRevertedError,
  decodeErrorResult,
  encodeDeployData,
  type Hex,
  keccak256,
  toHex,
  type TransactionSerializable,
} from 'viem';
import { generatePrivateKey, type LocalAccount, privateKeyToAccount } from 'viem/accounts';
import { CHAIN_ID, type Contract, ETHER, ethereumSuite } from '../lib/ethereum.ts';
import type { RpcError } from '../lib/rpc.ts';
import { compile } from '../lib/solidity.ts';

const { Probe } = compile('solidity/Probe.sol');
const GWEI = 10n ** 9n;

ethereumSuite(import.meta.filename, (ethereum) => {
  let probe: Contract;
  /** Has one QDS and no transactions. */
  let poor: LocalAccount;
  const rich = () => ethereum().account(3);

  before(async () => {
    probe = await ethereum().deploy(Probe!, [0n]);
    poor = privateKeyToAccount(generatePrivateKey());
    await ethereum().send(poor.address, undefined, { value: ETHER, who: rich() });
  });

  const nonceOf = (who: Account) => ethereum().public.getTransactionCount({ address: who.address });

  async function signed(who: LocalAccount, changes: Partial<TransactionSerializable> = {}): Promise<Hex> {
    return who.signTransaction({
      type: 'eip1559',
      chainId: CHAIN_ID,
      nonce: await nonceOf(who),
      to: rich().address,
      gas: 100_000n,
      maxFeePerGas: 100n * GWEI,
      maxPriorityFeePerGas: GWEI,
      ...changes,
    } as TransactionSerializable & { type: 'eip1559' });
  }

  /** Those that anvil takes are only refused by us. */
  const table: [name: string, make: () => Promise<Hex>, message: RegExp, anvilTakes?: boolean][] = [
    ['another chain id', () => signed(poor, { chainId: 1 }), /chain.?id/i],
    ['a used nonce', async () => signed(rich(), { nonce: (await nonceOf(rich())) - 1 }), /nonce too low/i],
    ['more value than there is', () => signed(poor, { value: 2n * ETHER }), /insufficient funds/i],
    ['more fee than there is', () => signed(poor, { maxFeePerGas: 10n ** 14n }), /insufficient funds/i],
    ['less gas than any transaction takes', () => signed(poor, { gas: 20_999n }), /intrinsic gas too low/i],
    ['less gas than its data takes', () => signed(poor, { gas: 21_100n, data: `0x${'ff'.repeat(100)}` }), /intrinsic gas too low|floor/i, true],
    ['a fee below the base fee', () => signed(poor, { maxFeePerGas: 1n, maxPriorityFeePerGas: 0n }), /less than block base fee|underpriced/i],
    ['a tip above the fee cap', () => signed(poor, { maxFeePerGas: GWEI, maxPriorityFeePerGas: 2n * GWEI }).catch(() => tipAboveCap()), /priority fee/i],
    ['more gas than a block has', () => signed(rich(), { gas: 2n ** 40n }), /gas.*(limit|high|cap)|exceeds/i],
    ['initcode over the limit', () => signed(rich(), { to: undefined, data: `0x${'00'.repeat(49_153)}`, gas: 10_000_000n }), /initcode/i],
    ['no transaction', async () => '0xdeadbeef', /decod|type|rlp|invalid|unknown/i],
    ['nothing', async () => '0x', /empty|decod|rlp|invalid|typed transaction too short/i],
  ];

  /** viem does not sign such a thing; the order of its fields is EIP-1559's, and the signature need not be good. */
  async function tipAboveCap(): Promise<Hex> {
    const { concat, toRlp } = await import('viem');
    const nonce = await nonceOf(poor);
    const fields: Hex[] = [toHex(CHAIN_ID), nonce ? toHex(nonce) : '0x', toHex(2n * GWEI), toHex(GWEI), toHex(100_000n), rich().address, '0x', '0x'];
    const unsigned = concat(['0x02', toRlp([...fields, []])]);
    const { r, s, v } = split(await poor.sign!({ hash: keccak256(unsigned) }));
    return concat(['0x02', toRlp([...fields, [], v === 27 ? '0x' : '0x01', r, s])]);
  }

  for (const [name, make, message, anvilTakes] of table) {
    it(`refuses ${name}`, async () => {
      if (anvilTakes && !ethereum().endpoint.isQuids) return;
      const [before, funds] = [await nonceOf(poor), await ethereum().public.getBalance({ address: poor.address })];
      const error = await ethereum().refused('eth_sendRawTransaction', await make());
      assert.match(error.message, message);
      assert.ok(error.code < 0, `code ${error.code}`);
      assert.equal(await nonceOf(poor), before);
      assert.equal(await ethereum().public.getBalance({ address: poor.address }), funds);
    });
  }

  it('refuses blob transactions, and types that nobody knows', async () => {
    if (!ethereum().endpoint.isQuids) return;
    const { concat, toRlp } = await import('viem');
    const blob = concat(['0x03', toRlp([toHex(CHAIN_ID), '0x', '0x', '0x', '0x', rich().address, '0x', '0x', [], '0x01', [`0x01${'00'.repeat(31)}`], '0x', '0x01', '0x01'])]);
    assert.match((await ethereum().refused('eth_sendRawTransaction', blob)).message, /blob|4844/i);
    assert.match((await ethereum().refused('eth_sendRawTransaction', '0x7ec0')).message, /type/i);
  });

  it('refuses a transaction that it has, or that would replace another for no more', async () => {
    const nonce = await nonceOf(poor);
    const first = await signed(poor, { nonce: nonce + 1 });
    await ethereum().rpc('eth_sendRawTransaction', first);
    assert.match((await ethereum().refused('eth_sendRawTransaction', first)).message, /already|known/i);
    const rival = await signed(poor, { nonce: nonce + 1, value: 1n });
    assert.match((await ethereum().refused('eth_sendRawTransaction', rival)).message, /underpriced/i);
    const better = await signed(poor, { nonce: nonce + 1, value: 2n, maxFeePerGas: 300n * GWEI, maxPriorityFeePerGas: 3n * GWEI });
    const hash = await ethereum().rpc<Hex>('eth_sendRawTransaction', better);
    // A nonce ahead waits for the one before.
    assert.equal(await ethereum().rpc('eth_getTransactionReceipt', hash), null);
    const { pending, queued } = await ethereum().rpc<Record<string, Hex>>('txpool_status');
    assert.equal(BigInt(pending!), 0n);
    // anvil counts the one that was replaced.
    assert.equal(BigInt(queued!), ethereum().endpoint.isQuids ? 1n : 2n);
    await ethereum().rpc('eth_sendRawTransaction', await signed(poor, { nonce }));
    assert.equal((await ethereum().receipt(hash)).status, 'success');
    assert.equal(await nonceOf(poor), nonce + 2);
  });

  it('gives the data of a revert to calls and estimates', async () => {
    const cases: [name: string, args: unknown[], message: RegExp, decoded: string | undefined][] = [
      ['failCustom', [11n], /execution reverted|revert/i, 'TooMuch'],
      ['failText', [], /execution reverted: for a reason/i, 'Error'],
      ['failPanic', [0n], /execution reverted|revert|panic/i, 'Panic'],
      ['failSilently', [], /execution reverted|revert/i, undefined],
    ];
    for (const [name, args, message, decoded] of cases) {
      const call = { to: probe.address, data: probe.data(name, ...args), from: rich().address };
      for (const method of ['eth_call', 'eth_estimateGas']) {
        const error = await ethereum().refused(method, call);
        assert.equal(error.code, 3, `${method} ${name}: ${JSON.stringify(error)}`);
        assert.match(error.message, message);
        if (decoded) {
          assert.equal(decodeErrorResult({ abi: probe.abi, data: error.data as Hex }).errorName, decoded);
        } else {
          assert.ok(error.data === '0x' || error.data === undefined);
        }
      }
    }
    const error: RpcError = await ethereum().refused('eth_call', { to: probe.address, data: probe.data('failInvalid') });
    assert.match(error.message, /invalid|opcode/i);
  });

  it('lets viem name a custom error', async () => {
    const failed = await probe.read('failCustom', 12n).catch((error: unknown) => error);
    assert.ok(failed instanceof BaseError);
    const reverted = failed.walk((cause) => cause instanceof ContractFunctionRevertedError) as ContractFunctionRevertedError;
    assert.equal(reverted.data?.errorName, 'TooMuch');
    assert.deepEqual(reverted.data?.args, [12n, 10n]);
  });

  it('includes a transaction that fails, without its effects, and takes the fee', async () => {
    const who = rich();
    const cases: [string, unknown[], bigint][] = [
      ['failCustom', [11n], 100_000n],
      ['failInvalid', [], 60_000n],
      ['burnAll', [], 200_000n],
    ];
    for (const [name, args, gas] of cases) {
      const before = await ethereum().public.getBalance({ address: who.address });
      const nonce = await nonceOf(who);
      const hash = await ethereum().wallet(who).sendTransaction({ to: probe.address, data: probe.data(name, ...args), gas });
      const receipt = await ethereum().receipt(hash);
      assert.equal(receipt.status, 'reverted', name);
      assert.equal(receipt.logs.length, 0);
      assert.equal(await probe.read('count'), 0n);
      assert.equal(await nonceOf(who), nonce + 1);
      const paid = receipt.gasUsed * receipt.effectiveGasPrice;
      assert.equal(await ethereum().public.getBalance({ address: who.address }), before - paid);
      if (name !== 'failCustom') assert.equal(receipt.gasUsed, gas, 'all gas is gone');
    }
    const data = encodeDeployData({ abi: Probe!.abi, bytecode: `${Probe!.bytecode.slice(0, 200)}fe` as Hex, args: [1n] });
    const hash = await ethereum().wallet(who).sendTransaction({ data, gas: 200_000n });
    const receipt = await ethereum().receipt(hash);
    assert.equal(receipt.status, 'reverted');
    assert.equal(await ethereum().public.getCode({ address: receipt.contractAddress ?? probe.address.replace(/.$/, '0') as Hex }), undefined);
  });

  it('answers malformed requests with JSON-RPC errors', async () => {
    const cases: [string, unknown[], number[]][] = [
      ['eth_noSuchMethod', [], [-32601]],
      ['eth_getBalance', ['0x12', 'latest'], [-32602]],
      ['eth_getBalance', [rich().address, 'sometime'], [-32602]],
      ['eth_call', [{ to: probe.address, data: '0x1' }, 'latest'], [-32602]],
      ['eth_getBalance', [rich().address, '0xffffff'], [-32000, -32001, -32602]],
    ];
    for (const [method, params, codes] of cases) {
      const { code, message } = await ethereum().refused(method, ...params);
      assert.ok(codes.includes(code), `${method} ${JSON.stringify(params)}: ${code} ${message}`);
    }
  });
});

function split(signature: Hex): { r: Hex; s: Hex; v: number } {
  const trimmed = (hex: string): Hex => `0x${hex.replace(/^(00)+/, '')}`;
  return { r: trimmed(signature.slice(2, 66)), s: trimmed(signature.slice(66, 130)), v: Number(`0x${signature.slice(130)}`) };
}

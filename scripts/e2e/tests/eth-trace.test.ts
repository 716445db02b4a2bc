// Traces: the same contracts, called the same way here and on anvil, give the same traces.

import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import type { Hex } from 'viem';
import { Anvil } from '../lib/anvil.ts';
import { type Contract, Ethereum, ethereumSuite, TEST_MS_MAX } from '../lib/ethereum.ts';
import { compile } from '../lib/solidity.ts';

const { Probe } = compile('solidity/Probe.sol');

/** Calls of `Probe`, and what is sent along. */
const calls: [name: string, args: unknown[], value: bigint, gas: bigint][] = [
  ['increment', ['traced'], 3n, 200_000n],
  ['nested', [2n], 0n, 1_000_000n],
  ['failCustom', [50n], 0n, 200_000n],
  ['failText', [], 0n, 200_000n],
  ['failInvalid', [], 0n, 60_000n],
  ['burnAll', [], 0n, 100_000n],
  ['pay', ['0x00000000000000000000000000000000000051aa', 2n], 2n, 200_000n],
  ['hashes', ['0x616263'], 0n, 200_000n],
  ['store', [2n], 0n, 200_000n],
];

ethereumSuite(import.meta.filename, (ethereum) => {
  let anvil: Anvil;
  /** Ours and anvil's contract, at addresses of their own. */
  let probes: [Contract, Contract];

  before(async () => {
    anvil = await Anvil.start(['--steps-tracing']);
    const theirs = new Ethereum({ http: anvil.http, ws: anvil.ws, isQuids: false, stop: () => anvil.stop() });
    // A key that has sent nothing on either chain gives the contracts the same address.
    probes = (await Promise.all(
      [ethereum(), theirs].map((chain) => chain.deploy(Probe!, [1n], { who: chain.account(9), value: 9n })),
    )) as [Contract, Contract];
  }, { timeout: TEST_MS_MAX });
  after(() => anvil?.stop());

  for (const [name, args, value, gas] of calls) {
    it(`${name}: callTracer, with logs, of a transaction and of a call`, async () => {
      const traces = await Promise.all(
        probes.map(async (probe) => {
          const { ethereum: chain } = probe;
          const who = chain.account(9);
          const call = { from: who.address, to: probe.address, data: probe.data(name, ...args), value: `0x${value.toString(16)}`, gas: `0x${gas.toString(16)}` };
          const options = { tracer: 'callTracer', tracerConfig: { withLog: true } };
          const called = await chain.rpc<any>('debug_traceCall', call, 'latest', options);
          const hash = await chain.wallet(who).sendTransaction({ to: probe.address, data: call.data, value, gas });
          await chain.receipt(hash);
          const sent = await chain.rpc<any>('debug_traceTransaction', hash, options);
          if (chain.endpoint.isQuids) assert.equal(BigInt(sent.gas), gas);
          return { called: normal(called, probe), sent: normal(sent, probe) };
        }),
      );
      assert.deepEqual(traces[0]!.sent, traces[1]!.sent);
      assert.deepEqual(traces[0]!.called, traces[1]!.called);
    });
  }

  it('prestateTracer: what a transaction needs and changes', async () => {
    const states = await Promise.all(
      probes.map(async (probe) => {
        const { ethereum: chain } = probe;
        const who = chain.account(9);
        const data = probe.data('increment', 'state');
        const hash = await chain.wallet(who).sendTransaction({ to: probe.address, data, value: 1n, gas: 200_000n });
        await chain.receipt(hash);
        const full = await chain.rpc<any>('debug_traceTransaction', hash, { tracer: 'prestateTracer' });
        const diff = await chain.rpc<any>('debug_traceTransaction', hash, { tracer: 'prestateTracer', tracerConfig: { diffMode: true } });
        const of = (state: any) => lower(state)[probe.address.toLowerCase()];
        // Who gets the fee is not compared: ours is paid at the end of the block, and so is not touched.
        return {
          full: of(full),
          pre: of(diff.pre),
          post: of(diff.post),
          nonces: [lower(diff.pre)[who.address.toLowerCase()].nonce, lower(diff.post)[who.address.toLowerCase()].nonce],
        };
      }),
    );
    const [ours, theirs] = states as [any, any];
    assert.equal(ours.nonces[1], ours.nonces[0] + 1);
    assert.deepEqual(ours, theirs);
  });

  it('struct logs, opcode by opcode', async () => {
    const logs = await Promise.all(
      probes.map(async (probe) => {
        const { ethereum: chain } = probe;
        const who = chain.account(9);
        const hash = await chain.wallet(who).sendTransaction({ to: probe.address, data: probe.data('nested', 0n), gas: 500_000n });
        await chain.receipt(hash);
        const trace = await chain.rpc<any>('debug_traceTransaction', hash, { enableMemory: false, disableStorage: true });
        return trace;
      }),
    );
    const [ours, theirs] = logs as [any, any];
    const steps = (trace: any) => trace.structLogs.map(({ pc, op, depth, gasCost }: any) => [pc, op, depth, gasCost]);
    assert.equal(ours.structLogs.length, theirs.structLogs.length);
    assert.equal(ours.gas, theirs.gas);
    assert.equal(ours.failed, false);
    for (const [i, [pc, op, depth]] of steps(theirs).entries()) {
      assert.deepEqual(steps(ours)[i].slice(0, 3), [pc, op, depth], `step ${i}`);
    }
  });

  it('whole blocks, raw bytes, and 4-byte selectors', async () => {
    const [probe] = probes;
    const receipt = await probe.write('increment', ['block'], { who: ethereum().account(9) });
    const number = `0x${receipt.blockNumber.toString(16)}`;
    const traced = await ethereum().rpc<any[]>('debug_traceBlockByNumber', number, { tracer: 'callTracer' });
    assert.ok(traced.some(({ txHash, result }) => txHash === receipt.transactionHash && result.to.toLowerCase() === probe.address.toLowerCase()));
    const same = await ethereum().rpc<any[]>('debug_traceBlockByHash', receipt.blockHash, { tracer: 'callTracer' });
    assert.deepEqual(same, traced);
    const raw = await ethereum().rpc<Hex>('debug_getRawTransaction', receipt.transactionHash);
    assert.equal(raw, await ethereum().rpc('eth_getRawTransactionByHash', receipt.transactionHash));
    const selectors = await ethereum().rpc<any>('debug_traceTransaction', receipt.transactionHash, { tracer: '4byteTracer' });
    assert.ok(Object.keys(selectors).length >= 1);
    if (ethereum().endpoint.isQuids) {
      assert.match((await ethereum().refused('debug_traceTransaction', `0x${'34'.repeat(32)}`, {})).message, /not found/i);
    }
  });
});

/**
 * Without what differs by chain: addresses of ours, words for the same thing, and the gas of the whole, which for
 * go-ethereum is the transaction's and for anvil what is left of it for the call.
 */
function normal({ gas: _, ...frame }: any, probe: Contract): unknown {
  const text = JSON.stringify(frame).toLowerCase().replaceAll(probe.address.toLowerCase().slice(2), 'p'.repeat(40));
  return simplify(JSON.parse(text));
}

function simplify({ error, revertreason, calls, logs, output, ...rest }: any): unknown {
  return {
    ...rest,
    failed: error !== undefined,
    reverted: /revert/.test(error ?? ''),
    output: output ?? '0x',
    logs: (logs ?? []).map(({ address, topics, data }: any) => ({ address, topics, data })),
    calls: (calls ?? []).map(simplify),
  };
}

/** By lowercase addresses. */
function lower(state: Record<string, any>): Record<string, any> {
  return Object.fromEntries(Object.entries(state).map(([address, account]) => [address.toLowerCase(), account]));
}

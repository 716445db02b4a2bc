// Simulation: calls with overrides, estimates that suffice and are tight, access lists, eth_simulateV1, proofs.

import assert from 'node:assert/strict';
import { before, it } from 'node:test';
import { decodeFunctionResult, encodeAbiParameters, type Hex, keccak256, numberToHex, pad } from 'viem';
import { type Contract, ETHER, ethereumSuite } from '../lib/ethereum.ts';
import { compile } from '../lib/solidity.ts';

const { Probe, Batch } = compile('solidity/Probe.sol');

ethereumSuite(import.meta.filename, (ethereum) => {
  let probe: Contract;
  const from = () => ethereum().account(4).address;

  before(async () => {
    probe = await ethereum().deploy(Probe!, [7n], { value: 10n });
  });

  it('overrides state and block', async () => {
    const { public: client } = ethereum();
    const slot = (value: bigint) => [{ slot: pad('0x0'), value: pad(numberToHex(value)) }];
    const read = (extra: object) =>
      client.readContract({ address: probe.address, abi: probe.abi, functionName: 'count', ...extra } as never);
    assert.equal(await read({ stateOverride: [{ address: probe.address, stateDiff: slot(99n) }] }), 99n);
    assert.equal(await read({ stateOverride: [{ address: probe.address, state: slot(98n) }] }), 98n);
    assert.equal(await read({}), 7n);
    const runtime = (await client.getCode({ address: probe.address }))!;
    const elsewhere: Hex = '0x00000000000000000000000000000000deadbeef';
    const { data } = await client.call({
      to: elsewhere,
      data: probe.data('count'),
      stateOverride: [{ address: elsewhere, code: runtime, stateDiff: slot(5n) }],
    });
    assert.equal(BigInt(data!), 5n);
    // An account without funds may be lent some.
    const unknown: Hex = '0x00000000000000000000000000000000cafebabe';
    const pay = { account: unknown, to: probe.address, value: 3n * ETHER };
    await assert.rejects(client.call(pay), /insufficient funds|exceeds the balance|lack of funds/i);
    await client.call({ ...pay, stateOverride: [{ address: unknown, balance: 4n * ETHER }] });
    const block = { number: '0x123456', time: '0x77777777', feeRecipient: unknown, gasLimit: '0x1c9c380', baseFeePerGas: '0x0' };
    const call = { to: probe.address, data: probe.data('environment'), from: from() };
    const answer = await ethereum().rpc<Hex>('eth_call', call, 'latest', {}, block);
    const [, number, timestamp, coinbase] = decodeFunctionResult({ abi: probe.abi, functionName: 'environment', data: answer }) as any;
    assert.deepEqual([number, timestamp, coinbase.toLowerCase()], [0x123456n, 0x77777777n, unknown]);
  });

  it('estimates what suffices, and little more', async () => {
    const { public: client } = ethereum();
    const cases: [name: string, to: Hex | undefined, data: Hex, value: bigint][] = [
      ['transfer', from(), '0x', 1n],
      ['increment', probe.address, probe.data('increment', 'x'.repeat(100)), 1n],
      ['store', probe.address, probe.data('store', 10n), 0n],
      ['clear, with refunds', probe.address, probe.data('clear'), 0n],
      ['nested calls', probe.address, probe.data('nested', 5n), 0n],
      ['creation', undefined, Batch!.bytecode, 0n],
    ];
    await probe.write('store', [20n]);
    for (const [name, to, data, value] of cases) {
      const gas = await client.estimateGas({ account: from(), to, data, value });
      const tried = (gas: bigint) =>
        client.call({ account: from(), to, data, value, gas } as never).then(() => true, () => false);
      assert.ok(await tried(gas), `${name}: ${gas} is not enough`);
      let [low, high] = [20_999n, gas];
      while (high - low > 1n) {
        const middle = (low + high) / 2n;
        if (await tried(middle)) high = middle;
        else low = middle;
      }
      assert.ok(gas * 10n <= high * 11n, `${name}: estimated ${gas}, least ${high}`);
      if (!to) continue;
      const receipt = await ethereum().send(to, data, { who: ethereum().account(4), value, gas });
      assert.ok(receipt.gasUsed <= gas, name);
    }
  });

  it('makes access lists that a transaction can use', async () => {
    const { public: client } = ethereum();
    const data = probe.data('increment', 'listed');
    const { accessList, gasUsed } = await client.createAccessList({ account: from(), to: probe.address, data });
    const slots = accessList.find(({ address }) => address.toLowerCase() === probe.address.toLowerCase())?.storageKeys ?? [];
    const seen = keccak256(encodeAbiParameters([{ type: 'address' }, { type: 'uint256' }], [from(), 1n]));
    assert.deepEqual([...slots].sort(), [pad('0x0'), seen].sort());
    const hash = await ethereum().wallet(ethereum().account(4)).sendTransaction({ to: probe.address, data, accessList });
    const receipt = await ethereum().receipt(hash);
    assert.equal(receipt.type, 'eip1559');
    assert.ok(gasUsed >= receipt.gasUsed - 5_000n && gasUsed <= receipt.gasUsed + 5_000n, `${gasUsed} ${receipt.gasUsed}`);
  });

  it('simulates blocks of calls', async () => {
    const call = (name: string, ...args: unknown[]) => ({ from: from(), to: probe.address, input: probe.data(name, ...args) });
    // One block for both: others may follow meanwhile.
    const client = ethereum().public;
    const blockNumber = await client.getBlockNumber({ cacheTime: 0 });
    const { address, abi } = probe;
    const before = (await client.readContract({ address, abi, functionName: 'count', blockNumber })) as bigint;
    const [first, second] = await ethereum().rpc<any[]>('eth_simulateV1', {
      blockStateCalls: [
        {
          stateOverrides: { [probe.address]: { balance: numberToHex(ETHER) } },
          calls: [call('increment', 'one'), call('failCustom', 3n), { from: from(), to: from(), value: '0x1' }],
        },
        { blockOverrides: { time: '0x77777777' }, calls: [call('increment', 'two'), call('environment')] },
      ],
      traceTransfers: true,
    }, numberToHex(blockNumber));
    assert.deepEqual(first.calls.map((outcome: any) => outcome.status), ['0x1', '0x0', '0x1']);
    assert.equal(BigInt(first.calls[0].returnData), before + 1n);
    assert.equal(BigInt(second.calls[0].returnData), before + 2n);
    assert.equal(first.calls[0].logs.length, 1);
    // An Ether transfer as a log, by the address that EIP drafts and go-ethereum give it.
    assert.equal(first.calls[2].logs[0].address.toLowerCase(), '0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee');
    assert.match(first.calls[1].error.data ?? first.calls[1].returnData, /^0x6073b21f/, 'TooMuch');
    assert.equal(BigInt(second.number), BigInt(first.number) + 1n);
    assert.equal(BigInt(second.timestamp), 0x77777777n);
    assert.equal(await probe.read('count'), before, 'nothing of it is kept');
  });

  it('proves accounts and slots', async () => {
    const proof = await ethereum().rpc<any>('eth_getProof', probe.address, [pad('0x0')], 'latest');
    assert.equal(proof.address.toLowerCase(), probe.address.toLowerCase());
    assert.equal(BigInt(proof.balance), await ethereum().public.getBalance({ address: probe.address }));
    assert.ok(proof.accountProof.length > 0);
    assert.equal(BigInt(proof.storageProof[0].value), await probe.read('count'));
    assert.equal(proof.codeHash, keccak256((await ethereum().public.getCode({ address: probe.address }))!));
  });

  it('computes what the precompiles of Ethereum do', async () => {
    const [keccak, sha, ripemd, signer] = await probe.read<[Hex, Hex, Hex, Hex]>('hashes', '0x616263');
    assert.equal(keccak, keccak256('0x616263'));
    assert.equal(sha, '0xba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    assert.equal(ripemd, '0x8eb208f7e05d987a9b044a8e98c6b087f15a0bfc');
    assert.match(signer, /^0x[0-9a-fA-F]{40}$/);
  });
});

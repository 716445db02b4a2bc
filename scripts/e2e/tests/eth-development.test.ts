// What only a development chain has, over a real node: blocks on demand, time that jumps, snapshots and the way back.

import assert from 'node:assert/strict';
import { before, it } from 'node:test';
import { createPublicClient, type Hex, type Log, toHex, webSocket } from 'viem';
import { type Contract, ETHER, ethereumSuite } from '../lib/ethereum.ts';
import { within } from '../lib/chain.ts';
import { compile } from '../lib/solidity.ts';

const { Probe } = compile('solidity/Probe.sol');
const NOTICE_MS_MAX = 20_000;
const STRANGER: Hex = '0x00000000000000000000000000000000000d15c0';

if (process.env.QUIDS_ETH_URL) {
  it('needs a node of its own', { skip: 'it changes the chain of the node that QUIDS_ETH_URL names' });
} else {
  ethereumSuite(import.meta.filename, (ethereum) => {
    let probe: Contract;
    before(async () => (probe = await ethereum().deploy(Probe!, [1n])));

    it('goes back to a snapshot: state, blocks, receipts and logs, and tells who listens', async () => {
      const { public: client, endpoint, chain } = ethereum();
      const listener = createPublicClient({ chain, transport: webSocket(endpoint.ws, { reconnect: false }) });
      const told: Log[] = [];
      let wake = () => {};
      const end = listener.watchEvent({ address: probe.address, onLogs: (more) => (told.push(...more), wake()) });
      const until = async (count: number) => {
        while (told.length < count) await new Promise<void>((resolve) => (wake = resolve));
      };
      try {
        // The subscription is a request of its own, and this one comes after it.
        await listener.getBlockNumber();
        const filter = await ethereum().rpc<Hex>('eth_newFilter', { address: probe.address });
        const snapshot = await ethereum().rpc<Hex>('evm_snapshot');
        const block = await client.getBlockNumber();
        const count = await probe.read<bigint>('count');
        const first = await probe.write('emitMany', [500n, 2n]);
        const second = await probe.write('increment', ['gone soon'], { value: 5n });
        await within(NOTICE_MS_MAX, 'logs', until(3));
        assert.equal(((await ethereum().rpc<unknown[]>('eth_getFilterChanges', filter))).length, 3);

        assert.equal(await ethereum().rpc('evm_revert', snapshot), true);
        assert.equal(await client.getBlockNumber(), block);
        assert.equal(await probe.read('count'), count);
        assert.equal(await client.getBalance({ address: probe.address }), 0n);
        for (const { transactionHash, blockHash } of [first, second]) {
          assert.equal(await ethereum().rpc('eth_getTransactionReceipt', transactionHash), null);
          assert.equal(await ethereum().rpc('eth_getBlockByHash', blockHash, false), null);
        }
        assert.deepEqual(await client.getLogs({ address: probe.address, fromBlock: block + 1n }), []);
        // Each log again, marked, the last one first.
        await within(NOTICE_MS_MAX, 'removed logs', until(6));
        const [added, removed] = [told.slice(0, 3), told.slice(3)];
        assert.ok(added.every((log) => !log.removed) && removed.every((log) => log.removed));
        const place = ({ blockHash, logIndex }: Log) => `${blockHash} ${logIndex}`;
        assert.deepEqual(removed.map(place), added.map(place).reverse());
        const changes = await ethereum().rpc<{ removed: boolean }[]>('eth_getFilterChanges', filter);
        assert.deepEqual(changes.map(({ removed }) => removed), [true, true, true]);
        assert.equal(await ethereum().rpc('evm_revert', snapshot), false, 'a snapshot serves once');

        // The chain goes on from there, with the same nonces.
        const again = await probe.write('increment', ['stays']);
        assert.equal(again.blockNumber, block + 1n);
        assert.equal(await probe.read('count'), count + 1n);
      } finally {
        end();
        (await listener.transport.getRpcClient()).close();
      }
    });

    it('makes no blocks of its own without automine, and goes on with it', async () => {
      const { public: client } = ethereum();
      await ethereum().rpc('evm_setAutomine', false);
      try {
        const block = await client.getBlockNumber();
        const hashes: Hex[] = [];
        for (let index = 0; index < 3; ++index) {
          hashes.push(await ethereum().wallet(ethereum().account(index)).sendTransaction({ to: STRANGER, value: 1n }));
        }
        await new Promise((resolve) => setTimeout(resolve, 500));
        assert.equal(await client.getBlockNumber(), block);
        assert.equal(await ethereum().rpc('eth_getTransactionReceipt', hashes[0]), null);
        await ethereum().rpc('evm_mine');
        assert.equal(await client.getBlockNumber(), block + 1n);
        for (const hash of hashes) assert.equal((await ethereum().receipt(hash)).blockNumber, block + 1n);
      } finally {
        await ethereum().rpc('evm_setAutomine', true);
      }
      await ethereum().send(STRANGER, undefined, { value: 1n });
    });

    it('jumps in time, and sets balances', async () => {
      const { public: client } = ethereum();
      const before = await client.getBlock();
      await ethereum().rpc('evm_increaseTime', 3600);
      await ethereum().rpc('evm_mine');
      const after = await client.getBlock();
      assert.ok(after.timestamp >= before.timestamp + 3600n, `${before.timestamp}, then ${after.timestamp}`);
      await ethereum().rpc('evm_setNextBlockTimestamp', toHex(after.timestamp + 77n));
      await ethereum().rpc('evm_mine');
      assert.equal((await client.getBlock()).timestamp, after.timestamp + 77n);
      await ethereum().rpc('anvil_setBalance', STRANGER, toHex(3n * ETHER));
      assert.equal(await client.getBalance({ address: STRANGER }), 3n * ETHER);
      await ethereum().rpc('hardhat_setBalance', STRANGER, '0x0');
      assert.equal(await client.getBalance({ address: STRANGER }), 0n);
    });
  });
}

// Four validators, each with a client of its own: what goes in at one is final at all, with a proof, for Substrate's and
// Ethereum's tools alike.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { devPair, TEST_MNEMONIC } from '@quids/signer';
import { createPublicClient, createWalletClient, defineChain, http, parseEther } from 'viem';
import { mnemonicToAccount } from 'viem/accounts';
import { Chain, connect, UNIT, within } from '../lib/chain.ts';
import { CHAIN_ID } from '../lib/ethereum.ts';
import { binary, TestNode } from '../lib/node.ts';
import { rpc } from '../lib/rpc.ts';

const COUNT = 4;
const TEST_MS_MAX = 90_000;

describe(basename(import.meta.filename), { timeout: 3 * TEST_MS_MAX }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'quids-testnet-'));
  const chains: Chain[] = [];

  before(async () => {
    const out = join(folder, 'net');
    // Below the ports that Linux gives to connections, one of which might be among those in a row.
    const first = 12_000 + Math.floor(Math.random() * 19_000);
    const ports = [first, first + COUNT, first + 2 * COUNT];
    const options = ['--port', '--rpc-port', '--prometheus-port'].flatMap((name, index) => [name, `${ports[index]}`]);
    execFileSync(binary, ['testnet', '--out', out, '--validators', `${COUNT}`, ...options]);
    const config = (index: number) => ['--config', join(out, `node-${index}`, 'config.toml')];
    const starts = Array.from({ length: COUNT }, (_, index) =>
      TestNode.run(import.meta.filename, ports[1]! + index, config(index)));
    for (const node of await Promise.all(starts)) chains.push(new Chain(node, await connect(node.ws)));
    await within(TEST_MS_MAX, 'the first blocks', chains[0]!.reach(2));
  }, { timeout: TEST_MS_MAX });

  after(async () => {
    await Promise.all(chains.map((chain) => chain.stop()));
    rmSync(folder, { recursive: true, force: true });
  });

  it('a transfer given to one is final at all', { timeout: TEST_MS_MAX }, async () => {
    const target = devPair('ferdie').address;
    const before = await chains[2]!.free(target);
    const receipt = await chains[0]!.send(chains[0]!.transfer(target, 3n * UNIT), devPair('eve'));
    assert.equal(receipt.error, undefined);
    for (const chain of chains) {
      await chain.reach(receipt.number);
      assert.equal((await chain.api.rpc.chain.getBlockHash(receipt.number)).toHex(), receipt.blockHash);
      assert.equal(await chain.free(target, receipt.blockHash), before + 3n * UNIT);
    }
  });

  it('each block has a justification that polkadot-js reads', { timeout: TEST_MS_MAX }, async () => {
    const { api, node } = chains[3]!;
    const hash = await api.rpc.chain.getBlockHash(2);
    const { justifications } = await api.rpc.chain.getBlock(hash);
    const [engine, bytes] = justifications.unwrap()[0]!;
    assert.equal(engine.toUtf8(), 'POBP');
    const proof = (await rpc(node.http, 'quids_justification', [hash.toHex()])).result as Record<string, any>;
    assert.equal(bytes.toU8a(true).length, (proof.scale.length - 2) / 2);
    assert.equal(proof.block, hash.toHex());
    assert.ok(proof.signatures.length >= 3);
    const genesis = await api.rpc.chain.getBlock(await api.rpc.chain.getBlockHash(0));
    assert.ok(genesis.justifications.isNone);
  });

  it('they know each other', { timeout: TEST_MS_MAX }, async () => {
    for (const { api } of chains) {
      const peers = await api.rpc.system.peers();
      assert.equal(peers.length, COUNT - 1);
      assert.ok(peers.every(({ roles }) => roles.toString() === 'AUTHORITY'));
      assert.deepEqual((await api.rpc.system.nodeRoles()).map(String), ['Authority']);
      const health = await api.rpc.system.health();
      assert.ok(health.shouldHavePeers.isTrue && health.isSyncing.isFalse);
    }
  });

  it('an Ethereum transaction given to one has its receipt at another', { timeout: TEST_MS_MAX }, async () => {
    const [one, other] = chains.map(({ node }) => http(node.http));
    const chain = defineChain({
      id: CHAIN_ID,
      name: 'Quids',
      nativeCurrency: { name: 'Quids', symbol: 'QDS', decimals: 18 },
      rpcUrls: { default: { http: [chains[0]!.node.http] } },
    });
    const account = mnemonicToAccount(TEST_MNEMONIC);
    const wallet = createWalletClient({ account, chain, transport: one! });
    const hash = await wallet.sendTransaction({ to: '0x00000000000000000000000000000000000000e2', value: parseEther('1') });
    const client = createPublicClient({ chain, transport: other!, pollingInterval: 100 });
    const receipt = await client.waitForTransactionReceipt({ hash, timeout: TEST_MS_MAX });
    assert.equal(receipt.status, 'success');
    const finalised = await client.getBlock({ blockTag: 'finalized' });
    assert.ok(finalised.number >= receipt.blockNumber);
  });
});

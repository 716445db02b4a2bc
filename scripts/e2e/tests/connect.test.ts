// Reading: connecting by both transports, what the chain says of itself, balances, heads, old state.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Header } from '@polkadot/types/interfaces';
import { u8aToHex } from '@polkadot/util';
import { blake3_256, devPair, ethereumPair } from '@quids/signer';
import { connect, ENDOWMENT, UNIT, within } from '../lib/chain.ts';
import { BLOCK_MS } from '../lib/node.ts';
import { rpc } from '../lib/rpc.ts';
import { suite } from '../lib/suite.ts';

suite(import.meta.filename, (chain) => {
  it('connects over HTTP as over WebSocket', async () => {
    const { api, node } = chain();
    const http = await within(20_000, 'connecting', connect(node.http));
    try {
      assert.equal(http.genesisHash.toHex(), api.genesisHash.toHex());
      assert.equal(http.runtimeVersion.specName.toString(), api.runtimeVersion.specName.toString());
      const { address } = devPair('alice');
      const [a, b] = await Promise.all([http, api].map((each) => each.query.system!.account!(address)));
      assert.deepEqual(a!.toHex(), b!.toHex());
    } finally {
      await http.disconnect();
    }
  });

  it('says which chain it is', async () => {
    const { api } = chain();
    const [name, health] = await Promise.all([api.rpc.system.chain(), api.rpc.system.health()]);
    assert.match(name.toString(), /dev/i);
    const { chainTokens, chainDecimals, chainIsEthereum } = api.registry;
    assert.deepEqual({ chainTokens, chainDecimals, chainIsEthereum }, {
      chainTokens: ['QDS'], chainDecimals: [18], chainIsEthereum: true,
    });
    assert.equal(health.isSyncing.isFalse, true);
    assert.equal(api.extrinsicVersion, 4);
    assert.deepEqual(api.registry.signedExtensions, [
      'CheckSpecVersion', 'CheckTxVersion', 'CheckGenesis', 'CheckMortality', 'CheckNonce', 'ChargeTransactionPayment',
    ]);
    // Every method that polkadot-js needs is announced.
    const { methods } = await api.rpc.rpc.methods();
    const announced = methods.map((method) => method.toString());
    for (const method of ['author_submitAndWatchExtrinsic', 'chain_subscribeNewHeads', 'state_getStorageAt', 'state_call']) {
      assert.ok(announced.includes(method), method);
    }
  });

  it('has metadata of versions 14 and 15', async () => {
    const { api, node } = chain();
    const { result } = await rpc<string>(node.http, 'state_getMetadata');
    assert.equal(result!.slice(0, 12), '0x6d6574610e', 'state_getMetadata: "meta", 14');
    const versions = await api.call.metadata!.metadataVersions!();
    assert.deepEqual(versions.toJSON(), [14, 15]);
    assert.equal(api.runtimeMetadata.version, 15, 'polkadot-js takes the newest');
    for (const [pallet, item] of [['system', 'account'], ['system', 'events'], ['system', 'blockHash'], ['timestamp', 'now']]) {
      assert.ok(api.query[pallet!]?.[item!], `${pallet}.${item}`);
    }
  });

  it('has the development accounts with a million QDS each', async () => {
    const named = ['alice', 'bob', 'charlie', 'dave', 'eve', 'ferdie'].map((name) => devPair(name).address);
    const legacy = Array.from({ length: 10 }, (_, index) => ethereumPair(index).address);
    for (const address of [...named, ...legacy]) {
      assert.deepEqual(await chain().account(address), { nonce: 0, free: ENDOWMENT }, address);
      assert.equal(await chain().boundKey(address), undefined, 'no key is bound before the first transaction');
    }
    const stranger = ethereumPair(10).address;
    assert.equal(await chain().free(stranger), 0n);
    const issuance = (await chain().api.query.balances!.totalIssuance!()).toString();
    assert.equal(BigInt(issuance) % (1_000_000n * UNIT), 0n, `issuance ${issuance}`);
  });

  it('makes a block at every interval, each the child of the last', async () => {
    const { api } = chain();
    const headers: Header[] = [];
    const started = Date.now();
    const unsubscribe = await api.rpc.chain.subscribeNewHeads((header) => void headers.push(header));
    while (headers.length < 6 && Date.now() < started + 20_000) await sleep(50);
    const took = Date.now() - started;
    unsubscribe();
    assert.ok(headers.length >= 6, `${headers.length} heads in ${took} ms`);
    headers.slice(1).forEach((header, i) => {
      assert.equal(header.number.toNumber(), headers[i]!.number.toNumber() + 1);
      assert.equal(header.parentHash.toHex(), headers[i]!.hash.toHex());
    });
    assert.ok(took >= 4 * BLOCK_MS, `5 intervals in ${took} ms are too fast`);
  });

  it('names blocks by the BLAKE3 of their headers', async () => {
    const { api } = chain();
    const header = await chain().reach(2);
    assert.equal(header.hash.toHex(), (await api.rpc.chain.getBlockHash(header.number.unwrap())).toHex());
    assert.equal(header.hash.toHex(), u8aToHex(blake3_256(header.toU8a())));
    const { block } = await api.rpc.chain.getBlock(header.hash);
    assert.equal(block.header.hash.toHex(), header.hash.toHex());
    assert.ok(block.extrinsics.some(({ method }) => method.section === 'timestamp'), 'the block sets the time');
    const genesis = await api.rpc.chain.getHeader(api.genesisHash);
    assert.equal(genesis.number.toNumber(), 0);
    assert.equal(genesis.hash.toHex(), api.genesisHash.toHex());
    assert.ok((await rpc(chain().node.http, 'chain_getHeader', [`0x${'11'.repeat(32)}`])).result === null);
  });

  it('finalises what it makes', async () => {
    const { api } = chain();
    const target = (await chain().height()) + 1;
    await chain().reach(target + 2);
    const finalised = await api.rpc.chain.getHeader(await api.rpc.chain.getFinalizedHead());
    assert.ok(finalised.number.toNumber() >= target, `finalised ${finalised.number}, wanted ${target}`);
  });

  it('answers for the state at old blocks', async () => {
    const { api } = chain();
    await chain().reach(4);
    const time = async (number: number) => {
      const at = await api.at(await api.rpc.chain.getBlockHash(number));
      const [stored, height] = await Promise.all([at.query.timestamp!.now!(), at.query.system!.number!()]);
      assert.equal(Number(height), number);
      return Number(stored);
    };
    const times = [await time(1), await time(2), await time(3), await time(4)];
    assert.deepEqual(times, [...new Set(times)].sort((a, b) => a - b), 'time passes');
    assert.ok(Math.abs(Date.now() - times[3]!) < 120_000);
    const atGenesis = await chain().account(devPair('alice').address, api.genesisHash.toHex());
    assert.equal(atGenesis.free, ENDOWMENT);
    // The hash of the parent is in state.
    const second = await api.rpc.chain.getBlockHash(2);
    const kept = await (await api.at(second)).query.system!.blockHash!(1);
    assert.equal(kept.toHex(), (await api.rpc.chain.getBlockHash(1)).toHex());
  });

  it('lists storage by pages', async () => {
    const { api } = chain();
    const all = await api.query.system!.account!.keys();
    const first = await api.query.system!.account!.keysPaged({ args: [], pageSize: 5 });
    const rest = await api.query.system!.account!.keysPaged({ args: [], pageSize: 100, startKey: first.at(-1)!.toHex() });
    assert.ok(all.length >= 16, `${all.length} accounts`);
    assert.deepEqual([...first, ...rest].map((key) => key.toHex()), all.map((key) => key.toHex()));
    assert.ok(all.some(({ args }) => args[0]!.toString() === devPair('alice').address), 'the account is in the key');
  });
});

// What an explorer's or a wallet's author tries first: derived queries, subscriptions, pages, proofs, status callbacks.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { ISubmittableResult } from '@polkadot/types/types';
import { u8aToHex } from '@polkadot/util';
import { blake3_256, devPair, ethereumPair, QuidsSigner } from '@quids/signer';
import { ENDOWMENT, UNIT, within } from '../lib/chain.ts';
import { suite } from '../lib/suite.ts';

const [alice, bob, charlie, dave] = ['alice', 'bob', 'charlie', 'dave'].map(devPair) as ReturnType<typeof devPair>[];

suite(import.meta.filename, (chain) => {
  /** The first `count` items of a subscription. */
  const taken = async <T>(count: number, what: string, subscribe: (see: (item: T) => void) => Promise<() => void>) => {
    const items: T[] = [];
    let enough: (() => void) | undefined;
    const done = new Promise<void>((resolve) => (enough = resolve));
    const unsubscribe = await subscribe((item) => {
      items.push(item);
      if (items.length >= count) enough!();
    });
    await within(20_000, what, done).finally(unsubscribe);
    return items.slice(0, count);
  };

  it('follows finalized heads', async () => {
    const { rpc } = chain().api;
    const heads = await taken<any>(4, 'finalized heads', (see) => rpc.chain.subscribeFinalizedHeads(see));
    heads.slice(1).forEach((head, i) => {
      assert.equal(head.number.toNumber(), heads[i].number.toNumber() + 1);
      assert.equal(head.parentHash.toHex(), heads[i].hash.toHex());
    });
  });

  it('derives best and finalized numbers, blocks and headers', async () => {
    const { derive, rpc } = chain().api;
    await chain().reach(3);
    const [best, finalized] = await Promise.all([derive.chain.bestNumber(), derive.chain.bestNumberFinalized()]);
    assert.ok(best.toNumber() >= 3 && finalized.toNumber() >= 2, `${best}, ${finalized}`);
    assert.ok((await derive.chain.bestNumberLag()).toNumber() <= 2);
    const hash = await rpc.chain.getBlockHash(3);
    const derived = await derive.chain.getBlock(hash);
    assert.equal(derived.block.header.number.toNumber(), 3);
    assert.equal(derived.extrinsics.length, derived.block.extrinsics.length);
    assert.ok(derived.extrinsics[0]!.events.some(({ method }) => method === 'ExtrinsicSuccess'));
    assert.equal((await derive.chain.getBlockByNumber(3)).block.header.hash.toHex(), hash.toHex());
    assert.equal((await derive.chain.getHeader(hash)).hash.toHex(), hash.toHex());
    const heads = await taken<any>(2, 'derived heads', (see) => derive.chain.subscribeNewHeads(see));
    assert.equal(heads[1].parentHash.toHex(), heads[0].hash.toHex());
    const blocks = await taken<any>(2, 'derived blocks', (see) => derive.chain.subscribeNewBlocks(see));
    assert.ok(blocks.every(({ extrinsics }) => extrinsics.length >= 1));
  });

  it('derives balances', async () => {
    const { derive } = chain().api;
    const all = await derive.balances.all(dave.address);
    assert.equal(all.freeBalance.toBigInt(), ENDOWMENT);
    assert.equal(all.availableBalance.toBigInt(), ENDOWMENT);
    assert.equal(all.accountNonce.toNumber(), 0);
    const account = await derive.balances.account(dave.address);
    assert.equal(account.freeBalance.toBigInt(), ENDOWMENT);
    assert.equal((await derive.tx.signingInfo(dave.address)).nonce.toNumber(), 0);
  });

  it('reads entries, pages of them, several queries at once, sizes and hashes', async () => {
    const { query, queryMulti } = chain().api as any;
    const at = await chain().api.at(chain().api.genesisHash);
    const entries = await at.query.system!.account!.entries();
    // 18 people and the 9 precompiles of our own.
    assert.equal(entries.length, 27);
    const paged = [];
    for (let startKey: string | undefined; ; ) {
      const page = await at.query.system!.account!.entriesPaged({ args: [], pageSize: 7, startKey });
      paged.push(...page);
      if (page.length < 7) break;
      startKey = page.at(-1)![0].toHex();
    }
    const show = (rows: typeof entries) => rows.map(([key, value]) => [key.toHex(), value.toHex()]);
    assert.deepEqual(show(paged), show(entries));
    const several = await query.system.account.multi([dave.address, ethereumPair(9).address]);
    assert.deepEqual(several.map(({ data }: any) => data.free.toBigInt()), [ENDOWMENT, ENDOWMENT]);
    const both = await new Promise<any[]>((resolve, reject) => {
      queryMulti([query.timestamp.now, [query.system.account, dave.address]], resolve).then(
        (unsubscribe: () => void) => unsubscribe(),
        reject,
      );
    });
    assert.equal(both[1].data.free.toBigInt(), ENDOWMENT);
    assert.ok((await query.system.account.size(dave.address)).toNumber() > 16);
    const hash = await query.system.account.hash(dave.address);
    const value = await chain().api.rpc.state.getStorage(query.system.account.key(dave.address));
    assert.equal(hash.toHex(), u8aToHex(blake3_256((value as any).unwrap().toU8a(true))));
  });

  it('follows a value as it changes', async () => {
    const { query } = chain().api;
    const before = await chain().free(charlie.address);
    const free: bigint[] = [];
    let changed: (() => void) | undefined;
    const done = new Promise<void>((resolve) => (changed = resolve));
    const unsubscribe = (await query.system!.account!(charlie.address, (account: any) => {
      free.push(account.data.free.toBigInt());
      if (free.length === 2) changed!();
    })) as unknown as () => void;
    await chain().succeed(chain().transfer(charlie.address, 3n * UNIT), alice);
    await within(20_000, 'a change of storage', done).finally(unsubscribe);
    assert.deepEqual(free, [before, before + 3n * UNIT]);
  });

  it('queries storage at a block, between blocks, and proves it', async () => {
    const { query, rpc } = chain().api;
    const receipt = await chain().succeed(chain().transfer(charlie.address, UNIT), alice);
    const parent = (await rpc.chain.getHeader(receipt.blockHash)).parentHash;
    const key = query.system!.account!.key(charlie.address);
    const changes = (await rpc.state.queryStorage([key], parent, receipt.blockHash)) as unknown as [unknown, unknown[]][];
    assert.equal(changes.length, 2, 'the value at the start, and its change');
    const at = await rpc.state.queryStorageAt([key], receipt.blockHash);
    assert.equal((at as unknown as unknown[]).length, 1);
    const proof = await rpc.state.getReadProof([key], receipt.blockHash);
    assert.equal(proof.at.toHex(), receipt.blockHash);
    assert.ok(proof.proof.length > 0);
    // The trie's root is the hash of its first node.
    const { stateRoot } = await rpc.chain.getHeader(receipt.blockHash);
    assert.ok(proof.proof.some((node) => u8aToHex(blake3_256(node.toU8a(true))) === stateRoot.toHex()), 'the root is proven');
  });

  it('sends with a callback for each status', async () => {
    const { api } = chain();
    const statuses: string[] = [];
    const signer = new QuidsSigner(api).add(bob);
    let unsubscribe: (() => void) | undefined;
    const last = await within(
      20_000,
      'finality',
      new Promise<ISubmittableResult>((resolve, reject) => {
        chain()
          .transfer(charlie.address, UNIT)
          .signAndSend(bob.address, { signer }, (result) => {
            statuses.push(result.status.type);
            if (result.isError) reject(new Error(result.status.type));
            if (result.status.isFinalized) resolve(result);
          })
          .then((end) => (unsubscribe = end), reject);
      }),
    );
    unsubscribe?.();
    // While polkadot-js still reads the block of one status it drops it for the next: `InBlock` may be missing.
    assert.deepEqual(statuses.filter((status) => status !== 'InBlock'), ['Ready', 'Finalized']);
    assert.equal(last.dispatchError, undefined);
    const block = await api.rpc.chain.getBlock(last.status.asFinalized);
    assert.equal(block.block.extrinsics[last.txIndex!]!.hash.toHex(), last.txHash.toHex());
  });

  it('lists what waits in the pool', async () => {
    const { author } = chain().api.rpc;
    const { nonce } = await chain().account(dave.address);
    const sign = (offset: number) => chain().sign(chain().transfer(charlie.address, 1n), dave, { nonce: nonce + offset });
    const pending = async () => (await author.pendingExtrinsics()).map(({ hash }) => hash.toHex());
    // A block may take it before it is asked for, though hardly every time.
    let seen = false;
    for (let offset = 0; offset < 5 && !seen; offset++) {
      const signed = await sign(offset);
      const [sent, listed] = [await author.submitExtrinsic(signed), await pending()];
      assert.equal(sent.toHex(), signed.hash.toHex());
      seen = listed.includes(sent.toHex());
      await chain().reach((await chain().height()) + 2);
      assert.ok(!(await pending()).includes(sent.toHex()), 'a block took it');
    }
    assert.ok(seen, 'never listed');
  });

  it('answers what an explorer shows of the node', async () => {
    const { rpc } = chain().api;
    const health = await rpc.system.health();
    assert.ok(health.isSyncing.isFalse);
    const sync = (await rpc.system.syncState()) as any;
    assert.ok(sync.currentBlock.toNumber() >= 1, `${sync}`);
    // polkadot-js has a function for each method that the node lists.
    if (rpc.system.nodeRoles) assert.ok(Array.isArray((await rpc.system.nodeRoles()).toJSON()));
    assert.ok((await rpc.rpc.methods()).methods.length > 20);
    assert.equal((await rpc.system.chainType()).type, 'Development');
    if (rpc.system.peers) assert.ok((await rpc.system.peers()).isEmpty);
  });
});

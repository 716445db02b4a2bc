// The chain replaces its own code under a load of transfers: authorised by root, applied by anyone, with a storage
// migration and new metadata. `QUIDS_NEXT_WASM`: the runtime to upgrade to (built with the feature `next`).

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Header, RuntimeVersion } from '@polkadot/types/interfaces';
import { stringToU8a, u8aToHex } from '@polkadot/util';
import { devPair, quantumResistantHash, type QuidsPair } from '@quids/signer';
import { type Chain, type Receipt, type Tx, UNIT } from '../lib/chain.ts';
import { rpc } from '../lib/rpc.ts';
import { suite } from '../lib/suite.ts';

const path = process.env.QUIDS_NEXT_WASM;
const [alice, bob, charlie] = ['alice', 'bob', 'charlie'].map(devPair) as [QuidsPair, QuidsPair, QuidsPair];
const LIMIT = 7;

const codeHash = (code: Uint8Array) => u8aToHex(quantumResistantHash(stringToU8a('quids/code/v1'), code));

/** Transfers, one after the other, until it is stopped. Around the upgrade some fail: they were signed for the old version. */
class Load {
  sent = 0;
  failed: string[] = [];
  #stopped = false;
  readonly #done: Promise<void>;

  constructor(chain: Chain, from: QuidsPair, to: string) {
    this.#done = (async () => {
      while (!this.#stopped) {
        try {
          await chain.succeed(chain.transfer(to, 1n), from);
          this.sent++;
        } catch (error) {
          this.failed.push(String(error));
          await sleep(100);
        }
      }
    })();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }
}

suite(import.meta.filename, (chain) => {
  const code = path ? new Uint8Array(readFileSync(path)) : new Uint8Array();
  const hex = u8aToHex(code);
  const upgrade = (call: string, ...args: unknown[]) => chain().api.tx.upgrade![call]!(...args);
  /** What a call as root answered, by its event. */
  const asRoot = async (call: Tx): Promise<{ receipt: Receipt; result: unknown }> => {
    const receipt = await chain().succeed(upgrade('asRoot', call), alice);
    const done = receipt.events.find(({ event }) => event.method === 'RootCallDone')!;
    return { receipt, result: (done.event.data.toJSON() as unknown[])[0] };
  };
  const specVersion = async (...at: string[]) =>
    (await chain().api.rpc.state.getRuntimeVersion(...at)).specVersion.toNumber();
  const limitAt = async (at: string) => (await chain().api.at(at)).query.template!.currentLimit!();

  it('has a runtime to upgrade to', () => {
    assert.ok(path, 'set QUIDS_NEXT_WASM');
    assert.equal(u8aToHex(code.subarray(0, 4)), '0x0061736d', `${path} is not WASM`);
  });

  it('obeys root alone', async () => {
    const { tx } = chain().api;
    const set = tx.template!.setLimit!(LIMIT);
    assert.equal((await chain().send(upgrade('asRoot', set), bob)).error, 'upgrade.NotRoot');
    assert.equal((await chain().send(set, bob)).error, 'BadOrigin');
    assert.equal((await chain().send(upgrade('setCode', hex), bob)).error, 'BadOrigin');
    assert.deepEqual((await asRoot(set)).result, { ok: null });
    const { result } = await asRoot(tx.template!.give!(1));
    assert.ok((result as { err?: unknown }).err, 'a signed call fails as root');
  });

  it('applies nothing that was not authorised', async () => {
    const apply = async (bytes: string) => (await chain().send(upgrade('applyAuthorizedUpgrade', bytes), bob)).error;
    assert.equal(await apply(hex), 'upgrade.NothingAuthorized');
    await asRoot(upgrade('authorizeUpgrade', codeHash(code)));
    assert.equal(await apply('0x00'), 'upgrade.CodeHashMismatch');
    assert.equal(await specVersion(), 1);
  });

  it('applies nothing that fails its trial', async () => {
    const apply = async (bytes: Uint8Array) => {
      await asRoot(upgrade('authorizeUpgrade', codeHash(bytes)));
      return (await chain().send(upgrade('applyAuthorizedUpgrade', u8aToHex(bytes)), bob)).error;
    };
    assert.equal(await apply(new Uint8Array(100)), 'upgrade.FailedTrialRun');
    assert.equal(await apply(code.subarray(0, -100)), 'upgrade.FailedTrialRun');
    const running = await rpc<string>(chain().node.http, 'state_getStorage', [u8aToHex(stringToU8a(':code'))]);
    assert.equal(await apply(Buffer.from(running.result!.slice(2), 'hex')), 'upgrade.SpecVersionMustIncrease');
    assert.equal(await specVersion(), 1);
  });

  it('upgrades under load: new version, new metadata, migrated storage, no block missing', async (t) => {
    const { api, node } = chain();
    assert.ok(!Object.keys(api.tx.template!).includes('forget'), 'the call is new');
    const heads: Header[] = [];
    const unsubscribe = await api.rpc.chain.subscribeNewHeads((head) => void heads.push(head));
    const loads = ['dave', 'eve', 'ferdie'].map((name) => new Load(chain(), devPair(name), charlie.address));
    const stop = async () => {
      await Promise.all(loads.map((load) => load.stop()));
      unsubscribe();
    };
    t.after(stop);
    await chain().reach((await chain().height()) + 4);

    await asRoot(upgrade('authorizeUpgrade', codeHash(code)));
    const applied = await chain().succeed(upgrade('applyAuthorizedUpgrade', hex), bob);
    const sentBefore = loads.map((load) => load.sent);
    const methods = applied.events.map(({ event }) => event.method);
    assert.ok(methods.includes('UpgradeApplied') && methods.includes('CodeUpdated'), methods.join());
    assert.equal(applied.fee, 0n, 'a good upgrade is free');

    // polkadot-js follows by itself; what it reads meanwhile it may decode with the wrong metadata.
    await chain().reach(applied.number + 10);
    assert.equal(api.runtimeVersion.specVersion.toNumber(), 2);
    assert.ok(Object.keys(api.tx.template!).includes('forget'), 'the new call is in the metadata');

    // The block that applied it still ran the old code; its state holds the new one; the next block migrates.
    const old = applied.blockHash;
    const first = (await api.rpc.chain.getBlockHash(applied.number + 1)).toHex();
    const parent = (await api.rpc.chain.getHeader(old)).parentHash.toHex();
    assert.deepEqual([await specVersion(parent), await specVersion(old), await specVersion(first)], [1, 2, 2]);
    assert.equal(await chain().free(bob.address, old), await chain().free(bob.address, parent));
    assert.equal((await limitAt(old)).toJSON(), LIMIT);
    assert.deepEqual((await limitAt(first)).toJSON(), { atLeast: 1, atMost: LIMIT });

    const { give, forget } = api.tx.template!;
    assert.equal((await chain().send(give!(LIMIT + 1), bob)).error, 'template.AmountRefused');
    await chain().succeed(give!(LIMIT), bob);
    await chain().succeed(forget!(), bob);

    await stop();
    loads.forEach((load, i) => {
      const course = `${sentBefore[i]} sent before, ${load.sent} in all; ${load.failed.join('; ')}`;
      assert.ok(load.sent > sentBefore[i]! && load.failed.length <= 5, course);
    });
    heads.slice(1).forEach((head, i) => assert.equal(head.number.toNumber(), heads[i]!.number.toNumber() + 1));
    assert.ok(node.running);
  });

  it('still answers for blocks before the upgrade with their own code', async () => {
    const { api, node } = chain();
    const early = (await api.rpc.chain.getBlockHash(1)).toHex();
    const versionAt = async (at: string) => {
      const { result } = await rpc<string>(node.http, 'state_call', ['Core_version', '0x', at]);
      return api.createType<RuntimeVersion>('RuntimeVersion', result).specVersion.toNumber();
    };
    assert.deepEqual([await versionAt(early), await versionAt((await api.rpc.chain.getBlockHash()).toHex())], [1, 2]);
    const metadata = await rpc<string>(node.http, 'state_getMetadata', [early]);
    // A name, with its length: docs of others have the word too.
    assert.ok(!Buffer.from(metadata.result!.slice(2), 'hex').includes('\u0018forget'));
    assert.equal((await chain().free(bob.address, early)) > 900_000n * UNIT, true);
  });

  it('applies an upgrade once', async () => {
    assert.equal((await chain().send(upgrade('applyAuthorizedUpgrade', hex), bob)).error, 'upgrade.NothingAuthorized');
  });
});

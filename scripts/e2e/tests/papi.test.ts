// polkadot-api (PAPI) over the new JSON-RPC interface: state, constants, blocks, fees, signed transactions to finality,
// and failures.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { WebSocket } from '@polkadot/x-ws';
import type { PolkadotClient } from 'polkadot-api';
import { devPair, ethereumPair, papiSigner, type QuidsPair } from '@quids/signer';
import { ENDOWMENT, UNIT, within } from '../lib/chain.ts';
import { TestNode } from '../lib/node.ts';
import { createClient, getWsProvider } from '../lib/papi.ts';
import { TEST_MS_MAX } from '../lib/suite.ts';

const [bob, charlie] = ['bob', 'charlie'].map(devPair) as [QuidsPair, QuidsPair];

/** Of ML-DSA-87. */
const SIGNATURE_BYTES = 4627;

describe('papi', () => {
  let node: TestNode;
  let client: PolkadotClient;

  before(
    async () => {
      node = await TestNode.start('papi');
      client = createClient(getWsProvider(node.ws, { websocketClass: WebSocket as never }));
    },
    { timeout: TEST_MS_MAX },
  );
  after(
    async () => {
      client?.destroy();
      await node?.stop();
    },
    { timeout: TEST_MS_MAX },
  );

  const api = () => client.getUnsafeApi() as any;
  const account = async (address: string) => api().query.System.Account.getValue(address.toLowerCase());
  const lower = (pair: { address: string }) => pair.address.toLowerCase();

  it('reads the chain, its state and its constants', { timeout: TEST_MS_MAX }, async () => {
    const { name, genesisHash, properties } = await within(20_000, 'the chain', client.getChainSpecData());
    assert.equal(properties.tokenSymbol, 'QDS');
    assert.match(genesisHash, /^0x[0-9a-f]{64}$/);
    assert.ok(name.length > 0);
    const { nonce, data } = await within(20_000, 'an account', account(charlie.address));
    assert.equal(BigInt(nonce), 0n);
    assert.equal(BigInt(data.free), ENDOWMENT);
    const version = await api().constants.System.Version();
    assert.equal(version.spec_name, 'quids');
    const entries = await within(20_000, 'all accounts', api().query.System.Account.getEntries());
    assert.ok((entries as unknown[]).length >= 6);
  });

  it('follows final blocks', { timeout: TEST_MS_MAX }, async () => {
    const blocks: { number: number; hash: string; parent: string }[] = [];
    const seen = new Promise<void>((resolve, reject) => {
      const subscription = client.finalizedBlock$.subscribe({
        next: (block) => {
          blocks.push(block);
          if (blocks.length < 4) return;
          subscription.unsubscribe();
          resolve();
        },
        error: reject,
      });
    });
    await within(30_000, 'four final blocks', seen);
    for (const [i, block] of blocks.entries()) {
      if (i === 0) continue;
      assert.equal(block.number, blocks[i - 1]!.number + 1);
      assert.equal(block.parent, blocks[i - 1]!.hash);
    }
    const body = await client.getBlockBody(blocks.at(-1)!.hash);
    assert.ok(body.length >= 1, 'the inherent is there');
    const header = await client.getBlockHeader(blocks.at(-1)!.hash);
    assert.equal(header.number, blocks.at(-1)!.number);
  });

  it('a signed transfer becomes final, with its events and its fee', { timeout: TEST_MS_MAX }, async () => {
    const tx = api().tx.Balances.transfer_keep_alive({ dest: lower(charlie), value: 5n * UNIT });
    const before = BigInt((await account(bob.address)).data.free);
    const seen: string[] = [];
    const signed: string | Uint8Array = await tx.sign(papiSigner(bob));
    const bytes = typeof signed === 'string' ? Uint8Array.from(Buffer.from(signed.slice(2), 'hex')) : signed;
    // PAPI writes the length prefix of an extrinsic itself, as of any bytes.
    const content = bytes.subarray([1, 2, 4][bytes[0]! & 3]);
    const info = await api().apis.TransactionPaymentApi.query_info(content, bytes.length);
    const done = new Promise<any>((resolve, reject) => {
      client.submitAndWatch(signed as never).subscribe({
        next: (event) => {
          seen.push(event.type);
          if (event.type === 'finalized') resolve(event);
        },
        error: reject,
      });
    });
    const result = await within(30_000, 'finality', done);
    assert.equal(result.ok, true, JSON.stringify(result.dispatchError));
    assert.ok(seen.includes('broadcasted') && seen.includes('txBestBlocksState'), `${seen}`);
    const names = result.events.map((event: any) => `${event.type}.${event.value.type}`);
    assert.ok(names.includes('Balances.Transfer'), `${names}`);
    assert.equal(names.at(-1), 'System.ExtrinsicSuccess');
    const paid = result.events.find((event: any) => event.value.type === 'TransactionFeePaid').value.value;
    assert.equal(BigInt(info.partial_fee), BigInt(paid.actual_fee), 'the estimate is the fee');
    const free = BigInt((await account(bob.address)).data.free);
    assert.equal(before - free, 5n * UNIT + BigInt(paid.actual_fee));
    assert.equal(BigInt((await account(bob.address)).nonce), 1n);
  });

  it('signAndSubmit does it in one, without the key once it is bound', { timeout: TEST_MS_MAX }, async () => {
    const isBound = async () => (await api().query.System.Keys.getValue(lower(bob))) !== undefined;
    assert.equal(await isBound(), true);
    const tx = api().tx.Balances.transfer_keep_alive({ dest: lower(charlie), value: UNIT });
    const result: any = await within(30_000, 'finality', tx.signAndSubmit(papiSigner(bob, { isBound })));
    assert.equal(result.ok, true);
    const body = await client.getBlockBody(result.block.hash);
    const extrinsic = body[result.block.index] as string | Uint8Array;
    const length = typeof extrinsic === 'string' ? extrinsic.length / 2 - 1 : extrinsic.length;
    assert.ok(length > SIGNATURE_BYTES && length < SIGNATURE_BYTES + bob.publicKey.length, `${length} bytes`);
  });

  it('a failing call says why, an invalid transaction is refused', { timeout: TEST_MS_MAX }, async () => {
    const target = ethereumPair(11).address.toLowerCase();
    const tx = api().tx.Balances.transfer_keep_alive({ dest: target, value: 2n * ENDOWMENT });
    const result: any = await within(30_000, 'finality', tx.signAndSubmit(papiSigner(bob)));
    assert.equal(result.ok, false);
    assert.equal(result.dispatchError.type, 'Module');
    assert.equal(result.dispatchError.value.value.type, 'InsufficientBalance');
    const stale = tx.signAndSubmit(papiSigner(bob), { nonce: 0 });
    await assert.rejects(within(20_000, 'a refusal', stale), /Stale|Invalid/);
  });
});

// Bad transactions: each is refused with its stable code, and nothing changes.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { compactAddLength, u8aToHex } from '@polkadot/util';
import { devPair, QuidsPair, type SigningKey } from '@quids/signer';
import { type SendOptions, UNIT } from '../lib/chain.ts';
import { Refusal, refused } from '../lib/refusal.ts';
import { suite } from '../lib/suite.ts';

const [bob, charlie] = [devPair('bob'), devPair('charlie')];
/** In an encoded extrinsic over 16 kB or under: 2 or 4 bytes of length, the version, the account, then the scheme. */
const accountAt = (bytes: Uint8Array) => ((bytes[0]! & 3) === 1 ? 3 : 5);
const schemeAt = (bytes: Uint8Array) => accountAt(bytes) + 20;

suite(import.meta.filename, (chain) => {
  const transfer = () => chain().transfer(charlie.address, UNIT);
  const signed = async (options?: SendOptions, key: SigningKey = bob) => chain().sign(transfer(), key, options);
  const nonce = async () => (await chain().account(bob.address)).nonce;
  /** A good transaction's bytes, changed. */
  const changed = async (change: (bytes: Uint8Array) => Uint8Array | void) => {
    const bytes = (await signed()).toU8a();
    return u8aToHex(change(bytes) ?? bytes);
  };
  const flipped = (at: (bytes: Uint8Array) => number) =>
    changed((bytes) => {
      bytes[at(bytes)]! ^= 0x55;
    });
  const { scheme, publicKey, address } = bob;
  const signing = (sign: SigningKey['sign']): SigningKey => ({ scheme, publicKey, address, sign });
  const tampered = signing((message) => bob.sign(message).map((byte, i) => (i === 100 ? byte ^ 1 : byte)));
  // A payload ends in spec version (4 bytes), transaction version (4), genesis hash and block hash.
  const oldVersion = signing((message) => bob.sign(message.map((byte, i) => (i === message.length - 72 ? byte ^ 0x80 : byte))));
  const { BadProof, ExhaustsResources, Malformed, NoUnsignedValidator, Payment, Stale, TooLarge } = Refusal;

  const table: [name: string, make: () => Promise<Parameters<typeof refused>[1]>, ...codes: number[]][] = [
    ['no bytes', async () => '0x', Malformed],
    ['random bytes', async () => '0xdeadbeefdeadbeefdeadbeef', Malformed],
    ['cut short', () => changed((bytes) => bytes.subarray(0, -1)), Malformed],
    ['a byte too much', () => changed((bytes) => new Uint8Array([...bytes, 0])), Malformed],
    ['an unknown format version', () => flipped((bytes) => accountAt(bytes) - 1), Malformed],
    ['an unknown scheme', () => changed((bytes) => void (bytes[schemeAt(bytes)] = 9)), Malformed],
    ['an unknown call', () => changed((bytes) => void (bytes[bytes.length - 31] = 99)), Malformed],
    ['a bad signature', () => signed({}, tampered), BadProof],
    ['a changed amount', () => flipped((bytes) => bytes.length - 1), BadProof],
    ['another chain', () => signed({ genesisHash: `0x${'42'.repeat(32)}`, era: 0 }), BadProof],
    ['another version', () => signed({}, oldVersion), BadProof],
    ['a used nonce', async () => signed({ nonce: (await nonce()) - 1 }), Stale],
    ['a nonce far ahead', async () => signed({ nonce: (await nonce()) + 100_000 }), Refusal.Future],
    ['no funds', () => signed({}, QuidsPair.mlDsa87()), Payment],
    ['a tip beyond the balance', () => signed({ tip: 2_000_000n * UNIT }), Payment],
    ['an unsigned call', async () => transfer().toHex(), NoUnsignedValidator],
    ['more bytes than any transaction may have', async () => {
      return u8aToHex(compactAddLength(new Uint8Array((9 << 20) + 1)));
    }, TooLarge, ExhaustsResources],
  ];

  it('(a good one first, so that the key is bound)', async () => {
    await chain().succeed(transfer(), bob);
  });

  for (const [name, make, ...codes] of table) {
    it(`refuses ${name}`, async () => {
      const before = await chain().account(bob.address);
      await refused(chain().node.http, await make(), ...codes);
      assert.equal((await chain().api.rpc.author.pendingExtrinsics()).length, 0, 'it is not in the pool');
      assert.deepEqual(await chain().account(bob.address), before);
    });
  }

  it('refuses to set the time by transaction', async () => {
    const set = chain().api.tx.timestamp!.set!(Date.now());
    for (const bytes of [set.toHex(), await chain().sign(set, bob)]) {
      await refused(chain().node.http, bytes, NoUnsignedValidator, Refusal.MandatoryValidation);
    }
  });

  it('takes a transaction once, and replaces it only for a better tip', async () => {
    const next = (await nonce()) + 1;
    const first = await signed({ nonce: next });
    const { node, api } = chain();
    await api.rpc.author.submitExtrinsic(first);
    await refused(node.http, first, Refusal.AlreadyKnown);
    // Of the same length: a shorter one fits into a block more often, which alone makes it better.
    const rival = await chain().sign(chain().transfer(charlie.address, UNIT + 1n), bob, { nonce: next });
    await refused(node.http, rival, Refusal.TooLowPriority);
    const better = await signed({ nonce: next, tip: UNIT });
    const done = chain().submit(better);
    await chain().succeed(transfer(), bob, { nonce: next - 1 });
    assert.equal((await done).error, undefined);
    assert.equal(await nonce(), next + 1);
  });

  it('goes on as if nothing had been', async () => {
    assert.ok(chain().node.running);
    await chain().succeed(transfer(), bob);
  });
});

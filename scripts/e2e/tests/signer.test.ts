// The signer package alone, without a node.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { Enum, TypeRegistry } from '@polkadot/types';
import { hexToU8a, stringToU8a, u8aToHex } from '@polkadot/util';
import {
  accountAddress, devPair, encodeSignature, ethereumPair, QuidsPair, QuidsSigner, quantumResistantHash, Scheme,
  type SignerApi, verify,
} from '@quids/signer';

const fixture = JSON.parse(readFileSync(new URL('../fixtures/noble.json', import.meta.url), 'utf8'));
const message = stringToU8a('a message');

const sizes = [
  { name: 'ML-DSA-87', make: () => QuidsPair.mlDsa87(), publicKey: 2592, signature: 4627 },
  { name: 'Falcon-512', make: () => QuidsPair.falcon512(), publicKey: 897, signature: 666 },
];

describe('signer', () => {
  for (const { name, make, publicKey, signature } of sizes) {
    it(`${name}: signs and verifies, with the sizes of the specification`, () => {
      const pair = make();
      const signed = pair.sign(message);
      assert.deepEqual([pair.publicKey.length, signed.length], [publicKey, signature]);
      assert.ok(verify(pair.scheme, pair.publicKey, message, signed));
      assert.ok(!verify(pair.scheme, pair.publicKey, stringToU8a('another'), signed));
      assert.ok(!verify(pair.scheme, make().publicKey, message, signed));
      assert.ok(!verify(pair.scheme, pair.publicKey, message, signed.subarray(1)));
    });
  }

  it('agrees with the fixture that the Rust tests read', () => {
    for (const vector of fixture.signatures) {
      const scheme = vector.scheme === 'ml-dsa-87' ? Scheme.MlDsa87 : Scheme.Falcon512;
      const [key, signed] = [hexToU8a(vector.public_key), hexToU8a(vector.signature)];
      assert.ok(verify(scheme, key, hexToU8a(vector.message), signed));
      assert.equal(accountAddress(scheme, key), vector.address);
    }
    for (const { name, address } of fixture.dev_accounts) assert.equal(devPair(name).address, address);
    fixture.ethereum_accounts.forEach((address: string, i: number) => assert.equal(ethereumPair(i).address, address));
    for (const { domain, data, hash } of fixture.quantum_resistant_hash) {
      assert.equal(u8aToHex(quantumResistantHash(hexToU8a(domain), hexToU8a(data))), hash);
    }
  });

  it('encodes signatures as the runtime declares them', () => {
    // What polkadot-js makes of the runtime's AccountSignature.
    const registry = new TypeRegistry();
    const variant = { public_key: 'Option<Bytes>', signature: 'Bytes' };
    const AccountSignature = Enum.with({
      MlDsa87: JSON.stringify(variant), Falcon512: JSON.stringify(variant), Secp256k1: '[u8; 65]',
      SphincsShake256f: JSON.stringify(variant),
    } as never);
    const pair = QuidsPair.falcon512();
    const signed = pair.sign(message);
    for (const key of [pair.publicKey, undefined]) {
      const bytes = encodeSignature(pair.scheme, signed, key);
      const decoded = new AccountSignature(registry, bytes);
      assert.deepEqual(decoded.toU8a(), bytes);
      assert.deepEqual(decoded.toJSON(), {
        falcon512: { public_key: key ? u8aToHex(key) : null, signature: u8aToHex(signed) },
      });
    }
    // The legacy pair's own encoding is variant 2.
    const legacy = ethereumPair(0).sign(message, { withType: true });
    assert.deepEqual([legacy[0], legacy.length], [2, 66]);
    assert.equal(new AccountSignature(registry, legacy).type, 'Secp256k1');
  });

  it('sends the key until it is bound, and signs nothing for a stranger', async () => {
    const alice = devPair('alice');
    let bound = false;
    const query = { system: { keys: async () => ({ isEmpty: !bound }) } };
    const api = { registry: new TypeRegistry(), query } as unknown as SignerApi;
    const raw = { address: alice.address, data: '0x1234', type: 'payload' } as const;
    const length = async (signer: QuidsSigner) => hexToU8a((await signer.signRaw(raw)).signature).length;
    const [short, long] = [1 + 1 + 2 + 4627, 1 + 1 + 2 + 2592 + 2 + 4627];

    const signer = new QuidsSigner(api).add(alice);
    assert.equal(await length(signer), long);
    bound = true;
    assert.equal(await length(signer), short);
    assert.equal(await length(new QuidsSigner(api, 'always').add(alice)), long);
    await assert.rejects(signer.signRaw({ ...raw, address: devPair('bob').address }), /no key for/);
  });

  it('wraps raw bytes, so that they are never a transaction', async () => {
    const pair = QuidsPair.falcon512();
    const signer = new QuidsSigner({ registry: new TypeRegistry(), query: {} }, 'never').add(pair);
    const { signature } = await signer.signRaw({ address: pair.address, data: u8aToHex(message), type: 'bytes' });
    const bare = hexToU8a(signature).subarray(4);
    assert.ok(verify(pair.scheme, pair.publicKey, stringToU8a('<Bytes>a message</Bytes>'), bare));
  });
});

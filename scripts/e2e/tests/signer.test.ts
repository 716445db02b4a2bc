// The signer package alone, without a node.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { ml_dsa87 } from '@noble/post-quantum/ml-dsa.js';
import { Enum, TypeRegistry } from '@polkadot/types';
import { hexToU8a, stringToU8a, u8aToHex } from '@polkadot/util';
import {
  accountAddress, devPair, encodeSignature, ethereumPair, QuidsPair, QuidsSigner, quantumAccount, quantumResistantHash,
  quantumSigningPayload, Scheme, type SignerApi, type SigningKey, signingHash, signQuantumTransaction, verify,
} from '@quids/signer';

const fixture = JSON.parse(readFileSync(new URL('../fixtures/noble.json', import.meta.url), 'utf8'));
const transactions = JSON.parse(
  readFileSync(new URL('../../../primitives/ethereum/fixtures/vectors.json', import.meta.url), 'utf8'),
);
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

  it('makes the post-quantum transactions of the vectors that the Rust tests read', async () => {
    assert.equal(transactions.vectors.length, 5);
    for (const vector of transactions.vectors) {
      const { key, fields, options } = transactionOf(vector);
      assert.equal(u8aToHex(quantumSigningPayload(key, fields, options)), vector.signing_payload, vector.name);
      assert.equal(u8aToHex(signingHash(hexToU8a(vector.signing_payload))), vector.signing_hash, vector.name);
      const signed = await signQuantumTransaction(key, fields, options);
      assert.deepEqual(signed, { raw: vector.envelope, hash: vector.hash }, vector.name);
    }
  });

  it('signs post-quantum transactions that verify, and refuses what no transaction can hold', async () => {
    const [vector] = transactions.vectors;
    const { fields, options } = transactionOf(vector);
    for (const pair of [devPair('alice'), QuidsPair.falcon512()]) {
      for (const withKey of [true, false]) {
        const { raw } = await signQuantumTransaction(pair, fields, { withKey });
        const signature = hexToU8a(raw).subarray(-(pair.scheme === Scheme.MlDsa87 ? 4627 : 666));
        const signedHash = signingHash(quantumSigningPayload(pair, fields, { withKey }));
        assert.ok(verify(pair.scheme, pair.publicKey, signedHash, signature));
        // What viem hands over and gets back.
        const account = quantumAccount(pair, { isBound: async () => !withKey });
        assert.equal((await account.signTransaction({ ...fields, type: 'eip1559' })).length, raw.length);
        await assert.rejects(account.signMessage(), /signs transactions only/);
      }
    }
    const pair = devPair('alice');
    const wrong = [
      { nonce: 2n ** 64n }, { nonce: -1 }, { gas: 2n ** 64n }, { maxFeePerGas: 2n ** 128n }, { value: 2n ** 256n },
      { to: '0x12' }, { to: 'alice' }, { data: '0x1' }, { data: 'zz' },
      { accessList: [{ address: '0x12', storageKeys: [] }] },
    ];
    for (const change of wrong) {
      await assert.rejects(signQuantumTransaction(pair, { ...fields, ...change }, options), JSON.stringify(Object.keys(change)));
    }
  });
});

/** A vector's fields, with a key that signs as it was signed: without entropy, or with the signature that is there. */
function transactionOf(vector: typeof transactions.vectors[number]) {
  const { fields } = vector;
  const given = hexToU8a(vector.envelope).subarray(-(fields.scheme === Scheme.MlDsa87 ? 4627 : 666));
  const keys = vector.seed ? ml_dsa87.keygen(hexToU8a(vector.seed)) : undefined;
  const publicKey = keys?.publicKey ?? hexToU8a(fields.public_key);
  const key: SigningKey = {
    scheme: fields.scheme,
    publicKey,
    address: accountAddress(fields.scheme, publicKey),
    sign(bytes) {
      assert.ok(verify(fields.scheme, publicKey, bytes, given), vector.name);
      return keys ? ml_dsa87.sign(bytes, keys.secretKey, { extraEntropy: false }) : given;
    },
  };
  return {
    key,
    fields: {
      chainId: BigInt(fields.chain_id),
      nonce: BigInt(fields.nonce),
      maxPriorityFeePerGas: BigInt(fields.max_priority_fee_per_gas),
      maxFeePerGas: BigInt(fields.max_fee_per_gas),
      gas: BigInt(fields.gas_limit),
      to: fields.to,
      value: BigInt(fields.value),
      data: fields.data,
      accessList: fields.access_list.map((item: { address: string; storage_keys: string[] }) => (
        { address: item.address, storageKeys: item.storage_keys })),
    },
    options: { withKey: fields.public_key !== '0x', sender: fields.sender },
  };
}

// Keys: binding by the first transaction, rotation to another scheme, legacy accounts and their way out of ECDSA.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { u8aToHex } from '@polkadot/util';
import { devPair, ethereumPair, provePossession, QuidsPair, type SigningKey, tagged } from '@quids/signer';
import { names, UNIT } from '../lib/chain.ts';
import { Refusal, refused } from '../lib/refusal.ts';
import { suite } from '../lib/suite.ts';

const [alice, bob, charlie] = ['alice', 'bob', 'charlie'].map(devPair) as [QuidsPair, QuidsPair, QuidsPair];

suite(import.meta.filename, (chain) => {
  const remark = (text = '0x') => chain().api.tx.system!.remark!(text);
  const transfer = () => chain().transfer(bob.address, UNIT);
  const bound = async (address: string, key: SigningKey) =>
    assert.equal(u8aToHex(await chain().boundKey(address)), u8aToHex(tagged(key.scheme, key.publicKey)));
  const keyCall = async (call: 'bindKey' | 'rotateKey', key: SigningKey, account: string) => {
    const [publicKey, proof] = await provePossession(key, account, chain().api.genesisHash);
    return chain().api.tx.system![call]!(publicKey, proof);
  };

  it('the first transaction needs the key and binds it', async () => {
    const { http } = chain().node;
    await refused(http, await chain().sign(transfer(), alice, { policy: 'never' }), Refusal.KeyMissing);
    const signed = await chain().sign(transfer(), alice);
    assert.ok(signed.encodedLength > 2592 + 4627);
    const receipt = await chain().submit(signed);
    assert.equal(receipt.error, undefined);
    assert.ok(names(receipt.events).includes('system.KeyBound'), names(receipt.events).join());
    await bound(alice.address, alice);
  });

  it('later transactions leave the key out', async () => {
    const signed = await chain().sign(transfer(), alice);
    assert.ok(signed.encodedLength < 5_000, `${signed.encodedLength} bytes`);
    const receipt = await chain().submit(signed);
    assert.equal(receipt.error, undefined);
    assert.ok(!names(receipt.events).includes('system.KeyBound'));
    // The key may still come along.
    await chain().succeed(transfer(), alice, { policy: 'always' });
  });

  it('a block shows signatures as they were sent', async () => {
    const signed = await chain().sign(remark('0x1234'), alice);
    const { blockHash, hash } = await chain().submit(signed);
    const { block } = await chain().api.rpc.chain.getBlock(blockHash);
    const included = block.extrinsics.find((extrinsic) => extrinsic.hash.toHex() === hash)!;
    assert.equal(included.toHex(), signed.toHex());
    assert.equal(included.signer.toString(), alice.address);
  });

  it('another key is refused, before and after binding', async () => {
    const { http } = chain().node;
    for (const account of [alice.address, charlie.address]) {
      const signed = await chain().sign(transfer(), bob, { account, policy: 'always' });
      await refused(http, signed, Refusal.KeyMismatch);
    }
    // Without its key, the signature is held against the bound one.
    await refused(http, await chain().sign(transfer(), bob, { account: alice.address, policy: 'never' }), Refusal.BadProof);
    // A key of another scheme than the bound one.
    const falcon = QuidsPair.falcon512();
    for (const policy of ['always', 'never'] as const) {
      const signed = await chain().sign(transfer(), falcon, { account: alice.address, policy });
      await refused(http, signed, Refusal.KeyMismatch);
    }
    assert.equal(await chain().boundKey(charlie.address), undefined);
  });

  it('a Falcon-512 account pays and is paid', async () => {
    const falcon = QuidsPair.falcon512();
    await refused(chain().node.http, await chain().sign(transfer(), falcon), Refusal.Payment);
    await chain().succeed(chain().transfer(falcon.address, 100n * UNIT), alice);
    const first = await chain().succeed(transfer(), falcon);
    await bound(falcon.address, falcon);
    const second = await chain().succeed(transfer(), falcon);
    assert.equal(await chain().free(falcon.address), 98n * UNIT - first.fee - second.fee);
    const lattice = await chain().succeed(transfer(), alice);
    assert.ok(second.fee < lattice.fee, `Falcon's shorter signatures cost less: ${second.fee} < ${lattice.fee}`);
  });

  it('rotation from ML-DSA to Falcon keeps the address and retires the old key', async () => {
    const { http } = chain().node;
    const [account, falcon] = [charlie.address, QuidsPair.falcon512()];
    await chain().succeed(remark(), charlie);
    const receipt = await chain().succeed(await keyCall('rotateKey', falcon, account), charlie);
    assert.ok(names(receipt.events).includes('system.KeyRotated'));
    await bound(account, falcon);

    for (const policy of ['never', 'always'] as const) {
      const signed = await chain().sign(transfer(), charlie, { policy });
      await refused(http, signed, Refusal.KeyMismatch);
    }
    const before = await chain().account(account);
    const { fee } = await chain().succeed(transfer(), falcon, { account });
    assert.deepEqual(await chain().account(account), { nonce: before.nonce + 1, free: before.free - UNIT - fee });

    // And on to another ML-DSA key.
    const next = QuidsPair.mlDsa87();
    await chain().succeed(await keyCall('rotateKey', next, account), falcon, { account });
    await chain().succeed(transfer(), next, { account });
    await refused(http, await chain().sign(transfer(), falcon, { account }), Refusal.KeyMismatch);
  });

  it('a rotation needs a proof by the new key for this account', async () => {
    const next = QuidsPair.falcon512();
    const forBob = await keyCall('rotateKey', next, bob.address);
    assert.equal((await chain().send(forBob, alice)).error, 'system.InvalidProof');
    const same = await keyCall('rotateKey', alice, alice.address);
    assert.equal((await chain().send(same, alice)).error, 'system.KeyUnchanged');
    const again = await keyCall('bindKey', next, alice.address);
    assert.equal((await chain().send(again, alice)).error, 'system.KeyAlreadyBound');
    await bound(alice.address, alice);
  });

  it('a legacy Ethereum account signs with polkadot-js alone, until it binds a key', async () => {
    const { http } = chain().node;
    const [legacy, key] = [ethereumPair(0), QuidsPair.mlDsa87()];
    const before = await chain().account(legacy.address);
    const paid = await chain().succeed(transfer(), legacy);
    assert.deepEqual(await chain().account(legacy.address), { nonce: 1, free: before.free - UNIT - paid.fee });
    assert.equal(await chain().boundKey(legacy.address), undefined, 'ECDSA binds nothing');
    const early = await keyCall('rotateKey', key, legacy.address);
    assert.equal((await chain().send(early, legacy)).error, 'system.NoKeyBound');

    const receipt = await chain().succeed(await keyCall('bindKey', key, legacy.address), legacy);
    assert.ok(names(receipt.events).includes('system.KeyBound'));
    await bound(legacy.address, key);
    await refused(http, await chain().sign(transfer(), legacy), Refusal.SchemeRefused);
    await chain().succeed(transfer(), key, { account: legacy.address });
  });

  it('ECDSA signs for no account but its own', async () => {
    const forged = (await chain().sign(transfer(), ethereumPair(1))).toU8a();
    // The account follows the length (2 bytes) and the version byte.
    assert.deepEqual(forged.subarray(3, 23), ethereumPair(1).addressRaw);
    forged.set(ethereumPair(2).addressRaw, 3);
    await refused(chain().node.http, u8aToHex(forged), Refusal.BadProof);
  });
});

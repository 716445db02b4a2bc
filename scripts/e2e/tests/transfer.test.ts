// Signed transactions: transfers and their events, failures, fees and tips, nonces, many at once. Alice is the author,
// who gets the fees: those whose balance is reckoned here are others.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { devPair, ethereumPair, QuidsPair } from '@quids/signer';
import { names, type Receipt, UNIT } from '../lib/chain.ts';
import { suite } from '../lib/suite.ts';

const [alice, bob, charlie, dave, eve] = ['alice', 'bob', 'charlie', 'dave', 'eve'].map(devPair) as [
  QuidsPair, QuidsPair, QuidsPair, QuidsPair, QuidsPair,
];

suite(import.meta.filename, (chain) => {
  const issuance = async (at: string) =>
    BigInt((await (await chain().api.at(at)).query.balances!.totalIssuance!()).toString());
  const parentOf = async (block: string) => (await chain().api.rpc.chain.getHeader(block)).parentHash.toHex();

  it('a transfer moves its amount, costs its fee and says so', async () => {
    const { api } = chain();
    const signed = await chain().sign(chain().transfer(charlie.address, 5n * UNIT), bob);
    const receipt = await chain().submit(signed);
    assert.equal(receipt.error, undefined);
    assert.equal(receipt.hash, signed.hash.toHex(), 'the hash of a transaction covers its length prefix');

    const parent = await parentOf(receipt.blockHash);
    const change = async (who: string) =>
      (await chain().free(who, receipt.blockHash)) - (await chain().free(who, parent));
    assert.ok(receipt.fee > 0n);
    assert.equal(await change(bob.address), -(5n * UNIT + receipt.fee));
    assert.equal(await change(charlie.address), 5n * UNIT);
    assert.equal(await change(alice.address), receipt.fee, 'the author gets the fee');
    assert.equal(await issuance(parent), await issuance(receipt.blockHash));
    assert.equal((await chain().account(bob.address, receipt.blockHash)).nonce, 1);

    const transfer = receipt.events.find(({ event }) => api.events.balances!.Transfer!.is(event))!;
    const { from, to, amount } = transfer.event.data as unknown as Record<string, object>;
    assert.deepEqual([`${from}`, `${to}`, BigInt(`${amount}`)], [bob.address, charlie.address, 5n * UNIT]);
    assert.ok(names(receipt.events).includes('balances.TransactionFeePaid'));
    assert.equal(names(receipt.events).at(-1), 'system.ExtrinsicSuccess');
    assert.ok(receipt.events.every(({ phase }) => phase.isApplyExtrinsic));
  });

  it('a failed call leaves no trace but its fee', async () => {
    const before = await chain().account(bob.address);
    const target = ethereumPair(11).address;
    const receipt = await chain().send(chain().transfer(target, 2_000_000n * UNIT), bob);
    assert.equal(receipt.error, 'balances.InsufficientBalance');
    assert.equal(names(receipt.events).at(-1), 'system.ExtrinsicFailed');
    assert.ok(!names(receipt.events).includes('balances.Transfer'));
    assert.ok(receipt.fee > 0n);
    assert.deepEqual(await chain().account(bob.address), { nonce: before.nonce + 1, free: before.free - receipt.fee });
    assert.equal(await chain().free(target), 0n);
  });

  it('a call for root fails for everyone else', async () => {
    const { tx } = chain().api;
    const receipt = await chain().send(tx.balances!.forceSetBalance!(bob.address, 10n ** 30n), bob);
    assert.equal(receipt.error, 'BadOrigin');
  });

  it('transfer_all leaves nothing', async () => {
    const pair = QuidsPair.mlDsa87();
    await chain().succeed(chain().transfer(pair.address, 10n * UNIT), bob);
    const target = ethereumPair(12).address;
    const receipt = await chain().succeed(chain().api.tx.balances!.transferAll!(target, false), pair);
    assert.equal(await chain().free(pair.address), 0n);
    assert.equal(await chain().free(target), 10n * UNIT - receipt.fee);
    assert.equal((await chain().account(pair.address)).nonce, 1, 'an empty account keeps its nonce');
  });

  it('reserves and frees', async () => {
    const { tx, query } = chain().api;
    const balances = async () => {
      const { data } = (await query.system!.account!(eve.address)).toJSON() as any;
      return [BigInt(data.free), BigInt(data.reserved)] as const;
    };
    const [free] = await balances();
    const first = await chain().succeed(tx.balances!.reserve!(30n * UNIT), eve);
    assert.deepEqual(await balances(), [free - 30n * UNIT - first.fee, 30n * UNIT]);
    const second = await chain().succeed(tx.balances!.unreserve!(10n * UNIT), eve);
    assert.deepEqual(await balances(), [free - 20n * UNIT - first.fee - second.fee, 20n * UNIT]);
    const third = await chain().send(tx.balances!.unreserve!(21n * UNIT), eve);
    assert.equal(third.error, 'balances.InsufficientReserve');
  });

  it('paymentInfo is what the transaction then costs', async () => {
    const tx = chain().transfer(charlie.address, UNIT);
    const info = await tx.paymentInfo(bob.address);
    const signed = await chain().sign(tx, bob);
    const details = await chain().api.call.transactionPaymentApi!.queryFeeDetails!(signed.toU8a(), signed.encodedLength);
    const receipt = await chain().submit(signed);
    assert.equal(info.partialFee.toBigInt(), receipt.fee);
    assert.ok(info.weight.refTime.toBigInt() > 0n);
    assert.ok(info.class.isNormal);
    const { inclusionFee } = details.toJSON() as { inclusionFee: Record<string, string | number> };
    const parts = Object.values(inclusionFee).reduce((sum: bigint, part) => sum + BigInt(part), 0n);
    assert.equal(parts, receipt.fee);
  });

  it('a fee grows by the byte, those of a needless key included', async () => {
    const { perByte } = chain().api.consts.balances!.fees!.toJSON() as { perByte: number };
    const fee = async (length: number, policy: 'always' | 'never'): Promise<bigint> => {
      const remark = chain().api.tx.system!.remark!(`0x${'00'.repeat(length)}`);
      return (await chain().succeed(remark, bob, { policy })).fee;
    };
    const [without, along, larger] = [await fee(10, 'never'), await fee(10, 'always'), await fee(5_000, 'never')];
    assert.equal(along - without, BigInt(perByte) * BigInt(bob.publicKey.length));
    assert.ok(larger - without >= BigInt(perByte) * 4_990n, `${larger}, ${without}`);
  });

  it('a tip is paid on top', async () => {
    const plain = await chain().succeed(chain().transfer(charlie.address, UNIT), bob);
    const before = await chain().free(bob.address);
    const tipped = await chain().succeed(chain().transfer(charlie.address, UNIT), bob, { tip: UNIT });
    const paid = before - (await chain().free(bob.address)) - UNIT;
    assert.equal(paid, tipped.fee + UNIT);
    // The tip's own encoding makes the transaction a few bytes longer.
    assert.ok(tipped.fee >= plain.fee && tipped.fee < (plain.fee * 11n) / 10n, `${tipped.fee}, plain ${plain.fee}`);
    const event = tipped.events.find(({ event: { method } }) => method === 'TransactionFeePaid')!.event;
    assert.equal(BigInt(`${(event.data as unknown as { tip: object }).tip}`), UNIT);
  });

  it('takes twenty transactions of one account at once, in order of their nonces', async () => {
    const { api } = chain();
    // Bind the key first, so that the twenty are short.
    await chain().succeed(api.tx.system!.remark!('0x'), dave);
    const { nonce, free } = await chain().account(dave.address);
    const targets = Array.from({ length: 20 }, (_, i) => ethereumPair(20 + i).address);
    const signed = await Promise.all(
      targets.map((to, i) => chain().sign(chain().transfer(to, UNIT), dave, { nonce: nonce + i })),
    );
    const receipts = await Promise.all(signed.map((tx) => chain().submit(tx)));

    const place = async ({ blockHash, hash, number }: Receipt) => {
      const { block } = await api.rpc.chain.getBlock(blockHash);
      return number * 10_000 + block.extrinsics.findIndex((extrinsic) => extrinsic.hash.toHex() === hash);
    };
    const places = await Promise.all(receipts.map(place));
    assert.deepEqual(places, [...places].sort((a, b) => a - b));
    assert.equal(new Set(places).size, 20);
    const fees = receipts.reduce((sum, { fee }) => sum + fee, 0n);
    assert.deepEqual(await chain().account(dave.address), { nonce: nonce + 20, free: free - 20n * UNIT - fees });
    for (const target of targets) assert.equal(await chain().free(target), UNIT);
  });

  it('keeps a transaction that came before its predecessor', async () => {
    const { api } = chain();
    const { nonce } = await chain().account(bob.address);
    const next = async () => (await api.rpc.system.accountNextIndex(bob.address)).toNumber();
    assert.equal(await next(), nonce);
    const later = await chain().sign(chain().transfer(charlie.address, 1n), bob, { nonce: nonce + 1 });
    const sooner = await chain().sign(chain().transfer(charlie.address, 1n), bob, { nonce });
    const waiting = chain().submit(later);
    await chain().reach((await chain().height()) + 2);
    assert.equal((await chain().account(bob.address)).nonce, nonce);
    assert.equal(await next(), nonce, 'one that waits leaves a gap before it');
    const [first, second] = await Promise.all([chain().submit(sooner), waiting]);
    assert.ok(first.number <= second.number);
    assert.equal(await next(), nonce + 2);
  });

  it('counts what is in the pool into the next nonce', async () => {
    const { api } = chain();
    const { nonce } = await chain().account(bob.address);
    const [first, second] = await Promise.all(
      [nonce, nonce + 1].map((n) => chain().sign(chain().transfer(charlie.address, 1n), bob, { nonce: n })),
    );
    const sent = [chain().submit(first!), chain().submit(second!)];
    // Requests of one connection are answered concurrently, so the pool may not have both yet.
    const seen = new Set<number>();
    for (const until = Date.now() + 10_000; Date.now() < until && !seen.has(nonce + 2); await sleep(20)) {
      seen.add((await api.rpc.system.accountNextIndex(bob.address)).toNumber());
    }
    await Promise.all(sent);
    assert.ok(seen.has(nonce + 2), `${[...seen]}`);
    assert.ok([...seen].every((next) => nonce <= next && next <= nonce + 2), `${[...seen]}`);
  });
});

// How long a transaction lives.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { devPair } from '@quids/signer';
import { UNIT } from '../lib/chain.ts';
import { Refusal, refused } from '../lib/refusal.ts';
import { suite } from '../lib/suite.ts';

const [bob, charlie] = [devPair('bob'), devPair('charlie')];

suite(import.meta.filename, (chain) => {
  const transfer = () => chain().transfer(charlie.address, UNIT);

  it('is mortal by default', async () => {
    await chain().reach(3);
    const signed = await chain().sign(transfer(), bob);
    assert.ok(signed.era.isMortalEra);
    assert.equal((await chain().submit(signed)).error, undefined);
  });

  it('is immortal on demand', async () => {
    const signed = await chain().sign(transfer(), bob, { era: 0 });
    assert.ok(signed.era.isImmortalEra);
    assert.equal((await chain().submit(signed)).error, undefined);
  });

  it('is refused once its era is over', async () => {
    const signed = await chain().sign(transfer(), bob, { era: 4 });
    const era = signed.era.asMortalEra;
    assert.equal(era.period.toNumber(), 4);
    await chain().reach((await chain().height()) + 5);
    await refused(chain().node.http, signed, Refusal.AncientBirthBlock, Refusal.BadProof);
    assert.equal((await chain().api.rpc.author.pendingExtrinsics()).length, 0);
  });

  it('is refused on another fork than it was signed for', async () => {
    const { api } = chain();
    const header = await api.rpc.chain.getHeader();
    const era = api.registry.createType('ExtrinsicEra', { current: header.number, period: 64 });
    const blockHash = `0x${'42'.repeat(32)}`;
    const { nonce } = await chain().account(bob.address);
    await refused(chain().node.http, await chain().sign(transfer(), bob, { era, blockHash, nonce }), Refusal.BadProof);
  });

  it('leaves the pool when it dies waiting', async () => {
    const { nonce } = await chain().account(bob.address);
    const signed = await chain().sign(transfer(), bob, { era: 8, nonce: nonce + 1 });
    await assert.rejects(chain().submit(signed), /transaction (Invalid|Dropped)/);
    assert.equal((await chain().api.rpc.author.pendingExtrinsics()).length, 0);
  });
});

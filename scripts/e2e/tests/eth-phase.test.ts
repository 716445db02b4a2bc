// The phases of the chain as Solidity developers meet them: `hybrid` takes no contract that rests on ecrecover, and
// `quantum-only` no secp256k1 signature, while post-quantum accounts go on.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { it } from 'node:test';
import { promisify } from 'node:util';
import { type Hex, toHex } from 'viem';
import { foundry } from '../lib/anvil.ts';
import { ETHER, ethereumSuite } from '../lib/ethereum.ts';
import { binary } from '../lib/node.ts';
import { QuantumAccount } from '../lib/quantum.ts';

/** Creates a contract of this code: CODECOPY and RETURN of what follows. */
const creation = (code: string): Hex => {
  const length = (code.length / 2).toString(16).padStart(2, '0');
  return `0x60${length}600c60003960${length}6000f3${code}`;
};
/** STATICCALL of precompile 1. */
const RECOVERS = '60006000600060006001' + '5afa50';
const HARMLESS = '6001600055';

if (process.env.QUIDS_ETH_URL) {
  it('needs a node of Quids of its own', { skip: 'the phase is for good' });
} else {
  ethereumSuite(import.meta.filename, (ethereum) => {
    const setPhase = async (phase: string) => {
      const url = ethereum().endpoint.http.replace('http', 'ws');
      const call = ['tx', 'call', '--from', 'alice', '--as-root', '--rpc', url, 'System.set_phase', `phase=${phase}()`];
      const { stdout } = await promisify(execFile)(binary, call);
      assert.match(stdout, /RootCallDone/);
    };
    const cast = (...args: string[]) => {
      const key = toHex(ethereum().account(3).getHdKey().privateKey!);
      return foundry('cast', ['send', '--rpc-url', ethereum().endpoint.http, '--private-key', key, '--json', ...args]);
    };
    const created = async (code: string) => JSON.parse(await cast('--create', creation(code))).status;
    const sent = async () => JSON.parse(await cast(ethereum().account(4).address, '--value', '1')).status;

    it('goes from phase to phase', async () => {
      const quantum = await QuantumAccount.funded(ethereum(), 'mlDsa87');
      assert.equal(await created(RECOVERS), '0x1');

      await setPhase('Hybrid');
      await assert.rejects(created(RECOVERS), /contract is not quantum compatible/);
      assert.equal(await created(HARMLESS), '0x1');
      assert.equal(await sent(), '0x1');

      await setPhase('QuantumOnly');
      await assert.rejects(sent(), /secp256k1 signatures are no longer accepted/);
      const to = ethereum().account(4).address;
      const before = await ethereum().public.getBalance({ address: to });
      const receipt = await quantum.send(to, '0x', { value: ETHER });
      assert.equal(receipt.status, 'success');
      assert.equal((await ethereum().public.getBalance({ address: to })) - before, ETHER);
      // Reading takes no signature.
      assert.equal(await ethereum().rpc('eth_call', { to, data: '0x' }, 'latest'), '0x');
    });
  });
}

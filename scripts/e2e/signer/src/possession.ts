// Proof of possession: what a new key signs before an account is bound to it.

import { compactAddLength, hexToU8a, stringToU8a, u8aConcat } from '@polkadot/util';
import type { SigningKey } from './pair.ts';
import type { Scheme } from './scheme.ts';

/** SCALE of the runtime's `PublicKey` and `Signature`: the scheme's variant and bytes. */
export function tagged(scheme: Scheme, bytes: Uint8Array): Uint8Array {
  return u8aConcat([scheme], compactAddLength(bytes));
}

/** The arguments of `system.bindKey` and `system.rotateKey`: the key, and its signature for this account and chain. */
export async function provePossession(
  key: SigningKey,
  account: string,
  genesisHash: Uint8Array,
): Promise<[publicKey: Uint8Array, proof: Uint8Array]> {
  const publicKey = tagged(key.scheme, key.publicKey);
  const message = u8aConcat(stringToU8a('quids/pop/v1'), genesisHash, hexToU8a(account), publicKey);
  return [publicKey, tagged(key.scheme, await key.sign(message))];
}

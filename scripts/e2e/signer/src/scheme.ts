// The post-quantum signature schemes that JavaScript can sign with, their tags, and the signature of an extrinsic.

import { compactAddLength, u8aConcat } from '@polkadot/util';
import { ethereumEncode } from '@polkadot/util-crypto';
import { deriveKey } from './hash.ts';

/** The tag on the wire, in state and in addresses. 2 is secp256k1: use polkadot-js's keyring type `ethereum`. */
export const Scheme = { MlDsa87: 0, Falcon512: 1 } as const;
export type Scheme = (typeof Scheme)[keyof typeof Scheme];

/** The account of a public key: 20 bytes, as `0x` and 40 digits with the EIP-55 checksum. */
export function accountAddress(scheme: Scheme, publicKey: Uint8Array): string {
  const account = deriveKey('quids 2026 account v1', u8aConcat([scheme], publicKey));
  return ethereumEncode(account.subarray(0, 20));
}

/**
 * SCALE of the runtime's `AccountSignature`: the variant, the public key as an option, the signature. The key is
 * needed until it is bound in state, that is in an account's first transaction, and may be left out from then on.
 */
export function encodeSignature(scheme: Scheme, signature: Uint8Array, publicKey?: Uint8Array): Uint8Array {
  const key = publicKey ? u8aConcat([1], compactAddLength(publicKey)) : new Uint8Array([0]);
  return u8aConcat([scheme], key, compactAddLength(signature));
}

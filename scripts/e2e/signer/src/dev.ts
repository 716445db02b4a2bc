// The public accounts of development chains. Their secrets are known to everyone.

import { utf8ToBytes } from '@noble/hashes/utils.js';
import { Keyring } from '@polkadot/keyring';
import type { KeyringPair } from '@polkadot/keyring/types';
import { deriveKey } from './hash.ts';
import { QuidsPair } from './pair.ts';

/** The mnemonic that every Ethereum tool tests with. */
export const TEST_MNEMONIC = 'test test test test test test test test test test test junk';

/** The ML-DSA-87 account of a name: alice, bob, charlie, dave, eve, ferdie. */
export function devPair(name: string): QuidsPair {
  return QuidsPair.mlDsa87(deriveKey('quids dev account v1', utf8ToBytes(name)));
}

/** Legacy account `index` (0 to 9) of the test mnemonic: polkadot-js's own pair signs for it as it is. */
export function ethereumPair(index: number): KeyringPair {
  return new Keyring({ type: 'ethereum' }).addFromUri(`${TEST_MNEMONIC}/m/44'/60'/0'/0/${index}`);
}

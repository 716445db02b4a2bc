// What @polkadot/api has to be told about a Quids chain; everything else it reads from the chain's metadata.

import type { ApiOptions } from '@polkadot/api/types';
import { blake3_256 } from './hash.ts';

/** `ApiPromise.create({ provider, ...quids })`. */
export const quids = {
  // Hashes of headers, which mortal transactions sign, and of transactions, by which their events are found.
  hasher: blake3_256,
} satisfies Partial<ApiOptions>;

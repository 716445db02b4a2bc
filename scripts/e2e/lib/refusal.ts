// Transactions that the node must refuse, and the codes by which it says why.

import assert from 'node:assert/strict';
import type { Tx } from './chain.ts';
import { rpc, type RpcError } from './rpc.ts';

/** Codes that never change their meaning: `InvalidTransaction::code` in primitives/api, from 401 `PoolError::code`. */
export const Refusal = {
  Payment: 2,
  Future: 3,
  Stale: 4,
  BadProof: 5,
  AncientBirthBlock: 6,
  ExhaustsResources: 7,
  MandatoryValidation: 9,
  KeyMissing: 101,
  KeyMismatch: 102,
  SchemeRefused: 103,
  Malformed: 104,
  AlreadyKnown: 401,
  TooLarge: 402,
  TooLowPriority: 404,
  NoUnsignedValidator: 502,
} as const;

/** The stable code in an error, whose data reads `code N: reason`. */
export function codeOf(error: RpcError | undefined): number | undefined {
  const [, code] = /^code (\d+): ./.exec(String(error?.data)) ?? [];
  return code === undefined ? undefined : Number(code);
}

/** Submits bytes that must be refused with one of `codes` and a text. */
export async function refused(url: string, transaction: Tx | string, ...codes: number[]): Promise<void> {
  const hex = typeof transaction === 'string' ? transaction : transaction.toHex();
  const { result, error } = await rpc(url, 'author_submitExtrinsic', [hex]);
  assert.equal(result, undefined, 'it was accepted');
  const shown = JSON.stringify(error);
  assert.ok(codes.includes(codeOf(error) ?? -1), `wanted code ${codes.join(' or ')}, got ${shown}`);
}

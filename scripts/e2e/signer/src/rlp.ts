// Ethereum's RLP, encoding only.

import { concatBytes } from '@noble/hashes/utils.js';

/** A byte string, or a list of them and of lists. */
export type Rlp = Uint8Array | readonly Rlp[];

/** The RLP of a string or list (Ethereum yellow paper, appendix B). */
export function encodeRlp(item: Rlp): Uint8Array {
  if (!(item instanceof Uint8Array)) return withLength(0xc0, concatBytes(...item.map(encodeRlp)));
  if (item.length === 1 && item[0]! < 0x80) return item;
  return withLength(0x80, item);
}

/** An unsigned number, big-endian without leading zeros; zero is the empty string. */
export function integer(value: bigint | number, bits: number): Uint8Array {
  const number = BigInt(value);
  if (number < 0n || number >> BigInt(bits)) throw new RangeError(`${number} is no number of ${bits} bits`);
  const digits = number === 0n ? '' : number.toString(16);
  const even = digits.padStart(digits.length + (digits.length % 2), '0');
  return Uint8Array.from(even.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function withLength(base: number, payload: Uint8Array): Uint8Array {
  if (payload.length < 56) return concatBytes(Uint8Array.of(base + payload.length), payload);
  const length = integer(payload.length, 32);
  return concatBytes(Uint8Array.of(base + 55 + length.length), length, payload);
}

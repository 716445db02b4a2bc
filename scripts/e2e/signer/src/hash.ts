// The chain's hashes, as primitives/crypto has them.

import { blake3 } from '@noble/hashes/blake3.js';
import { sha3_512 } from '@noble/hashes/sha3.js';
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';

const QR_INNER = 'quids 2026 qr-hash v1 inner';
const QR_OUTER = 'quids 2026 qr-hash v1 outer';

/** BLAKE3-256: blocks and transactions. */
export function blake3_256(data: Uint8Array): Uint8Array {
  return blake3(data);
}

/** BLAKE3 in derive-key mode: `length` bytes bound to a context string. */
export function deriveKey(context: string, data: Uint8Array, length = 32): Uint8Array {
  return blake3(data, { context: utf8ToBytes(context), dkLen: length });
}

/** The 512-bit hash that holds while either of BLAKE3 and SHA3 holds: upgrades are authorised by it. 64 bytes. */
export function quantumResistantHash(domain: Uint8Array, data: Uint8Array): Uint8Array {
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(domain.length), true);
  const message = concatBytes(length, domain, data);
  const inner = concatBytes(deriveKey(QR_INNER, message, 64), labelled(QR_INNER, message));
  const other = labelled(QR_OUTER, inner);
  return deriveKey(QR_OUTER, inner, 64).map((byte, i) => byte ^ other[i]!);
}

function labelled(label: string, data: Uint8Array): Uint8Array {
  return sha3_512(concatBytes(utf8ToBytes(label), data));
}

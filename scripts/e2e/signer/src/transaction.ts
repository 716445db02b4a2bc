// Post-quantum transactions of the EVM, type 0x71: bytes for `eth_sendRawTransaction`. The layout is specified in
// primitives/ethereum/README.md.

import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { quantumResistantHash } from './hash.ts';
import type { SigningKey } from './pair.ts';
import { encodeRlp, integer, type Rlp } from './rlp.ts';

/** The EIP-2718 type byte. */
export const QUANTUM_TRANSACTION_TYPE = 0x71;
const SIGNING_DOMAIN = utf8ToBytes('quids 2026 transaction 0x71 v1');

export type Hex = `0x${string}`;

/** The fields, named as viem names those of EIP-1559. Amounts are in wei. */
export interface QuantumTransactionFields {
  chainId: bigint | number;
  nonce: bigint | number;
  maxPriorityFeePerGas: bigint | number;
  maxFeePerGas: bigint | number;
  gas: bigint | number;
  /** Left out or null, a contract is created. */
  to?: string | null | undefined;
  value?: bigint | number | undefined;
  data?: string | undefined;
  accessList?: readonly { address: string; storageKeys: readonly string[] }[] | undefined;
}

export interface QuantumTransactionOptions {
  /** Whether the public key goes along: needed until it is bound in state. By default it does. */
  withKey?: boolean;
  /** The account that sends, if its key was rotated and so is not the one it is derived from. */
  sender?: string;
}

export interface SignedQuantumTransaction {
  /** The EIP-2718 bytes. */
  raw: Hex;
  /** Keccak-256 of them. */
  hash: Hex;
}

/** Signs a transaction: `eth_sendRawTransaction` takes its `raw`. */
export async function signQuantumTransaction(
  key: SigningKey,
  fields: QuantumTransactionFields,
  { withKey = true, sender = key.address }: QuantumTransactionOptions = {},
): Promise<SignedQuantumTransaction> {
  const unsigned = quantumFields(key, fields, sender, withKey);
  const raw = envelope([...unsigned, await key.sign(signingHash(envelope(unsigned)))]);
  return { raw: toHex(raw), hash: toHex(keccak_256(raw)) };
}

/** What is hashed for the signature: the type byte and the RLP of all fields but the signature. */
export function quantumSigningPayload(
  key: SigningKey,
  fields: QuantumTransactionFields,
  { withKey = true, sender = key.address }: QuantumTransactionOptions = {},
): Uint8Array {
  return envelope(quantumFields(key, fields, sender, withKey));
}

/** The 64 bytes that are signed. */
export function signingHash(payload: Uint8Array): Uint8Array {
  return quantumResistantHash(SIGNING_DOMAIN, payload);
}

/**
 * What viem's `toAccount` takes: `toAccount(quantumAccount(pair, { isBound }))` is an account for a wallet client.
 * `isBound` says whether the key is bound already; without it the key always goes along. Messages and typed data are
 * signed by Ethereum's rules with secp256k1 alone, and so are refused.
 */
export function quantumAccount(
  key: SigningKey,
  { isBound, sender = key.address }: { isBound?: () => Promise<boolean>; sender?: string } = {},
) {
  const refuse = async (): Promise<Hex> => {
    throw new Error('a post-quantum account signs transactions only');
  };
  return {
    address: sender as Hex,
    async signTransaction(fields: object): Promise<Hex> {
      const withKey = !(await isBound?.());
      return (await signQuantumTransaction(key, fields as QuantumTransactionFields, { withKey, sender })).raw;
    },
    signMessage: refuse,
    signTypedData: refuse,
  };
}

function quantumFields(key: SigningKey, fields: QuantumTransactionFields, sender: string, withKey: boolean): Rlp[] {
  return [
    integer(fields.chainId, 64),
    integer(fields.nonce, 64),
    integer(fields.maxPriorityFeePerGas, 128),
    integer(fields.maxFeePerGas, 128),
    integer(fields.gas, 64),
    fields.to ? bytes(fields.to, 20) : new Uint8Array(),
    integer(fields.value ?? 0, 256),
    bytes(fields.data ?? '0x'),
    (fields.accessList ?? []).map((item) => [
      bytes(item.address, 20),
      item.storageKeys.map((slot) => bytes(slot, 32)),
    ]),
    integer(key.scheme, 8),
    bytes(sender, 20),
    withKey ? key.publicKey : new Uint8Array(),
  ];
}

function envelope(fields: Rlp[]): Uint8Array {
  return concatBytes(Uint8Array.of(QUANTUM_TRANSACTION_TYPE), encodeRlp(fields));
}

function bytes(hex: string, length?: number): Uint8Array {
  if (!hex.startsWith('0x')) throw new Error(`${hex} lacks 0x`);
  const value = hexToBytes(hex.slice(2));
  if (length !== undefined && value.length !== length) throw new Error(`${hex} is not of ${length} bytes`);
  return value;
}

function toHex(value: Uint8Array): Hex {
  return `0x${bytesToHex(value)}`;
}

// The polkadot-js `Signer` for post-quantum accounts.

import type { Signer, SignerResult } from '@polkadot/api/types';
import type { Codec, Registry, SignerPayloadJSON, SignerPayloadRaw } from '@polkadot/types/types';
import { hexToU8a, u8aToHex, u8aWrapBytes } from '@polkadot/util';
import { blake2AsU8a } from '@polkadot/util-crypto';
import type { SigningKey } from './pair.ts';
import { encodeSignature } from './scheme.ts';

/** Longer payloads are signed as their BLAKE2b-256: polkadot-js does so in its own pairs, and so does the runtime. */
const PAYLOAD_PLAIN_MAX = 256;

/** What the signer needs of an `ApiPromise`. */
export interface SignerApi {
  registry: Registry;
  query: Record<string, Record<string, (address: string) => Promise<Codec>>>;
}

/** When a transaction carries the public key: `auto` if no key is bound in state. */
export type KeyPolicy = 'auto' | 'always' | 'never';

/**
 * Signs for the accounts added to it: `tx.signAndSend(pair.address, { signer: new QuidsSigner(api).add(pair) })`.
 * One signer serves one chain, at the runtime that `api` knows.
 */
export class QuidsSigner implements Signer {
  readonly #keys = new Map<string, SigningKey>();
  #id = 0;

  constructor(
    readonly api: SignerApi,
    readonly policy: KeyPolicy = 'auto',
  ) {}

  /** `address`: the account, if its key was rotated and so is not the one it is derived from. */
  add(key: SigningKey, address = key.address): this {
    this.#keys.set(address.toLowerCase(), key);
    return this;
  }

  readonly signPayload = async (payload: SignerPayloadJSON): Promise<SignerResult> => {
    const signed = this.api.registry.createTypeUnsafe('ExtrinsicPayload', [payload, { version: payload.version }]);
    // `method: true`: the call without its length, as the runtime sees it.
    return this.#sign(payload.address, shorten(signed.toU8a({ method: true })));
  };

  /** `payload`: the bytes of an extrinsic's payload. `bytes`: any, which are wrapped in `<Bytes>` so as never to be one. */
  readonly signRaw = async ({ address, data, type }: SignerPayloadRaw): Promise<SignerResult> => {
    const bytes = hexToU8a(data);
    return this.#sign(address, type === 'payload' ? shorten(bytes) : u8aWrapBytes(bytes));
  };

  async #sign(address: string, message: Uint8Array): Promise<SignerResult> {
    const key = this.#keys.get(address.toLowerCase());
    if (!key) throw new Error(`no key for ${address}`);
    const publicKey = (await this.#carriesKey(address)) ? key.publicKey : undefined;
    const signature = encodeSignature(key.scheme, await key.sign(message), publicKey);
    return { id: ++this.#id, signature: u8aToHex(signature) };
  }

  async #carriesKey(address: string): Promise<boolean> {
    if (this.policy !== 'auto') return this.policy === 'always';
    return (await this.api.query.system!.keys!(address)).isEmpty;
  }
}

/** What is signed of an extrinsic's payload. */
export function shorten(payload: Uint8Array): Uint8Array {
  return payload.length > PAYLOAD_PLAIN_MAX ? blake2AsU8a(payload) : payload;
}

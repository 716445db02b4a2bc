// The polkadot-api (PAPI) signer for post-quantum accounts.

import { compactAddLength, hexToU8a, u8aConcat, u8aWrapBytes } from '@polkadot/util';
import type { SigningKey } from './pair.ts';
import { encodeSignature } from './scheme.ts';
import { shorten } from './signer.ts';

/** Version 4, signed. */
const EXTRINSIC_VERSION = 0x84;

/** What PAPI calls a `PolkadotSigner`. */
export interface PapiSigner {
  /** The account: PAPI asks for its nonce. */
  publicKey: Uint8Array;
  signTx(
    callData: Uint8Array,
    signedExtensions: Record<string, { identifier: string; value: Uint8Array; additionalSigned: Uint8Array }>,
  ): Promise<Uint8Array>;
  signBytes(data: Uint8Array): Promise<Uint8Array>;
}

export interface PapiSignerOptions {
  /** The account, if its key was rotated and so is not the one it is derived from. */
  account?: string;
  /** Whether the account's key is bound in state (`System.Keys`), so that a transaction need not carry it. */
  isBound?: () => boolean | Promise<boolean>;
}

/** `api.tx.Balances.transfer_keep_alive(..).signAndSubmit(papiSigner(pair))`. */
export function papiSigner(key: SigningKey, { account = key.address, isBound }: PapiSignerOptions = {}): PapiSigner {
  const publicKey = hexToU8a(account.toLowerCase());
  const sign = async (message: Uint8Array) => {
    const carried = (await isBound?.()) ? undefined : key.publicKey;
    return encodeSignature(key.scheme, await key.sign(message), carried);
  };
  return {
    publicKey,
    signTx: async (callData, signedExtensions) => {
      // PAPI lists them in the order of the metadata.
      const extensions = Object.values(signedExtensions);
      const extra = u8aConcat(...extensions.map(({ value }) => value));
      const implicit = u8aConcat(...extensions.map(({ additionalSigned }) => additionalSigned));
      const signature = await sign(shorten(u8aConcat(callData, extra, implicit)));
      return compactAddLength(u8aConcat([EXTRINSIC_VERSION], publicKey, signature, extra, callData));
    },
    signBytes: (data) => sign(u8aWrapBytes(data)),
  };
}

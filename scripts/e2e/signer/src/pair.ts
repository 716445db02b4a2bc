// Post-quantum key pairs in plain JavaScript, on @noble/post-quantum.

import { falcon512padded } from '@noble/post-quantum/falcon.js';
import { ml_dsa87 } from '@noble/post-quantum/ml-dsa.js';
import { accountAddress, Scheme } from './scheme.ts';

const libraries = {
  [Scheme.MlDsa87]: ml_dsa87,
  // Round 3, padded to 666 bytes, header 0x39: what the chain verifies.
  [Scheme.Falcon512]: falcon512padded,
};

/** What the signer needs of a key: a hardware wallet may implement it too. */
export interface SigningKey {
  readonly scheme: Scheme;
  readonly publicKey: Uint8Array;
  /** The account that the key derives. A rotated account keeps its own address. */
  readonly address: string;
  sign(message: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** A key pair held in memory. */
export class QuidsPair implements SigningKey {
  readonly address: string;
  readonly #secretKey: Uint8Array;

  private constructor(
    readonly scheme: Scheme,
    keys: { publicKey: Uint8Array; secretKey: Uint8Array },
  ) {
    this.publicKey = keys.publicKey;
    this.#secretKey = keys.secretKey;
    this.address = accountAddress(scheme, keys.publicKey);
  }

  readonly publicKey: Uint8Array;

  /** ML-DSA-87 from the 32-byte seed of FIPS 204: the same keys in every library. Without a seed, a random one. */
  static mlDsa87(seed?: Uint8Array): QuidsPair {
    return new QuidsPair(Scheme.MlDsa87, ml_dsa87.keygen(seed));
  }

  /**
   * Falcon-512, random or from a seed of 48 bytes. Falcon does not specify key generation from a seed: only noble
   * makes these keys from this seed, so never expect them from `quids key` or another wallet.
   */
  static falcon512(seed?: Uint8Array): QuidsPair {
    return new QuidsPair(Scheme.Falcon512, falcon512padded.keygen(seed));
  }

  /** A detached signature: 4627 bytes (ML-DSA-87, hedged, empty context) or 666 (Falcon-512). */
  sign(message: Uint8Array): Uint8Array {
    return libraries[this.scheme].sign(message, this.#secretKey);
  }
}

/** Whether `signature` is by the key over `message`; `false` also for anything of a wrong length. */
export function verify(scheme: Scheme, publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    return libraries[scheme].verify(signature, message, publicKey);
  } catch {
    return false;
  }
}

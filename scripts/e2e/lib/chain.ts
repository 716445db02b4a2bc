// A connection to a chain, and the few things that every test does with it.

import { ApiPromise, HttpProvider, WsProvider } from '@polkadot/api';
import type { SignerOptions, SubmittableExtrinsic } from '@polkadot/api/types';
import type { KeyringPair } from '@polkadot/keyring/types';
import type { EventRecord, Header } from '@polkadot/types/interfaces';
import type { Codec, IExtrinsicEra, ISubmittableResult } from '@polkadot/types/types';
import { type KeyPolicy, quids, QuidsSigner, type SigningKey } from '@quids/signer';
import { TestNode } from './node.ts';

/** One QDS. */
export const UNIT = 10n ** 18n;
/** What every account of the development chain starts with. */
export const ENDOWMENT = 1_000_000n * UNIT;

export type Tx = SubmittableExtrinsic<'promise', ISubmittableResult>;
export type Who = SigningKey | KeyringPair;

export interface SendOptions extends Omit<Partial<SignerOptions>, 'era' | 'genesisHash' | 'blockHash'> {
  /** Blocks to live, 0 for ever; an era of its own goes with its `blockHash`. By default about 64. */
  era?: number | IExtrinsicEra;
  genesisHash?: string;
  blockHash?: string;
  /** Whether the transaction carries the public key; by default as the signer finds it in state. */
  policy?: KeyPolicy;
  /** The account, where it is not the one the key derives. */
  account?: string;
}

/** What became of a transaction, once final. */
export interface Receipt {
  hash: string;
  blockHash: string;
  number: number;
  events: EventRecord[];
  /** The fee by its event, without the tip. */
  fee: bigint;
  /** `pallet.Error`, or the error's kind; undefined for a success. */
  error?: string;
}

export async function connect(url: string): Promise<ApiPromise> {
  const provider = url.startsWith('ws') ? new WsProvider(url) : new HttpProvider(url);
  return ApiPromise.create({ provider, ...quids, noInitWarn: true, throwOnConnect: true });
}

/** Rejects if `promise` takes longer. */
export async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing within ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Subscribes, settles as `judge` says, unsubscribes. */
async function watch<T, R>(
  subscribe: (see: (item: T) => void) => Promise<() => void>,
  judge: (item: T, resolve: (result: R) => void, reject: (error: Error) => void) => void,
): Promise<R> {
  let subscription: Promise<() => void> | undefined;
  try {
    return await new Promise<R>((resolve, reject) => {
      subscription = subscribe((item) => judge(item, resolve, reject));
      subscription.catch(reject);
    });
  } finally {
    subscription?.then((unsubscribe) => unsubscribe(), () => {});
  }
}

export class Chain {
  constructor(
    readonly node: TestNode,
    readonly api: ApiPromise,
  ) {}

  static async start(name: string): Promise<Chain> {
    const node = await TestNode.start(name);
    try {
      return new Chain(node, await within(20_000, 'connecting', connect(node.ws)));
    } catch (error) {
      await node.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.api.disconnect();
    await this.node.stop();
  }

  /** The account's state, now or at a block. */
  async account(address: string, at?: string): Promise<{ nonce: number; free: bigint }> {
    const { query } = at ? await this.api.at(at) : this.api;
    const { nonce, data } = (await query.system!.account!(address)).toJSON() as Record<string, any>;
    return { nonce: Number(nonce), free: BigInt(data.free) };
  }

  async free(address: string, at?: string): Promise<bigint> {
    return (await this.account(address, at)).free;
  }

  /** The key bound to an account, SCALE with its tag; undefined for none. */
  async boundKey(address: string): Promise<Uint8Array | undefined> {
    const key = await this.api.query.system!.keys!(address);
    return key.isEmpty ? undefined : key.toU8a().subarray(1);
  }

  async height(): Promise<number> {
    return (await this.api.rpc.chain.getHeader()).number.toNumber();
  }

  /** Waits until the best block's height is at least `height`. */
  async reach(height: number): Promise<Header> {
    const seen = watch<Header, Header>(
      (see) => this.api.rpc.chain.subscribeNewHeads(see),
      (header, resolve) => {
        if (header.number.toNumber() >= height) resolve(header);
      },
    );
    return within(60_000, `block ${height}`, seen);
  }

  transfer(to: string, amount: bigint): Tx {
    return this.api.tx.balances!.transferKeepAlive!(to, amount);
  }

  async sign(tx: Tx, who: Who, { policy, account, ...rest }: SendOptions = {}): Promise<Tx> {
    const options = rest as Partial<SignerOptions>;
    if ('addressRaw' in who) return tx.signAsync(who, options);
    const address = account ?? who.address;
    const signer = new QuidsSigner(this.api, policy).add(who, address);
    return tx.signAsync(address, { ...options, signer });
  }

  async send(tx: Tx, who: Who, options?: SendOptions): Promise<Receipt> {
    return this.submit(await this.sign(tx, who, options));
  }

  /** As `send`; the call must succeed. */
  async succeed(tx: Tx, who: Who, options?: SendOptions): Promise<Receipt> {
    const receipt = await this.send(tx, who, options);
    if (receipt.error) throw new Error(`${tx.method.section}.${tx.method.method} failed: ${receipt.error}`);
    return receipt;
  }

  /** Sends a signed transaction and waits until it is final; rejects if it cannot become so. */
  async submit(signed: Tx): Promise<Receipt> {
    const done = watch<ISubmittableResult, Receipt>(
      (see) => signed.send(see),
      (result, resolve, reject) => {
        if (result.isError) reject(new Error(`transaction ${result.status.type}`));
        else if (result.internalError) reject(result.internalError);
        else if (result.status.isFinalized) resolve(this.#receipt(result));
      },
    );
    return within(30_000, 'finality of a transaction', done);
  }

  #receipt(result: ISubmittableResult): Receipt {
    const { dispatchError, events, status, txHash } = result;
    const paid = events.find(({ event }) => event.method === 'TransactionFeePaid')?.event.data as unknown;
    let error: string | undefined;
    if (dispatchError?.isModule) {
      const { section, name } = this.api.registry.findMetaError(dispatchError.asModule);
      error = `${section}.${name}`;
    } else if (dispatchError) {
      error = dispatchError.isToken ? `Token.${dispatchError.asToken.type}` : dispatchError.type;
    }
    return {
      hash: txHash.toHex(),
      blockHash: status.asFinalized.toHex(),
      number: (result as { blockNumber?: { toNumber(): number } }).blockNumber?.toNumber() ?? -1,
      events,
      fee: BigInt((paid as { actualFee?: Codec } | undefined)?.actualFee?.toString() ?? -1),
      error,
    };
  }
}

/** `section.Method` of each event. */
export function names(events: EventRecord[]): string[] {
  return events.map(({ event }) => `${event.section}.${event.method}`);
}

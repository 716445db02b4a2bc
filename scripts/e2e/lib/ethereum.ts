// A chain as Ethereum's tools see it, and the few things that every test does with it: accounts, contracts, receipts.

import assert from 'node:assert/strict';
import { basename } from 'node:path';
import { after, before, describe } from 'node:test';
import {
  type Abi,
  type Account,
  type Address,
  BaseError,
  type Chain as ViemChain,
  createPublicClient,
  createWalletClient,
  decodeErrorResult,
  decodeEventLog,
  defineChain,
  encodeDeployData,
  encodeFunctionData,
  getAddress,
  type Hex,
  http,
  type HttpTransport,
  type PublicClient,
  toFunctionSignature,
  type TransactionReceipt,
  type WalletClient,
} from 'viem';
import { type HDAccount, mnemonicToAccount } from 'viem/accounts';
import { TEST_MNEMONIC } from '@quids/signer';
import { Anvil } from './anvil.ts';
import { TestNode } from './node.ts';
import { rpc, type RpcError } from './rpc.ts';
import type { Artifact } from './solidity.ts';

export const CHAIN_ID = 20_821;
/** Wei in one QDS. */
export const ETHER = 10n ** 18n;
/** Bound of one test and of each hook. */
export const TEST_MS_MAX = 60_000;
const RECEIPT_MS_MAX = 20_000;
const POLLING_MS = 40;

/** Whether a node of ours makes a block for each transaction, as tools expect of a development node, or at intervals. */
export type Sealing = 'instant' | 'interval';

/** What a test talks to. */
export interface Endpoint {
  http: string;
  ws: string;
  /** Whether it is a node of ours, as far as we can tell. */
  isQuids: boolean;
  stop(): Promise<void> | void;
}

/**
 * A development node of our own, unless `QUIDS_ETH_URL` names another endpoint with the same accounts and chain id;
 * `anvil` starts that.
 */
async function endpoint(name: string, sealing: Sealing): Promise<Endpoint> {
  const given = process.env.QUIDS_ETH_URL;
  if (given === 'anvil') {
    const anvil = await Anvil.start(['--steps-tracing']);
    return { http: anvil.http, ws: anvil.ws, isQuids: false, stop: () => anvil.stop() };
  }
  if (given) {
    const version = await rpc<string>(given, 'web3_clientVersion');
    const isQuids = /quids/i.test(version.result ?? '');
    return { http: given, ws: given.replace(/^http/, 'ws'), isQuids, stop: () => {} };
  }
  const node = await TestNode.start(name, sealing === 'instant' ? ['--sealing', 'instant'] : []);
  return { http: node.http, ws: node.ws, isQuids: true, stop: () => node.stop() };
}

/** What `deploy` and `write` may be told. */
export interface Sending {
  who?: Account;
  value?: bigint;
  gas?: bigint;
}

export class Ethereum {
  readonly chain: ViemChain;
  readonly public: PublicClient<HttpTransport, ViemChain>;

  constructor(readonly endpoint: Endpoint) {
    this.chain = defineChain({
      id: CHAIN_ID,
      name: 'Quids development',
      nativeCurrency: { name: 'QDS', symbol: 'QDS', decimals: 18 },
      rpcUrls: { default: { http: [endpoint.http], webSocket: [endpoint.ws] } },
    });
    this.public = createPublicClient({
      chain: this.chain,
      transport: http(endpoint.http, { retryCount: 0, timeout: RECEIPT_MS_MAX }),
      pollingInterval: POLLING_MS,
      cacheTime: 0,
    });
  }

  static async start(name: string, sealing: Sealing): Promise<Ethereum> {
    return new Ethereum(await endpoint(name, sealing));
  }

  /** Development account 0 to 9. */
  account(index: number): HDAccount {
    return mnemonicToAccount(TEST_MNEMONIC, { addressIndex: index });
  }

  wallet(account: Account = this.account(0)): WalletClient<HttpTransport, ViemChain, Account> {
    const transport = http(this.endpoint.http, { retryCount: 0, timeout: RECEIPT_MS_MAX });
    return createWalletClient({ chain: this.chain, transport, account });
  }

  /** Raw JSON-RPC; rejects with the node's error. */
  async rpc<T = unknown>(method: string, ...params: unknown[]): Promise<T> {
    const { result, error } = await rpc<T>(this.endpoint.http, method, params);
    if (error) throw new Error(`${method}: ${JSON.stringify(error)}`);
    return result as T;
  }

  /** Raw JSON-RPC that must fail: its error. */
  async refused(method: string, ...params: unknown[]): Promise<RpcError> {
    const { result, error } = await rpc(this.endpoint.http, method, params);
    assert.ok(error, `${method} was accepted: ${JSON.stringify(result)}`);
    return error;
  }

  receipt(hash: Hex): Promise<TransactionReceipt> {
    return this.public.waitForTransactionReceipt({ hash, timeout: RECEIPT_MS_MAX, confirmations: 1 });
  }

  /** Sends, and waits for the receipt of a success. */
  async send(to: Address | undefined, data: Hex | undefined, { who, value, gas }: Sending = {}): Promise<TransactionReceipt> {
    const hash = await this.wallet(who).sendTransaction({ to, data, value, gas });
    const receipt = await this.receipt(hash);
    assert.equal(receipt.status, 'success', `transaction ${hash} failed`);
    return receipt;
  }

  async deploy({ abi, bytecode }: Artifact, args: unknown[] = [], sending?: Sending): Promise<Contract> {
    const data = encodeDeployData({ abi, bytecode, args });
    const { contractAddress } = await this.send(undefined, data, sending);
    return this.contract(abi, contractAddress!);
  }

  contract(abi: Abi, address: Address): Contract {
    return new Contract(this, abi, getAddress(address));
  }
}

/** A deployed contract. Its types are those the test names: ABIs come from the compiler at run time. */
export class Contract {
  constructor(
    readonly ethereum: Ethereum,
    readonly abi: Abi,
    readonly address: Address,
  ) {}

  /** Input of a call; the name may be a signature where it is overloaded. */
  data(name: string, ...args: unknown[]): Hex {
    const [functionName = ''] = name.split('(');
    const abi = name === functionName ? this.abi : this.abi.filter((item) => item.type === 'function' && toFunctionSignature(item) === name);
    return encodeFunctionData({ abi, functionName, args });
  }

  async read<T = unknown>(functionName: string, ...args: unknown[]): Promise<T> {
    const { address, abi } = this;
    return (await this.ethereum.public.readContract({ address, abi, functionName, args })) as T;
  }

  /** Sends, and waits for the receipt of a success. If it cannot be, rejects with the name of the contract's error. */
  async write(name: string, args: unknown[] = [], sending?: Sending): Promise<TransactionReceipt> {
    try {
      return await this.ethereum.send(this.address, this.data(name, ...args), sending);
    } catch (error) {
      throw new Error(`${name}: ${this.reason(error)}`);
    }
  }

  /** Why the node did not take a transaction; viem's own messages hold all of its data. */
  private reason(error: unknown): string {
    if (!(error instanceof BaseError)) return String(error);
    const cause = error.walk((cause) => typeof (cause as { data?: unknown }).data === 'string') as { data: Hex } | null;
    try {
      const { errorName, args } = decodeErrorResult({ abi: this.abi, data: cause!.data });
      return `${errorName}(${args?.join(', ') ?? ''})`;
    } catch {
      return `${error.details.slice(0, 500)} ${cause?.data ?? ''}`;
    }
  }

  /** The arguments of each event of that name that the contract logged in a transaction. */
  events(receipt: TransactionReceipt, eventName: string): Record<string, unknown>[] {
    return receipt.logs
      .filter(({ address }) => address.toLowerCase() === this.address.toLowerCase())
      .map(({ data, topics }) => decodeEventLog({ abi: this.abi, data, topics, strict: false }))
      .filter((event) => event.eventName === eventName)
      .map((event) => event.args as unknown as Record<string, unknown>);
  }
}

/** A test file's frame: one endpoint, started before its tests and ended after them. */
export function ethereumSuite(
  file: string,
  define: (ethereum: () => Ethereum) => void,
  sealing: Sealing = 'instant',
): void {
  const name = basename(file, '.test.ts');
  let ethereum: Ethereum | undefined;
  describe(name, () => {
    before(async () => (ethereum = await Ethereum.start(name, sealing)), { timeout: TEST_MS_MAX });
    after(async () => ethereum?.endpoint.stop(), { timeout: TEST_MS_MAX });
    define(() => {
      if (!ethereum) throw new Error('the node did not start');
      return ethereum;
    });
  });
}

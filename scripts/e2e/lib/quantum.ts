// Post-quantum accounts in the EVM: keys that JavaScript can sign with, and their transactions of type 0x71.

import assert from 'node:assert/strict';
import { bytesToHex, concat, type Hex, hexToBytes, type TransactionReceipt } from 'viem';
import { QuidsPair, signQuantumTransaction, type SigningKey } from '@quids/signer';
import { type Artifact } from './solidity.ts';
import { type Contract, ETHER, type Ethereum } from './ethereum.ts';
import { encodeDeployData } from 'viem';

export interface QuantumSending {
  value?: bigint;
  gas?: bigint;
  withKey?: boolean;
}

/** The scheme's tag and a key's signature, as `qVerify(address,bytes,bytes)` takes it. */
export async function tagged(key: SigningKey, message: Hex): Promise<Hex> {
  return concat([tag(key), bytesToHex(await key.sign(hexToBytes(message)))]);
}

/** The scheme's tag and the public key. */
export function taggedKey(key: SigningKey): Hex {
  return concat([tag(key), bytesToHex(key.publicKey)]);
}

export function tag({ scheme }: SigningKey): Hex {
  return `0x0${scheme}`;
}

/** An account with a key and some funds. */
export class QuantumAccount {
  #isBound = false;

  constructor(
    readonly ethereum: Ethereum,
    readonly key: SigningKey,
  ) {}

  static async funded(ethereum: Ethereum, scheme: 'mlDsa87' | 'falcon512', value = 10n * ETHER): Promise<QuantumAccount> {
    const account = new QuantumAccount(ethereum, QuidsPair[scheme]());
    await ethereum.send(account.address, undefined, { value });
    return account;
  }

  get address(): Hex {
    return this.key.address as Hex;
  }

  /** A signed transaction with what it leaves out filled in: the next nonce, fees, an estimate of gas. */
  async signed(to: Hex | undefined, data: Hex = '0x', { value = 0n, gas, withKey = !this.#isBound }: QuantumSending = {}): Promise<Hex> {
    const { public: client } = this.ethereum;
    const { maxFeePerGas, maxPriorityFeePerGas } = await client.estimateFeesPerGas();
    const signature = { type: '0x71', scheme: `0x${this.key.scheme}`, withKey };
    const request = { ...signature, from: this.address, to, data, value: `0x${value.toString(16)}` };
    const fields = {
      chainId: this.ethereum.chain.id,
      nonce: await client.getTransactionCount({ address: this.address }),
      maxFeePerGas,
      maxPriorityFeePerGas,
      gas: gas ?? BigInt(await this.ethereum.rpc<Hex>('eth_estimateGas', request)),
      to,
      data,
      value,
    };
    return (await signQuantumTransaction(this.key, fields, { withKey })).raw;
  }

  /** Sends, and waits for the receipt of a success. */
  async send(to: Hex | undefined, data?: Hex, sending?: QuantumSending): Promise<TransactionReceipt> {
    const hash = await this.ethereum.rpc<Hex>('eth_sendRawTransaction', await this.signed(to, data, sending));
    const receipt = await this.ethereum.receipt(hash);
    assert.equal(receipt.status, 'success', `transaction ${hash} failed`);
    this.#isBound = true;
    return receipt;
  }

  async deploy({ abi, bytecode }: Artifact, args: unknown[] = [], sending?: QuantumSending): Promise<Contract> {
    const { contractAddress } = await this.send(undefined, encodeDeployData({ abi, bytecode, args }), sending);
    return this.ethereum.contract(abi, contractAddress!);
  }

  async sign(message: Hex): Promise<Hex> {
    return tagged(this.key, message);
  }
}

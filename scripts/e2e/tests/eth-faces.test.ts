// One chain with two faces: what @polkadot/api does is seen by Ethereum's tools, and the other way round.

import assert from 'node:assert/strict';
import { before, it } from 'node:test';
import { u8aToHex } from '@polkadot/util';
import { devPair, ethereumPair, provePossession, QuidsPair, signQuantumTransaction } from '@quids/signer';
import {
  concat,
  decodeErrorResult,
  encodeDeployData,
  getContractAddress,
  type Hex,
  keccak256,
  numberToHex,
  pad,
  stringToHex,
  type TransactionReceipt,
} from 'viem';
import { names, UNIT } from '../lib/chain.ts';
import { CHAIN_ID, type Contract, Ethereum } from '../lib/ethereum.ts';
import { compile } from '../lib/solidity.ts';
import { suite } from '../lib/suite.ts';

const { Probe } = compile('solidity/Probe.sol');
const GAS = 3_000_000n;
const [alice, bob] = ['alice', 'bob'].map(devPair) as [QuidsPair, QuidsPair];

suite(import.meta.filename, (chain) => {
  let ethereum: Ethereum;
  before(() => {
    const { http, ws } = chain().node;
    ethereum = new Ethereum({ http, ws, isQuids: true, stop: () => {} });
  });

  const qevm = () => chain().api.tx.qevm!;
  const balance = (address: string) => ethereum.public.getBalance({ address: address as Hex });
  /** The receipt of a call by a signed extrinsic, whose hash is made of account and nonce. */
  const receiptOf = (account: string, nonce: number): Promise<TransactionReceipt> => {
    const name = concat([stringToHex('quids 2026 qevm signed call v1'), account as Hex, numberToHex(nonce, { size: 8 })]);
    return ethereum.public.getTransactionReceipt({ hash: keccak256(name) });
  };

  let probe: Contract;

  it('a signed extrinsic deploys, by CREATE and by CREATE2', async () => {
    const data = encodeDeployData({ ...Probe!, args: [5n] });
    const { nonce } = await chain().account(alice.address);
    const created = await chain().succeed(qevm().create!(9n, data, GAS), alice);
    assert.ok(names(created.events).includes('qevm.Executed'), names(created.events).join());
    const address = getContractAddress({ from: alice.address as Hex, nonce: BigInt(nonce) });
    probe = ethereum.contract(Probe!.abi, address);
    assert.equal(await probe.read('count'), 5n);
    assert.equal(await balance(address), 9n);
    const receipt = await receiptOf(alice.address, nonce);
    assert.equal(receipt.status, 'success');
    assert.equal(receipt.contractAddress?.toLowerCase(), address.toLowerCase());

    const salt = pad('0x07');
    await chain().succeed(qevm().create2!(0n, data, salt, GAS), alice);
    const second = getContractAddress({ opcode: 'CREATE2', from: alice.address as Hex, salt, bytecode: data });
    assert.equal(await ethereum.contract(Probe!.abi, second).read('count'), 5n);
    assert.equal((await chain().account(alice.address)).nonce, nonce + 2, 'each counts once');
  });

  it('a signed extrinsic calls; its logs, receipt and trace are as of any transaction', async () => {
    const { nonce } = await chain().account(alice.address);
    const done = await chain().succeed(qevm().call!(probe.address, 2n, probe.data('increment', 'scale'), GAS), alice);
    const receipt = await receiptOf(alice.address, nonce);
    assert.equal(receipt.blockHash, done.blockHash);
    const [event] = probe.events(receipt, 'Counted');
    assert.equal((event?.who as Hex).toLowerCase(), alice.address.toLowerCase());
    const logs = await ethereum.public.getLogs({ address: probe.address, fromBlock: receipt.blockNumber, toBlock: receipt.blockNumber });
    assert.equal(logs.length, 1);
    assert.equal(logs[0]!.transactionHash, receipt.transactionHash);
    const tx = await ethereum.rpc<Record<string, any>>('eth_getTransactionByHash', receipt.transactionHash);
    assert.equal(tx.from, alice.address.toLowerCase());
    assert.equal(tx.input, probe.data('increment', 'scale'));
    const trace = await ethereum.rpc<Record<string, any>>('debug_traceTransaction', receipt.transactionHash, { tracer: 'callTracer' });
    assert.equal(trace.to.toLowerCase(), probe.address.toLowerCase());
    assert.equal(trace.input, tx.input);
  });

  it('a call that reverts fails as an extrinsic and leaves nothing', async () => {
    const before = await probe.read('count');
    const call = (data: Hex, gas = GAS) => chain().send(qevm().call!(probe.address, 0n, data, gas), alice);
    assert.equal((await call(probe.data('failCustom', 11n))).error, 'qevm.Reverted');
    assert.equal((await call(probe.data('failInvalid'), 100_000n)).error, 'qevm.Halted');
    assert.equal((await call(probe.data('increment', 'x'), 1_000n)).error, 'qevm.Invalid');
    assert.equal((await chain().send(qevm().transact!('0x1234'), alice)).error, 'qevm.NotBare');
    assert.equal(await probe.read('count'), before);
    const refused = await ethereum.refused('eth_call', { to: probe.address, data: probe.data('failCustom', 11n) });
    assert.equal(decodeErrorResult({ abi: probe.abi, data: refused.data as Hex }).errorName, 'TooMuch');
  });

  it('balances and nonces are one', async () => {
    const who = ethereum.account(1);
    const before = await chain().free(bob.address);
    assert.equal(await balance(bob.address), before);
    await ethereum.send(bob.address as Hex, undefined, { who, value: UNIT });
    assert.equal(await chain().free(bob.address), before + UNIT);
    const { nonce } = await chain().account(who.address);
    await chain().succeed(chain().transfer(bob.address, UNIT), ethereumPair(1));
    assert.equal(await ethereum.public.getTransactionCount({ address: who.address }), nonce + 1);
    assert.equal(await balance(bob.address), before + 2n * UNIT);
    await ethereum.send(bob.address as Hex, undefined, { who });
    assert.equal((await chain().account(who.address)).nonce, nonce + 2);
  });

  it('an Ethereum block is a block of the chain', async () => {
    const block = await ethereum.public.getBlock({ blockTag: 'finalized' });
    assert.equal((await chain().api.rpc.chain.getBlockHash(block.number)).toHex(), block.hash);
    const header = await chain().api.rpc.chain.getHeader(block.hash!);
    assert.equal(header.parentHash.toHex(), block.parentHash);
    assert.equal(header.stateRoot.toHex(), block.stateRoot);
    const now = await (await chain().api.at(block.hash!)).query.timestamp!.now!();
    assert.equal(BigInt(now.toString()) / 1000n, block.timestamp);
  });

  it('an account that binds a post-quantum key is done with ECDSA, and keeps its address', async () => {
    const who = ethereum.account(2);
    const key = QuidsPair.falcon512();
    const [publicKey, proof] = await provePossession(key, who.address, chain().api.genesisHash);
    await chain().succeed(chain().api.tx.system!.bindKey!(publicKey, proof), ethereumPair(2));
    await assert.rejects(ethereum.send(bob.address as Hex, undefined, { who }), /scheme|key|ecdsa|secp256k1/i);
    const fields = {
      chainId: CHAIN_ID,
      nonce: await ethereum.public.getTransactionCount({ address: who.address }),
      gas: 100_000n,
      maxFeePerGas: 10n ** 11n,
      maxPriorityFeePerGas: 1n,
      to: bob.address,
      value: 1n,
    };
    const { raw, hash } = await signQuantumTransaction(key, fields, { withKey: false, sender: who.address });
    assert.equal(await ethereum.rpc('eth_sendRawTransaction', raw), hash);
    const receipt = await ethereum.receipt(hash);
    assert.equal(receipt.status, 'success');
    assert.equal(receipt.from.toLowerCase(), who.address.toLowerCase());
    assert.equal(u8aToHex((await chain().boundKey(who.address))!.subarray(0, 1)), '0x01');
  });

  it('an Ethereum transaction is an extrinsic of its block', async () => {
    const receipt = await probe.write('increment', ['extrinsic'], { who: ethereum.account(3) });
    const { block } = await chain().api.rpc.chain.getBlock(receipt.blockHash);
    const ours = block.extrinsics.filter(({ method }) => `${method.section}.${method.method}` === 'qevm.transact');
    assert.equal(ours.length, 1);
    assert.equal(ours[0]!.isSigned, false);
    const raw = await ethereum.rpc<Hex>('eth_getRawTransactionByHash', receipt.transactionHash);
    assert.equal(ours[0]!.method.args[0]!.toHex(), raw);
    const events = await (await chain().api.at(receipt.blockHash)).query.system!.events!();
    assert.ok(names(events as never).includes('qevm.Executed'));
  });
});

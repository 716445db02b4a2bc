// viem: every kind of transaction, contracts, logs over HTTP and WebSocket, blocks and fees.

import assert from 'node:assert/strict';
import { before, it } from 'node:test';
import {
  createPublicClient,
  encodeFunctionData,
  getContractAddress,
  type Hex,
  keccak256,
  type Log,
  parseEventLogs,
  parseTransaction,
  recoverTransactionAddress,
  webSocket,
} from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { within } from '../lib/chain.ts';
import { CHAIN_ID, type Contract, ETHER, ethereumSuite } from '../lib/ethereum.ts';
import { compile } from '../lib/solidity.ts';

const { Probe, Batch } = compile('solidity/Probe.sol');
const LOGS_MS_MAX = 15_000;

ethereumSuite(import.meta.filename, (ethereum) => {
  let probe: Contract;

  before(async () => {
    probe = await ethereum().deploy(Probe!, [41n], { value: 5n });
  });

  it('says what chain it is', async () => {
    const { public: client } = ethereum();
    assert.equal(await client.getChainId(), CHAIN_ID);
    assert.equal(await ethereum().rpc('net_version'), `${CHAIN_ID}`);
    assert.equal(await ethereum().rpc('net_listening'), true);
    assert.match(await ethereum().rpc('web3_clientVersion'), /\/v?\d+\./);
    assert.equal(await ethereum().rpc('web3_sha3', '0x616263'), keccak256('0x616263'));
    assert.equal(await ethereum().rpc('eth_syncing'), false);
    assert.ok((await client.getBalance({ address: ethereum().account(9).address })) >= 1000n * ETHER);
  });

  it('deploys where it should, with code and value', async () => {
    const { public: client } = ethereum();
    const who = ethereum().account(0).address;
    const nonce = await client.getTransactionCount({ address: who });
    const made = await ethereum().deploy(Probe!, [1n]);
    assert.equal(made.address.toLowerCase(), getContractAddress({ from: who, nonce: BigInt(nonce) }).toLowerCase());
    assert.ok((await client.getCode({ address: made.address }))!.length > 1000);
    assert.equal(await client.getCode({ address: generated() }), undefined);
    assert.equal(await client.getBalance({ address: probe.address }), 5n);
    assert.equal(await client.getStorageAt({ address: made.address, slot: '0x0' }), `0x${'1'.padStart(64, '0')}`);
  });

  const kinds: [name: string, type: 'legacy' | 'eip2930' | 'eip1559', hex: Hex][] = [
    ['legacy', 'legacy', '0x0'],
    ['EIP-2930', 'eip2930', '0x1'],
    ['EIP-1559', 'eip1559', '0x2'],
  ];
  for (const [name, type, hex] of kinds) {
    it(`sends a ${name} transaction and shows it the same everywhere`, async () => {
      const { public: client } = ethereum();
      const who = ethereum().account(1);
      const accessList = type === 'legacy' ? undefined : [{ address: probe.address, storageKeys: [`0x${'0'.repeat(64)}`] }];
      const request = await ethereum().wallet(who).prepareTransactionRequest({
        to: probe.address,
        data: probe.data('increment', name),
        value: 7n,
        type,
        accessList,
      } as never);
      const raw = await ethereum().wallet(who).signTransaction(request as never);
      const hash = await client.sendRawTransaction({ serializedTransaction: raw });
      assert.equal(hash, keccak256(raw));
      const receipt = await ethereum().receipt(hash);
      assert.equal(receipt.status, 'success');
      assert.equal(receipt.type, type);
      assert.equal(receipt.from.toLowerCase(), who.address.toLowerCase());
      const [event] = probe.events(receipt, 'Counted');
      assert.equal(event?.note, name);

      const tx = await ethereum().rpc<Record<string, any>>('eth_getTransactionByHash', hash);
      assert.equal(tx.type, hex);
      assert.equal(BigInt(tx.value), 7n);
      assert.equal(BigInt(tx.chainId), BigInt(CHAIN_ID));
      assert.equal(tx.blockHash, receipt.blockHash);
      assert.equal(tx.input, probe.data('increment', name));
      assert.deepEqual(
        tx.accessList?.map((item: any) => item.address.toLowerCase()),
        accessList?.map((item) => item.address.toLowerCase()),
      );
      const byIndex = [
        await ethereum().rpc('eth_getTransactionByBlockHashAndIndex', tx.blockHash, tx.transactionIndex),
        await ethereum().rpc('eth_getTransactionByBlockNumberAndIndex', tx.blockNumber, tx.transactionIndex),
      ];
      for (const same of byIndex) assert.deepEqual(same, tx);
      const block = await client.getBlock({ blockHash: receipt.blockHash, includeTransactions: true });
      assert.equal(block.transactions[receipt.transactionIndex]?.hash, hash);
      assert.ok(block.gasUsed >= receipt.gasUsed && block.baseFeePerGas !== null);
      assert.ok(receipt.effectiveGasPrice >= block.baseFeePerGas!);
      const receipts = await ethereum().rpc<any[]>('eth_getBlockReceipts', tx.blockNumber);
      assert.equal(receipts[receipt.transactionIndex]?.transactionHash, hash);
      assert.equal(await recoverTransactionAddress({ serializedTransaction: raw as never }), who.address);
      assert.equal(parseTransaction(raw).nonce, Number(tx.nonce));
    });
  }

  it('runs an account with code of its own (EIP-7702), and takes it back', async () => {
    const { public: client } = ethereum();
    const batch = await ethereum().deploy(Batch!);
    const eoa = privateKeyToAccount(generatePrivateKey());
    await ethereum().send(eoa.address, undefined, { value: ETHER });
    const wallet = ethereum().wallet(eoa);
    const delegate = async (to: Hex) => {
      const authorization = await wallet.signAuthorization({ contractAddress: to, executor: 'self' });
      const calls = [
        { to: probe.address, value: 0n, data: probe.data('increment', 'batched') },
        { to: batch.address, value: 3n, data: '0x' },
      ];
      const data = encodeFunctionData({ abi: Batch!.abi, functionName: 'execute', args: [calls.slice(0, 1)] });
      const hash = await wallet.sendTransaction({
        to: eoa.address,
        data: to === batch.address ? data : undefined,
        authorizationList: [authorization],
        gas: 500_000n,
      });
      return ethereum().receipt(hash);
    };
    const receipt = await delegate(batch.address);
    assert.equal(receipt.status, 'success');
    assert.equal(receipt.type, 'eip7702');
    const logs = parseEventLogs({ abi: [...Batch!.abi, ...Probe!.abi], logs: receipt.logs });
    assert.deepEqual(logs.map(({ eventName }) => eventName), ['Counted', 'Executed']);
    assert.equal(await client.getCode({ address: eoa.address }), `0xef0100${batch.address.slice(2).toLowerCase()}`);
    const tx = await ethereum().rpc<Record<string, any>>('eth_getTransactionByHash', receipt.transactionHash);
    assert.equal(tx.type, '0x4');
    assert.equal(tx.authorizationList[0].address.toLowerCase(), batch.address.toLowerCase());
    assert.equal((await delegate(`0x${'0'.repeat(40)}`)).status, 'success');
    assert.equal(await client.getCode({ address: eoa.address }), undefined);
  });

  it('finds logs by address, topic and range, and bounds the range', async () => {
    const { public: client } = ethereum();
    const first = await probe.write('emitMany', [100n, 5n]);
    const second = await probe.write('emitMany', [200n, 5n]);
    const numbered = Probe!.abi.filter((item) => item.type === 'event' && item.name === 'Numbered')[0] as any;
    const range = { fromBlock: first.blockNumber, toBlock: second.blockNumber };
    const all = await client.getLogs({ address: probe.address, event: numbered, ...range });
    assert.deepEqual(
      all.map((log: any) => log.args.number),
      [100n, 101n, 102n, 103n, 104n, 200n, 201n, 202n, 203n, 204n],
    );
    const some = await client.getLogs({ address: probe.address, event: numbered, args: { number: [101n, 203n] }, ...range } as never);
    assert.equal(some.length, 2);
    const bloomed = await client.getLogs({ address: probe.address, blockHash: second.blockHash });
    assert.equal(bloomed.length, 5);
    assert.deepEqual(bloomed.map(({ logIndex }) => logIndex), second.logs.map(({ logIndex }) => logIndex));
    assert.equal((await client.getLogs({ address: generated(), ...range })).length, 0);
    if (ethereum().endpoint.isQuids) {
      assert.match((await ethereum().refused('eth_getLogs', { fromBlock: '0x2', toBlock: '0x1' })).message, /range/);
    }
  });

  it('serves filters over HTTP', async () => {
    const { public: client } = ethereum();
    const events = await client.createContractEventFilter({ abi: Probe!.abi, address: probe.address, eventName: 'Numbered' } as never);
    const blocks = await client.createBlockFilter();
    const { blockHash } = await probe.write('emitMany', [300n, 3n]);
    const changes = (await client.getFilterChanges({ filter: events as any })) as any[];
    assert.deepEqual(changes.map(({ args }) => args.number), [300n, 301n, 302n]);
    assert.equal(((await client.getFilterChanges({ filter: events as any })) as unknown[]).length, 0);
    assert.ok(((await client.getFilterChanges({ filter: blocks })) as Hex[]).includes(blockHash));
    const logs = (await client.getFilterLogs({ filter: events as any })) as unknown[];
    assert.equal(logs.length, 3);
    assert.equal(await client.uninstallFilter({ filter: events }), true);
    assert.equal(await client.uninstallFilter({ filter: events }), false);
    await assert.rejects(client.getFilterChanges({ filter: events as any }), /filter not found|not found/i);
  });

  it('pushes blocks, logs and pending transactions over WebSocket', async () => {
    const client = createPublicClient({ chain: ethereum().chain, transport: webSocket(ethereum().endpoint.ws, { reconnect: false }) });
    const logs: Log[] = [];
    const pending: Hex[] = [];
    const blocks = new Map<bigint, Hex>();
    let wake = () => {};
    const ends = [
      client.watchBlocks({ onBlock: (block) => (blocks.set(block.number!, block.hash!), wake()) }),
      client.watchEvent({ address: probe.address, onLogs: (more) => (logs.push(...more), wake()) }),
      client.watchPendingTransactions({ onTransactions: (more) => (pending.push(...more), wake()) }),
    ];
    try {
      // Subscriptions are requests of their own, and this one comes after them.
      await client.getBlockNumber();
      const receipt = await probe.write('emitMany', [400n, 2n]);
      const seen = async () => {
        while (logs.length < 2 || !blocks.has(receipt.blockNumber) || !pending.includes(receipt.transactionHash)) {
          await new Promise<void>((resolve) => (wake = resolve));
        }
      };
      await within(LOGS_MS_MAX, 'notifications', seen());
      assert.deepEqual(logs.map(({ transactionHash }) => transactionHash), [receipt.transactionHash, receipt.transactionHash]);
      assert.equal(blocks.get(receipt.blockNumber), receipt.blockHash);
    } finally {
      for (const end of ends) end();
      (await client.transport.getRpcClient()).close();
    }
  });

  it('answers about fees', async () => {
    const { public: client } = ethereum();
    const history = await client.getFeeHistory({ blockCount: 3, rewardPercentiles: [25, 75] });
    assert.equal(history.baseFeePerGas.length, history.gasUsedRatio.length + 1);
    assert.equal(history.reward!.length, history.gasUsedRatio.length);
    assert.ok(history.reward!.every((row) => row.length === 2));
    assert.ok(history.gasUsedRatio.every((ratio) => ratio >= 0 && ratio <= 1));
    const fees = await client.estimateFeesPerGas();
    assert.ok(fees.maxFeePerGas! > 0n);
    assert.ok((await client.getGasPrice()) >= history.baseFeePerGas.at(-1)!);
    assert.ok((await client.estimateMaxPriorityFeePerGas()) >= 0n);
    if (ethereum().endpoint.isQuids) {
      assert.match((await ethereum().refused('eth_feeHistory', '0x1', 'latest', [75, 25])).message, /percentile/i);
    }
  });

  it('knows blocks by number, hash and tag', async () => {
    const { public: client } = ethereum();
    const latest = await client.getBlock();
    assert.deepEqual(await client.getBlock({ blockHash: latest.hash }), latest);
    for (const blockTag of ['earliest', 'safe', 'finalized', 'pending'] as const) {
      assert.ok((await client.getBlock({ blockTag })).number !== undefined, blockTag);
    }
    assert.equal((await client.getBlock({ blockTag: 'earliest' })).number, 0n);
    const parent = await client.getBlock({ blockNumber: latest.number - 1n });
    assert.equal(parent.hash, latest.parentHash);
    assert.ok(parent.timestamp <= latest.timestamp);
    assert.equal(await ethereum().rpc('eth_getBlockByNumber', '0xffffff', false), null);
    assert.equal(await ethereum().rpc('eth_getTransactionByHash', `0x${'12'.repeat(32)}`), null);
    assert.equal(await ethereum().rpc('eth_getTransactionReceipt', `0x${'12'.repeat(32)}`), null);
    // The opcode and the block say the same.
    assert.equal(await probe.read('blockHash', parent.number), parent.hash);
    const [chainId, , , , gasLimit] = await probe.read<unknown[]>('environment');
    assert.equal(chainId, BigInt(CHAIN_ID));
    assert.equal(gasLimit, latest.gasLimit);
  });

  it('calls old state', async () => {
    const { public: client } = ethereum();
    const before = await probe.read<bigint>('count');
    const { blockNumber } = await probe.write('increment', ['later']);
    const at = (block: bigint) =>
      client.readContract({ address: probe.address, abi: probe.abi, functionName: 'count', blockNumber: block });
    assert.equal(await at(blockNumber - 1n), before);
    assert.equal(await at(blockNumber), before + 1n);
  });

  it('runs many transactions of one account in the order of their nonces', async () => {
    const who = ethereum().account(2);
    const { public: client } = ethereum();
    const wallet = ethereum().wallet(who);
    const start = await client.getTransactionCount({ address: who.address });
    const count = 20;
    const hashes = await Promise.all(
      Array.from({ length: count }, (_, i) => {
        const data = probe.data('increment', `${i}`);
        return wallet.sendTransaction({ to: probe.address, data, nonce: start + i, gas: 200_000n });
      }),
    );
    const receipts = await Promise.all(hashes.map((hash) => ethereum().receipt(hash)));
    const order = receipts.map(({ blockNumber, transactionIndex }) => Number(blockNumber) * 1000 + transactionIndex);
    assert.deepEqual(order, [...order].sort((a, b) => a - b));
    assert.equal(await client.getTransactionCount({ address: who.address }), start + count);
  });
}, 'interval');

/** An address that nobody has. */
function generated(): Hex {
  return privateKeyToAccount(generatePrivateKey()).address;
}

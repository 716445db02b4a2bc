// ethers: providers of both kinds, wallets, contracts, events, errors.

import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { Contract, ContractFactory, type EventLog, HDNodeWallet, isCallException, JsonRpcProvider, JsonRpcSigner, Mnemonic, verifyMessage, verifyTypedData, WebSocketProvider } from 'ethers';
import { TEST_MNEMONIC } from '@quids/signer';
import { within } from '../lib/chain.ts';
import { CHAIN_ID, ethereumSuite } from '../lib/ethereum.ts';
import { compile } from '../lib/solidity.ts';

const { Probe } = compile('solidity/Probe.sol');
const EVENT_MS_MAX = 15_000;

ethereumSuite(import.meta.filename, (ethereum) => {
  let provider: JsonRpcProvider;
  let wallet: HDNodeWallet;
  let probe: Contract;

  before(async () => {
    provider = new JsonRpcProvider(ethereum().endpoint.http, CHAIN_ID, { staticNetwork: true, pollingInterval: 50, cacheTimeout: -1 });
    const mnemonic = Mnemonic.fromPhrase(TEST_MNEMONIC);
    wallet = HDNodeWallet.fromMnemonic(mnemonic, "m/44'/60'/0'/0/2").connect(provider);
    const deployed = await new ContractFactory(Probe!.abi as never, Probe!.bytecode, wallet).deploy(3n);
    await deployed.waitForDeployment();
    probe = new Contract(await deployed.getAddress(), Probe!.abi as never, wallet);
  });
  after(() => provider?.destroy());

  it('finds the network and its fees', async () => {
    const fresh = new JsonRpcProvider(ethereum().endpoint.http);
    assert.equal((await fresh.getNetwork()).chainId, BigInt(CHAIN_ID));
    fresh.destroy();
    const { gasPrice, maxFeePerGas } = await provider.getFeeData();
    assert.ok(gasPrice !== null && maxFeePerGas !== null && maxFeePerGas > 0n);
  });

  it('sends, waits and reads, by every type of transaction', async () => {
    for (const type of [0, 1, 2]) {
      const response = await probe.getFunction('increment').send('ethers', { type, value: 1n });
      const receipt = (await response.wait(1, 20_000))!;
      assert.equal(receipt.status, 1);
      assert.equal(receipt.type, type);
      const [log] = receipt.logs as EventLog[];
      assert.equal(log!.args.note, 'ethers');
      assert.equal((await provider.getTransaction(response.hash))?.from, wallet.address);
    }
    assert.equal(await probe.getFunction('count')(), 6n);
    const found = (await probe.queryFilter('Counted', 0)) as EventLog[];
    assert.deepEqual(found.map(({ args }) => args.count), [4n, 5n, 6n]);
    const block = await provider.getBlock(found.at(-1)!.blockHash, true);
    assert.equal(block!.prefetchedTransactions.at(found.at(-1)!.transactionIndex)!.hash, found.at(-1)!.transactionHash);
  });

  it('names custom errors, reasons and panics', async () => {
    const fail = (name: string, ...args: unknown[]) =>
      probe.getFunction(name).staticCall(...args).then(() => assert.fail('it succeeded'), (error: unknown) => error);
    const custom = await fail('failCustom', 11n);
    assert.ok(isCallException(custom));
    assert.equal(custom.revert?.name, 'TooMuch');
    assert.deepEqual([...custom.revert!.args], [11n, 10n]);
    const text = await fail('failText');
    assert.ok(isCallException(text));
    assert.equal(text.reason, 'for a reason');
    const panic = await fail('failPanic', 0n);
    assert.ok(isCallException(panic));
    assert.match(panic.reason ?? '', /Panic|DIVIDE_BY_ZERO/);
  });

  it('tells nonce and funds errors apart', async () => {
    const nonce = await wallet.getNonce();
    await assert.rejects(wallet.sendTransaction({ to: wallet.address, nonce: nonce - 1, gasLimit: 21_000n }), { code: 'NONCE_EXPIRED' });
    const stranger = HDNodeWallet.createRandom().connect(provider);
    await assert.rejects(stranger.sendTransaction({ to: wallet.address, value: 1n, gasLimit: 21_000n }), { code: 'INSUFFICIENT_FUNDS' });
  });

  it('lets the node sign for its accounts', async () => {
    const signer = await provider.getSigner(3);
    assert.equal(signer.address, (await provider.listAccounts())[3]!.address);
    const deployed = await new ContractFactory(Probe!.abi as never, Probe!.bytecode, signer).deploy(1n);
    await deployed.waitForDeployment();
    const response = await (deployed as Contract).getFunction('increment').send('node', { value: 2n });
    assert.equal((await response.wait(1, 20_000))!.from, signer.address);
    assert.equal(await (deployed as Contract).getFunction('count')(), 2n);
    assert.equal(verifyMessage('a message', await signer.signMessage('a message')), signer.address);
    const domain = { name: 'Quids', chainId: CHAIN_ID, verifyingContract: await deployed.getAddress() };
    const types = { Order: [{ name: 'to', type: 'address' }, { name: 'amounts', type: 'uint256[]' }] };
    const order = { to: wallet.address, amounts: [1n, 2n ** 255n] };
    const signature = await signer.signTypedData(domain, types, order);
    assert.equal(verifyTypedData(domain, types, order, signature), signer.address);
    const stranger = new JsonRpcSigner(provider, HDNodeWallet.createRandom().address);
    await assert.rejects(stranger.sendTransaction({ to: wallet.address, gasLimit: 21_000n }), /unknown account/);
  });

  it('hears events and blocks over WebSocket', async () => {
    const socket = new WebSocketProvider(ethereum().endpoint.ws, CHAIN_ID, { staticNetwork: true });
    try {
      const heard = new Contract(await probe.getAddress(), Probe!.abi as never, socket);
      const blocks: number[] = [];
      await socket.on('block', (number: number) => blocks.push(number));
      const event = new Promise<bigint>((resolve) => {
        void heard.once('Numbered', (number: bigint) => resolve(number));
      });
      // So that both subscriptions stand.
      await socket.getBlockNumber();
      await new Promise((resolve) => setTimeout(resolve, 300));
      const response = await probe.getFunction('emitMany').send(77n, 1n);
      const receipt = (await response.wait(1, 20_000))!;
      assert.equal(await within(EVENT_MS_MAX, 'the event', event), 77n);
      const seen = async () => {
        while (!blocks.includes(receipt.blockNumber)) await new Promise((resolve) => setTimeout(resolve, 20));
      };
      await within(EVENT_MS_MAX, 'the block', seen());
      // Both unsubscribe by requests of their own, which `destroy` would cut off.
      await Promise.all([heard.removeAllListeners(), socket.removeAllListeners()]);
      await new Promise((resolve) => setTimeout(resolve, 300));
    } finally {
      await socket.destroy();
    }
  });
});

// What only a Quids node has: transactions of post-quantum accounts, precompiles that verify their signatures, and the
// example contracts of contracts/ on top.

import assert from 'node:assert/strict';
import { before, it } from 'node:test';
import { ml_dsa44, ml_dsa65 } from '@noble/post-quantum/ml-dsa.js';
import { bytesToHex, concat, type Hex, hexToBytes, keccak256, stringToHex, toHex } from 'viem';
import { toAccount } from 'viem/accounts';
import { blake3_256, quantumAccount, quantumResistantHash, QuidsPair, signQuantumTransaction } from '@quids/signer';
import { CHAIN_ID, type Contract, ETHER, ethereumSuite } from '../lib/ethereum.ts';
import { QuantumAccount, tagged, taggedKey } from '../lib/quantum.ts';
import { compile } from '../lib/solidity.ts';

const { Probe } = compile('solidity/Probe.sol');
const { QuantumProbe } = compile('solidity/QuantumProbe.sol');
const { Coin } = compile('solidity/Tokens.sol');
const examples = compile(
  '@quids/contracts/src/IQuantumSafe.sol',
  '@quids/contracts/src/examples/Notary.sol',
  '@quids/contracts/src/examples/QuantumMultisig.sol',
  '@quids/contracts/src/examples/QuantumPermitToken.sol',
);
const { IQuantumSafe, Notary, QuantumMultisig, QuantumPermitToken } = examples;
const PRECOMPILE: Hex = '0x0000000000000000000000000000000000005110';
const MESSAGE = stringToHex('what is to be signed');
const schemes = ['mlDsa87', 'falcon512'] as const;

if (process.env.QUIDS_ETH_URL === 'anvil') {
  it('needs a node of Quids', { skip: 'anvil has no post-quantum accounts' });
} else {
  ethereumSuite(import.meta.filename, (ethereum) => {
    for (const scheme of schemes) {
      it(`${scheme}: an account deploys and calls, at first with its key, then without`, async () => {
        const account = await QuantumAccount.funded(ethereum(), scheme);
        const probe = await account.deploy(Probe!, [1n], { value: 5n });
        const receipt = await account.send(probe.address, probe.data('increment', scheme), { value: 2n });
        const [event] = probe.events(receipt, 'Counted');
        assert.equal((event?.who as Hex).toLowerCase(), account.address.toLowerCase());
        const tx = await ethereum().rpc<Record<string, any>>('eth_getTransactionByHash', receipt.transactionHash);
        assert.equal(tx.type, '0x71');
        assert.equal(tx.from, account.address.toLowerCase());
        assert.equal(BigInt(tx.nonce), 1n);
        const raw = await ethereum().rpc<Hex>('eth_getRawTransactionByHash', receipt.transactionHash);
        assert.equal(keccak256(raw), receipt.transactionHash);
        assert.equal(await ethereum().public.getBalance({ address: probe.address }), 7n);
        // Carrying the bound key along is fine; it costs its bytes.
        const [with_, without] = [true, false].map((withKey) => ({ withKey }));
        const longer = await account.send(probe.address, probe.data('increment', scheme), with_);
        const shorter = await account.send(probe.address, probe.data('increment', scheme), without);
        assert.equal(longer.gasUsed - shorter.gasUsed, 4n * BigInt(account.key.publicKey.length));
      });
    }

    it("viem's wallet sends for a post-quantum account", async () => {
      const { address, key } = await QuantumAccount.funded(ethereum(), 'falcon512');
      const wallet = ethereum().wallet(toAccount(quantumAccount(key) as never));
      const hash = await wallet.sendTransaction({ to: ethereum().account(0).address, value: 3n, gas: 100_000n });
      const receipt = await ethereum().receipt(hash);
      assert.equal(receipt.status, 'success');
      assert.equal(receipt.from.toLowerCase(), address.toLowerCase());
    });

    it('refuses transactions with wrong signatures, keys, senders, schemes and chains', async () => {
      const account = await QuantumAccount.funded(ethereum(), 'falcon512');
      const other = QuidsPair.falcon512();
      const fields = { chainId: CHAIN_ID, nonce: 0, gas: 200_000n, maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: 1n, to: PRECOMPILE };
      const flipped = (raw: Hex) => {
        const bytes = hexToBytes(raw);
        bytes[bytes.length - 40]! ^= 1;
        return bytesToHex(bytes);
      };
      const sign = async (...args: Parameters<typeof signQuantumTransaction>) => (await signQuantumTransaction(...args)).raw;
      const table: [name: string, raw: Hex][] = [
        ['a changed signature', flipped(await sign(account.key, fields))],
        ['no key where none is bound', await sign(account.key, fields, { withKey: false })],
        ['the sender of another key', await sign(other, fields, { sender: account.address })],
        ['another chain', await sign(account.key, { ...fields, chainId: 1 })],
        ['scheme 2, which is secp256k1', await sign({ scheme: 2 as never, publicKey: account.key.publicKey, address: account.address, sign: (m) => account.key.sign(m) }, fields)],
        ['an unknown scheme', await sign({ scheme: 9 as never, publicKey: account.key.publicKey, address: account.address, sign: (m) => account.key.sign(m) }, fields)],
        ['a byte too much', concat([await sign(account.key, fields), '0x00'])],
        ['too little gas', await sign(account.key, { ...fields, gas: 20_000n })],
      ];
      for (const [name, raw] of table) {
        const error = await ethereum().refused('eth_sendRawTransaction', raw);
        assert.ok(error.code < 0 && error.message.length > 5, `${name}: ${JSON.stringify(error)}`);
      }
      assert.equal(await ethereum().public.getTransactionCount({ address: account.address }), 0);
      await account.send(ethereum().account(0).address);
    });

    let probe: Contract;
    before(async () => (probe = await ethereum().deploy(QuantumProbe!)));

    it('verifies signatures of each scheme, made by another library', async () => {
      const message = hexToBytes(MESSAGE);
      const cases: [name: string, publicKey: Uint8Array, signature: Uint8Array][] = [];
      for (const [name, library] of [['mlDsa44', ml_dsa44], ['mlDsa65', ml_dsa65]] as const) {
        const { publicKey, secretKey } = library.keygen();
        cases.push([name, publicKey, library.sign(message, secretKey)]);
      }
      for (const name of schemes) {
        const pair = QuidsPair[name]();
        cases.push([name, pair.publicKey, pair.sign(message)]);
      }
      for (const [name, publicKey, signature] of cases) {
        const check = (key: Uint8Array, signature: Uint8Array, message: Hex) =>
          probe.read(name, bytesToHex(key), bytesToHex(signature), message);
        assert.equal(await check(publicKey, signature, MESSAGE), true, name);
        assert.equal(await check(publicKey, signature, '0x'), false, `${name}, another message`);
        assert.equal(await check(publicKey.map((byte, i) => byte ^ Number(i === 9)), signature, MESSAGE), false, `${name}, another key`);
        assert.equal(await check(publicKey, signature.map((byte, i) => byte ^ Number(i === 99)), MESSAGE), false, name);
        assert.equal(await check(publicKey, signature.subarray(1), MESSAGE), false, `${name}, a short signature`);
        assert.equal(await check(publicKey.subarray(1), signature, MESSAGE), false, `${name}, a short key`);
      }
      assert.equal(await probe.read('sphincs256f', `0x${'00'.repeat(64)}`, `0x${'00'.repeat(49_856)}`, MESSAGE), false);
    });

    it('answers zero, or an error, to input of every wrong length', async () => {
      for (let number = 0x5101; number <= 0x5105; ++number) {
        for (const length of [0, 1, 31, 64, 700, 4627]) {
          const to: Hex = `0x${number.toString(16).padStart(40, '0')}`;
          const answer = await ethereum().rpc<Hex>('eth_call', { to, data: `0x${'ab'.repeat(length)}` }, 'latest');
          assert.equal(BigInt(answer), 0n, `${number.toString(16)}, ${length} bytes`);
          assert.equal(answer.length, 66);
        }
      }
      for (const data of ['0x', '0x12', '0x12345678', `0x3cab8d5c${'ff'.repeat(64)}`]) {
        await ethereum().refused('eth_call', { to: PRECOMPILE, data }, 'latest');
      }
    });

    it('hashes as the rest of the chain does', async () => {
      const domain = new TextEncoder().encode('quids 2026 evm qhash512 v1');
      const safe = ethereum().contract(IQuantumSafe!.abi, PRECOMPILE);
      for (const length of [0, 1, 31, 1024, 5000]) {
        const data = new Uint8Array(length).map((_, i) => i * 7);
        const wide = bytesToHex(quantumResistantHash(domain, data));
        const halves = [wide.slice(0, 66), `0x${wide.slice(66)}`];
        const hex = bytesToHex(data);
        assert.equal(await probe.read('blake3', hex), bytesToHex(blake3_256(data)));
        assert.equal(await safe.read('qHash', hex), bytesToHex(blake3_256(data)));
        assert.deepEqual(await probe.read('hash512', hex), halves);
        assert.deepEqual(await safe.read('qHash512', hex), halves);
      }
    });

    it('qVerify: with the key in the signature, and with the key bound to an account', async () => {
      for (const scheme of schemes) {
        const account = await QuantumAccount.funded(ethereum(), scheme);
        const signature = await tagged(account.key, MESSAGE);
        const whole = concat([taggedKey(account.key), `0x${signature.slice(4)}`]);
        assert.equal(await probe.read('verify', MESSAGE, whole), true);
        assert.equal(await probe.read('verify', '0x00', whole), false);
        assert.equal(await probe.read('verify', MESSAGE, concat([whole, '0x00'])), false, 'a byte too much');
        assert.equal(await probe.read('verify', MESSAGE, '0x'), false);
        assert.equal(await probe.read('verify', MESSAGE, `0x02${whole.slice(4)}`), false, 'secp256k1');
        const bound = () => probe.read('verifyBy', account.address, MESSAGE, signature);
        assert.equal(await bound(), false, 'not bound yet');
        await account.send(account.address);
        assert.equal(await bound(), true);
        assert.equal(await probe.read('verifyBy', ethereum().account(0).address, MESSAGE, signature), false);
        assert.equal(await probe.read('verifyBy', account.address, '0x00', signature), false);
      }
    });

    it('qSign: records requests of contracts, once each, never in another name', async () => {
      const receipt = await probe.write('sign', [MESSAGE]);
      const safe = ethereum().contract(IQuantumSafe!.abi, PRECOMPILE);
      const [event] = safe.events(receipt, 'SigningRequested') as [{ handle: Hex; requester: Hex; message: Hex }];
      assert.deepEqual([event.requester, event.message], [probe.address, MESSAGE]);
      assert.deepEqual(await probe.read('status', event.handle), [1, '0x']);
      assert.deepEqual(await probe.read('status', keccak256('0x')), [0, '0x']);
      const again = safe.events(await probe.write('sign', [MESSAGE]), 'SigningRequested')[0]!;
      assert.notEqual(again.handle, event.handle);
      assert.equal(await probe.read('signByDelegation', MESSAGE), false);
      assert.equal(await probe.read('signStatically', MESSAGE), false);
      await assert.rejects(probe.read('sign', `0x${'00'.repeat(8193)}`), /8192/);
    });

    it('multisig wallet: owners with keys of two schemes sign, anyone pays', async () => {
      const owners = await Promise.all(['mlDsa87', 'falcon512', 'falcon512'].map((_, i) => {
        return new QuantumAccount(ethereum(), QuidsPair[i === 0 ? 'mlDsa87' : 'falcon512']());
      }));
      for (const owner of owners) {
        await ethereum().send(owner.address, undefined, { value: ETHER });
        await owner.send(owner.address);
      }
      owners.sort((a, b) => (a.address.toLowerCase() < b.address.toLowerCase() ? -1 : 1));
      const wallet = await ethereum().deploy(QuantumMultisig!, [owners.map(({ address }) => address), 2n], { value: ETHER });
      const to: Hex = '0x00000000000000000000000000000000000a11ce';
      const call = [to, 7n, '0x'] as const;
      const message = await wallet.read<Hex>('signable', 0n, ...call);
      const [one, two] = owners as [QuantumAccount, QuantumAccount];
      const signers = [one.address, two.address];
      const signatures = [await one.sign(message), await two.sign(message)];
      await assert.rejects(wallet.write('execute', [...call, signers.slice(1), signatures.slice(1)]), /TooFewSignatures/);
      await assert.rejects(wallet.write('execute', [...call, signers, [...signatures].reverse()]), /BadSignature/);
      await wallet.write('execute', [...call, signers, signatures], { who: ethereum().account(1) });
      assert.equal(await ethereum().public.getBalance({ address: to }), 7n);
      await assert.rejects(wallet.write('execute', [...call, signers, signatures]), /BadSignature/, 'a second time');
    });

    it('ERC-20 with a post-quantum permit', async () => {
      const holder = await QuantumAccount.funded(ethereum(), 'mlDsa87');
      const token = await holder.deploy(QuantumPermitToken!, ['Quantum', 'QNT', 1000n]);
      const spender = ethereum().account(2);
      const message = await token.read<Hex>('signable', holder.address, spender.address, 30n, 2n ** 40n);
      const permit = [holder.address, spender.address, 30n, 2n ** 40n, await holder.sign(message)];
      await token.write('permit', permit, { who: spender });
      await token.write('transferFrom', [holder.address, spender.address, 30n], { who: spender });
      assert.equal(await token.read('balanceOf', spender.address), 30n);
      await assert.rejects(token.write('permit', permit, { who: spender }), /BadPermit/);
    });

    it('notary: an author signs, the entry stays, a certificate is pending', async () => {
      const notary = await ethereum().deploy(Notary!);
      const author = QuidsPair.falcon512();
      const document = toHex('a deed '.repeat(100));
      const [high, low, message] = await notary.read<[Hex, Hex, Hex]>('signable', document);
      const signature = bytesToHex(author.sign(hexToBytes(message)));
      const receipt = await notary.write('register', [high, low, taggedKey(author), signature]);
      const { timestamp } = await ethereum().public.getBlock({ blockHash: receipt.blockHash });
      const entry = await notary.read<{ time: bigint; author: Hex }>('find', high, low);
      assert.equal(entry.time, timestamp);
      assert.equal(entry.author, bytesToHex(blake3_256(hexToBytes(taggedKey(author)))));
      await notary.write('certify', [high, low]);
      assert.deepEqual(await notary.read('certificate', high, low), [1, '0x']);
      await assert.rejects(notary.write('certify', [high, low]), /AlreadyRequested/);
    });

    it('tells which contracts rest on what a quantum computer breaks', async () => {
      const [coin, wallet] = [await ethereum().deploy(Coin!, [1n]), await ethereum().deploy(QuantumProbe!)];
      const safety = (of: Contract) => ethereum().rpc<Record<string, unknown>>('quids_contractSafety', of.address);
      const [classic, quantum] = [await safety(coin), await safety(wallet)];
      assert.equal(classic.ecrecover, true);
      assert.equal(classic.isQuantumCompatible, false);
      assert.equal(quantum.ecrecover, false);
      assert.equal(quantum.isQuantumCompatible, true);
    });
  });
}

// Foundry: cast sends, calls, reads and replays; forge deploys, runs scripts, and tests against the chain's state.

import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, it } from 'node:test';
import type { Hex } from 'viem';
import { toHex } from 'viem';
import { foundry, SOLC } from '../lib/anvil.ts';
import { CHAIN_ID, type Contract, ETHER, ethereumSuite } from '../lib/ethereum.ts';
import { compile } from '../lib/solidity.ts';

const { Probe } = compile('solidity/Probe.sol');
const here = fileURLToPath(new URL('..', import.meta.url));
const FORGE_MS_MAX = 120_000;

ethereumSuite(import.meta.filename, (ethereum) => {
  let probe: Contract;
  let project: string;
  const who = () => ethereum().account(6);
  const key = (): Hex => toHex(who().getHdKey().privateKey!);
  const url = () => ['--rpc-url', ethereum().endpoint.http];
  const cast = (...args: string[]) => foundry('cast', [args[0]!, ...url(), ...args.slice(1)]);
  const send = async (...args: string[]) => JSON.parse(await cast('send', '--private-key', key(), '--json', ...args)) as Record<string, any>;
  const forge = (command: string, ...args: string[]) =>
    foundry('forge', [command, '--use', SOLC, '--offline', ...args], project);

  before(async () => {
    probe = await ethereum().deploy(Probe!, [10n], { who: who() });
    project = await mkdtemp(join(tmpdir(), 'quids-forge-'));
    await writeFile(join(project, 'foundry.toml'), FOUNDRY);
    for (const folder of ['src', 'test', 'script']) await mkdir(join(project, folder));
    await cp(join(here, 'solidity/Probe.sol'), join(project, 'src/Probe.sol'));
    await writeFile(join(project, 'test/Fork.t.sol'), forkTest(probe.address));
    await writeFile(join(project, 'script/Deploy.s.sol'), SCRIPT);
  });
  after(async () => project && rm(project, { recursive: true }));

  it('cast: sends in every type, and reads it back', async () => {
    for (const flags of [['--legacy'], [], ['--access-list']]) {
      const receipt = await send(probe.address, 'increment(string)', 'cast', '--value', '3', ...flags);
      assert.equal(receipt.status, '0x1');
      const { transactionHash } = receipt;
      assert.match(await cast('receipt', transactionHash, 'status'), /^(true|1)/);
      assert.equal((await cast('tx', transactionHash, 'value')).trim(), '3');
    }
    assert.equal(await cast('call', probe.address, 'count()(uint256)'), '13');
    assert.equal(await cast('chain-id'), `${CHAIN_ID}`);
    assert.equal(await cast('nonce', who().address), `${await ethereum().public.getTransactionCount({ address: who().address })}`);
    assert.equal(await cast('storage', probe.address, '0'), toHex(13n, { size: 32 }));
    assert.equal(await cast('code', probe.address), await ethereum().public.getCode({ address: probe.address }));
    assert.match(await cast('block', 'latest'), /hash\s+0x/);
    assert.ok(BigInt(await cast('balance', who().address)) > 0n);
    assert.ok(BigInt(await cast('base-fee')) >= 0n);
    assert.ok(BigInt(await cast('gas-price')) > 0n);
    assert.ok(BigInt(await cast('estimate', '--from', who().address, probe.address, 'increment(string)', 'x')) > 21_000n);
    const [, value] = [...(await cast('proof', probe.address, '0')).matchAll(/"value":"(0x[0-9a-f]+)"/g)][0] ?? [];
    assert.equal(BigInt(value ?? 0), 13n);
    assert.match(await cast('access-list', probe.address, 'count()'), new RegExp(probe.address.slice(2), 'i'));
  });

  it('cast: sends with the key that the node holds', async () => {
    const before = BigInt(await cast('call', probe.address, 'count()(uint256)'));
    await cast('send', '--unlocked', '--from', ethereum().account(4).address, probe.address, 'increment(string)', 'unlocked');
    assert.equal(BigInt(await cast('call', probe.address, 'count()(uint256)')), before + 1n);
  });

  it('cast: finds logs by event', async () => {
    const { blockNumber } = await send(probe.address, 'emitMany(uint256,uint256)', '500', '3');
    const range = ['--from-block', `${BigInt(blockNumber)}`, '--to-block', `${BigInt(blockNumber)}`];
    const logs = JSON.parse(await cast('logs', '--json', ...range, '--address', probe.address, 'Numbered(uint256)')) as any[];
    assert.deepEqual(logs.map(({ topics }) => BigInt(topics[1])), [500n, 501n, 502n]);
    const one = JSON.parse(await cast('logs', '--json', ...range, '--address', probe.address, 'Numbered(uint256 indexed number)', '501')) as any[];
    assert.equal(one.length, 1);
  });

  it('cast: says why a call reverts', async () => {
    await assert.rejects(cast('call', probe.address, 'failText()'), /for a reason/);
    await assert.rejects(cast('call', probe.address, 'failCustom(uint256)', '11'), /6073b21f|TooMuch/);
    await assert.rejects(send(probe.address, 'failText()'), /for a reason/);
  });

  it('cast run: executes a transaction of the chain again', async () => {
    const receipt = await send(probe.address, 'nested(uint256)', '1', '--gas-limit', '1000000');
    const replayed = await cast('run', receipt.transactionHash);
    assert.match(replayed, /Transaction successfully executed/);
    const [, gas] = /Gas used: (\d+)/.exec(replayed) ?? [];
    assert.equal(BigInt(gas ?? 0), BigInt(receipt.gasUsed), 'the same gas');
    const quick = await cast('run', '--quick', receipt.transactionHash);
    assert.match(quick, /Transaction successfully executed/);
  });

  it('forge create: deploys', { timeout: FORGE_MS_MAX }, async () => {
    const output = await forge('create', ...url(), '--private-key', key(), '--broadcast', 'src/Probe.sol:Probe', '--constructor-args', '77');
    const [, address] = /Deployed to: (0x[0-9a-fA-F]{40})/.exec(output) ?? [];
    assert.equal(await cast('call', address!, 'count()(uint256)'), '77');
  });

  it('forge script: broadcasts several transactions and waits for them', { timeout: FORGE_MS_MAX }, async () => {
    const output = await forge('script', ...url(), '--private-key', key(), '--broadcast', '--slow', 'script/Deploy.s.sol');
    assert.match(output, /ONCHAIN EXECUTION COMPLETE & SUCCESSFUL/);
    const [, address] = /probe: contract Probe (0x[0-9a-fA-F]{40})/.exec(output) ?? [];
    assert.equal(await cast('call', address!, 'count()(uint256)'), '7');
    assert.equal(await ethereum().public.getBalance({ address: address as Hex }), ETHER / 100n);
  });

  it('forge test --fork-url: tests on the state of the chain', { timeout: FORGE_MS_MAX }, async () => {
    const count = await probe.read<bigint>('count');
    const number = await ethereum().public.getBlockNumber();
    await probe.write('increment', ['after the fork'], { who: who() });
    const output = await forge('test', '--fork-url', ethereum().endpoint.http, '--fork-block-number', `${number}`, '-vv');
    assert.match(output, /1 tests? passed, 0 failed/);
    assert.match(output, new RegExp(`count ${count}`));
  });
});

const FOUNDRY = `[profile.default]
src = "src"
evm_version = "prague"
libs = []
no_storage_caching = true
`;

/** A test that runs on a fork; what it needs of forge-std is little. */
const forkTest = (probe: Hex) => `// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {Probe} from "../src/Probe.sol";

library console {
    function log(string memory text, uint256 value) internal view {
        (bool done,) = address(0x000000000000000000636F6e736F6c652e6c6f67).staticcall(
            abi.encodeWithSignature("log(string,uint256)", text, value)
        );
        done;
    }
}

contract ForkTest {
    Probe private probe = Probe(payable(${probe}));

    function testForked() external {
        uint256 count = probe.count();
        console.log("count", count);
        assert(block.chainid == ${CHAIN_ID});
        assert(probe.increment("forked") == count + 1);
        assert(address(probe).code.length > 1000);
        assert(probe.blockHash(block.number - 1) != bytes32(0));
    }
}
`;

const SCRIPT = `// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {Probe} from "../src/Probe.sol";

interface Vm {
    function startBroadcast() external;
    function stopBroadcast() external;
}

contract Deploy {
    bool public IS_SCRIPT = true;

    function run() external returns (Probe probe) {
        Vm vm = Vm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);
        vm.startBroadcast();
        probe = new Probe(5);
        probe.increment("first");
        probe.increment{value: 0.01 ether}("second");
        vm.stopBroadcast();
    }
}
`;

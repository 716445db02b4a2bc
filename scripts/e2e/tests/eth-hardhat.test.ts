// Hardhat: the project in hardhat/ against the node, as `npx hardhat test` runs it.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ethereumSuite } from '../lib/ethereum.ts';

const HARDHAT_MS_MAX = 110_000;
const project = fileURLToPath(new URL('../hardhat', import.meta.url));
const program = join(dirname(createRequire(import.meta.url).resolve('hardhat/package.json')), 'internal/cli/bootstrap.js');

ethereumSuite(import.meta.filename, (ethereum) => {
  for (const [network, signer] of [['quids', 'Hardhat'], ['remote', 'the node']] as const) {
    const title = `runs a project, with time and snapshots, where ${signer} signs`;
    it(title, { timeout: HARDHAT_MS_MAX + 10_000 }, () => run(network));
  }

  const run = async (network: string) => {
    const out = await mkdtemp(join(tmpdir(), 'quids-hardhat-'));
    const env = {
      ...process.env,
      HARDHAT_DISABLE_TELEMETRY_PROMPT: 'true',
      QUIDS_HARDHAT_OUT: out,
      QUIDS_HARDHAT_URL: ethereum().endpoint.http,
    };
    const options = { cwd: project, env, timeout: HARDHAT_MS_MAX, killSignal: 'SIGKILL' as const };
    try {
      const output = await new Promise<string>((resolve, reject) => {
        const child = execFile(process.execPath, [program, '--network', network, 'test'], options, (error, stdout, stderr) => {
          if (error) reject(new Error(`hardhat ended with ${error.signal ?? error.code}\n${stdout}\n${stderr}`));
          else resolve(stdout);
        });
        child.stdin?.end();
      });
      assert.match(output, /3 passing/);
    } finally {
      await rm(out, { recursive: true });
    }
  };
}, 'interval');

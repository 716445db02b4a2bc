// Foundry's tools from npm, and its development node anvil: what our answers are compared with.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { appendFileSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort, logs } from './node.ts';
import { rpc } from './rpc.ts';

const START_MS_MAX = 30_000;
const TOOL_MS_MAX = 90_000;
const OUTPUT_BYTES_MAX = 64 << 20;
/** The compiler for forge. */
export const SOLC = fileURLToPath(new URL('../bin/solc', import.meta.url));

/** The program itself: npm's wrapper would be a process between us and it. */
function program(tool: 'anvil' | 'cast' | 'forge'): string {
  const cpu = process.arch === 'x64' ? 'amd64' : process.arch;
  const suffix = process.platform === 'win32' ? '.exe' : '';
  return createRequire(import.meta.url).resolve(
    `@foundry-rs/${tool}-${process.platform}-${cpu}/bin/${tool}${suffix}`,
  );
}

/** Runs `cast` or `forge` and resolves with its standard output; rejects with what it said if it fails. */
export function foundry(tool: 'cast' | 'forge', args: string[], cwd?: string): Promise<string> {
  const env = { ...process.env, FOUNDRY_DISABLE_NIGHTLY_WARNING: '1', NO_COLOR: '1', NO_PROXY: '127.0.0.1' };
  const options = { cwd, env, timeout: TOOL_MS_MAX, killSignal: 'SIGKILL' as const, maxBuffer: OUTPUT_BYTES_MAX };
  return new Promise((resolve, reject) => {
    const child = execFile(program(tool), args, options, (error, stdout, stderr) => {
      if (error) reject(new Error(`${tool} ${args.join(' ')}: ${error.signal ?? error.code}\n${stdout}\n${stderr}`));
      else resolve(stdout.trim());
    });
    child.stdin?.end();
  });
}

/** A development node that mines each transaction as it comes. */
export class Anvil {
  readonly #process: ChildProcess;

  private constructor(
    child: ChildProcess,
    readonly port: number,
  ) {
    this.#process = child;
  }

  get http(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get ws(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  /** With the chain id and the accounts of our development chain. */
  static async start(args: string[] = []): Promise<Anvil> {
    const port = await freePort();
    const options = ['--silent', '--port', `${port}`, '--chain-id', '20821', '--balance', '1000000', ...args];
    const child = spawn(program('anvil'), options, { stdio: 'ignore' });
    process.once('exit', () => child.kill('SIGKILL'));
    mkdirSync(logs, { recursive: true });
    if (child.pid) appendFileSync(join(logs, 'pids'), `${child.pid}\n`);
    const anvil = new Anvil(child, port);
    for (const deadline = Date.now() + START_MS_MAX; Date.now() < deadline; await sleep(50)) {
      if ((await rpc(anvil.http, 'eth_chainId').catch(() => undefined))?.result) return anvil;
    }
    anvil.stop();
    throw new Error(`anvil did not answer within ${START_MS_MAX} ms`);
  }

  stop(): void {
    this.#process.kill('SIGKILL');
  }
}

// A development node of our own for each test file: a free port, its log in a file, ended by its own process id.

import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { rpc } from './rpc.ts';

const START_MS_MAX = 30_000;
const STOP_MS_MAX = 5_000;

const target = process.env.CARGO_TARGET_DIR ?? join(homedir(), '.cache/quids/target');
/** The node under test. */
export const binary = process.env.QUIDS_BIN ?? join(target, 'debug/quids');
/** Folder of the nodes' logs, and of the list of their process ids. */
export const logs = process.env.QUIDS_E2E_LOGS ?? join(tmpdir(), `quids-e2e-${process.pid}`);

/** Block interval of the nodes under test. */
export const BLOCK_MS = 500;

export class TestNode {
  readonly #process: ChildProcess;

  private constructor(
    child: ChildProcess,
    readonly port: number,
    /** The node's standard output and error. */
    readonly log: string,
  ) {
    this.#process = child;
  }

  get pid(): number {
    return this.#process.pid!;
  }

  get http(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get ws(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  /** Starts `quids run --dev --tmp ..` and waits until it answers. */
  static async start(name: string, args: string[] = []): Promise<TestNode> {
    const port = await freePort();
    const options = ['--dev', '--tmp', '--rpc-port', `${port}`, '--block-time', `${BLOCK_MS}`, ...args];
    return TestNode.run(name, port, options);
  }

  /** Starts `quids run ..`, whose RPC is on this port, and waits until it answers. */
  static async run(name: string, port: number, options: string[]): Promise<TestNode> {
    mkdirSync(logs, { recursive: true });
    const log = join(logs, `${basename(name)}-${port}.log`);
    const file = openSync(log, 'a');
    const child = spawn(binary, ['run', ...options], { stdio: ['ignore', file, file] });
    closeSync(file);
    // The node must not outlive this process, however it ends; for SIGKILL there is the list that `run` reads.
    process.once('exit', () => child.kill('SIGKILL'));
    if (child.pid) appendFileSync(join(logs, 'pids'), `${child.pid}\n`);
    const node = new TestNode(child, port, log);
    await node.#ready();
    return node;
  }

  async #ready(): Promise<void> {
    let failure = '';
    this.#process.once('error', (error) => (failure = error.message));
    this.#process.once('exit', (code, signal) => (failure ||= `it ended with ${signal ?? code}`));
    for (const deadline = Date.now() + START_MS_MAX; Date.now() < deadline; await sleep(50)) {
      if (failure) throw new Error(`${binary} did not start: ${failure}; log: ${this.log}`);
      const answer = await rpc(this.http, 'system_health').catch(() => undefined);
      if (answer?.result) return;
    }
    await this.stop();
    throw new Error(`no answer over RPC within ${START_MS_MAX} ms; log: ${this.log}`);
  }

  /** Whether the process still runs. */
  get running(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Asks the node to end, and ends it if it does not. */
  async stop(): Promise<void> {
    if (!this.running) return;
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill('SIGTERM');
    await Promise.race([ended, sleep(STOP_MS_MAX, undefined, { ref: false })]);
    this.#process.kill('SIGKILL');
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

/** A port that nobody listens on now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

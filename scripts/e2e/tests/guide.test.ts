// The guide of pallets/README.md works as written: its blocks marked `<!-- guide -->` are run, those marked `<!-- guide: FILE -->`
// written into that file and `<!-- guide: patch -->` applied, top to bottom, in an empty folder, with ports of their own.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { binary, logs } from '../lib/node.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const DOCUMENT = 'pallets/README.md';
/** From here on each block is a step. */
const BEGINNING = 'CI types every block from here on';
/** Builds of the WASM are what takes long. */
const STEP_MS_MAX = 600_000;
const GUIDE_MS_MAX = 1_500_000;
/** The first ports of the guide's nodes, and how many follow one another. */
const PORTS = ['9944', '30333', '9615'];
const NODES = 4;
const PORT_MIN = 20_000;

interface Step {
  line: number;
  /** `patch`, a file, or undefined for what is run. */
  into: string | undefined;
  text: string;
}

function steps(document: string): Step[] {
  const blocks = document.matchAll(/<!-- guide(?:: (\S+))? -->\s*\n```\w+\n([\s\S]*?)```/g);
  return [...blocks].map((match) => ({
    line: document.slice(0, match.index).split('\n').length,
    into: match[1],
    text: match[2] ?? '',
  }));
}

/** How many code blocks the guide has, marked or not. */
function blocksOfGuide(document: string): number {
  const start = document.indexOf(BEGINNING);
  assert.ok(start > 0, `${DOCUMENT} says "${BEGINNING}"`);
  const [guide = ''] = document.slice(start).split('\n## ');
  return [...guide.matchAll(/^```\w+$/gm)].length;
}

/** Groups of processes that steps have left running: while one of them runs, no other group has its number. */
const groups = new Set<number>();

/** Signals a group; whether there is anybody in it. */
function signal(group: number, what: 'SIGKILL' | 0): boolean {
  try {
    return process.kill(-group, what);
  } catch {
    return false;
  }
}

function endAll(): void {
  for (const group of groups) signal(group, 'SIGKILL');
  groups.clear();
}

/** Runs a step in a process group of its own; the folder in which it ends is where the next one begins. */
function run(script: string, cwd: string, env: NodeJS.ProcessEnv): Promise<{ code: number | null; output: string }> {
  // Nodes that it leaves are on the list from which `run` ends what outlives its test.
  const whole = `${script}\npwd >"$GUIDE_PWD"\njobs -p >>"$GUIDE_PIDS"\n`;
  const child = spawn('bash', ['-euo', 'pipefail', '-c', whole], { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const group = child.pid!;
  groups.add(group);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
  const timer = setTimeout(() => signal(group, 'SIGKILL'), STEP_MS_MAX);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(timer);
      if (!signal(group, 0)) groups.delete(group);
      resolve({ code, output });
    });
  });
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer().once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** The first of as many free ports in a row as there are nodes. */
async function freeRow(taken: number[]): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const first = PORT_MIN + Math.floor(Math.random() * 10_000);
    if (taken.some((other) => Math.abs(other - first) < NODES)) continue;
    const row = Array.from({ length: NODES }, (_, index) => isFree(first + index));
    if ((await Promise.all(row)).every(Boolean)) return first;
  }
  throw new Error('no free ports');
}

it('a pallet goes from an empty folder to a running testnet', { timeout: GUIDE_MS_MAX }, async () => {
  process.once('exit', endAll);
  const folder = await mkdtemp(join(tmpdir(), 'quids-guide-'));
  const ports: number[] = [];
  for (const _ of PORTS) ports.push(await freeRow(ports));
  const ported = (text: string) => PORTS.reduce((shown, port, index) => shown.replaceAll(port, `${ports[index]}`), text);
  const env = {
    ...process.env,
    PATH: [dirname(binary), join(root, 'scripts/e2e/node_modules/.bin'), process.env.PATH].join(delimiter),
    QUIDS: root,
    QUIDS_RPC: `ws://127.0.0.1:${ports[0]}`,
    GUIDE_PWD: join(folder, '.pwd'),
    GUIDE_PIDS: join(logs, 'pids'),
    CARGO_NET_OFFLINE: 'true',
    FOUNDRY_DISABLE_NIGHTLY_WARNING: '1',
    NO_COLOR: '1',
    NO_PROXY: '127.0.0.1',
  };
  try {
    await mkdir(logs, { recursive: true });
    let cwd = folder;
    const document = await readFile(join(root, DOCUMENT), 'utf8');
    const all = steps(document);
    assert.equal(all.length, blocksOfGuide(document), `each block of ${DOCUMENT} from "${BEGINNING}" on is a step`);
    for (const { line, into, text } of all) {
      const file = into === 'patch' ? '.patch' : into;
      if (file) {
        await mkdir(dirname(join(cwd, file)), { recursive: true });
        await writeFile(join(cwd, file), ported(text));
        if (into !== 'patch') continue;
      }
      const script = into === 'patch' ? 'patch --strip=1 --fuzz=0 --input=.patch' : ported(text);
      const started = Date.now();
      const { code, output } = await run(script, cwd, env);
      assert.equal(code, 0, `${DOCUMENT}:${line} ended with ${code}\n${script}\n${output}`);
      console.log(`${DOCUMENT}:${line} ${((Date.now() - started) / 1000).toFixed(1)} s`);
      cwd = (await readFile(env.GUIDE_PWD, 'utf8')).trim();
    }
    // The target folder is everybody's, and these crates' paths nobody else's.
    const own = ['orchard-runtime', 'pallet-apples'].flatMap((name) => ['-p', name]);
    await run(`cargo clean ${own.join(' ')}`, cwd, env);
  } finally {
    endAll();
    await rm(folder, { recursive: true, maxRetries: 5, retryDelay: 200 });
  }
});

// What the documents tell a person to type works: their `sh` blocks marked `<!-- tour -->` run here, top to bottom, against a
// node of their own, in an empty folder.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { binary, TestNode } from '../lib/node.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const DOCUMENTS = ['README.md', 'node/docs/operators-guide.md'];
const STEP_MS_MAX = 120_000;
/** What documents write for "the node on this machine". */
const DEFAULT_PORT = '9944';

interface Block {
  line: number;
  script: string;
}

/** The marked blocks of a document. */
function tour(text: string): Block[] {
  const blocks = text.matchAll(/<!-- tour -->\s*\n```sh\n([\s\S]*?)```/g);
  return [...blocks].map((match) => ({
    line: text.slice(0, match.index).split('\n').length,
    script: match[1] ?? '',
  }));
}

function run(script: string, cwd: string, port: number): Promise<{ code: number; output: string }> {
  const env = {
    ...process.env,
    PATH: [dirname(binary), process.env.PATH].join(delimiter),
    QUIDS_RPC: `ws://127.0.0.1:${port}`,
  };
  const shown = script.replaceAll(DEFAULT_PORT, `${port}`);
  return new Promise((resolve) => {
    const options = { cwd, env, timeout: STEP_MS_MAX, killSignal: 'SIGKILL' as const };
    execFile('bash', ['-euo', 'pipefail', '-c', shown], options, (error, stdout, stderr) => {
      const code = error ? (typeof error.code === 'number' ? error.code : -1) : 0;
      resolve({ code, output: stdout + stderr });
    });
  });
}

for (const document of DOCUMENTS) {
  describe(`the tour of ${document}`, () => {
    it('runs as written', { timeout: 5 * STEP_MS_MAX }, async () => {
      const blocks = tour(await readFile(join(root, document), 'utf8'));
      assert.notEqual(blocks.length, 0, `${document} has no block marked as a tour`);
      const node = await TestNode.start('tour');
      const folder = await mkdtemp(join(tmpdir(), 'quids-tour-'));
      try {
        for (const { line, script } of blocks) {
          const { code, output } = await run(script, folder, node.port);
          assert.equal(code, 0, `${document}:${line} ended with ${code}\n${script}\n${output}`);
        }
      } finally {
        await node.stop();
        await rm(folder, { recursive: true });
      }
    });
  });
}

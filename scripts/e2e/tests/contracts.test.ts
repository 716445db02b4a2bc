// The forge tests of contracts/: the logic of the examples, with stand-ins for the precompiles; without a node.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { foundry, SOLC } from '../lib/anvil.ts';

const project = fileURLToPath(new URL('../../../contracts', import.meta.url));
const openzeppelin = fileURLToPath(new URL('../node_modules/@openzeppelin/', import.meta.url));

describe('contracts', () => {
  it('pass their forge tests', { timeout: 120_000 }, async () => {
    const out = await mkdtemp(join(tmpdir(), 'quids-contracts-'));
    try {
      const paths = ['--out', join(out, 'out'), '--cache-path', join(out, 'cache'), '-R', `@openzeppelin/=${openzeppelin}`];
      const output = await foundry('forge', ['test', '--use', SOLC, '--offline', ...paths], project);
      assert.match(output, /(\d+) tests passed, 0 failed, 0 skipped/);
    } finally {
      await rm(out, { recursive: true });
    }
  });
});

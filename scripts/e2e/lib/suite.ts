// A test file's frame: one node and one connection, started before its tests and ended after them.

import { basename } from 'node:path';
import { after, before, describe } from 'node:test';
import { Chain } from './chain.ts';

/** Bound of one test and of each hook. */
export const TEST_MS_MAX = 60_000;

/** Runs `define` within a suite; what it gets as `chain` may only be used inside tests. */
export function suite(file: string, define: (chain: () => Chain) => void): void {
  const name = basename(file, '.test.ts');
  let chain: Chain | undefined;
  describe(name, () => {
    before(async () => (chain = await Chain.start(name)), { timeout: TEST_MS_MAX });
    after(async () => chain?.stop(), { timeout: TEST_MS_MAX });
    define(() => {
      if (!chain) throw new Error('the node did not start');
      return chain;
    });
  });
}

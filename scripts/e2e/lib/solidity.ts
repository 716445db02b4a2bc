// Compiles Solidity with the compiler from npm. What a source imports is found as npm has it; results are kept by the
// hash of everything that went in.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Abi, Hex } from 'viem';

const require = createRequire(import.meta.url);
const here = fileURLToPath(new URL('..', import.meta.url));
const kept = join(here, 'node_modules/.cache/quids-solidity');
/** Where the sources that begin with this prefix lie; all others are npm packages. */
const roots: Record<string, string> = {
  'solidity/': join(here, 'solidity'),
  '@quids/contracts/': fileURLToPath(new URL('../../../contracts/', import.meta.url)),
};

export interface Artifact {
  abi: Abi;
  bytecode: Hex;
}

interface Output {
  errors?: { severity: string; formattedMessage: string }[];
  contracts?: Record<string, Record<string, { abi: Abi; evm: { bytecode: { object: string } } }>>;
}

/** The contracts of a source file, such as `solidity/Probe.sol` or `@quids/contracts/src/examples/Notary.sol`. */
export function compile(...files: string[]): Record<string, Artifact> {
  const input = JSON.stringify({
    language: 'Solidity',
    sources: sources(files),
    settings: {
      optimizer: { enabled: true, runs: 200 },
      evmVersion: 'prague',
      outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
    },
  });
  const version = (require('solc/package.json') as { version: string }).version;
  const name = createHash('sha256').update(version).update(input).digest('hex').slice(0, 32);
  const path = join(kept, `${name}.json`);
  if (!existsSync(path)) {
    const solc = require('solc') as { compile(input: string): string };
    const output = JSON.parse(solc.compile(input)) as Output;
    const errors = output.errors?.filter(({ severity }) => severity === 'error') ?? [];
    if (errors.length > 0) throw new Error(errors.map((error) => error.formattedMessage).join('\n'));
    mkdirSync(kept, { recursive: true });
    // Appears whole or not at all.
    writeFileSync(`${path}.${process.pid}`, JSON.stringify(output.contracts));
    renameSync(`${path}.${process.pid}`, path);
  }
  const contracts = JSON.parse(readFileSync(path, 'utf8')) as NonNullable<Output['contracts']>;
  const found = files.flatMap((file) => Object.entries(contracts[file] ?? {}));
  return Object.fromEntries(
    found.map(([name, { abi, evm }]) => [name, { abi, bytecode: `0x${evm.bytecode.object}` as Hex }]),
  );
}

/** An artifact as Uniswap's packages hold it, compiled by them. */
export function packaged(path: string): Artifact {
  const { abi, bytecode, evm } = require(path) as { abi: Abi; bytecode?: string; evm?: { bytecode: { object: string } } };
  const code = bytecode ?? evm?.bytecode.object ?? '';
  return { abi, bytecode: (code.startsWith('0x') ? code : `0x${code}`) as Hex };
}

/** The files and all that they import, by the names that the compiler knows them under. */
function sources(files: string[]): Record<string, { content: string }> {
  const found: Record<string, { content: string }> = {};
  const open = [...files];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (found[file]) continue;
    const content = readFileSync(locate(file), 'utf8');
    found[file] = { content };
    for (const [, path = ''] of content.matchAll(/^\s*(?:import|\}\s*from)\b[^;"']*["']([^"']+)["']/gm)) {
      open.push(path.startsWith('.') ? join(dirname(file), path) : path);
    }
  }
  return Object.fromEntries(Object.entries(found).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function locate(file: string): string {
  const [prefix, root] = Object.entries(roots).find(([prefix]) => file.startsWith(prefix)) ?? [];
  return root ? join(root, file.slice(prefix!.length)) : join(here, 'node_modules', file);
}

// Many subscribers at once: each hears of every block, and the node's memory stays within bounds. Figures are the
// benchmark's (`quids bench rpc`); this only sees that nothing gives way.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import WebSocket from 'ws';
import { within } from '../lib/chain.ts';
import { TestNode } from '../lib/node.ts';

const SUBSCRIBERS = 500;
const BLOCKS = 4;
const RESIDENT_MIB_MAX = 400;

/** Subscribes to new heads and collects the numbers of the first blocks. */
function subscriber(url: string): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const heads: number[] = [];
    const socket = new WebSocket(url);
    socket.on('error', reject);
    socket.on('open', () =>
      socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'chain_subscribeNewHeads', params: [] })),
    );
    socket.on('message', (data) => {
      const message = JSON.parse(data.toString());
      if (message.error) reject(new Error(JSON.stringify(message.error)));
      if (message.method !== 'chain_newHead') return;
      heads.push(Number(message.params.result.number));
      if (heads.length < BLOCKS) return;
      socket.terminate();
      resolve(heads);
    });
  });
}

async function residentMib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
}

describe('load', () => {
  it(`${SUBSCRIBERS} subscribers miss no block`, { timeout: 120_000 }, async () => {
    const node = await TestNode.start('load');
    try {
      const all = Array.from({ length: SUBSCRIBERS }, () => subscriber(node.ws));
      for (const heads of await within(60_000, 'blocks for everybody', Promise.all(all))) {
        const first = heads[0]!;
        assert.deepEqual(heads, Array.from({ length: BLOCKS }, (_, at) => first + at));
      }
      assert.ok((await residentMib(node.pid)) < RESIDENT_MIB_MAX);
    } finally {
      await node.stop();
    }
  });
});

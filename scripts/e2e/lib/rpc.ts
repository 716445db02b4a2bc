// JSON-RPC over HTTP with nothing in between, for tests of what the node answers.

const ANSWER_MS_MAX = 20_000;

export interface RpcError {
  code: number;
  message: string;
  data?: unknown;
}

export interface RpcAnswer<T> {
  result?: T;
  error?: RpcError;
}

/** One request; rejects only if no JSON comes back. */
export async function rpc<T = unknown>(url: string, method: string, params: unknown[] = []): Promise<RpcAnswer<T>> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    signal: AbortSignal.timeout(ANSWER_MS_MAX),
  });
  return (await response.json()) as RpcAnswer<T>;
}

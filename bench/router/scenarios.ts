/** What is asked of each proxy. */

/** Bytes of the body that an instance answers a path with. */
export const sizes = { '128B': 128, '10KB': 10_240, '1MB': 1_048_576, post: 128 } as const;

export interface Scenario {
  readonly name: string;
  readonly path: keyof typeof sizes;
  readonly connections: number;
  /** Of load in a round: long enough for what it takes to open the connections not to weigh. */
  readonly seconds: number;
  /** Bytes of the body of a POST; absent where it is a GET. */
  readonly body?: number;
}

export const small: Scenario = { name: '128 B, 50 connections', path: '128B', connections: 50, seconds: 1 };
export const many: Scenario = { name: '128 B, 256 connections', path: '128B', connections: 256, seconds: 3 };

export const scenarios: readonly Scenario[] = [
  small,
  { name: '10 KB, 50 connections', path: '10KB', connections: 50, seconds: 1 },
  { name: 'POST of 16 KB, 50 connections', path: 'post', connections: 50, seconds: 1, body: 16_384 },
  { name: '1 MB, 50 connections', path: '1MB', connections: 50, seconds: 1 },
  many,
];

/** Comparing wrong answers would be worth nothing. @throws Error where the answer isn't the one expected */
export async function check(port: number, { path, body }: Scenario): Promise<void> {
  const request = body === undefined ? {} : { method: 'POST', body: 'x'.repeat(body) };
  const response = await fetch(`http://127.0.0.1:${port}/${path}`, request);
  const { byteLength } = await response.arrayBuffer();
  if (response.status === 200 && byteLength === sizes[path]) return;
  throw new Error(`a proxy answered /${path} with status ${response.status} and ${byteLength} bytes`);
}

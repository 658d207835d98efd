/** What is measured, and what it is measured beside: the same few steps for each. */

export interface Setup {
  /** Of its own, empty. */
  readonly folder: string;
  /** Ports of the upstream instances. They take turns. */
  readonly upstreams: readonly number[];
}

export interface ReverseProxy {
  readonly name: string;
  /** Why it can't be measured here; absent where it can. */
  readonly missing?: string;
  /** Resolves when it listens. */
  start(setup: Setup): Promise<Running>;
}

export interface Running {
  /** On 127.0.0.1. */
  readonly port: number;
  /** The process that forwards. */
  readonly worker: number;
  /** All of its processes. */
  readonly pids: readonly number[];
  /** Resolves when all of them are gone. */
  end(): Promise<void>;
}

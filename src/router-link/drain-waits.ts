/** Those who wait for an endpoint to be drained. */
interface Wait {
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

export class DrainWaits {
  readonly #waits = new Map<string, Set<Wait>>();
  readonly #ask: (endpoint: string) => void;

  /** @param ask asks the router, if it can be asked now */
  constructor(ask: (endpoint: string) => void) {
    this.#ask = ask;
  }

  /** @param noRouter so there is nothing in flight */
  async wait(endpoint: string, signal: AbortSignal, noRouter: boolean): Promise<void> {
    signal.throwIfAborted();
    if (noRouter) return;
    await new Promise<void>((resolve, reject) => {
      const waits = this.#waits.get(endpoint) ?? new Set();
      const settled = () => {
        signal.removeEventListener('abort', aborted);
        waits.delete(wait);
        if (waits.size === 0) this.#waits.delete(endpoint);
      };
      const wait: Wait = {
        resolve: () => {
          settled();
          resolve();
        },
        reject: reason => {
          settled();
          reject(reason);
        },
      };
      const aborted = () => wait.reject(signal.reason);
      signal.addEventListener('abort', aborted);
      waits.add(wait);
      this.#waits.set(endpoint, waits);
      this.#ask(endpoint);
    });
  }

  endpoints(): readonly string[] {
    return [...this.#waits.keys()];
  }

  release(endpoint: string): void {
    for (const wait of [...(this.#waits.get(endpoint) ?? [])]) wait.resolve();
  }

  releaseAll(): void {
    for (const endpoint of this.endpoints()) this.release(endpoint);
  }

  rejectAll(reason: unknown): void {
    for (const waits of [...this.#waits.values()]) for (const wait of [...waits]) wait.reject(reason);
  }
}

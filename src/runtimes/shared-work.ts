/**
 * Work that several may ask for at once and that is done once. It is given up only when all who wait for it have
 * given up; who comes after that waits until it is over and begins anew.
 */

interface Job<T> {
  readonly result: Promise<T>;
  readonly abort: AbortController;
  waiting: number;
}

export class SharedWork<T> {
  readonly #jobs = new Map<string, Job<T>>();

  async join(key: string, signal: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    signal?.throwIfAborted();
    for (let old = this.#jobs.get(key); old?.abort.signal.aborted; old = this.#jobs.get(key)) {
      await old.result.catch(() => undefined);
      signal?.throwIfAborted();
    }
    const job = this.#jobs.get(key) ?? this.#begin(key, work);
    job.waiting++;
    return new Promise((resolve, reject) => {
      const leave = () => {
        job.waiting--;
        // The last one to leave stays until the work has cleaned up behind itself.
        if (job.waiting === 0) job.abort.abort(signal?.reason);
        else reject(signal?.reason);
      };
      signal?.addEventListener('abort', leave, { once: true });
      job.result.then(resolve, reject).finally(() => signal?.removeEventListener('abort', leave));
    });
  }

  #begin(key: string, work: (signal: AbortSignal) => Promise<T>): Job<T> {
    const abort = new AbortController();
    const result = work(abort.signal).finally(() => this.#jobs.delete(key));
    const job = { result, abort, waiting: 0 };
    this.#jobs.set(key, job);
    return job;
  }
}

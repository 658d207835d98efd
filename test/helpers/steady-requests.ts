import { httpGet } from './daemon.ts';

/** Requests one after the other, each on a new connection, until stopped; every answer but 200 is a failure. */
export class SteadyRequests {
  count = 0;
  readonly #failures: string[] = [];
  readonly #done: Promise<void>;
  #stopped = false;

  constructor(port: number, path = '/') {
    this.#done = this.#run(port, path);
  }

  /** @returns what failed */
  async stop(): Promise<readonly string[]> {
    this.#stopped = true;
    await this.#done;
    return this.#failures;
  }

  async #run(port: number, path: string): Promise<void> {
    while (!this.#stopped) {
      this.count += 1;
      try {
        const { status, body } = await httpGet(port, path);
        if (status !== 200) this.#failures.push(`${status} ${body}`);
      } catch (error) {
        this.#failures.push(String(error));
      }
    }
  }
}

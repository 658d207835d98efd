/** Reads single entries of a zip (a JAR, a wheel) without unpacking it. */
import { type Entry, openPromise, type ZipFile } from 'yauzl';
import { SlipwayError } from '../domain/errors.ts';

export class Zip {
  readonly #file: ZipFile;
  readonly #entries: ReadonlyMap<string, Entry>;

  private constructor(file: ZipFile, entries: ReadonlyMap<string, Entry>) {
    this.#file = file;
    this.#entries = entries;
  }

  /** Opens the zip for the time that `use` takes. @throws SlipwayError SLIP_PACKAGE_CORRUPT */
  static async read<T>(path: string, use: (zip: Zip) => Promise<T>): Promise<T> {
    let file: ZipFile | undefined;
    try {
      file = await openPromise(path, { lazyEntries: true, autoClose: false });
      const entries = new Map<string, Entry>();
      for await (const entry of file.eachEntry()) entries.set(entry.fileName, entry);
      return await use(new Zip(file, entries));
    } catch (error) {
      if (error instanceof SlipwayError) throw error;
      throw new SlipwayError('SLIP_PACKAGE_CORRUPT', `cannot read ${path}: ${(error as Error).message}`, {
        cause: error,
      });
    } finally {
      file?.close();
    }
  }

  names(): readonly string[] {
    return [...this.#entries.keys()];
  }

  /** At most the first `limit` bytes; `undefined` where there is no such entry. */
  async bytes(name: string, limit = 1024 * 1024): Promise<Buffer | undefined> {
    const entry = this.#entries.get(name);
    if (!entry) return undefined;
    const stream = await this.#file.openReadStreamPromise(entry);
    const chunks: Buffer[] = [];
    let length = 0;
    // Leaving the loop destroys the stream.
    for await (const chunk of stream) {
      chunks.push(chunk as Buffer);
      length += (chunk as Buffer).length;
      if (length >= limit) break;
    }
    return Buffer.concat(chunks).subarray(0, limit);
  }

  async text(name: string): Promise<string | undefined> {
    return (await this.bytes(name))?.toString('utf8');
  }
}

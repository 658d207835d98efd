/**
 * A state file: JSON under a version number. An older version is brought up to date by numbered migrations, each from
 * N to N + 1; a newer one is refused, not guessed at.
 */
import { readFile } from 'node:fs/promises';
import { SlipwayError } from '../domain/errors.ts';
import { overwriteFile, writeDurably } from './atomic-file.ts';

/** Entry N turns the content of version N + 1 into that of version N + 2: the first migrates from version 1. */
export type Migrations = readonly ((content: unknown) => unknown)[];

export class DocumentKind<T> {
  readonly #name: string;
  readonly #migrations: Migrations;

  constructor(name: string, migrations: Migrations = []) {
    this.#name = name;
    this.#migrations = migrations;
  }

  get version(): number {
    return this.#migrations.length + 1;
  }

  /** @throws SlipwayError SLIP_STATE_NEWER, SLIP_STATE_CORRUPT */
  decode(text: string, path: string): T {
    const envelope = parse(text);
    if (!isEnvelope(envelope) || envelope.kind !== this.#name) {
      throw new SlipwayError(
        'SLIP_STATE_CORRUPT',
        `cannot read ${path}: expected a ${this.#name} document of Slipway; restore it from a backup or remove it`,
      );
    }
    if (envelope.version > this.version) {
      throw new SlipwayError(
        'SLIP_STATE_NEWER',
        `cannot read ${path}: its version is ${envelope.version} and this Slipway knows ${this.#name} up to ` +
          `${this.version}; run the newer Slipway`,
      );
    }
    let content = envelope.content;
    for (const migrate of this.#migrations.slice(envelope.version - 1)) content = migrate(content);
    return content as T;
  }

  encode(content: T): string {
    return `${JSON.stringify({ kind: this.#name, version: this.version, content })}\n`;
  }

  /** `undefined` where there is no such file. */
  async read(path: string): Promise<T | undefined> {
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    return this.decode(text, path);
  }

  write(path: string, content: T): Promise<void> {
    return writeDurably(path, this.encode(content));
  }

  overwrite(path: string, content: T): void {
    overwriteFile(path, this.encode(content));
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isEnvelope(value: unknown): value is { kind: string; version: number; content: unknown } {
  if (typeof value !== 'object' || value === null) return false;
  const { version, content } = value as Record<string, unknown>;
  return Number.isInteger(version) && (version as number) >= 1 && typeof content === 'object' && content !== null;
}

/**
 * What happened, who asked, why: one JSON line each in `events.ndjson`, the last of them kept in memory. It never
 * holds a secret, since messages are made of names, numbers and reasons only.
 */
import { appendFileSync, renameSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cancel, Clock } from '../domain/clock.ts';
import type { AuditEvent } from './views.ts';

const remembered = 500;
/** The file is then renamed to `events.1.ndjson`, over an older one. */
const maxBytes = 16 * 1024 * 1024;

export class Audit {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #onProblem: (error: unknown) => void;
  readonly #listeners = new Set<(event: AuditEvent) => void>();
  #recent: AuditEvent[] = [];
  #bytes = 0;
  /** The last line was cut short, by a crash or a full disk: the next one begins on a line of its own. */
  #isTorn = false;

  private constructor(path: string, clock: Clock, onProblem: (error: unknown) => void) {
    this.#path = path;
    this.#clock = clock;
    this.#onProblem = onProblem;
  }

  static async open(home: string, clock: Clock, onProblem: (error: unknown) => void): Promise<Audit> {
    const audit = new Audit(join(home, 'events.ndjson'), clock, onProblem);
    const text = await readFile(audit.#path, 'utf8').catch(() => '');
    audit.#bytes = Buffer.byteLength(text);
    audit.#isTorn = text !== '' && !text.endsWith('\n');
    audit.#recent = text.split('\n').slice(-remembered).flatMap(parseLine);
    return audit;
  }

  /** A full disk must not stop what it tells of: the event is then kept in memory only. */
  record(event: Omit<AuditEvent, 'at'>): void {
    const whole: AuditEvent = { at: this.#clock.wallTime(), ...event };
    this.#recent.push(whole);
    if (this.#recent.length > remembered) this.#recent.shift();
    try {
      this.#append(`${JSON.stringify(whole)}\n`);
    } catch (error) {
      this.#onProblem(error);
    }
    for (const listener of this.#listeners) listener(whole);
  }

  last(limit: number): readonly AuditEvent[] {
    return limit <= 0 ? [] : this.#recent.slice(-limit);
  }

  onEvent(listener: (event: AuditEvent) => void): Cancel {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #append(line: string): void {
    if (this.#bytes > maxBytes) {
      renameSync(this.#path, this.#path.replace(/\.ndjson$/, '.1.ndjson'));
      this.#bytes = 0;
    }
    const text = this.#isTorn ? `\n${line}` : line;
    this.#isTorn = true;
    appendFileSync(this.#path, text, { mode: 0o600 });
    this.#isTorn = false;
    this.#bytes = this.#bytes === 0 ? statSync(this.#path).size : this.#bytes + Buffer.byteLength(line);
  }
}

/** What was cut short, or isn't Slipway's, is passed over. */
function parseLine(line: string): AuditEvent[] {
  try {
    const event: unknown = JSON.parse(line);
    return isEvent(event) ? [event] : [];
  } catch {
    return [];
  }
}

function isEvent(value: unknown): value is AuditEvent {
  if (typeof value !== 'object' || value === null) return false;
  const { at, kind, message } = value as Partial<Record<keyof AuditEvent, unknown>>;
  return typeof at === 'number' && typeof kind === 'string' && typeof message === 'string';
}

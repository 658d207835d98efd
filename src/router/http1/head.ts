/**
 * The head of a message: read where it lies, by one strict scan (RFC 9112, sections 2 to 5).
 *
 * - A scan looks at nothing but the octets of the head, left to right, so its outcome doesn't depend on how they came.
 * - Nothing is copied: what was found is offsets into the octets, valid as long as these stay where they are.
 * - Lines end in CR LF only; names are tokens; values have no control characters; there is no folding.
 * - `dropped` is what is not to be passed on.
 */
import { type Field, field, fieldNamed } from './field-names.ts';
import { isToken, lower, octet, textEnd } from './octets.ts';
import { Ranges } from './ranges.ts';
import type { Rejection } from './rejection.ts';

export interface HeadLimits {
  /** Bytes of a whole head, from the start line to the empty line. */
  readonly maxHead: number;
  readonly maxTarget: number;
  readonly maxFields: number;
}

/** `more`: the head is not complete. */
export type Scan = Rejection | 'more' | 'done';

/** Fields that are something else go unread. */
export type KnownField = Exclude<Field, typeof field.other>;

export abstract class Head {
  readonly limits: HeadLimits;
  /** Of the start line. */
  start = 0;
  /** Where the first field begins. */
  fieldsStart = 0;
  /** Behind the empty line. */
  end = 0;
  readonly dropped = new Ranges();
  /** In lower case: names that Connection tells to drop. */
  protected nominated: ReadonlySet<string> | undefined;

  constructor(limits: HeadLimits) {
    this.limits = limits;
  }

  /** Forgets what was found, and reads the head that begins at `start`; octets from `limit` on have not come. */
  scan(bytes: Uint8Array, start: number, limit: number): Scan {
    this.start = start;
    this.dropped.clear();
    this.nominated = undefined;
    this.reset();
    const last = Math.min(limit, start + this.limits.maxHead);
    const outcome = this.#scan(bytes, last);
    if (outcome !== 'more' || limit < start + this.limits.maxHead) return outcome;
    return this.fieldsStart < 0 ? this.startTooLong() : 'head-too-large';
  }

  protected abstract reset(): void;

  /**
   * Reads the start line at `at`, and says where the next line begins.
   * @returns -1 where the line is not complete
   */
  protected abstract startLine(bytes: Uint8Array, at: number, limit: number): number | Rejection;

  protected abstract startTooLong(): Rejection;

  /** A field that is known, from the start of its name to behind its line's end; the value without the whitespace around it. */
  protected abstract field(
    bytes: Uint8Array,
    is: KnownField,
    nameStart: number,
    nameEnd: number,
    valueStart: number,
    valueEnd: number,
    lineEnd: number,
  ): Rejection | undefined;

  /** What can be judged only by the whole. */
  protected abstract complete(bytes: Uint8Array): Rejection | undefined;

  /** Whether whitespace before a colon is to be removed instead of refused. */
  protected removesSpace(): boolean {
    return false;
  }

  #scan(bytes: Uint8Array, limit: number): Scan {
    this.fieldsStart = -1;
    const next = this.startLine(bytes, this.start, limit);
    if (typeof next !== 'number') return next;
    if (next < 0) return 'more';
    this.fieldsStart = next;
    let at = next;
    for (let count = 0; ; count++) {
      const nameStart = at;
      while (at < limit && isToken[bytes[at] as number] === 1) at++;
      if (at === limit) return 'more';
      const nameEnd = at;
      let code = bytes[at] as number;
      if (code !== octet.colon) {
        if (code === octet.cr && at === nameStart) return this.#emptyLine(bytes, at, limit);
        if (code === octet.lf || code === octet.cr) return code === octet.lf ? 'line-ending' : 'field-name-invalid';
        if (code !== octet.space && code !== octet.htab) return 'field-name-invalid';
        if (at === nameStart) return 'field-folded';
        if (!this.removesSpace()) return 'field-name-space';
        while (at < limit && (bytes[at] === octet.space || bytes[at] === octet.htab)) at++;
        if (at === limit) return 'more';
        if (bytes[at] !== octet.colon) return 'field-name-invalid';
      } else if (at === nameStart) return 'field-name-invalid';
      const colon = at;
      if (count === this.limits.maxFields) return 'too-many-fields';
      at++;
      while (at < limit && (bytes[at] === octet.space || bytes[at] === octet.htab)) at++;
      const valueStart = at;
      at = textEnd(bytes, at, limit);
      if (at === limit) return 'more';
      code = bytes[at] as number;
      if (code !== octet.cr) return code === octet.lf ? 'line-ending' : 'field-value-invalid';
      let valueEnd = at;
      at++;
      if (at === limit) return 'more';
      if (bytes[at] !== octet.lf) return 'line-ending';
      at++;
      while (valueEnd > valueStart && (bytes[valueEnd - 1] === octet.space || bytes[valueEnd - 1] === octet.htab)) {
        valueEnd--;
      }
      const before = this.dropped.count;
      const is = fieldNamed(bytes, nameStart, nameEnd);
      if (is !== field.other) {
        const rejection = this.field(bytes, is, nameStart, nameEnd, valueStart, valueEnd, at);
        if (rejection) return rejection;
      }
      if (colon > nameEnd && this.dropped.count === before) this.dropped.add(nameEnd, colon);
    }
  }

  #emptyLine(bytes: Uint8Array, at: number, limit: number): Scan {
    if (at + 1 === limit) return 'more';
    if (bytes[at + 1] !== octet.lf) return 'line-ending';
    this.end = at + 2;
    const rejection = this.complete(bytes);
    if (rejection) return rejection;
    if (this.nominated) this.#dropNominated(bytes, this.nominated);
    return 'done';
  }

  /** Goes over the fields once more; they are known to be valid. */
  #dropNominated(bytes: Uint8Array, nominated: ReadonlySet<string>): void {
    const before = this.dropped.with(new Ranges());
    this.dropped.clear();
    let next = 0;
    for (let at = this.fieldsStart; at < this.end - 2; ) {
      let nameEnd = at;
      while (isToken[bytes[nameEnd] as number] === 1) nameEnd++;
      const lineEnd = bytes.indexOf(octet.lf, nameEnd) + 1;
      if (nominated.has(latin1(bytes, at, nameEnd).toLowerCase())) {
        this.dropped.add(at, lineEnd);
        if (next < before.count && before.start(next) < lineEnd) next++;
      } else if (next < before.count && before.start(next) < lineEnd) {
        this.dropped.add(before.start(next), before.end(next));
        next++;
      }
      at = lineEnd;
    }
  }
}

/** What is between `from` and `to`, but for the dropped ranges. */
export function kept(bytes: Uint8Array, dropped: Ranges, from: number, to: number): string {
  const all = latin1(bytes, from, to);
  if (dropped.isEmpty) return all;
  let text = '';
  let at = from;
  for (let index = 0; index < dropped.count; index++) {
    const start = dropped.start(index);
    if (start > at) text += all.slice(at - from, start - from);
    at = Math.max(at, dropped.end(index));
  }
  return at < to ? text + all.slice(at - from) : text;
}

export function latin1(bytes: Uint8Array, start: number, end: number): string {
  return (bytes as Buffer).toString('latin1', start, end);
}

/** Whether the octets are these, which are in lower case, without regard to case. */
export function isWord(bytes: Uint8Array, start: number, end: number, word: string): boolean {
  if (end - start !== word.length) return false;
  for (let index = 0; index < word.length; index++) {
    if (lower[bytes[start + index] as number] !== word.charCodeAt(index)) return false;
  }
  return true;
}

/** Whether the octets are just this text. */
export function isSame(bytes: Uint8Array, start: number, end: number, text: string): boolean {
  if (end - start !== text.length) return false;
  for (let index = 0; index < text.length; index++) {
    if (bytes[start + index] !== text.charCodeAt(index)) return false;
  }
  return true;
}

/** `Name: value`, with nothing else around the value that someone might read in another way. */
export function isCanonical(
  bytes: Uint8Array,
  nameEnd: number,
  valueStart: number,
  valueEnd: number,
  lineEnd: number,
): boolean {
  return valueStart === nameEnd + 2 && bytes[nameEnd + 1] === octet.space && valueEnd === lineEnd - 2;
}

/**
 * Fields between HTTP/2, where they are pairs, and HTTP/1.1, where they are lines.
 *
 * - What becomes a line can't become two: a name is a token in lower case, a value has no control characters.
 * - What concerns one connection only is in no message of HTTP/2 (RFC 9113, section 8.2.2).
 */
import type { OutgoingHttpHeaders } from 'node:http2';

const name = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const value = /^(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?$/;
const ofConnection = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/**
 * To write fields into. Without a prototype, so that any name is a field's; made by a constructor, so that V8 keeps it as
 * an object and not as a dictionary, which Node would sort to go over it.
 */
export const Fields = function Fields() {} as unknown as new () => OutgoingHttpHeaders;
Fields.prototype = Object.create(null);

/** RFC 9113, section 8.2.1. */
export function isName(text: string): boolean {
  return name.test(text);
}

/** RFC 9113, section 8.2.1. */
export function isValue(text: string): boolean {
  return value.test(text);
}

export function concernsConnection(lowerName: string): boolean {
  return ofConnection.has(lowerName);
}

/** Lines of what came as names and values in turns; `undefined` where one of them may not be there. */
export function trailerLines(raw: readonly string[]): string | undefined {
  let lines = '';
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const key = raw[index] as string;
    const text = raw[index + 1] as string;
    if (!isName(key) || !isValue(text)) return undefined;
    lines += `${key}: ${text}\r\n`;
  }
  return lines;
}

/** How a body is framed: -1 for no length. */
export interface LineFraming {
  length: number;
  chunked: boolean;
}

interface LineName {
  readonly lower: string;
  readonly means: 'length' | 'coding' | 'connection' | undefined;
}

/** As they were written, so that one that is known costs no string of its own. */
const lineNames = new Map<string, LineName>();
const mostLineNames = 500;
const longestLineName = 64;
const space = 0x20;

function lineName(written: string): LineName {
  const known = lineNames.get(written);
  if (known) return known;
  const lower = written.toLowerCase();
  const made: LineName = { lower, means: meaningOf(lower) };
  // A copy: a part of a head would keep all of it in memory.
  const isKept = lineNames.size < mostLineNames && written.length <= longestLineName;
  if (isKept) lineNames.set(Buffer.from(written, 'latin1').toString('latin1'), made);
  return made;
}

/** Without the white space around it, of which there nearly always is one space in front. */
function valueIn(head: string, from: number, to: number): string {
  const isUsual =
    head.charCodeAt(from) === space && head.charCodeAt(from + 1) > space && head.charCodeAt(to - 1) > space;
  return isUsual ? head.slice(from + 1, to) : head.slice(from, to).trim();
}

function meaningOf(lowerName: string): LineName['means'] {
  if (lowerName === 'content-length') return 'length';
  if (lowerName === 'transfer-encoding') return 'coding';
  return concernsConnection(lowerName) ? 'connection' : undefined;
}

/**
 * Adds the fields of the lines in [from, to) of a head that is known to be valid. One that came several times becomes
 * one (RFC 9110, section 5.3), but for Set-Cookie.
 */
export function addFields(
  fields: OutgoingHttpHeaders,
  framing: LineFraming,
  head: string,
  from: number,
  to: number,
): void {
  framing.length = -1;
  framing.chunked = false;
  for (let at = from; at < to; ) {
    const colon = head.indexOf(':', at);
    let end = head.indexOf('\r\n', colon);
    if (end < 0) end = to;
    const { lower, means } = lineName(head.slice(at, colon));
    const text = valueIn(head, colon + 1, end);
    at = end + 2;
    if (means === 'length') framing.length = Number(text);
    else if (means) {
      if (means === 'coding') framing.chunked = true;
      continue;
    }
    const before = fields[lower];
    if (before === undefined) fields[lower] = text;
    else if (lower !== 'set-cookie') fields[lower] = `${before}, ${text}`;
    else fields[lower] = Array.isArray(before) ? [...before, text] : [String(before), text];
  }
}

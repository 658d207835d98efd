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
    const key = head.slice(at, colon).toLowerCase();
    const text = head.slice(colon + 1, end).trim();
    at = end + 2;
    if (key === 'content-length') framing.length = Number(text);
    else if (concernsConnection(key)) {
      if (key === 'transfer-encoding') framing.chunked = true;
      continue;
    }
    const before = fields[key];
    if (before === undefined) fields[key] = text;
    else if (key !== 'set-cookie') fields[key] = `${before}, ${text}`;
    else fields[key] = Array.isArray(before) ? [...before, text] : [String(before), text];
  }
}

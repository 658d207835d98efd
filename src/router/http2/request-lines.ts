/**
 * The head of an HTTP/2 request as one of HTTP/1.1, which is then read as any other: what it may ask for is decided
 * there. Here it is seen to that both are understood in the same way.
 */
import { concernsConnection, isName, isValue } from './field-lines.ts';

/** Why a request is malformed (RFC 9113, section 8.1.1). */
export type Malformed =
  | 'http2-pseudo-field'
  | 'http2-field-name'
  | 'http2-field-value'
  | 'http2-connection-field'
  | 'http2-te'
  | 'http2-authority';

export interface RequestLines {
  /** A whole head. */
  readonly text: string;
  readonly method: string;
  /** Of the body: -1 where it is not told, and so sent in chunks. */
  readonly length: number;
}

const word = /^[!-~\x80-\xff]+$/;

/**
 * @param raw names and values in turns, as they came
 * @param ended no body follows
 */
export function requestLines(raw: readonly string[], ended: boolean): RequestLines | Malformed {
  let method: string | undefined;
  let path: string | undefined;
  let scheme: string | undefined;
  let authority: string | undefined;
  let host: string | undefined;
  let cookie = '';
  let length = -1;
  let fields = '';
  let isBehindPseudo = false;
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const key = raw[index] as string;
    const text = raw[index + 1] as string;
    if (key.startsWith(':')) {
      if (isBehindPseudo || !word.test(text)) return 'http2-pseudo-field';
      if (key === ':method' && method === undefined) method = text;
      else if (key === ':path' && path === undefined) path = text;
      else if (key === ':scheme' && scheme === undefined) scheme = text;
      else if (key === ':authority' && authority === undefined) authority = text;
      else return 'http2-pseudo-field';
      continue;
    }
    isBehindPseudo = true;
    if (!isName(key)) return 'http2-field-name';
    if (!isValue(text)) return 'http2-field-value';
    if (concernsConnection(key)) return 'http2-connection-field';
    if (key === 'host') {
      if (host !== undefined) return 'http2-authority';
      host = text;
    } else if (key === 'cookie') cookie += cookie === '' ? text : `; ${text}`;
    else if (key === 'te') {
      if (text.toLowerCase() !== 'trailers') return 'http2-te';
      fields += 'Connection: TE\r\nTE: trailers\r\n';
    } else {
      if (key === 'content-length') length = Number(text);
      fields += `${key}: ${text}\r\n`;
    }
  }
  if (method === undefined) return 'http2-pseudo-field';
  if (method === 'CONNECT') return { text: `CONNECT ${authority ?? ''} HTTP/1.1\r\n\r\n`, method, length: 0 };
  if (path === undefined || (scheme !== 'http' && scheme !== 'https')) return 'http2-pseudo-field';
  if (!path.startsWith('/') && !(path === '*' && method === 'OPTIONS')) return 'http2-pseudo-field';
  if (authority !== undefined && host !== undefined && authority.toLowerCase() !== host.toLowerCase()) {
    return 'http2-authority';
  }
  const name = authority ?? host;
  let text = `${method} ${path} HTTP/1.1\r\n`;
  if (name !== undefined) text += `Host: ${name}\r\n`;
  text += fields;
  if (cookie !== '') text += `Cookie: ${cookie}\r\n`;
  if (length < 0 && !ended) text += 'Transfer-Encoding: chunked\r\n';
  return { text: `${text}\r\n`, method, length: ended && length < 0 ? 0 : length };
}

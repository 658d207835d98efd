/** The head of an HTTP/2 response as one of HTTP/1.1. */

import { reasonPhrase } from '../on-demand.ts';
import { concernsConnection, isName, isValue } from './field-lines.ts';

export interface ResponseLines {
  /** A whole head. */
  readonly text: string;
  /** Whether a body follows. */
  readonly hasBody: boolean;
  /** Whether it is announced in chunks, since its length is not told. */
  readonly inChunks: boolean;
}

/**
 * `undefined` where it is malformed (RFC 9113, section 8.1.1).
 * @param raw names and values in turns, as they came
 * @param isHead it answers a HEAD
 * @param ended nothing follows
 */
export function responseLines(raw: readonly string[], isHead: boolean, ended: boolean): ResponseLines | undefined {
  let status = '';
  let fields = '';
  let hasLength = false;
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const key = raw[index] as string;
    const text = raw[index + 1] as string;
    if (key === ':status') {
      if (status !== '' || !/^[1-9]\d\d$/.test(text)) return undefined;
      status = text;
      continue;
    }
    if (!isName(key) || !isValue(text) || concernsConnection(key)) return undefined;
    if (key === 'content-length') hasLength = true;
    fields += `${key}: ${text}\r\n`;
  }
  if (status === '') return undefined;
  const mayHaveBody = !isHead && !status.startsWith('1') && status !== '204' && status !== '304';
  const hasBody = mayHaveBody && !ended;
  const inChunks = hasBody && !hasLength;
  if (inChunks) fields += 'Transfer-Encoding: chunked\r\n';
  else if (mayHaveBody && !hasLength) fields += 'Content-Length: 0\r\n';
  return { text: `HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n${fields}\r\n`, hasBody, inChunks };
}

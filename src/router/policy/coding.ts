/** Which responses are compressed, for whom, and what their heads say then (RFC 9110, sections 8.4 and 12.5.3). */
import { type HeaderEdits, headerEdits } from './header-rules.ts';

export type Coding = 'br' | 'gzip';

const smallest = 1024;

/** In the order in which they are preferred where a client likes them alike. */
const codings: readonly Coding[] = ['br', 'gzip'];

/** The best that an Accept-Encoding accepts; `undefined` for the response as it is. */
export function acceptedCoding(accept: string | undefined): Coding | undefined {
  if (accept === undefined) return undefined;
  const weights = new Map<string, number>();
  for (const part of accept.toLowerCase().split(',')) {
    const [name = '', ...parameters] = part.split(';').map(word => word.trim());
    const weight = parameters.find(parameter => /^q\s*=/.test(parameter));
    const value = weight === undefined ? 1 : Number(weight.slice(weight.indexOf('=') + 1));
    weights.set(name === 'x-gzip' ? 'gzip' : name, value >= 0 && value <= 1 ? value : 0);
  }
  const weightOf = (coding: string) => weights.get(coding) ?? weights.get('*') ?? 0;
  let best: Coding | undefined;
  for (const coding of codings) if (weightOf(coding) > (best ? weightOf(best) : 0)) best = coding;
  return best && (weights.get('identity') ?? 0) <= weightOf(best) ? best : undefined;
}

const compressible =
  /^(?:text\/|(?:application|image|model|font)\/(?:[\w.+-]+\+(?:json|xml|text)|json|javascript|ecmascript|xml|x-javascript|x-ndjson|ndjson|jsonl|manifest\+json|graphql|sql|rtf|toml|yaml|x-yaml|wasm|bmp|x-icon|vnd\.microsoft\.icon|ttf|otf|collection|x-font-ttf|vnd\.ms-fontobject)(?:[\s;]|$))/i;

/** What decides it of a response; values are `undefined` where there is no such field. */
export interface Compressed {
  readonly status: number;
  /** -1 where it is not known. */
  readonly length: number;
  readonly type: string | undefined;
  readonly encoding: string | undefined;
  readonly cacheControl: string | undefined;
  readonly vary: string | undefined;
  readonly tag: string | undefined;
}

/** Whether a client that accepts it gets it compressed. */
export function isCompressible({ status, length, type, encoding, cacheControl }: Compressed): boolean {
  if (status < 200 || status === 204 || status === 205 || status === 206 || status === 304) return false;
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') return false;
  if (length >= 0 && length < smallest) return false;
  return compressible.test(type ?? '') && !/(?:^|[\s,])no-transform(?:[\s,]|$)/i.test(cacheControl ?? '');
}

/**
 * What of the head of a compressible response is changed: also where the client accepts no coding, since a cache has to
 * know that it depends on that; and of a 304, which tells of one (RFC 9110, section 15.4.5).
 */
export function codingEdits({ status, vary, tag }: Compressed, coding: Coding | undefined): HeaderEdits {
  const isTold = /(?:^|,)\s*(?:accept-encoding|\*)\s*(?:,|$)/i.test(vary ?? '');
  const add: Record<string, string> = isTold ? {} : { Vary: 'Accept-Encoding' };
  if (coding === undefined) return headerEdits({ set: {}, add, remove: [] });
  // Another representation than the one that the strong tag names (RFC 9110, section 8.8.3).
  const weak: Record<string, string> = tag?.startsWith('"') ? { ETag: `W/${tag}` } : {};
  if (status === 304) return headerEdits({ set: weak, add, remove: [] });
  return headerEdits({
    set: { 'Content-Encoding': coding, ...weak },
    add,
    // They are about the octets as the instance sent them.
    remove: ['Content-Length', 'Accept-Ranges', 'Content-MD5', 'Digest', 'Content-Digest', 'Repr-Digest'],
  });
}

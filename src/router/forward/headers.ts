/**
 * What becomes of header fields on their way. Fields are flat lists, name and value in turn, as Node's `rawHeaders`,
 * so that case, order and repetition are kept.
 *
 * - Fields that concern one connection only are dropped, those that `Connection` names too (RFC 9110, section 7.6.1),
 *   except for what a request is framed or routed by.
 * - Nothing that a client says about where a request comes from is believed: it is replaced.
 */
type Fields = readonly string[];

const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'transfer-encoding',
  'upgrade',
]);

/** A client must not be able to have these dropped by naming them in `Connection`. */
const notNominable = new Set(['host', 'content-length', 'content-type', 'date', 'trailer']);

export interface RequestFacts {
  readonly method: string;
  /** As it is passed on: the `Host` that came, or the authority of an absolute target. */
  readonly host: string;
  readonly clientAddress: string;
  readonly requestId: string;
  /** What was taken off the path, if anything. */
  readonly strippedPrefix: string;
  readonly chunked: boolean;
  /** The protocol of an upgrade that is passed on. */
  readonly upgrade: string | undefined;
}

export function requestHeaders(raw: Fields, facts: RequestFacts): string[] {
  const dropped = connectionOptions(raw);
  const fields: string[] = ['Host', facts.host];
  let framed = facts.chunked;
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] as string;
    const key = name.toLowerCase();
    if (key === 'host' || key === 'expect' || key === 'x-request-id' || dropped.has(key) || saysOrigin(key)) continue;
    if (key === 'content-length') {
      if (framed) continue;
      framed = true;
    }
    fields.push(name, raw[index + 1] as string);
  }
  if (facts.chunked) fields.push('Transfer-Encoding', 'chunked');
  else if (!framed && expectsContent(facts.method)) fields.push('Content-Length', '0');
  if (facts.upgrade !== undefined) fields.push('Connection', 'Upgrade', 'Upgrade', facts.upgrade);
  fields.push('X-Forwarded-For', facts.clientAddress, 'X-Forwarded-Proto', 'http', 'X-Forwarded-Host', facts.host);
  if (facts.strippedPrefix) fields.push('X-Forwarded-Prefix', facts.strippedPrefix);
  fields.push('X-Request-Id', facts.requestId);
  return fields;
}

/** @param chunked whether the response goes on in chunks: only then there can be trailers */
export function responseHeaders(raw: Fields, requestId: string, chunked: boolean): string[] {
  const dropped = connectionOptions(raw);
  const fields: string[] = [];
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] as string;
    const key = name.toLowerCase();
    if (key === 'x-request-id' || dropped.has(key) || (key === 'trailer' && !chunked)) continue;
    fields.push(name, raw[index + 1] as string);
  }
  fields.push('X-Request-Id', requestId);
  return fields;
}

/** The value of a field that must not be repeated; `null` where it is. */
export function onlyValue(raw: Fields, wanted: string): string | undefined | null {
  let found: string | undefined;
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] as string;
    if (name.length !== wanted.length || name.toLowerCase() !== wanted) continue;
    if (found !== undefined) return null;
    found = raw[index + 1] as string;
  }
  return found;
}

/** Name and value pairs, without what can't be a trailer (RFC 9110, section 6.5.1). */
export function trailers(raw: Fields): [string, string][] {
  const pairs: [string, string][] = [];
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] as string;
    const key = name.toLowerCase();
    if (hopByHop.has(key) || notNominable.has(key) || saysOrigin(key)) continue;
    pairs.push([name, raw[index + 1] as string]);
  }
  return pairs;
}

function connectionOptions(raw: Fields): ReadonlySet<string> {
  let dropped: Set<string> | undefined;
  for (let index = 0; index < raw.length; index += 2) {
    if ((raw[index] as string).toLowerCase() !== 'connection') continue;
    for (const option of (raw[index + 1] as string).toLowerCase().split(',')) {
      const name = option.trim();
      if (name === '' || name === 'close' || hopByHop.has(name) || notNominable.has(name)) continue;
      dropped ??= new Set(hopByHop);
      dropped.add(name);
    }
  }
  return dropped ?? hopByHop;
}

/** Servers that follow CGI can't tell `_` from `-` in a name. */
function saysOrigin(key: string): boolean {
  const name = key.includes('_') ? key.replaceAll('_', '-') : key;
  return name.startsWith('x-forwarded-') || name === 'forwarded' || name === 'x-real-ip' || name === 'x-request-id';
}

/** Those for which a server expects a length even where there is no content (RFC 9110, section 8.6). */
function expectsContent(method: string): boolean {
  return method === 'POST' || method === 'PUT' || method === 'PATCH';
}

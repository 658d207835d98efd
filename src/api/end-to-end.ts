/**
 * What of a message's head goes further than one connection (RFC 9110, section 7.6.1). The framing is never up to
 * what `Connection` names: a body whose length got lost would be read as the next request.
 */
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http';

const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  // Answered by the server that took the request.
  'expect',
]);

const mayNotBeNamed: ReadonlySet<string> = new Set(['content-length', 'host']);

/** Of a request; with `upgrades`, its wish for another protocol is passed on. */
export function requestFields(headers: IncomingHttpHeaders, upgrades: boolean): OutgoingHttpHeaders {
  const fields: OutgoingHttpHeaders = kept(headers);
  if (headers['transfer-encoding'] !== undefined) fields['transfer-encoding'] = 'chunked';
  if (upgrades) Object.assign(fields, { connection: 'Upgrade', upgrade: headers.upgrade });
  return fields;
}

/** Of a response: names and values in turn, as they were written. */
export function responseFields({ headers, rawHeaders }: IncomingMessage): string[] {
  const goes = goesOn(headers.connection);
  return rawHeaders.filter((_, at) => goes((rawHeaders[at - (at % 2)] as string).toLowerCase()));
}

/** Of a response that switches protocols. */
export function switchFields({ headers }: IncomingMessage): IncomingHttpHeaders {
  return { connection: 'Upgrade', upgrade: headers.upgrade, ...kept(headers) };
}

function kept(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const goes = goesOn(headers.connection);
  return Object.fromEntries(Object.entries(headers).filter(([name]) => goes(name)));
}

function goesOn(connection = ''): (name: string) => boolean {
  const named = new Set(connection.split(',').map(option => option.trim().toLowerCase()));
  return name => !hopByHop.has(name) && (mayNotBeNamed.has(name) || !named.has(name));
}

/** What a request asks for: where from its head it is read, and which heads are refused before they are routed. */
import type { IncomingMessage } from 'node:http';
import { normalHost } from '../routes.ts';
import { onlyValue } from './headers.ts';

export interface Target {
  /** For the `Host` of the forwarded request. */
  readonly host: string;
  /** For the routes. */
  readonly routedHost: string;
  /** Origin form: path and query. */
  readonly path: string;
  readonly chunked: boolean;
  readonly hasBody: boolean;
}

export interface Unacceptable {
  readonly status: 400 | 501;
  readonly detail: string;
}

const hostPattern = /^(?:\[[0-9a-f:.]+\]|[a-z0-9._~%!$&'()*+;=-]*)(?::\d{0,5})?$/i;
const longestHost = 262;

/** Beyond what Node's strict parser has refused already. RFC 9112, sections 3.2, 6.1 and 7.2. */
export function readTarget(request: IncomingMessage): Target | Unacceptable {
  const hostField = onlyValue(request.rawHeaders, 'host');
  if (hostField === null) return bad('more than one Host');
  const absolute = /^https?:\/\/([^/?#]*)(.*)$/i.exec(request.url ?? '');
  const host = absolute ? (absolute[1] as string) : (hostField ?? '');
  if (host.length > longestHost || !hostPattern.test(host)) return bad('the host is not a valid one');
  const path = absolute ? originForm(absolute[2] as string) : (request.url ?? '');
  if (!path.startsWith('/') && !(path === '*' && request.method === 'OPTIONS')) return bad('the target is not a path');

  const coding = onlyValue(request.rawHeaders, 'transfer-encoding');
  if (coding !== undefined && request.httpVersionMinor === 0) return bad('Transfer-Encoding in HTTP/1.0');
  if (coding !== undefined && coding?.trim().toLowerCase() !== 'chunked') {
    return { status: 501, detail: 'no transfer coding but chunked is supported' };
  }
  const chunked = coding !== undefined;
  const hasBody = chunked || Number(request.headers['content-length'] ?? 0) > 0;
  return { host, routedHost: normalHost(host), path, chunked, hasBody };
}

function originForm(rest: string): string {
  return rest.startsWith('/') ? rest : `/${rest}`;
}

function bad(detail: string): Unacceptable {
  return { status: 400, detail };
}

/** The head of a request as an instance gets it. */
import { kept } from './head.ts';
import type { RequestHead } from './request-head.ts';

export interface OriginFacts {
  /** Whole lines, with their ends: `X-Forwarded-For: …` and others. */
  readonly lines: string;
  /** What the client asked for; empty: what the request says. */
  readonly host: string;
  /** What was stripped from the path before it came here. */
  readonly prefix: string;
}

export interface RequestFacts {
  /** As it is passed on, after a prefix was taken off. */
  readonly path: string;
  readonly strippedPrefix: string;
  readonly requestId: string;
  /** Where it begins a trace; empty where it came with one. */
  readonly traceparent: string;
  readonly origin: OriginFacts;
  /** Whether the wish for another protocol is passed on. */
  readonly upgrades: boolean;
  /** Of HTTP, that it came by; absent: the one that its head says. */
  readonly version?: '2.0' | undefined;
}

/** The pseudonym in Via, which a gateway must add (RFC 9110, section 7.6.3). */
const pseudonym = 'slipway';

/** What a client says about where a request comes from is replaced. The framing is said once, in the usual form. */
export function forwardedRequest(bytes: Buffer, head: RequestHead, facts: RequestFacts): string {
  const { framing, method, minor } = head;
  const last = head.end - 2;
  let text =
    head.plainStart && facts.strippedPrefix === ''
      ? kept(bytes, head.dropped, head.lineStart, last)
      : `${method} ${facts.path} HTTP/1.1\r\n${kept(bytes, head.dropped, head.fieldsStart, last)}`;
  if (head.rewritesHost) text += `Host: ${head.host}\r\n`;
  if (framing.chunked) text += 'Transfer-Encoding: chunked\r\n';
  else if (framing.length >= 0) {
    if (!framing.plainLength) text += `Content-Length: ${framing.length}\r\n`;
  } else if (expectsContent(method)) text += 'Content-Length: 0\r\n';
  if (facts.upgrades) text += `Connection: Upgrade\r\nUpgrade: ${head.upgrade}\r\n`;
  else if (head.acceptsTrailers) text += 'Connection: TE\r\nTE: trailers\r\n';
  if (head.maxForwards > 0 && isTraced(method)) text += `Max-Forwards: ${head.maxForwards - 1}\r\n`;
  const { origin } = facts;
  text += `${origin.lines}X-Forwarded-Host: ${origin.host || head.host}\r\n`;
  const prefix = origin.prefix + facts.strippedPrefix;
  if (prefix !== '') text += `X-Forwarded-Prefix: ${prefix}\r\n`;
  if (facts.traceparent !== '') text += `Traceparent: ${facts.traceparent}\r\n`;
  return `${text}X-Request-Id: ${facts.requestId}\r\nVia: ${facts.version ?? `1.${minor}`} ${pseudonym}\r\n\r\n`;
}

/** Those for which Max-Forwards is meant (RFC 9110, section 7.6.2). */
export function isTraced(method: string): boolean {
  return method === 'OPTIONS' || method === 'TRACE';
}

/** Those for which a server expects a length even where there is no content (RFC 9110, section 8.6). */
function expectsContent(method: string): boolean {
  return method === 'POST' || method === 'PUT' || method === 'PATCH';
}

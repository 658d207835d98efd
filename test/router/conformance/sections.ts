/**
 * The sections of RFC 9112 and 9110 that put a requirement on a recipient, sender, proxy or gateway: each has rows, or a
 * reason why there are none. RFC 9110 sections that concern only user agents, origin servers or caches are left out.
 */
import { allCases } from './chapters.ts';
import type { Section } from './row.ts';

interface Known {
  readonly title: string;
  /** Why there are no rows. */
  readonly without?: string;
}

export const sections: Readonly<Record<Section, Known>> = {
  'RFC 9112 2.2': { title: 'Message Parsing' },
  'RFC 9112 2.3': { title: 'HTTP Version' },
  'RFC 9112 3': { title: 'Request Line' },
  'RFC 9112 3.1': { title: 'Method' },
  'RFC 9112 3.2': { title: 'Request Target' },
  'RFC 9112 3.2.1': { title: 'origin-form' },
  'RFC 9112 3.2.2': { title: 'absolute-form' },
  'RFC 9112 3.2.3': { title: 'authority-form' },
  'RFC 9112 3.2.4': { title: 'asterisk-form' },
  'RFC 9112 3.3': { title: 'Reconstructing the Target URI', without: 'the rows of 3.2 show which host and path count' },
  'RFC 9112 4': { title: 'Status Line' },
  'RFC 9112 5': { title: 'Field Syntax' },
  'RFC 9112 5.1': { title: 'Field Line Parsing' },
  'RFC 9112 5.2': { title: 'Obsolete Line Folding' },
  'RFC 9112 6.1': { title: 'Transfer-Encoding' },
  'RFC 9112 6.2': { title: 'Content-Length' },
  'RFC 9112 6.3': { title: 'Message Body Length' },
  'RFC 9112 7.1': { title: 'Chunked Transfer Coding' },
  'RFC 9112 7.1.1': { title: 'Chunk Extensions' },
  'RFC 9112 7.1.2': { title: 'Chunked Trailer Section' },
  'RFC 9112 7.1.3': { title: 'Decoding Chunked', without: 'only for a client of HTTP/1.0: see 6.1' },
  'RFC 9112 7.2': { title: 'Transfer Codings for Compression', without: 'none is understood: see 6.1' },
  'RFC 9112 7.4': { title: 'Negotiating Transfer Codings', without: 'see RFC 9110 10.1.4' },
  'RFC 9112 8': { title: 'Handling Incomplete Messages' },
  'RFC 9112 9.2': { title: 'Associating a Response to a Request', without: 'see 6.3 and 9.3.2' },
  'RFC 9112 9.3': { title: 'Persistence' },
  'RFC 9112 9.3.1': { title: 'Retrying Requests' },
  'RFC 9112 9.3.2': { title: 'Pipelining' },
  'RFC 9112 9.4': { title: 'Concurrency', without: 'how many connections there are is nobody’s to see' },
  'RFC 9112 9.5': { title: 'Failures and Timeouts' },
  'RFC 9112 9.6': { title: 'Tear-down' },
  'RFC 9112 9.7': { title: 'TLS Connection Initiation', without: 'these rows are about cleartext' },
  'RFC 9112 11.1': { title: 'Response Splitting' },
  'RFC 9112 11.2': { title: 'Request Smuggling', without: 'see 2.2, 5.1 and 6; and the fuzz tests' },
  'RFC 9110 4.2.4': { title: 'Deprecation of userinfo' },
  'RFC 9110 5.1': { title: 'Field Names' },
  'RFC 9110 5.3': { title: 'Field Order' },
  'RFC 9110 5.4': { title: 'Field Limits' },
  'RFC 9110 5.5': { title: 'Field Values' },
  'RFC 9110 6.5': { title: 'Trailer Fields' },
  'RFC 9110 6.6.1': { title: 'Date' },
  'RFC 9110 6.6.2': { title: 'Trailer' },
  'RFC 9110 7.2': { title: 'Host and :authority' },
  'RFC 9110 7.4': { title: 'Rejecting Misdirected Requests' },
  'RFC 9110 7.6.1': { title: 'Connection' },
  'RFC 9110 7.6.2': { title: 'Max-Forwards' },
  'RFC 9110 7.6.3': { title: 'Via' },
  'RFC 9110 7.7': { title: 'Message Transformations' },
  'RFC 9110 7.8': { title: 'Upgrade' },
  'RFC 9110 8.6': { title: 'Content-Length' },
  'RFC 9110 9.2.2': { title: 'Idempotent Methods' },
  'RFC 9110 9.3.1': { title: 'GET' },
  'RFC 9110 9.3.2': { title: 'HEAD' },
  'RFC 9110 9.3.6': { title: 'CONNECT', without: 'a gateway serves none: see RFC 9112 3.2.3' },
  'RFC 9110 9.3.7': { title: 'OPTIONS', without: 'see 7.6.2' },
  'RFC 9110 9.3.8': { title: 'TRACE', without: 'see 7.6.2' },
  'RFC 9110 10.1.1': { title: 'Expect' },
  'RFC 9110 10.1.4': { title: 'TE' },
  'RFC 9110 11.6.1': { title: 'WWW-Authenticate' },
  'RFC 9110 11.6.2': { title: 'Authorization' },
  'RFC 9110 11.7.1': { title: 'Proxy-Authenticate' },
  'RFC 9110 11.7.2': { title: 'Proxy-Authorization' },
  'RFC 9110 15': { title: 'Status Codes' },
  'RFC 9110 15.2': { title: 'Informational 1xx' },
  'RFC 9110 15.2.2': { title: '101 Switching Protocols' },
  'RFC 9110 15.3.5': { title: '204 No Content' },
  'RFC 9110 15.4.5': { title: '304 Not Modified', without: 'see RFC 9112 6.3' },
  'RFC 9110 15.5': { title: 'Client Error 4xx' },
  'RFC 9110 15.5.14': { title: '413 Content Too Large' },
  'RFC 9110 15.5.22': { title: '426 Upgrade Required' },
  'RFC 9110 15.6.3': { title: '502 Bad Gateway' },
  'RFC 9110 15.6.4': { title: '503 Service Unavailable' },
  'RFC 9110 15.6.5': { title: '504 Gateway Timeout' },
};

/** Sections without rows and without a reason. */
export function uncovered(): readonly string[] {
  const held = new Set<string>(allCases.map(({ section }) => section));
  return Object.entries(sections).flatMap(([section, { without }]) =>
    held.has(section) === (without === undefined) ? [] : [section],
  );
}

/** Of rows, that are no section of the list. */
export function unknownSections(): readonly string[] {
  return [...new Set(allCases.map(({ section }) => section))].filter(section => !(section in sections));
}

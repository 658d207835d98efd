/** Responses of the router's own that a route asks for: redirects, and fixed ones such as a maintenance page. */
import type { Milliseconds } from '../../domain/clock.ts';
import type { RedirectSpec, RespondSpec } from '../../domain/route-spec.ts';
import { reasonPhrase } from '../on-demand.ts';
import type { ContentSource } from './content.ts';
import { edited, headerEdits } from './header-rules.ts';
import { type RedirectFacts, redirectLocation } from './redirect.ts';

export interface Asked extends RedirectFacts {
  readonly method: string;
  /** Of If-None-Match. */
  readonly knownTags: string | undefined;
}

export interface Answer {
  readonly status: number;
  /** From its start line to its empty line. */
  readonly head: string;
  /** Also where it is not to be sent, as the request is a HEAD. */
  readonly body: Buffer;
}

/** Why there is none: the host can't be redirected to, or the file of the response can't be read. */
export type NoAnswer = 'host-invalid' | 'unreadable';

/** @param fields whole lines that each response has */
export type Answerer = (asked: Asked, now: Milliseconds, fields: string) => Answer | NoAnswer;

const nothing = Buffer.alloc(0);

export function redirecting({ to, status }: RedirectSpec): Answerer {
  return (asked, _now, fields) => {
    const location = redirectLocation(to, asked);
    if (location === undefined) return 'host-invalid';
    return { status, head: headOf(status, `Location: ${location}\r\nContent-Length: 0\r\n${fields}`), body: nothing };
  };
}

/** Those that have no body (RFC 9110, sections 15.3.5, 15.3.6 and 15.4.5). */
const bodiless = new Set([204, 205, 304]);

export function responding({ status, headers }: RespondSpec, source: ContentSource): Answerer {
  const edits = headerEdits({ set: headers, add: {}, remove: [] });
  return ({ method, knownTags }, now, fields) => {
    const content = source.at(now);
    if (!content) return 'unreadable';
    const { bytes, type, tag } = content;
    const isConditional = status === 200 && (method === 'GET' || method === 'HEAD');
    const tagField = isConditional ? `ETag: ${tag}\r\n` : '';
    if (isConditional && isKnown(knownTags, tag)) {
      return { status: 304, head: edited(headOf(304, tagField + fields), edits), body: nothing };
    }
    if (bodiless.has(status)) {
      const length = status === 205 ? 'Content-Length: 0\r\n' : '';
      return { status, head: edited(headOf(status, length + fields), edits), body: nothing };
    }
    const described = `Content-Type: ${type}\r\nContent-Length: ${bytes.length}\r\n${tagField}${fields}`;
    return { status, head: edited(headOf(status, described), edits), body: bytes };
  };
}

function headOf(status: number, fields: string): string {
  return `HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n${fields}\r\n`;
}

/** Compared weakly (RFC 9110, section 13.1.2). */
function isKnown(knownTags: string | undefined, tag: string): boolean {
  if (knownTags === undefined) return false;
  return knownTags.trim() === '*' || knownTags.split(',').some(known => known.trim().replace(/^W\//, '') === tag);
}

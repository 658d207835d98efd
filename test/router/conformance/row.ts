/**
 * What a requirement on an intermediary looks like here: either octets in and octets out, which is played over every way
 * in which the router reads and octets may come, or a story that needs more than one exchange.
 *
 * - Each has the section that it is from, and its name says what holds, so that `docs/conformance.md` can be read alone.
 * - Expected octets are exact but for the fields that the router adds to every message: rows that are about those use a
 *   pattern.
 */
import type { ForwardLimits } from '../../../src/router/plane/forwarder.ts';
import type { PlaneOptions } from '../../../src/router/plane/plane.ts';
import type { Scope } from '../../helpers/forwarder.ts';

export type Section = `RFC ${9110 | 9112} ${number}${string}`;

interface Requirement {
  readonly section: Section;
  /** What holds. */
  readonly name: string;
}

export interface Row extends Requirement {
  /** From the client; default: {@link get}. */
  readonly request?: string;
  /** From the instance when it has a whole request; one for each request, the last one again and again. Default: {@link ok}. */
  readonly response?: string | readonly string[];
  /** The instance answers as soon as it has the head. */
  readonly early?: boolean;
  /** The octets don't come one by one: behind the end of a response each might be taken for a part of the next. */
  readonly atOnce?: boolean;
  /** How the instance ends the connection after a response. */
  readonly ends?: 'fin' | 'reset';
  readonly limits?: Partial<ForwardLimits>;
  /** What comes to the instance. */
  readonly seen?: string | RegExp;
  /** What comes to the client. */
  readonly answer?: string | RegExp;
  /** Whether the client's connection is ended; if not, it is used once more. */
  readonly closes?: boolean;
}

export interface Story extends Requirement {
  readonly play: (scope: Scope, plane: PlaneOptions) => Promise<void>;
}

export type Case = Row | Story;

/** Lines of a head. */
export const head = (...lines: string[]) => `${lines.join('\r\n')}\r\n\r\n`;
export const get = head('GET / HTTP/1.1', 'Host: x');
export const ok = `${head('HTTP/1.1 200 OK', 'Content-Length: 2')}ok`;
export const post = (...fields: string[]) => head('POST / HTTP/1.1', 'Host: x', ...fields);
export const response = (...fields: string[]) => head('HTTP/1.1 200 OK', ...fields);

/** A request that would be seen if something else were taken for its beginning. */
export const hidden = 'GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n';

type More = Omit<Row, keyof Requirement | 'request' | 'response'>;

/** The request is passed on like that, and answered. */
export function passes(section: Section, name: string, request: string, seen: string, more: More = {}): Row {
  return { section, name, request, seen, answer: ok, ...more };
}

/** The router itself answers the request, of which nothing comes to an instance, and reads no more of the connection. */
export function refused(section: Section, name: string, status: number, request: string, more: More = {}): Row {
  return { section, name, request: request + hidden, seen: '', answer: theRouters(status), closes: true, ...more };
}

/** The response is passed on like that, and the connection goes on. */
export function answers(section: Section, name: string, from: string, answer: string | RegExp, more: More = {}): Row {
  return { section, name, response: from, answer, closes: false, ...more };
}

/** Nothing of the response is passed on, and the connection to the client goes on. */
export function replaced(section: Section, name: string, from: string, more: More = {}): Row {
  return { section, name, response: from, answer: theRouters(502), closes: false, ...more };
}

/** One answer, which is the router's own. */
function theRouters(status: number): RegExp {
  return new RegExp(
    `^HTTP/1\\.1 ${status} [^\\r]*\\r\\nContent-Type: application/problem\\+json\\r\\n[^{]*\\{.*\\}\\n$`,
  );
}

/**
 * A line of the access log: one JSON object.
 *
 * - Of the target only the path is told: a query may hold secrets.
 * - All that is not printable ASCII is escaped, so that a line stays one line, and a terminal that shows it is not
 *   spoken to.
 */
import type { Milliseconds } from '../../domain/clock.ts';

export interface Access {
  /** Since the epoch, when the head of the request was whole. */
  readonly time: Milliseconds;
  readonly client: string;
  readonly method: string;
  /** As it was asked for. */
  readonly host: string;
  /** As it was asked for; a query is left out. */
  readonly path: string;
  /** `1.0`, `1.1`, `2`. */
  readonly http: string;
  /** `1.2`, `1.3`; absent: none. */
  readonly tls?: string | undefined;
  /** 499: the client left before there was a response. */
  readonly status: number;
  /** Why the router refused it, where it did. */
  readonly reason?: string | undefined;
  /** Octets from and to the client, heads and framing included. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly duration: Milliseconds;
  /** From the last attempt to the head of the response. Absent, like the endpoint, where no instance was asked. */
  readonly upstream?: Milliseconds | undefined;
  /** Absent: the router itself answered. */
  readonly service?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly retries: number;
  readonly requestId: string;
  readonly traceId?: string | undefined;
  readonly userAgent?: string | undefined;
  readonly referer?: string | undefined;
}

/** With its end. */
export function accessLine(access: Access): string {
  let line = `{"time":"${new Date(access.time).toISOString()}"`;
  line += text('client', access.client) + text('method', access.method) + text('host', access.host);
  line += `${text('path', access.path.split('?', 1)[0])},"status":${access.status}`;
  line += text('reason', access.reason);
  line += `,"bytesIn":${access.bytesIn},"bytesOut":${access.bytesOut},"durationMs":${rounded(access.duration)}`;
  if (access.upstream !== undefined) line += `,"upstreamMs":${rounded(access.upstream)}`;
  line += text('service', access.service) + text('endpoint', access.endpoint);
  line += text('requestId', access.requestId) + text('traceId', access.traceId);
  line += text('http', access.http) + text('tls', access.tls);
  if (access.retries > 0) line += `,"retries":${access.retries}`;
  return `${line}${text('userAgent', access.userAgent)}${text('referer', access.referer)}}\n`;
}

function text(name: string, value: string | undefined): string {
  return value === undefined ? '' : `,"${name}":${quoted(value)}`;
}

function rounded(duration: Milliseconds): number {
  return Math.round(duration * 1000) / 1000;
}

const plain = /^[ !#-[\]-~]*$/;

function quoted(value: string): string {
  if (plain.test(value)) return `"${value}"`;
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** What the router's own scanner makes of octets, apart from sockets: the reference for what the others understand. */
import { Body, type BodyKind } from '../../../src/router/http1/body.ts';
import { RequestHead } from '../../../src/router/http1/request-head.ts';
import { ResponseHead } from '../../../src/router/http1/response-head.ts';
import { defaultLimits } from '../../../src/router/plane/forwarder.ts';

/** Of each request that is whole: `method target length`. What follows the first that is not, or that ends the connection, is none. */
export function decidedRequests(octets: string): readonly string[] {
  const bytes = Buffer.from(octets, 'latin1');
  const head = new RequestHead(defaultLimits);
  const body = new Body(defaultLimits);
  const requests: string[] = [];
  for (let at = 0; head.scan(bytes, at, bytes.length) === 'done'; ) {
    const { framing } = head;
    body.begin(framing.chunked ? 'chunked' : framing.length >= 0 ? 'length' : 'none', framing, undefined);
    let size = Math.max(0, framing.length);
    at = body.take(bytes, head.end, bytes.length, (_, start, end) => {
      size += end - start;
    });
    if (!body.done) break;
    requests.push(`${head.method} ${head.path} ${size}`);
    const upgrades =
      head.upgrade !== '' && size === 0 && !framing.chunked && !/(?:^|,)\s*h2c\s*(?:,|$)/i.test(head.upgrade);
    if (!head.options.persists(head.minor) || upgrades) break;
  }
  return requests;
}

export interface DecidedResponse {
  readonly interim: readonly number[];
  readonly status: number;
  readonly content: string;
  /** `none`: there is no head that could be passed on. */
  readonly kind: BodyKind | 'none-at-all';
  readonly isWhole: boolean;
}

/** Of a connection on which nothing else comes, and that ends. */
export function decidedResponse(octets: string, isHead: boolean): DecidedResponse {
  const bytes = Buffer.from(octets, 'latin1');
  const head = new ResponseHead(defaultLimits);
  const interim: number[] = [];
  const nothing = { interim, status: 502, content: '', kind: 'none-at-all', isWhole: false } as const;
  let at = 0;
  for (;;) {
    if (head.scan(bytes, at, bytes.length) !== 'done') return nothing;
    if (!head.isInformational) break;
    interim.push(head.status);
    at = head.end;
  }
  if (head.status === 101) return nothing;
  const { framing, status } = head;
  const isBare = isHead || status === 204 || status === 304;
  const kind = isBare ? 'none' : framing.chunked ? 'chunked' : framing.length >= 0 ? 'length' : 'eof';
  const body = new Body(defaultLimits);
  body.begin(kind, framing, undefined);
  let content = '';
  body.take(bytes, head.end, bytes.length, (_, start, end) => {
    content += bytes.toString('latin1', start, end);
  });
  if (kind !== 'chunked') content = bytes.toString('latin1', head.end, Math.max(head.end, body.passEnd));
  const isWhole = body.rejection === undefined && body.ended();
  return { interim, status, content, kind, isWhole };
}

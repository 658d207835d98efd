/** Finding the endpoint of a request target. What was sent is decoded once, and never normalized. */
import { SlipwayError } from '../domain/errors.ts';
import { contract, type Operation } from './contract.ts';

export interface Match {
  readonly operation: Operation;
  /** Decoded text, nothing more: the endpoint's schemas say what it may be. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
}

/** The path is one of the API's; the method isn't. */
export class MethodUnknown extends SlipwayError {
  /** For the header of that name, which RFC 9110 requires. */
  readonly allow: string;

  constructor(method: string, allow: string) {
    super('SLIP_METHOD_UNKNOWN', `cannot ${method} this API path, only ${allow}`);
    this.allow = allow;
  }
}

const patterns = (Object.keys(contract) as Operation[]).map(operation => {
  const [method = '', path = ''] = operation.split(' ');
  return { operation, method, segments: path.split('/') };
});

/** @throws SlipwayError SLIP_NOT_FOUND, SLIP_METHOD_UNKNOWN ({@link MethodUnknown}), SLIP_REQUEST_INVALID */
export function match(method: string, target: string): Match {
  // The absolute form is what a client sends that takes the socket for a proxy (RFC 9112, section 3.2.2).
  const local = target.replace(/^https?:\/\/[^/?#]*/i, '');
  const mark = local.indexOf('?');
  const segments = (mark === -1 ? local : local.slice(0, mark)).split('/');
  const fitting = patterns.filter(pattern => fits(pattern.segments, segments));
  if (fitting.length === 0) throw new SlipwayError('SLIP_NOT_FOUND', 'cannot find this path: the API has no such one');
  const found = fitting.find(pattern => pattern.method === (method === 'HEAD' ? 'GET' : method));
  if (!found) {
    const methods = fitting.map(pattern => pattern.method);
    throw new MethodUnknown(method, (methods.includes('GET') ? [...methods, 'HEAD'] : methods).join(', '));
  }
  return {
    operation: found.operation,
    params: paramsOf(found.segments, segments),
    query: parseQuery(mark === -1 ? '' : local.slice(mark + 1)),
  };
}

function fits(pattern: readonly string[], segments: readonly string[]): boolean {
  return (
    pattern.length === segments.length &&
    pattern.every((part, i) => (part.startsWith(':') ? segments[i] !== '' : part === segments[i]))
  );
}

function paramsOf(pattern: readonly string[], segments: readonly string[]): Record<string, string> {
  const params: Record<string, string> = {};
  pattern.forEach((part, i) => {
    if (part.startsWith(':')) params[part.slice(1)] = decode(segments[i] ?? '');
  });
  return params;
}

function parseQuery(text: string): Record<string, string> {
  const query: Record<string, string> = Object.create(null);
  for (const pair of text.split('&')) {
    if (pair === '') continue;
    const [key = '', ...value] = pair.replaceAll('+', ' ').split('=').map(decode);
    if (key in query) throw new SlipwayError('SLIP_REQUEST_INVALID', 'cannot take a query with the same key twice');
    query[key] = value.join('=');
  }
  return query;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new SlipwayError('SLIP_REQUEST_INVALID', 'cannot decode the percent-encoding of the request’s target');
  }
}

/** Finding the endpoint of a request target. What was sent is decoded once, and never normalized. */
import { SlipwayError } from '../domain/errors.ts';
import { contract, type Operation } from './contract.ts';
import { MethodUnknown } from './problem.ts';
import { originForm } from './target.ts';

export interface Match {
  readonly operation: Operation;
  /** Decoded text, nothing more: the endpoint's schemas say what it may be. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  /** What follows where the endpoint's path ends in `*`, as it was sent and with its query; it begins with `/`. */
  readonly rest: string;
}

const patterns = (Object.keys(contract) as Operation[]).map(operation => {
  const [method = '', path = ''] = operation.split(' ');
  return { operation, method, segments: path.split('/') };
});

/** @throws SlipwayError SLIP_NOT_FOUND, SLIP_METHOD_UNKNOWN ({@link MethodUnknown}), SLIP_REQUEST_INVALID */
export function match(method: string, target: string): Match {
  const local = originForm(target);
  const mark = local.indexOf('?');
  const segments = (mark === -1 ? local : local.slice(0, mark)).split('/');
  const fitting = patterns.filter(pattern => fits(pattern.segments, segments));
  if (fitting.length === 0) throw new SlipwayError('SLIP_NOT_FOUND', 'cannot find this path: the API has no such one');
  const found = fitting.find(
    pattern => pattern.method === 'ANY' || pattern.method === (method === 'HEAD' ? 'GET' : method),
  );
  if (!found) {
    const methods = fitting.map(pattern => pattern.method);
    throw new MethodUnknown(method, (methods.includes('GET') ? [...methods, 'HEAD'] : methods).join(', '));
  }
  const search = mark === -1 ? '' : local.slice(mark);
  const open = isOpen(found.segments);
  return {
    operation: found.operation,
    params: paramsOf(found.segments, segments),
    query: open ? {} : parseQuery(search.slice(1)),
    rest: open ? `/${segments.slice(found.segments.length - 1).join('/')}${search}` : '',
  };
}

function fits(pattern: readonly string[], segments: readonly string[]): boolean {
  const fixed = isOpen(pattern) ? pattern.slice(0, -1) : pattern;
  return (
    (fixed === pattern ? segments.length === fixed.length : segments.length >= fixed.length) &&
    fixed.every((part, i) => (part.startsWith(':') ? segments[i] !== '' : part === segments[i]))
  );
}

function isOpen(pattern: readonly string[]): boolean {
  return pattern.at(-1) === '*';
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

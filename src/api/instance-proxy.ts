/**
 * A request to one instance through the API, whatever the state of that instance: what one debugs is seldom ready. The
 * instance is told where the request comes from by the same fields as behind the router, which it may believe.
 */
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { SlipwayError } from '../domain/errors.ts';
import type { Place } from '../domain/place.ts';
import { connectTo } from '../sockets/connect.ts';
import type { InstanceAddress } from './contract.ts';
import { requestFields } from './end-to-end.ts';
import { forward } from './forward.ts';
import type { Upgrade } from './upgrades.ts';

const host = '127.0.0.1';

/** As long as the router waits; in ms. */
const headTimeout = 60_000;

/**
 * @param path with the query
 * @param fail answers by the problem that it is given
 * @throws SlipwayError SLIP_REQUEST_INVALID
 */
export function forwardToInstance(
  request: IncomingMessage,
  response: ServerResponse,
  upgrade: Upgrade | undefined,
  { label, place }: InstanceAddress,
  path: string,
  fail: (problem: SlipwayError) => void,
): void {
  forward(request, response, upgrade, {
    connect: () => connectTo(place),
    path,
    fields: fieldsFor(request.headers, upgrade !== undefined, place),
    timeout: headTimeout,
    fail: error => fail(failure(label, error)),
  });
}

/** Who is on the unix socket is on this host. What it says about who it is, is not believed. */
function fieldsFor(headers: IncomingHttpHeaders, upgrades: boolean, { port }: Place): OutgoingHttpHeaders {
  const asked = headers.host ?? (port === undefined ? 'localhost' : `${host}:${port}`);
  const fields = Object.entries(requestFields(headers, upgrades)).filter(([name]) => !saysOrigin.test(name));
  return {
    ...Object.fromEntries(fields),
    host: asked,
    'x-forwarded-for': host,
    'x-forwarded-proto': 'http',
    'x-forwarded-host': asked,
  };
}

/** Servers that follow CGI can't tell `_` from `-` in a name. */
const saysOrigin = /^(x[-_]forwarded[-_].*|forwarded|x[-_]real[-_]ip|x[-_]slipway[-_]actor)$/;

function failure(label: string, error: Error): SlipwayError {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ETIMEDOUT') {
    return new SlipwayError('SLIP_INSTANCE_TIMEOUT', `cannot reach ${label}: it did not answer in time`);
  }
  return new SlipwayError(
    'SLIP_INSTANCE_UNREACHABLE',
    `cannot reach ${label}: ${reasons[code ?? ''] ?? error.message}`,
  );
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens on its port or socket',
  ENOENT: 'nobody listens on its socket',
  ECONNRESET: 'it closed the connection without an answer',
  EPIPE: 'it closed the connection without an answer',
};

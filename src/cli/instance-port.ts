/**
 * A TCP port on loopback in front of one instance, through the API. Anything on this host can connect, browsers with
 * any site's pages in them included, so:
 * - what is sent reaches that instance and nothing else of the API: its prefix comes before a path that nobody
 *   normalizes on the way;
 * - a request by a name that isn't this host's or the service's own is refused: another site's, pointed to loopback
 *   (DNS rebinding), would let its pages read what the instance answers.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { requestFields } from '../api/end-to-end.ts';
import { forward } from '../api/forward.ts';
import { closeServer, type Listening, listenOnAddress } from '../api/listen.ts';
import { refuseConnection, sendProblem } from '../api/respond.ts';
import { originForm } from '../api/target.ts';
import { requireNoBody, type Upgrade, Upgrades } from '../api/upgrades.ts';
import { SlipwayError } from '../domain/errors.ts';
import type { Target } from './arguments.ts';
import type { Cli } from './cli.ts';

interface InstancePort extends Listening {
  readonly port: number;
}

/** @throws SlipwayError SLIP_LISTEN_FAILED */
export async function openInstancePort(
  { client, note }: Pick<Cli, 'client' | 'note'>,
  { name, index }: Required<Target>,
  address: string,
): Promise<InstancePort> {
  const prefix = `/v1/services/${name}/instances/${index}/proxy`;
  const log = { error: ({ err }: { err: Error }) => note(`cannot pass a request on: ${err.message}`) };

  async function lead(request: IncomingMessage, response: ServerResponse, upgrade?: Upgrade): Promise<void> {
    const refuse = (error: unknown) => sendProblem(response, client.explain(error), log);
    try {
      if (upgrade) requireNoBody(request);
      await requireOwnName(request.headers.host);
      forward(request, response, upgrade, {
        connect: () => client.connect(),
        path: prefix + pathOf(request),
        fields: { ...requestFields(request.headers, upgrade !== undefined), 'x-slipway-actor': client.actor },
        fail: refuse,
      });
    } catch (error) {
      refuse(error);
    }
  }

  /** A client that says no name is no browser. */
  async function requireOwnName(host: string | undefined): Promise<void> {
    if (host === undefined) return;
    const asked = host.replace(/:\d*$/, '').toLowerCase();
    if (isThisHost(asked)) return;
    const { routes } = await client.call('GET /v1/services/:name', { params: { name } });
    if (routes.some(route => route.host !== undefined && covers(route.host, asked))) return;
    throw new SlipwayError('SLIP_HOST_REFUSED', 'cannot pass on a request for a host of this name', {
      details: [`${name} has no route for it`],
    });
  }

  // How long a body may take is up to the API.
  const server = createServer({ requestTimeout: 0 }, (request, response) => void lead(request, response));
  const upgrades = new Upgrades(server, (request, response, upgrade) => void lead(request, response, upgrade));
  server.on('clientError', refuseConnection);
  const port = await listenOnAddress(server, address);
  return {
    port,
    close() {
      const closed = closeServer(server);
      server.closeAllConnections();
      upgrades.close();
      return closed;
    },
  };
}

function pathOf({ url = '' }: IncomingMessage): string {
  const path = originForm(url);
  if (path === '' || path.startsWith('/') || path.startsWith('?')) return path;
  throw new SlipwayError('SLIP_REQUEST_INVALID', 'cannot pass the request on: its target is no path');
}

function isThisHost(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost') || isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0;
}

/** `*.example` is any name below `example`. */
function covers(pattern: string, name: string): boolean {
  return pattern.startsWith('*.') ? name.endsWith(pattern.slice(1).toLowerCase()) : name === pattern.toLowerCase();
}

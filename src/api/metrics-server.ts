/** `/metrics` alone on a TCP address, for a Prometheus that can't read a unix socket. */
import { createServer } from 'node:http';
import { SlipwayError } from '../domain/errors.ts';
import type { Log } from '../logger.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { contract } from './contract.ts';
import { closeServer, type Listening, listenOnAddress } from './listen.ts';
import { MethodUnknown } from './problem.ts';
import { refuseConnection, send, sendProblem } from './respond.ts';

export interface MetricsListening extends Listening {
  /** The one it really listens on, where 0 was asked for. */
  readonly port: number;
}

/**
 * @param address `host:port`
 * @throws SlipwayError SLIP_LISTEN_FAILED
 */
export async function serveMetrics(address: string, metrics: Metrics, log: Log): Promise<MetricsListening> {
  const server = createServer({ requireHostHeader: false }, async (request, response) => {
    const call = new AbortController();
    response.on('close', () => call.abort());
    try {
      const { method = '', url = '' } = request;
      if (url.split('?')[0] !== '/metrics') {
        throw new SlipwayError('SLIP_NOT_FOUND', 'cannot find this path: only /metrics is here');
      }
      if (method !== 'GET' && method !== 'HEAD') throw new MethodUnknown(method, 'GET, HEAD');
      await send(response, contract['GET /metrics'], await metrics.exposition(), call.signal);
    } catch (error) {
      sendProblem(response, error, log);
    }
  });
  server.on('clientError', refuseConnection);
  const port = await listenOnAddress(server, address);
  return { port, close: () => closeServer(server) };
}

/**
 * The `http` probe: a GET over a connection of its own; passes on a status inside the range. A redirect is an answer
 * like any other and isn't followed. As in Kubernetes the body belongs to the answer, though no more than 10 KiB of it.
 */
import { get, type OutgoingHttpHeaders } from 'node:http';
import { type Place, placeInWords } from '../domain/place.ts';
import type { ProbeAction } from '../domain/spec.ts';
import { connectTo } from '../sockets/connect.ts';
import { type Attempt, attempt, connectionProblem, type TimeLimit } from './attempt.ts';

type HttpAction = Extract<ProbeAction, { kind: 'http' }>;

const longestBody = 10_240;

export function httpAttempt(action: HttpAction, place: Place, limit: TimeLimit): Attempt {
  const [lowest, highest] = action.status;
  const headers: OutgoingHttpHeaders = { 'User-Agent': 'slipway-probe', Accept: '*/*', ...action.headers };
  if (action.host !== undefined) headers['Host'] = action.host;
  return attempt(limit, run => {
    // Given a connection of its own, a request keeps none alive and costs no agent.
    const request = get({
      host: '127.0.0.1',
      ...(place.port === undefined ? {} : { port: place.port }),
      path: action.path,
      headers,
      createConnection: () => connectTo(place),
    });
    request.on('response', response => {
      const { statusCode: status = 0 } = response;
      const answered = () => run.end(status >= lowest && status <= highest, `HTTP ${status}`);
      run.progress(`HTTP ${status}, but no end of its body`);
      let received = 0;
      response.on('data', (chunk: Buffer) => {
        received += chunk.length;
        if (received >= longestBody) answered();
      });
      response.on('end', answered);
      response.on('error', () => run.end(false, `HTTP ${status}, but its body was cut short`));
    });
    request.on('error', error => run.end(false, requestProblem(error, place)));
    return () => request.destroy();
  });
}

function requestProblem(error: NodeJS.ErrnoException, place: Place): string {
  const where = placeInWords(place);
  if (error.code?.startsWith('HPE_')) return `the answer on ${where} is not HTTP: ${error.message}`;
  // Nothing else than the request was written to it.
  if (error.message === 'socket hang up' || error.code === 'EPIPE')
    return `connection closed without an answer on ${where}`;
  return connectionProblem(error, place);
}

/** The `tcp` probe: passes once a connection to the port, or to the socket, is accepted, and closes it. */
import { type Place, placeInWords } from '../domain/place.ts';
import { connectTo } from '../sockets/connect.ts';
import { type Attempt, attempt, connectionProblem, type TimeLimit } from './attempt.ts';

export function tcpAttempt(place: Place, limit: TimeLimit): Attempt {
  return attempt(limit, run => {
    const where = placeInWords(place);
    const socket = connectTo(place);
    run.progress(`no connection to ${where}`);
    socket.on('connect', () => {
      // Where nobody listens, a port of the ephemeral range can be given to this very socket, which then meets itself.
      const isItself = place.port !== undefined && socket.localPort === place.port;
      run.end(!isItself, isItself ? `connection refused on ${where}` : `connected to ${where}`);
    });
    socket.on('error', error => run.end(false, connectionProblem(error, place)));
    return () => socket.destroy();
  });
}

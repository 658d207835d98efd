/** The `tcp` probe: passes once a connection to the port is accepted, and closes it. */
import { connect } from 'node:net';
import { type Attempt, attempt, connectionProblem, type TimeLimit } from './attempt.ts';

export function tcpAttempt(port: number, limit: TimeLimit): Attempt {
  return attempt(limit, run => {
    const socket = connect({ host: '127.0.0.1', port });
    run.progress(`no connection to port ${port}`);
    socket.on('connect', () => {
      // Where nobody listens, a port of the ephemeral range can be given to this very socket, which then meets itself.
      if (socket.localPort === port) run.end(false, `connection refused on port ${port}`);
      else run.end(true, `connected to port ${port}`);
    });
    socket.on('error', error => run.end(false, connectionProblem(error, port)));
    return () => socket.destroy();
  });
}

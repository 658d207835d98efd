/** The router's files in a Slipway home. Nobody but the router and its link touches them. */
import { join } from 'node:path';
import { socketPath } from './socket-path.ts';

export interface RouterFiles {
  readonly runFolder: string;
  readonly logFolder: string;
  /** Which processes are the router: see `record.ts`. */
  readonly record: string;
  /** The last table, with which a worker starts. */
  readonly table: string;
  /** The control socket. */
  readonly socket: string;
  readonly log: string;
  /** What TLS sessions are resumed by, see `ticket-key.ts`. */
  readonly ticketKey: string;
}

export function routerFiles(home: string): RouterFiles {
  const runFolder = join(home, 'run');
  const logFolder = join(home, 'logs');
  return {
    runFolder,
    logFolder,
    record: join(runFolder, 'router.json'),
    table: join(runFolder, 'routes.json'),
    socket: socketPath(home, 'router.sock'),
    log: join(logFolder, 'router.log'),
    ticketKey: join(runFolder, 'tickets.key'),
  };
}

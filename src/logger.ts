/** The daemon's own log: JSON lines for programs, pretty lines on a terminal. Both synchronous, so that a crash loses none. */
import { type Logger, pino } from 'pino';

/** What the rest of Slipway may do with the log. */
export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

export interface LoggerOptions {
  readonly pretty: boolean;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** A file descriptor; standard error where absent. */
  readonly fd?: number;
}

/** Fields that may hold a secret wherever a whole spec or request is logged. */
const secret = [
  'env',
  '*.env',
  '*.*.env',
  'headers.authorization',
  '*.headers.authorization',
  'headers.cookie',
  '*.headers.cookie',
];

export async function createLogger({ pretty, level, fd = 2 }: LoggerOptions): Promise<Logger> {
  const options = {
    level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: secret, censor: '[hidden]' },
  };
  const destination = pino.destination({ fd, sync: true });
  // Whoever read it is gone (a closed pipe or terminal, a full disk): that must not end the daemon.
  destination.on('error', () => {});
  if (!pretty) return pino(options, destination);
  // Only a terminal pays for it.
  const { default: prettyStream } = await import('pino-pretty');
  return pino(
    options,
    prettyStream({
      destination,
      sync: true,
      ignore: 'pid,hostname',
      translateTime: 'SYS:HH:MM:ss.l',
      singleLine: true,
    }),
  );
}

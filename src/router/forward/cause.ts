/** Why an exchange with an instance failed, in words for the log. */
export function causeOf(error: Error): string {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (code === 'ECONNREFUSED') return 'connection refused';
  if (code === 'ECONNRESET' && error.message === 'socket hang up') return 'connection closed without an answer';
  if (code === 'ECONNRESET') return 'connection reset by the instance';
  if (code === 'EPIPE') return 'the instance closed the connection while the request was sent';
  if (code === 'HPE_HEADER_OVERFLOW') return 'the head of the response is too large';
  if (code.startsWith('HPE_')) return `the response is not valid HTTP (${error.message})`;
  return code ? `${error.message} (${code})` : error.message;
}

/** It says nothing about the instance: this process or this host has come to a limit. */
export function isOurs(error: Error): boolean {
  return ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL'].includes(
    (error as NodeJS.ErrnoException).code ?? '',
  );
}

export class TimedOut extends Error {}

/** While the rest of its request was waited for. */
export class ClientStalled extends TimedOut {}

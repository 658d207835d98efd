/** Why a request is answered with 503 by the router itself, as a client is told. */
import type { ErrorCode } from '../../domain/errors.ts';
import type { Unavailable } from '../../router-link/protocol.ts';

interface Explanation {
  readonly code: ErrorCode;
  readonly detail: string;
}

export const unavailable: Readonly<Record<Unavailable, Explanation>> = {
  'no-instance': { code: 'SLIP_NO_READY_INSTANCE', detail: 'no instance of the service is ready' },
  'queue-full': {
    code: 'SLIP_SERVICE_BUSY',
    detail: 'all instances of the service are busy, and as many requests wait as may',
  },
  'queue-timeout': { code: 'SLIP_SERVICE_BUSY', detail: 'all instances of the service were busy for too long' },
  'breaker-open': {
    code: 'SLIP_SERVICE_FAILING',
    detail: 'most requests to the service failed lately: it is left alone for a while',
  },
};

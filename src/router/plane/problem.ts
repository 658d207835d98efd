/** The router's own answers, as RFC 9457 problem details. They tell a client no more than that, the log the rest. */
import type { ErrorCode } from '../../domain/errors.ts';
import type { RejectionStatus } from '../http1/rejection.ts';
import { reasonPhrase } from '../on-demand.ts';

const codes = {
  404: 'SLIP_NO_ROUTE',
  429: 'SLIP_RATE_LIMITED',
  500: 'SLIP_RESPONSE_UNREADABLE',
  502: 'SLIP_INSTANCE_UNREACHABLE',
  503: 'SLIP_NO_READY_INSTANCE',
  504: 'SLIP_INSTANCE_TIMEOUT',
} as const satisfies Record<number, ErrorCode>;

export type ProblemStatus = keyof typeof codes | RejectionStatus;

export interface Problem {
  readonly status: ProblemStatus;
  /** Where it is not the usual one of the status. */
  readonly code?: ErrorCode | undefined;
  readonly detail: string;
  readonly requestId: string;
  readonly date: string;
  /** Whole lines, with their ends. */
  readonly fields: string;
  readonly withBody: boolean;
}

/** A whole response. */
export function problemResponse({
  status,
  code = usualCode(status),
  detail,
  requestId,
  date,
  fields,
  withBody,
}: Problem): string {
  const title = reasonPhrase(status);
  const body = `${JSON.stringify({ type: 'about:blank', title, status, code, detail })}\n`;
  const head =
    `HTTP/1.1 ${status} ${title}\r\nContent-Type: application/problem+json\r\nContent-Length: ${body.length}\r\n` +
    `Cache-Control: no-store\r\nDate: ${date}\r\n${fields}X-Request-Id: ${requestId}\r\n\r\n`;
  return withBody ? head + body : head;
}

function usualCode(status: ProblemStatus): ErrorCode {
  return status in codes ? codes[status as keyof typeof codes] : 'SLIP_REQUEST_INVALID';
}

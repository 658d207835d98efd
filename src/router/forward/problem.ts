/** The router's own answers, as RFC 9457 problem details. They tell a client no more than that, the log the rest. */
import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { ErrorCode } from '../../domain/errors.ts';

const codes = {
  400: 'SLIP_REQUEST_INVALID',
  404: 'SLIP_NO_ROUTE',
  408: 'SLIP_REQUEST_INVALID',
  501: 'SLIP_REQUEST_INVALID',
  502: 'SLIP_INSTANCE_UNREACHABLE',
  503: 'SLIP_NO_READY_INSTANCE',
  504: 'SLIP_INSTANCE_TIMEOUT',
} as const satisfies Record<number, ErrorCode>;

export type ProblemStatus = keyof typeof codes;

export function sendProblem(
  response: ServerResponse,
  status: ProblemStatus,
  detail: string,
  requestId: string,
  headers: readonly string[] = [],
): void {
  const body = `${JSON.stringify({ type: 'about:blank', title: STATUS_CODES[status], status, code: codes[status], detail })}\n`;
  const fields = ['Content-Type', 'application/problem+json', 'Content-Length', String(Buffer.byteLength(body))];
  response.writeHead(status, [...fields, 'Cache-Control', 'no-store', ...headers, 'X-Request-Id', requestId]);
  response.end(body);
}

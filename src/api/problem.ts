/** Errors as `application/problem+json` (RFC 9457). What is no {@link SlipwayError} shows nothing of its insides. */
import type * as z from 'zod';
import { type ErrorCode, errorCatalog, SlipwayError } from '../domain/errors.ts';
import type { problem } from './schemas.ts';

export type Problem = z.output<typeof problem>;

/** The path is one of the API's; the method isn't. */
export class MethodUnknown extends SlipwayError {
  /** For the header of that name, which RFC 9110 requires. */
  readonly allow: string;

  constructor(method: string, allow: string) {
    super('SLIP_METHOD_UNKNOWN', `cannot ${method} this API path, only ${allow}`);
    this.allow = allow;
  }
}

export const problemType = 'application/problem+json';

export function toProblem(error: unknown): Problem {
  if (!(error instanceof SlipwayError)) {
    return describe('SLIP_INTERNAL', 'cannot answer: Slipway met a state that it should never be in', []);
  }
  return describe(error.code, error.message, error.details);
}

function describe(code: ErrorCode, detail: string, details: readonly string[]): Problem {
  const { status, meaning, mend } = errorCatalog[code];
  return { type: `urn:slipway:error:${code}`, title: meaning, status, detail, code, details, mend };
}

/** A request that is not as the schema says. The lines are bounded, since they quote what was sent. */
export function invalidRequest(part: string, issues: readonly z.core.$ZodIssue[]): SlipwayError {
  const lines = issues.slice(0, 20).map(issue => {
    const place = issue.path.length === 0 ? part : `${part} ${issue.path.join('.')}`;
    return clip(`${place}: ${issue.message}`);
  });
  return new SlipwayError(
    'SLIP_REQUEST_INVALID',
    `cannot take the request: its ${part} does not fit the API’s schema`,
    {
      details: lines,
    },
  );
}

function clip(text: string): string {
  return text.length > 200 ? `${text.slice(0, 199)}…` : text;
}

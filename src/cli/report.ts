/** A failure as one block on standard error: what, why, and how to mend it. Never a stack, but for SLIPWAY_DEBUG=1. */
import { toProblem } from '../api/problem.ts';
import { errorCatalog, SlipwayError } from '../domain/errors.ts';
import { colorsFor } from './terminal.ts';
import { printable } from './words.ts';

export function report(error: unknown, json: boolean): void {
  const known = error instanceof SlipwayError ? error : unexpected(error);
  process.stderr.write(json ? `${JSON.stringify(toProblem(known))}\n` : describe(known));
  if (process.env['SLIPWAY_DEBUG'] === '1' && error instanceof Error) process.stderr.write(`${error.stack}\n`);
}

function unexpected(error: unknown): SlipwayError {
  return new SlipwayError('SLIP_INTERNAL', `cannot go on: ${error instanceof Error ? error.message : String(error)}`);
}

function describe({ code, message, details }: SlipwayError): string {
  const colors = colorsFor(process.stderr, process.env);
  const lines = [
    `${colors.red('slipway:')} ${printable(message)} ${colors.dim(`(${code})`)}`,
    ...details.map(detail => `  ${printable(detail)}`),
    `  ${errorCatalog[code].mend}`,
  ];
  return `${lines.join('\n')}\n`;
}

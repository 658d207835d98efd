/** Why a package is not taken: a stable code and the reason in words. The store adds which package it was. */
import type { ErrorCode } from '../domain/errors.ts';

export class Refusal extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, why: string, options?: ErrorOptions) {
    super(why, options);
    this.name = 'Refusal';
    this.code = code;
  }
}

export function hostile(entry: string, why: string): Refusal {
  return new Refusal('SLIP_PACKAGE_HOSTILE', `entry ${quote(entry)} ${why}`);
}

export function corrupt(why: string, cause?: unknown): Refusal {
  return new Refusal('SLIP_PACKAGE_CORRUPT', why, { cause });
}

export function tooLarge(why: string): Refusal {
  return new Refusal('SLIP_PACKAGE_TOO_LARGE', why);
}

export function unsupported(why: string): Refusal {
  return new Refusal('SLIP_PACKAGE_UNSUPPORTED', why);
}

export function unreadable(why: string, cause?: unknown): Refusal {
  return new Refusal('SLIP_PACKAGE_UNREADABLE', why, { cause });
}

/** What the operating system said, under the code that fits. A {@link Refusal} stays what it is. */
export function asRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  const code = errnoOf(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new Refusal('SLIP_DISK_FULL', 'the disk under the Slipway home is full', { cause: error });
  }
  return new Refusal('SLIP_UNPACK_FAILED', error instanceof Error ? error.message : String(error), { cause: error });
}

export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

const longestQuote = 120;

/** A hostile name, safe to show: control characters escaped, cut when long. */
export function quote(name: string): string {
  return JSON.stringify(name.length > longestQuote ? `${name.slice(0, longestQuote)}…` : name);
}

/** From the limits that are asked for to what is in force of each: every one of them has its line. Pure. */
import type { IoLimits, Limits } from '../domain/limits-spec.ts';
import { codeOf } from './cgroup.ts';
import type { Enforcement, Mechanism } from './contract.ts';

/** A limit by its name in slipway.yaml. */
export type LimitKey = Exclude<keyof Limits, 'io'> | `io.${keyof IoLimits}`;

export type Asked = ReadonlyMap<LimitKey, number>;

/** Flat, as they can be put in force one by one. */
export function askedOf({ io = {}, ...limits }: Limits): Asked {
  const inner = Object.entries(io).map(([key, value]) => [`io.${key}`, value] as const);
  const known = [...Object.entries(limits), ...inner].filter(([, value]) => value !== undefined);
  return new Map(known as [LimitKey, number][]);
}

export interface InForce {
  /** Where it isn't just what was asked for. */
  readonly value?: number;
  /** What is to be known about it. */
  readonly why?: string;
}

/**
 * Puts one limit in force; `undefined` lifts it.
 * @throws Unavailable with the reason in words, or whatever the kernel says
 */
export type Applier = (value: number | undefined) => InForce | undefined;
export type Appliers = { readonly [K in LimitKey]?: Applier };

/** Thrown where what could put a limit in force is not there. */
export class Unavailable extends Error {}

/**
 * Of those that there is an applier for.
 * @param lifted are in force and not asked for any more
 */
export function enforce(
  by: Mechanism,
  asked: Asked,
  appliers: Appliers,
  { lifted = [], prefix = '' }: { readonly lifted?: Iterable<LimitKey>; readonly prefix?: string } = {},
): readonly Enforcement[] {
  for (const limit of lifted) if (!asked.has(limit)) lift(appliers[limit]);
  return [...asked].flatMap(([key, value]): readonly Enforcement[] => {
    const apply = appliers[key];
    if (!apply) return [];
    const limit = prefix + key;
    try {
      const { value: inForce = value, why } = apply(value) ?? {};
      return [{ limit, asked: value, inForce, by, ...(why === undefined ? {} : { why }) }];
    } catch (error) {
      const why = error instanceof Unavailable ? error.message : `the kernel refused it (${codeOf(error)})`;
      return [{ limit, asked: value, by: 'not enforced', why }];
    }
  });
}

function lift(apply: Applier | undefined): void {
  try {
    apply?.(undefined);
  } catch {
    // Nothing was in force that could be lifted.
  }
}

/** Of limits that this host has no means for. */
export function unenforced(asked: Asked, keys: Iterable<LimitKey>, why: string, prefix = ''): readonly Enforcement[] {
  return [...keys].flatMap(key => {
    const value = asked.get(key);
    return value === undefined ? [] : [{ limit: prefix + key, asked: value, by: 'not enforced' as const, why }];
  });
}

/** Those that a group of processes has, not each process by itself. */
export const groupLimits = [
  'memory',
  'memoryHigh',
  'swap',
  'cpu',
  'cpuWeight',
  'pids',
  'io.weight',
  'io.readBytes',
  'io.writeBytes',
  'io.readOps',
  'io.writeOps',
] as const satisfies readonly LimitKey[];

/**
 * Durations as people write them: `1m30s`, `500ms`, `2h`. Units descend, each at most once, and one is always named,
 * since a bare `10` means seconds to some tools and milliseconds to others.
 */
import type { Milliseconds } from '../domain/clock.ts';

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
] as const;

/** A timer of Node fires at once where its delay is longer than this (2³¹ − 1 ms, a little over 24 days). */
export const longestDuration: Milliseconds = 2 ** 31 - 1;

const number = '\\d+(?:\\.\\d+)?';

export const durationPattern = new RegExp(
  `^(?=\\d)(?:(${number})d)?(?:(${number})h)?(?:(${number})m(?!s))?(?:(${number})s)?(?:(${number})ms)?$`,
);

/** Rounded to whole milliseconds; `undefined` for what is no duration. `0` needs no unit. */
export function parseDuration(text: string): Milliseconds | undefined {
  if (text === '0') return 0;
  const match = durationPattern.exec(text);
  if (!match) return undefined;
  const total = units.reduce((sum, [, length], index) => sum + Number(match[index + 1] ?? 0) * length, 0);
  return Math.round(total);
}

/** The inverse of {@link parseDuration} for whole, non-negative milliseconds; others are rounded first. */
export function formatDuration(duration: Milliseconds): string {
  let rest = Math.max(0, Math.round(duration));
  let text = '';
  for (const [unit, length] of units) {
    const count = Math.floor(rest / length);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * length;
  }
  return text || '0s';
}

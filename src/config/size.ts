/** Sizes with the suffixes of Kubernetes quantities: `Ki`, `Mi`, … are powers of 1024, `k`, `M`, … of 1000. */
import type { Bytes } from '../domain/limits-spec.ts';

/** Largest first. */
const units = [
  ['Ti', 1024 ** 4],
  ['T', 1000 ** 4],
  ['Gi', 1024 ** 3],
  ['G', 1000 ** 3],
  ['Mi', 1024 ** 2],
  ['M', 1000 ** 2],
  ['Ki', 1024],
  ['k', 1000],
] as const;

export const sizePattern = /^(\d+(?:\.\d+)?)(Ti|T|Gi|G|Mi|M|Ki|k)?$/;

/** Rounded to whole bytes; `undefined` for what is no size, or more bytes than a number can count exactly. */
export function parseSize(text: string): Bytes | undefined {
  const match = sizePattern.exec(text);
  if (!match) return undefined;
  const factor = units.find(([unit]) => unit === match[2])?.[1] ?? 1;
  const bytes = Math.round(Number(match[1]) * factor);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Exact: the largest unit that divides the size, so that {@link parseSize} gives the same bytes again. */
export function formatSize(bytes: Bytes): string {
  const unit = bytes > 0 ? units.find(([, factor]) => bytes % factor === 0) : undefined;
  return unit ? `${bytes / unit[1]}${unit[0]}` : `${bytes}`;
}

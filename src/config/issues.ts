/** What zod found → what a person is told: one sentence for each place. */
import type { z } from 'zod';
import { type Path, show } from './problem.ts';

export interface Finding {
  readonly path: Path;
  readonly message: string;
  /** The key itself is what is wrong, not its value. */
  readonly atKey?: true;
}

type Issue = z.core.$ZodIssue;

/** `root` is what was validated: its values are quoted in the messages, but for those of `env`. */
export function describeIssues(issues: readonly Issue[], root: unknown, base: Path = []): Finding[] {
  return issues.flatMap(issue => describe(issue, root, [...base, ...issue.path.map(toSegment)]));
}

function describe(issue: Issue, root: unknown, path: Path): Finding[] {
  if (issue.code === 'unrecognized_keys') {
    const hints = issue.message.split('\n');
    return issue.keys.map((key, index) => ({
      path: [...path, key],
      atKey: true,
      message: `cannot take the key ${show(key)} here: ${hints[index]}`,
    }));
  }
  if (issue.code === 'invalid_key') {
    const expected = issue.issues[0]?.message ?? issue.message;
    return [{ path, atKey: true, message: `cannot take ${show(path.at(-1))} as a name here: expected ${expected}` }];
  }
  if (issue.code === 'invalid_union') {
    const meant = meantAlternative(issue.errors);
    if (meant) return describeIssues(meant, root, path);
  }
  if (issue.message.startsWith('cannot')) return [{ path, message: issue.message }];
  const found = lookUp(root, path);
  if (!found) return [{ path, message: `cannot do without ${show(path.at(-1))}: expected ${issue.message}` }];
  return [{ path, message: `cannot take ${quote(found.value, path)}: expected ${issue.message}` }];
}

/** The alternative that has the kind of the value, if it is but one: only that one's complaints are of use. */
function meantAlternative(alternatives: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const fitting = alternatives.filter(issues => !issues.some(isOtherKind));
  return fitting.length === 1 ? fitting[0] : undefined;
}

function isOtherKind(issue: Issue): boolean {
  if (issue.path.length > 0) return false;
  if (issue.code === 'invalid_union') return issue.errors.every(issues => issues.some(isOtherKind));
  return issue.code === 'invalid_type' || issue.code === 'invalid_value';
}

function lookUp(root: unknown, path: Path): { readonly value: unknown } | undefined {
  let value = root;
  for (const segment of path) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, segment)) return undefined;
    value = (value as Record<string | number, unknown>)[segment];
  }
  return { value };
}

function quote(value: unknown, path: Path): string {
  const isEnv = path[0] === 'services' && path[2] === 'env';
  return isEnv && typeof value !== 'object' ? 'this value' : show(value);
}

function toSegment(segment: PropertyKey): string | number {
  return typeof segment === 'symbol' ? String(segment) : segment;
}

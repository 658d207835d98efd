/** What is wrong in a configuration, each at its place in the file. */
import { type ErrorCode, SlipwayError } from '../domain/errors.ts';
import type { ProjectSpec } from '../domain/spec.ts';

export type Path = readonly (string | number)[];

export interface Problem {
  readonly file: string;
  /** Both count from 1. */
  readonly line: number;
  readonly column: number;
  /** `services.greeter.args[1]`; empty for the file as a whole. */
  readonly path: string;
  /** Begins with "cannot", names what was expected and how to mend it. A warning says what to know instead. */
  readonly message: string;
}

export type ConfigResult =
  | { readonly ok: true; readonly project: ProjectSpec; readonly warnings: readonly Problem[] }
  | ConfigFailure;

export interface ConfigFailure {
  readonly ok: false;
  readonly code: Extract<ErrorCode, 'SLIP_CONFIG_INVALID' | 'SLIP_CONFIG_UNREADABLE'>;
  /** In the order of the file; never empty. */
  readonly problems: readonly Problem[];
}

/** The file as a whole could not be read. */
export function unreadable(file: string, message: string): ConfigFailure {
  return { ok: false, code: 'SLIP_CONFIG_UNREADABLE', problems: [{ file, line: 1, column: 1, path: '', message }] };
}

/** `slipway.yaml:7:16: services.greeter.instances: cannot take …`: a form that terminals and editors make a link of. */
export function formatProblem(problem: Problem): string {
  const place = `${problem.file}:${problem.line}:${problem.column}`;
  return problem.path === '' ? `${place}: ${problem.message}` : `${place}: ${problem.path}: ${problem.message}`;
}

export function configError({ code, problems }: ConfigFailure): SlipwayError {
  const file = problems[0]?.file ?? '';
  const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`;
  const message =
    code === 'SLIP_CONFIG_UNREADABLE'
      ? `cannot read the configuration ${file}`
      : `cannot use the configuration ${file}: it has ${count}`;
  return new SlipwayError(code, message, { details: problems.map(formatProblem) });
}

export function formatPath(path: Path): string {
  return path
    .map((segment, index) => {
      if (typeof segment === 'number') return `[${segment}]`;
      const text = /^[\w-]+$/.test(segment) ? segment : abbreviate(JSON.stringify(segment));
      return index === 0 ? text : `.${text}`;
    })
    .join('');
}

/** A value in a message: short, on one line. */
export function show(value: unknown): string {
  if (value === null || value === undefined) return 'an empty value';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  return typeof value === 'string' ? abbreviate(JSON.stringify(value)) : String(value);
}

export function abbreviate(text: string, length = 80): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}

/**
 * Text of a slipway.yaml → a resolved project, or everything that is wrong with it at once. Pure: what the file names
 * on disk is not looked at. Never throws, whatever the text.
 */
import { dirname } from 'node:path';
import type { CertificateSpec } from '../domain/router-spec.ts';
import type { ProjectSpec } from '../domain/spec.ts';
import { checkRuntimeName, checkService, checkServices, doubts } from './checks.ts';
import { checkCommandWord, type Environment, interpolate } from './interpolate.ts';
import { describeIssues, type Finding } from './issues.ts';
import { type ConfigResult, formatPath, type Path, type Problem } from './problem.ts';
import { resolveService, resolveSettings } from './resolve.ts';
import { checkPorts, checkRouter, checkRoutes } from './router-checks.ts';
import { type ProjectConfig, projectSchema } from './schema/project.ts';
import { serviceName } from './schema/scalars.ts';
import { type ServiceConfig, serviceSchema } from './schema/service.ts';
import { readTree, type ScalarReader, type Tree } from './tree.ts';

/** A longer list helps nobody. */
const mostProblems = 100;

export interface ParseOptions {
  /** Absolute path of the file: named in problems, and its folder is what relative paths start from. */
  readonly file: string;
  /** What `${NAME}` is looked up in. */
  readonly env: Environment;
}

export function parseConfig(text: string, options: ParseOptions): ConfigResult {
  return draftConfig(text, options).finish([]);
}

/** A parsed file that may have further findings to come. */
export interface Draft {
  /** Settings and services that are sound by themselves, even where others are not. */
  readonly project: Pick<ProjectSpec, 'runtimes' | 'services'> & {
    readonly certificates: readonly CertificateSpec[];
  };
  finish(findings: readonly Finding[], warnings?: readonly Finding[]): ConfigResult;
}

export function draftConfig(text: string, { file, env }: ParseOptions): Draft {
  const tree = readTree(text, scalarReader(env));
  const context = { folder: dirname(file), env };
  const problems: Problem[] = tree.problems.map(({ line, column, path, message }) => ({
    file,
    line,
    column,
    path: formatPath(path),
    message,
  }));
  const place = ({ path, message, atKey }: Finding): Problem => ({
    file,
    ...tree.locate(path, atKey ? 'key' : 'value'),
    path: formatPath(path),
    message,
  });

  const { config, services, findings } =
    problems.length > 0 && tree.value === undefined ? unreadable : validate(tree, file);
  // What became of a value that could not be read says nothing new.
  const told = new Set(problems.map(({ path }) => path));
  const news = findings.map(place).filter(({ path }) => path === '' || !told.has(path));
  const settings = config && resolveSettings(config, context);
  const resolved = Object.fromEntries(
    [...services].map(([name, service]) => [name, resolveService(name, service, context)]),
  );
  return {
    project: {
      runtimes: settings?.runtimes ?? {},
      certificates: settings?.router.tls.certificates ?? [],
      services: resolved,
    },
    finish(more, warnings = []) {
      const all = sorted([...problems, ...news, ...more.map(place)]);
      if (all.length > 0 || !settings) return { ok: false, code: 'SLIP_CONFIG_INVALID', problems: all };
      const doubted = sorted([...doubts(config), ...warnings].map(place));
      return { ok: true, project: { ...settings, services: resolved }, warnings: doubted };
    },
  };
}

interface Validation {
  /** Absent where any part of the file does not fit its schema. */
  readonly config?: ProjectConfig;
  readonly services: ReadonlyMap<string, ServiceConfig>;
  readonly findings: readonly Finding[];
}

const unreadable: Validation = { services: new Map(), findings: [] };

function validate(tree: Tree, file: string): Validation {
  if (tree.value === undefined || tree.value === null) {
    const message =
      'cannot take an empty file: expected at least "services:"; to remove every service, write "services: {}"';
    return { services: new Map(), findings: [{ path: [], message }] };
  }
  const parsed = projectSchema.safeParse(tree.value);
  const named = servicesIn(tree.value);
  const findings = parsed.success ? [] : describeIssues(parsed.error.issues, tree.value);
  // So that a slip in one place does not hide what is wrong in others.
  const services = new Map(Object.entries(parsed.success ? parsed.data.services : soundServices(named, findings)));
  for (const [name, service] of services) addSome(findings, checkService(name, service));
  const placeOf = (path: Path): string => {
    const { line, column } = tree.locate(path);
    return `${file}:${line}:${column}`;
  };
  addSome(findings, checkRoutes(services, parsed.success ? parsed.data.router.routes : [], placeOf));
  addSome(findings, checkServices(services, Object.keys(named)));
  if (!parsed.success) return { services, findings };
  addSome(findings, checkPorts(parsed.data, services));
  addSome(findings, checkRouter(parsed.data));
  for (const name of Object.keys(parsed.data.runtimes)) addSome(findings, checkRuntimeName(name, ['runtimes', name]));
  return { config: parsed.data, services, findings };
}

function soundServices(named: object, findings: Finding[]): Record<string, ServiceConfig> {
  const sound: Record<string, ServiceConfig> = {};
  for (const [name, value] of Object.entries(named)) {
    const parsed = serviceSchema.safeParse(value);
    if (parsed.success) sound[name] = parsed.data;
    // Under a name that is refused, the schema of the whole file looks no further.
    else if (!serviceName.safeParse(name).success) {
      addSome(findings, describeIssues(parsed.error.issues, { services: named }, ['services', name]));
    }
  }
  return sound;
}

/** Rules between services take their time where everything is wrong; what is beyond the limit is not shown anyway. */
function addSome(findings: Finding[], more: Iterable<Finding>): void {
  for (const finding of more) {
    if (findings.length > mostProblems) return;
    findings.push(finding);
  }
}

function servicesIn(root: unknown): object {
  const services = root !== null && typeof root === 'object' && 'services' in root ? root.services : undefined;
  return services !== null && typeof services === 'object' && !Array.isArray(services) ? services : {};
}

/** What a string may take from the environment depends on where it stands. */
function usage(path: Path): 'visible' | 'secret' | 'command' {
  if (path[0] !== 'services') return 'visible';
  if (path[2] === 'env' && path.length === 4) return 'secret';
  if (path[2] === 'command' || path[2] === 'args' || path[2] === 'runtimeArgs') return 'command';
  return path[2] === 'probes' && path[4] === 'exec' ? 'command' : 'visible';
}

/** `1.10` in `env` or `args` is text; `${N}` elsewhere is a number where `N` is one, as if it were written there. */
function scalarReader(env: Environment): ScalarReader {
  return ({ value, source }, path) => {
    const use = usage(path);
    if (typeof value !== 'string') return { value: use === 'visible' || value === null ? value : source };
    if (use === 'secret') {
      // Only checked here: the text as written goes on, so that no later message can quote the secret.
      const result = interpolate(value, env);
      return result.ok ? { value } : result;
    }
    const result = use === 'command' ? checkCommandWord(value) : interpolate(value, env);
    if (!result.ok) return result;
    return { value: result.used ? plainScalar(result.text) : result.text };
  };
}

function plainScalar(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?(0|[1-9]\d{0,14})(\.\d{1,15})?$/.test(text) ? Number(text) : text;
}

/** In the order of the file, each once (an alias repeats what is wrong with its anchor), and no endless list. */
function sorted(problems: readonly Problem[]): Problem[] {
  const unique = new Map(problems.map(problem => [`${problem.line}:${problem.column}:${problem.message}`, problem]));
  const all = [...unique.values()].sort((a, b) => a.line - b.line || a.column - b.column);
  const [next, ...others] = all.slice(mostProblems);
  if (!next) return all;
  const message = `cannot list this and ${others.length} problems after it: mend those before it first`;
  return [...all.slice(0, mostProblems), { ...next, message }];
}

/**
 * A slipway.yaml on disk → {@link ConfigResult}, with everything that it names on this host looked at. What is wrong
 * with the file is a value; nothing of a secret's content is kept.
 */
import { constants } from 'node:fs';
import { access, open, readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { readCertificate } from '../domain/certificate.ts';
import type { CertificateSpec } from '../domain/router-spec.ts';
import type { ServiceSpec } from '../domain/spec.ts';
import type { Environment } from './interpolate.ts';
import type { Finding } from './issues.ts';
import type { Draft } from './parse.ts';
import { type ConfigResult, type Path, unreadable } from './problem.ts';

export interface LoadOptions {
  /** What `${NAME}` is looked up in. */
  readonly env: Environment;
  /** Instead of the disk, for the configuration file itself. */
  readonly readFile?: (path: string) => Promise<Uint8Array>;
}

const largestFile = 1024 * 1024;

export async function loadConfig(path: string, { env, readFile = readBounded }: LoadOptions): Promise<ConfigResult> {
  const file = resolve(path);
  let text: string;
  try {
    const bytes = await readFile(file);
    if (bytes.length > largestFile) return unreadable(file, 'cannot take a file of more than 1Mi as a configuration');
    text = decode(bytes);
  } catch (error) {
    return unreadable(file, `cannot read the file: ${reason(error)}`);
  }
  // Here, since YAML parser and schemas take several megabytes of memory: who only imports this module pays nothing.
  const { draftConfig } = await import('./parse.ts');
  const draft = draftConfig(text, { file, env });
  const { findings, warnings } = await inspectDisk(draft.project);
  return draft.finish(findings, warnings);
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Error('it is no text; expected UTF-8');
  }
}

async function readBounded(path: string): Promise<Uint8Array> {
  // A FIFO would block the open for good.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!(await file.stat()).isFile()) throw new Error('it is no regular file');
    const buffer = Buffer.alloc(largestFile + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length);
      length += bytesRead;
      if (bytesRead === 0 || length === buffer.length) return buffer.subarray(0, length);
    }
  } finally {
    await file.close();
  }
}

interface Inspection {
  readonly findings: Finding[];
  readonly warnings: Finding[];
}

async function inspectDisk({ certificates, runtimes, services }: Draft['project']): Promise<Inspection> {
  const found: Inspection = { findings: [], warnings: [] };
  const places = Object.entries(runtimes).flatMap(([name, paths]) =>
    paths.map(async (path, index) => {
      if (await isMissing(path)) {
        found.warnings.push({ path: ['runtimes', name, index], message: `there is nothing at ${path}` });
      }
    }),
  );
  await Promise.all([
    ...places,
    ...certificates.map((spec, index) => inspectCertificate(spec, index, found)),
    ...Object.values(services).map(service => inspectService(service, found)),
  ]);
  return found;
}

async function inspectCertificate(
  spec: CertificateSpec,
  index: number,
  { findings, warnings }: Inspection,
): Promise<void> {
  const at = (key: keyof CertificateSpec): Path => ['router', 'tls', 'certificates', index, key];
  const texts: string[] = [];
  for (const key of ['cert', 'key'] as const) {
    const path = spec[key];
    try {
      const info = await stat(path);
      if (!info.isFile()) throw new Error('it is no regular file');
      texts.push(await readFile(path, 'utf8'));
      if (key === 'key' && (info.mode & 0o004) !== 0) {
        warnings.push({ path: at(key), message: readableByAll(path) });
      }
    } catch (error) {
      findings.push({ path: at(key), message: `cannot read ${path}: ${reason(error)}` });
    }
  }
  const [cert, key] = texts;
  if (cert === undefined || key === undefined) return;
  try {
    const { names, expiresAt } = readCertificate(cert, key);
    const expired = expiresAt < Date.now() ? `it expired on ${new Date(expiresAt).toISOString().slice(0, 10)}` : '';
    const nameless =
      names.length === 0 ? 'it names no host (a subject alternative name), so clients trust it for none' : '';
    for (const doubt of [expired, nameless]) {
      if (doubt !== '')
        warnings.push({ path: at('cert'), message: `${spec.cert} may be refused by clients: ${doubt}` });
    }
  } catch (error) {
    findings.push({
      path: at('cert'),
      message: `cannot serve the certificate ${spec.cert}: ${(error as Error).message}`,
    });
  }
}

async function inspectService(service: ServiceSpec, { findings, warnings }: Inspection): Promise<void> {
  const at = (...rest: Path): Path => ['services', service.name, ...rest];
  if (service.package.kind === 'path') {
    const problem = await packageProblem(service.package.path);
    if (problem !== undefined) findings.push({ path: at('package'), message: problem });
  }
  for (const [name, value] of Object.entries(service.env)) {
    if (value.kind !== 'file') continue;
    const problem = await secretProblem(value.path);
    if (problem === undefined) continue;
    (problem.fatal ? findings : warnings).push({ path: at('env', name, 'file'), message: problem.message });
  }
}

async function packageProblem(path: string): Promise<string | undefined> {
  try {
    const info = await stat(path);
    if (!info.isFile() && !info.isDirectory()) return `cannot take ${path} as a package: expected a file or a folder`;
    await access(path, constants.R_OK);
    return undefined;
  } catch (error) {
    return `cannot read the package ${path}: ${reason(error)}`;
  }
}

async function secretProblem(path: string): Promise<{ readonly fatal: boolean; readonly message: string } | undefined> {
  try {
    const info = await stat(path);
    if (!info.isFile()) return { fatal: true, message: `cannot take a value from ${path}: expected a regular file` };
    await access(path, constants.R_OK);
    if ((info.mode & 0o004) === 0) return undefined;
    return { fatal: false, message: readableByAll(path) };
  } catch (error) {
    return { fatal: true, message: `cannot read the file ${path}: ${reason(error)}` };
  }
}

function readableByAll(path: string): string {
  return `every user of this host can read ${path}; \`chmod o-r\` keeps it secret`;
}

async function isMissing(path: string): Promise<boolean> {
  return stat(path).then(
    () => false,
    () => true,
  );
}

function reason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return 'there is nothing at this path; check it (relative paths start at the folder of the configuration)';
  if (code === 'EACCES' || code === 'EPERM')
    return 'this user may not read it; check the permissions of the file and its folders';
  if (code === 'EISDIR') return 'it is a folder; expected a file';
  return error instanceof Error ? error.message : String(error);
}

/**
 * Whether what a revision was accepted with is still what would run. A look at its files is all that a launch costs;
 * only where they look different is the executable asked for its version.
 *
 * - The same version is the same runtime, whatever its bytes: distributions rebuild.
 * - Another version that the service accepts takes its place, and the caller hears of it: so a host gets its security
 *   updates, and nobody is surprised.
 * - Any other is refused: what it would do to the service was never tried.
 */
import { access, constants } from 'node:fs/promises';
import { SlipwayError } from '../domain/errors.ts';
import type { RuntimeChoice } from '../domain/revision.ts';
import { parseVersion, parseVersionRange, type VersionRange } from '../domain/version-range.ts';
import type { Installed, Runtime } from './contract.ts';
import { identityOf } from './identity.ts';

/** What is recorded of it, so that it can be told from another later. */
export async function recordOf(
  runtime: Runtime,
  { version, path }: Pick<Installed, 'version' | 'path'>,
  asked: VersionRange | undefined,
): Promise<Pick<RuntimeChoice, 'identity' | 'accepts'>> {
  const identity = await identityOf(runtime.parts(path));
  if (identity === undefined) return {};
  return { identity, accepts: asked ? { text: asked.text, dialect: asked.dialect } : lineOf(runtime, version) };
}

/** Where nobody asked for a version: those that differ in fixes and additions only. */
function lineOf({ line }: Runtime, version: string): Pick<VersionRange, 'text' | 'dialect'> {
  const numbers = parseVersion(version)?.numbers.slice(0, line) ?? [];
  return { text: numbers.join('.'), dialect: 'npm' };
}

/**
 * @returns the version that is there now
 * @throws SlipwayError SLIP_RUNTIME_REMOVED, SLIP_RUNTIME_CHANGED
 */
export async function versionNow(runtime: Runtime | undefined, choice: RuntimeChoice): Promise<string> {
  const { name, version, path, pinned, identity, accepts } = choice;
  if (pinned !== undefined) {
    await access(path, constants.X_OK).catch(error => {
      throw removed(choice, `its copy in the store is damaged (${(error as NodeJS.ErrnoException).code})`);
    });
    return version;
  }
  if (runtime === undefined || identity === undefined) return version;
  if ((await identityOf(runtime.parts(path))) === identity) return version;
  const answer = await runtime.ask(path);
  if ('why' in answer) throw removed(choice, answer.why);
  if (answer.version === version || isAccepted(answer.version, accepts)) return answer.version;
  throw new SlipwayError(
    'SLIP_RUNTIME_CHANGED',
    `cannot run with ${path}: it was ${name} ${version} when the revision was accepted and is ${name} ` +
      `${answer.version} now, and only ${accepts?.text || version} may take its place; deploy or apply to accept ` +
      `what the host has now, or install ${name} ${version} again`,
  );
}

function isAccepted(version: string, accepts: RuntimeChoice['accepts']): boolean {
  const parsed = parseVersion(version);
  const range = accepts && parseVersionRange(accepts.text, accepts.dialect);
  return parsed !== undefined && range?.fits(parsed) === true;
}

function removed({ name, version, path }: RuntimeChoice, why: string): SlipwayError {
  return new SlipwayError(
    'SLIP_RUNTIME_REMOVED',
    `cannot run with ${path}, which was ${name} ${version} when the revision was accepted: ${why}; install it again, ` +
      'or deploy or apply to accept another that the host has',
  );
}

/** What can be known to fail before anything is started, said in words. */
import { accessSync, closeSync, constants, openSync, readSync, statSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { SlipwayError } from '../domain/errors.ts';
import { codeOf } from './cgroup.ts';
import type { LaunchOrder } from './contract.ts';

/** @throws SlipwayError SLIP_LAUNCH_FAILED */
export function preflight({ argv, cwd, env }: LaunchOrder): void {
  const [program = ''] = argv;
  if (!isAbsolute(program)) throw failed(`cannot start ${JSON.stringify(program)}: expected an absolute path`);
  // Values may be secrets, so that only the name is told.
  for (const [name, value] of Object.entries(env)) {
    if (/^$|[=\0]/.test(name)) throw failed(`cannot pass on the variable ${JSON.stringify(name)}: not a possible name`);
    if (value.includes('\0')) throw failed(`cannot pass on the variable ${name}: its value has a NUL character`);
  }
  if (argv.some(argument => argument.includes('\0'))) {
    throw failed(`cannot start ${program}: one of its arguments has a NUL character`);
  }
  requireFolder(cwd);
  requireExecutable(program);
  requireInterpreter(program);
}

function requireFolder(path: string): void {
  const found = stat(path);
  if (!found) throw failed(`cannot start in ${path}: there is no such folder`);
  if (!found.isDirectory()) throw failed(`cannot start in ${path}: it is not a folder`);
  if (!mayExecute(path)) throw failed(`cannot start in ${path}: the daemon’s user may not enter it`);
}

function requireExecutable(path: string): void {
  const found = stat(path);
  if (!found) throw failed(`cannot start ${path}: there is no such file`);
  if (!found.isFile()) throw failed(`cannot start ${path}: it is not a file`);
  if (!mayExecute(path)) {
    throw failed(`cannot start ${path}: it is not executable for the daemon’s user (chmod +x it in the package)`);
  }
}

/** The kernel says only "no such file" where it is the interpreter of a script that is missing. */
function requireInterpreter(path: string): void {
  const [, interpreter, rest = ''] = /^#!\s*([^\s\0]+)([^\n\0]*)/.exec(head(path)) ?? [];
  if (interpreter === undefined) return;
  if (!stat(interpreter)?.isFile() || !mayExecute(interpreter)) {
    throw failed(`cannot start ${path}: its first line asks for ${interpreter}, which is not an executable file here`);
  }
  if (rest.endsWith('\r')) {
    throw failed(`cannot start ${path}: its first line ends in CR LF; save the file with LF line ends`);
  }
}

function head(path: string): string {
  const buffer = Buffer.alloc(256);
  try {
    const file = openSync(path, 'r');
    try {
      return buffer.toString('latin1', 0, readSync(file, buffer, 0, buffer.length, 0));
    } finally {
      closeSync(file);
    }
  } catch (error) {
    // Executable but not readable is possible, and then there is nothing to be told.
    if (codeOf(error) === 'EACCES') return '';
    throw failed(`cannot read ${path} (${codeOf(error)})`);
  }
}

function stat(path: string) {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

/** Whether this user may. */
export function mayExecute(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function failed(message: string): SlipwayError {
  return new SlipwayError('SLIP_LAUNCH_FAILED', message);
}

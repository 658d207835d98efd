/**
 * `run/router.json`: which processes are the router of this home. A main worker writes it once it listens, so whoever
 * is named there serves, or did until it died. A main worker that finds another live one named is no longer the router.
 */
import { readFileSync, rmSync, statSync } from 'node:fs';
import type { ProcessIdentity } from '../processes/contract.ts';
import { replaceFile } from '../state/atomic-file.ts';
import { fallback, list, literal, parseJson, shape } from './check.ts';
import { identityCheck, type Listening, listeningCheck } from './messages.ts';

export interface RouterRecord {
  readonly version: 1;
  readonly holder: ProcessIdentity;
  /** The main one. */
  readonly worker: ProcessIdentity;
  /** Others that accept too. */
  readonly further: readonly ProcessIdentity[];
  readonly listen: readonly Listening[];
  /** Succeeded and retired workers that still drain. */
  readonly leaving: readonly ProcessIdentity[];
}

const recordCheck = shape<RouterRecord>({
  version: literal(1),
  holder: identityCheck,
  worker: identityCheck,
  further: fallback(list(identityCheck, 1000), []),
  listen: listeningCheck,
  leaving: list(identityCheck, 1000),
});

/** `undefined` also where the file is damaged: then nothing can be known, and the next worker writes it anew. */
export function readRecord(path: string): RouterRecord | undefined {
  try {
    return parseJson(readFileSync(path, 'utf8'), recordCheck);
  } catch {
    return undefined;
  }
}

export function writeRecord(path: string, record: RouterRecord): void {
  replaceFile(path, `${JSON.stringify(record)}\n`);
}

/** Changes with every replacement of the file. */
export function recordMark(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat ? `${stat.ino} ${stat.mtimeMs}` : '';
}

export function removeRecord(path: string): void {
  rmSync(path, { force: true });
}

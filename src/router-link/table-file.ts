/**
 * The last table, on disk, for the worker that starts when there is no daemon to tell it. A table of another boot is
 * none: its ports may belong to anyone now.
 */
import { readFileSync, rmSync } from 'node:fs';
import { replaceFile } from '../state/atomic-file.ts';
import { literal, parseJson, shape, text } from './check.ts';
import { currentBootId } from './identity.ts';
import type { RouteTable } from './protocol.ts';
import { tableCheck } from './table-check.ts';

interface StoredTable {
  readonly version: 1;
  readonly bootId: string;
  readonly table: RouteTable;
}

const storedTable = shape<StoredTable>({ version: literal(1), bootId: text(64), table: tableCheck });

export const emptyTable: RouteTable = { version: 0, services: [] };

/** The empty table where there is none, or none that can be used. */
export function loadTable(path: string): RouteTable {
  try {
    const stored = parseJson(readFileSync(path, 'utf8'), storedTable);
    return stored.bootId === currentBootId() ? stored.table : emptyTable;
  } catch {
    return emptyTable;
  }
}

export function saveTable(path: string, table: RouteTable): void {
  const stored: StoredTable = { version: 1, bootId: currentBootId(), table };
  replaceFile(path, `${JSON.stringify(stored)}\n`);
}

export function removeTable(path: string): void {
  rmSync(path, { force: true });
}

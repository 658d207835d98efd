/** All requirements that are held here, in the order in which the story is told. */
import { chunks } from './chunks.ts';
import { connections } from './connections.ts';
import { forwarding } from './forwarding.ts';
import { framing } from './framing.ts';
import { instances } from './instances.ts';
import type { Case } from './row.ts';
import { syntax } from './syntax.ts';
import { targets } from './targets.ts';
import { upgrades } from './upgrades.ts';

export const chapters = {
  syntax,
  targets,
  framing,
  chunks,
  connections,
  forwarding,
  upgrades,
  instances,
} as const satisfies Record<string, readonly Case[]>;

export const allCases: readonly Case[] = Object.values(chapters).flat();

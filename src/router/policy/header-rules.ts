/**
 * Fields that a route sets, adds and removes.
 *
 * - Rules are for a head as it goes out, so a field that the router itself adds can be replaced or removed too.
 * - What a message is framed or routed by is never among the names: the configuration refuses them, and the check of a
 *   table does so again.
 */
import type { HeaderRules } from '../../domain/route-spec.ts';

export interface HeaderEdits {
  /** In lower case: the fields that are left out. */
  readonly dropped: ReadonlySet<string>;
  /** Whole lines, with their ends. */
  readonly lines: string;
}

/** What is removed goes first, then fields are set, then added. Of names that differ in case only, the last is set. */
export function headerEdits({ set, add, remove }: HeaderRules): HeaderEdits {
  const replaced = new Map(Object.entries(set).map(([name, value]) => [name.toLowerCase(), lineOf(name, value)]));
  const added = Object.entries(add).map(([name, value]) => lineOf(name, value));
  return {
    dropped: new Set([...remove.map(name => name.toLowerCase()), ...replaced.keys()]),
    lines: [...replaced.values(), ...added].join(''),
  };
}

/** @param head valid, from its start line to its empty line */
export function edited(head: string, { dropped, lines }: HeaderEdits): string {
  const last = head.length - 2;
  let text = '';
  let keptFrom = 0;
  for (let at = head.indexOf('\r\n') + 2; at < last; ) {
    const next = head.indexOf('\r\n', at) + 2;
    if (dropped.has(head.slice(at, head.indexOf(':', at)).toLowerCase())) {
      text += head.slice(keptFrom, at);
      keptFrom = next;
    }
    at = next;
  }
  return `${text}${head.slice(keptFrom, last)}${lines}\r\n`;
}

function lineOf(name: string, value: string): string {
  return `${name}: ${value}\r\n`;
}

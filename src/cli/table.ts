/** Tables in the manner of `kubectl` and `ps`: no lines, two spaces between columns. */
import CliTable from 'cli-table3';
import type { Colors } from './terminal.ts';

export function renderTable(head: readonly string[], rows: readonly (readonly string[])[], colors: Colors): string {
  const none = { top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '' } as const;
  const more = { 'bottom-left': '', 'bottom-right': '', left: '', 'left-mid': '', mid: '', 'mid-mid': '' } as const;
  const rest = { right: '', 'right-mid': '', middle: '' } as const;
  const table = new CliTable({
    head: head.map(title => colors.bold(title)),
    chars: { ...none, ...more, ...rest },
    style: { 'padding-left': 0, 'padding-right': 2, head: [], border: [], compact: true },
  });
  table.push(...rows.map(row => [...row]));
  return table
    .toString()
    .split('\n')
    .map(line => line.trimEnd())
    .join('\n');
}

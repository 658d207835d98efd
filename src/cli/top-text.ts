/** What `slipway top` shows. */
import { instanceLabel } from '../domain/names.ts';
import type { Host, Instance, Service } from './api-types.ts';
import type { CpuShare } from './cpu-share.ts';
import { renderTable } from './table.ts';
import type { Colors } from './terminal.ts';
import { formatBytes, formatPercent } from './words.ts';

const none = '-';

export function topText(host: Host, services: readonly Service[], cpu: CpuShare, colors: Colors): string {
  const rows = services
    .flatMap(({ instances }) => instances)
    .map(instance => ({ instance, share: cpu.of(instance) }))
    .sort((a, b) => (b.share ?? -1) - (a.share ?? -1));
  const used = {
    cpu: rows.reduce((sum, { share = 0 }) => sum + share, 0),
    memory: rows.reduce((sum, { instance }) => sum + (instance.usage?.memory ?? 0), 0),
  };
  const { capacity, requested } = host;
  const hostTable = renderTable(
    ['HOST', 'CAPACITY', 'REQUESTED', 'USED'],
    [
      ['cpu', cores(capacity.cpu), cores(requested.cpu), cores(used.cpu)],
      ['memory', formatBytes(capacity.memory), formatBytes(requested.memory), formatBytes(used.memory)],
    ],
    colors,
  );
  const head = ['INSTANCE', 'STATE', 'CPU', 'OF LIMIT', 'MEMORY', 'OF LIMIT', 'PIDS', 'OF LIMIT', 'RESTARTS'];
  const table = renderTable(
    head,
    rows.map(({ instance, share }) => row(instance, share)),
    colors,
  );
  return [hostTable, '', rows.length === 0 ? 'No instances.' : table].join('\n');
}

function row(instance: Instance, share: number | undefined): string[] {
  const { usage } = instance;
  return [
    instanceLabel(instance),
    instance.state,
    share === undefined ? none : formatPercent(share),
    ofLimit(instance, 'cpu', share),
    usage === undefined ? none : formatBytes(usage.memory),
    ofLimit(instance, 'memory', usage?.memory),
    usage === undefined ? none : String(usage.processes),
    ofLimit(instance, 'pids', usage?.processes),
    String(instance.restarts),
  ];
}

function ofLimit({ limits }: Instance, name: string, used: number | undefined): string {
  const most = limits.find(({ limit }) => limit === name)?.inForce;
  return most === undefined || used === undefined ? none : formatPercent(used / most);
}

function cores(count: number): string {
  return `${Number(count.toFixed(2))} cores`;
}

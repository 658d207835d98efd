/** What `slipway status` shows. */
import { formatRoute } from '../config/route.ts';
import { instanceLabel } from '../domain/names.ts';
import type { Host, Instance, Service } from './api-types.ts';
import type { CpuShare } from './cpu-share.ts';
import { renderTable } from './table.ts';
import type { Colors } from './terminal.ts';
import { formatBytes, formatPercent, formatSpan, printable } from './words.ts';

/** For what is not there. */
const none = '-';

export function servicesText(services: readonly Service[], cpu: CpuShare, colors: Colors): string {
  if (services.length === 0) return 'No services. `slipway apply -c slipway.yaml` brings some.';
  const head = ['SERVICE', 'STATE', 'READY', 'REVISION', 'RUNTIME', 'CPU', 'MEMORY', 'RESTARTS', 'ROUTE'];
  const rows = services.map(service => [
    service.name,
    paint(service.state, colors),
    `${service.ready}/${service.wanted}`,
    revisionText(service),
    printable(service.runtime),
    formatShare(sum(service.instances.map(instance => cpu.of(instance)))),
    formatMemory(sum(service.instances.map(instance => instance.usage?.memory))),
    String(sum(service.instances.map(instance => instance.restarts)) ?? 0),
    service.routes.map(formatRoute).join(', ') || none,
  ]);
  return [renderTable(head, rows, colors), ...notes(services, colors)].join('\n');
}

export function instancesText({ instances }: Service, cpu: CpuShare, colors: Colors): string {
  const head = ['INSTANCE', 'STATE', 'PID', 'PORT', 'UPTIME', 'RESTARTS', 'CPU', 'MEMORY', 'REVISION', 'REASON'];
  const rows = instances.map(instance => [
    instanceLabel(instance),
    paint(instance.state, colors),
    String(instance.pid ?? none),
    String(instance.port ?? (instance.socket === undefined ? none : 'socket')),
    instance.uptime === undefined ? none : formatSpan(instance.uptime),
    String(instance.restarts),
    formatShare(cpu.of(instance)),
    formatMemory(instance.usage?.memory),
    String(instance.revision),
    printable(instance.reason ?? ''),
  ]);
  return rows.length === 0 ? 'No instances.' : renderTable(head, rows, colors);
}

/** Lines about the host that a person should not miss; most often none. */
export function hostNotes({ config, router }: Host, colors: Colors): string[] {
  const lines: string[] = [];
  if (config?.problem !== undefined) {
    lines.push(colors.yellow(`The last change of ${config.path} was not applied: ${printable(config.problem)}`));
  }
  if (router.state === 'down') lines.push(colors.red('The router is down.'));
  if (router.problem !== undefined) lines.push(colors.yellow(`The router runs, but ${printable(router.problem)}`));
  return lines;
}

function notes(services: readonly Service[], colors: Colors): string[] {
  const lines = services.flatMap(({ name, rollout, waits, instances }) => [
    ...(waits === undefined ? [] : [`${name}: an instance waits for room on this host: ${waits}`]),
    ...(rollout?.state === 'failed' && rollout.reason !== undefined
      ? [`${name}: revision ${rollout.to} was not rolled out: ${rollout.reason}`]
      : []),
    ...instances.filter(hasNews).map(instance => `${instanceLabel(instance)}: ${instance.reason}`),
    ...instances.flatMap(instance =>
      instance.note === undefined ? [] : `${instanceLabel(instance)}: ${instance.note}`,
    ),
    ...unenforced(name, instances),
  ]);
  return lines.length === 0 ? [] : ['', ...lines.map(line => colors.yellow(printable(line)))];
}

/** A limit that doesn't hold is never passed over in silence; why it doesn't is for `describe`. */
function unenforced(name: string, instances: readonly Instance[]): string[] {
  const open = instances.flatMap(({ limits }) => limits.filter(({ by }) => by === 'not enforced'));
  const names = [...new Set(open.map(({ limit }) => limit))];
  return names.length === 0 ? [] : [`${name}: not enforced: ${names.join(', ')} (see \`slipway describe ${name}\`)`];
}

function hasNews({ reason, state }: Instance): boolean {
  return reason !== undefined && state !== 'stopped';
}

/** `3`, or while it changes `3 → 4`. */
function revisionText({ revision, rollout }: Service): string {
  if (rollout?.state === 'rolling') return `${rollout.from} → ${rollout.to}`;
  if (rollout?.state === 'reverting') return `${rollout.from} ← ${rollout.to}`;
  return String(revision);
}

function paint(state: Service['state'] | Instance['state'], colors: Colors): string {
  if (state === 'ready') return colors.green(state);
  if (state === 'stopped') return colors.dim(state);
  if (state === 'failed' || state === 'down' || state === 'killing') return colors.red(state);
  return colors.yellow(state);
}

function sum(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter(value => value !== undefined);
  return known.length === 0 ? undefined : known.reduce((total, value) => total + value, 0);
}

function formatShare(share: number | undefined): string {
  return share === undefined ? none : formatPercent(share);
}

function formatMemory(bytes: number | undefined): string {
  return bytes === undefined ? none : formatBytes(bytes);
}

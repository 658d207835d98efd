/** What `slipway describe` shows. */
import { formatRoute } from '../config/route.ts';
import { instanceLabel } from '../domain/names.ts';
import type { Instance, Revision, Service } from './api-types.ts';
import { CpuShare } from './cpu-share.ts';
import { instancesText } from './status-text.ts';
import type { Colors } from './terminal.ts';
import { formatBytes, formatTime, printable } from './words.ts';

export function describeService(service: Service, revisions: readonly Revision[], colors: Colors): string {
  const { rollout } = service;
  const facts: readonly (readonly [string, readonly string[]])[] = [
    ['Service', [service.name]],
    ['State', [`${service.state}, ${service.ready} of ${service.wanted} ready, wanted ${service.desired}`]],
    ['Revision', [String(service.revision)]],
    ['Package', [service.package]],
    ['Release', [`sha256 ${service.release}`]],
    ['Runtime', [service.runtime]],
    ['Command', [service.command.join(' ')]],
    ['Routes', service.routes.map(route => `${formatRoute(route)}${route.stripPrefix ? ' (prefix stripped)' : ''}`)],
    ['TCP', service.tcp],
    [
      'Sockets',
      service.instances.flatMap(one => (one.socket === undefined ? [] : [`${instanceLabel(one)} ${one.socket}`])),
    ],
    ['Depends on', service.dependsOn],
    ['Environment', Object.entries(service.env).map(([name, value]) => `${name}=${value}`)],
    ['Isolation', isolationLines(service)],
    ['Limits', limitLines(service)],
    [
      'Rollout',
      rollout === undefined
        ? []
        : [`${rollout.from} → ${rollout.to}, ${rollout.state}${rollout.reason ? `: ${rollout.reason}` : ''}`],
    ],
    ['Revisions', revisions.map(revisionText)],
  ];
  const lines = facts.flatMap(([title, values]) =>
    values.map((value, i) => `${colors.bold((i === 0 ? title : '').padEnd(13))} ${printable(value)}`),
  );
  return [...lines, '', instancesText(service, new CpuShare(), colors)].join('\n');
}

/** Each limit once, with what enforces it; instances that differ have their own lines. */
function limitLines({ instances, limits, totalLimits }: Service): string[] {
  const asked = { ...limits, ...Object.fromEntries(prefixed(totalLimits)) };
  if (instances.every(instance => instance.limits.length === 0)) {
    return Object.entries(asked).map(([limit, value]) => `${limit} ${formatLimit(limit, value)}`);
  }
  const lines = new Map<string, string[]>();
  for (const instance of instances) {
    for (const one of instance.limits) {
      const line = limitText(one);
      lines.set(line, [...(lines.get(line) ?? []), instanceLabel(instance)]);
    }
  }
  const all = instances.filter(instance => instance.limits.length > 0).length;
  return [...lines].map(([line, of]) => (of.length === all ? line : `${line} (${of.join(', ')})`));
}

function isolationLines({ instances }: Service): string[] {
  const lines = instances.flatMap(({ isolation }) => {
    if (isolation === undefined) return [];
    const { level, user, why } = isolation;
    return [`${level}${user === undefined ? '' : `, as ${user}`}${why === undefined ? '' : `: ${why}`}`];
  });
  return [...new Set(lines)];
}

function prefixed(totals: Service['totalLimits']): readonly (readonly [string, number])[] {
  return Object.entries(totals).map(([limit, value]) => [`totalLimits.${limit}`, value]);
}

function limitText({ limit, asked, inForce, by, why }: Instance['limits'][number]): string {
  const differs = inForce !== undefined && formatLimit(limit, inForce) !== formatLimit(limit, asked);
  const force = differs ? `, in force ${formatLimit(limit, inForce)}` : '';
  return `${limit} ${formatLimit(limit, asked)}${force}: ${by}${why === undefined ? '' : ` (${why})`}`;
}

const inBytes = /memory|swap|Bytes|coreDump/i;

function formatLimit(limit: string, value: unknown): string {
  if (typeof value !== 'number') return JSON.stringify(value);
  return inBytes.test(limit) ? formatBytes(value) : String(value);
}

function revisionText({ number, current, package: name, createdAt, cause }: Revision): string {
  return `${number}${current ? ' (current)' : ''}: ${name}, ${formatTime(createdAt)}, ${cause}`;
}

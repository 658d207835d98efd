/** What `slipway describe` shows. */
import { formatRoute } from '../config/route.ts';
import { instanceLabel } from '../domain/names.ts';
import type { Revision, Service } from './api-types.ts';
import { CpuShare } from './cpu-share.ts';
import { instancesText } from './status-text.ts';
import type { Colors } from './terminal.ts';
import { formatBytes, formatTime, printable } from './words.ts';

export function describeService(service: Service, revisions: readonly Revision[], colors: Colors): string {
  const { limits, rollout } = service;
  const facts: readonly (readonly [string, readonly string[]])[] = [
    ['Service', [service.name]],
    ['State', [`${service.state}, ${service.ready} of ${service.wanted} ready, wanted ${service.desired}`]],
    ['Revision', [String(service.revision)]],
    ['Package', [service.package]],
    ['Release', [`sha256 ${service.release}`]],
    ['Runtime', [service.runtime]],
    ['Command', [service.command.join(' ')]],
    ['Routes', service.routes.map(route => `${formatRoute(route)}${route.stripPrefix ? ' (prefix stripped)' : ''}`)],
    ['Depends on', service.dependsOn],
    ['Environment', Object.entries(service.env).map(([name, value]) => `${name}=${value}`)],
    [
      'Limits',
      [
        ...(limits.memory === undefined ? [] : [`memory ${formatBytes(limits.memory)}`]),
        ...(limits.cpu === undefined ? [] : [`cpu ${limits.cpu}`]),
        ...(limits.pids === undefined ? [] : [`pids ${limits.pids}`]),
      ],
    ],
    ['Not enforced', unenforced(service)],
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

function unenforced({ instances }: Service): string[] {
  return instances.flatMap(instance =>
    instance.limits
      .filter(({ by }) => by === 'not enforced')
      .map(({ limit, why }) => `${limit} of ${instanceLabel(instance)}${why === undefined ? '' : `: ${why}`}`),
  );
}

function revisionText({ number, current, package: name, createdAt, cause }: Revision): string {
  return `${number}${current ? ' (current)' : ''}: ${name}, ${formatTime(createdAt)}, ${cause}`;
}

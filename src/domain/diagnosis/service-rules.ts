/** Whether what the services ask for is in force. */
import type { Milliseconds } from '../clock.ts';
import type { DaemonFacts, ServiceFacts } from './facts.ts';
import { Area, type Finding } from './finding.ts';

const day = 86_400_000;
/** Automatic renewal usually comes 30 days before. */
const soon = 14 * day;

export function routerRules({ router, certificates, services }: DaemonFacts, now: Milliseconds): readonly Finding[] {
  const area = new Area('router');
  const routed = services.filter(({ routes, tcp }) => routes.length + tcp.length > 0).map(({ name }) => name);
  if (router.state === 'down') area.gap('the router is down; it is started again', 'see logs/router.log', routed);
  else if (router.state === 'off') area.ok('no address is listened on');
  else area.ok(`${router.state}, on ${router.listen.join(', ')}`);
  if (router.problem !== undefined) area.gap(router.problem, 'see logs/router.log', routed);
  for (const { path, expiresAt, problem } of certificates) {
    if (problem !== undefined)
      area.gap(`${path} can’t be served: ${problem}`, 'correct the files; they are read again', routed);
    else if (expiresAt !== undefined) {
      const left = Math.floor((expiresAt - now) / day);
      if (expiresAt <= now) area.gap(`the certificate ${path} has expired`, 'renew it; it is read again', routed);
      else if (expiresAt - now < soon) area.note(`the certificate ${path} expires in ${left} days`, 'renew it');
      else area.ok(`the certificate ${path} is good for ${left} days`);
    }
  }
  return area.findings;
}

export function serviceRules({ services, configProblem }: DaemonFacts): readonly Finding[] {
  const area = new Area('services');
  if (configProblem !== undefined) {
    area.note(`the last change of the configuration was not applied: ${configProblem}`, 'correct it');
  }
  for (const service of services) {
    const before = area.findings.length;
    oneService(area, service);
    const running = service.instances.filter(({ isolation }) => isolation !== undefined);
    if (area.findings.length > before || running.length === 0) continue;
    const levels = [...new Set(running.map(({ isolation }) => isolation?.level))].join(', ');
    area.ok(`${service.name}: all its limits are in force; isolation is ${levels}`);
  }
  return area.findings;
}

function oneService(area: Area, { name, waits, instances }: ServiceFacts): void {
  if (waits !== undefined) {
    area.gap(`${name}: an instance waits for room on this host: ${waits}`, 'lower requests, or raise capacity', [name]);
  }
  const unenforced = new Map(
    instances.flatMap(({ limits }) =>
      limits.filter(({ by }) => by === 'not enforced').map(({ limit, why }) => [limit, why] as const),
    ),
  );
  for (const [limit, why] of unenforced) {
    area.gap(`${name}: ${limit} is not enforced${why === undefined ? '' : `: ${why}`}`, 'see the gaps of the host', [
      name,
    ]);
  }
  for (const why of new Set(instances.flatMap(({ isolation }) => isolation?.why ?? []))) {
    area.note(`${name}: its instances are not isolated: ${why}`, 'see the gaps of isolation');
  }
  for (const { index, state, reason, note } of instances) {
    if (note !== undefined) area.note(`${name}/${index}: ${note}`, `slipway deploy ${name} to accept it`);
    if (state === 'failed') {
      area.gap(`${name}/${index} was given up: ${reason ?? 'see its log'}`, `slipway start ${name}, once mended`, [
        name,
      ]);
    }
  }
}

/** Waiting until a change has come to its end, and saying whether that end is the one that was wanted. */
import { formatDuration } from '../config/duration.ts';
import { SlipwayError } from '../domain/errors.ts';
import { instanceLabel } from '../domain/names.ts';
import type { Service } from './api-types.ts';
import type { Target } from './arguments.ts';
import type { Cli } from './cli.ts';

/**
 * @param timeout milliseconds
 * @throws SlipwayError SLIP_WAIT_TIMEOUT, which says what is not ready yet
 */
export async function settle(cli: Cli, name: string, timeout: number): Promise<Service> {
  const [service] = await wait(cli, { service: name, timeout });
  if (service) return service;
  throw new SlipwayError('SLIP_SERVICE_UNKNOWN', `cannot find ${name} any longer: it was removed meanwhile`);
}

/** As {@link settle}, for every service. */
export async function settleAll(cli: Cli, timeout: number): Promise<readonly Service[]> {
  return wait(cli, { timeout });
}

async function wait(
  { client }: Cli,
  query: { readonly service?: string; readonly timeout: number },
): Promise<readonly Service[]> {
  try {
    return (await client.call('GET /v1/settled', { query })).services;
  } catch (error) {
    if (!(error instanceof SlipwayError) || error.code !== 'SLIP_WAIT_TIMEOUT') throw error;
    const { services } = await client.call('GET /v1/services', {});
    const late = services.filter(service => (query.service ?? service.name) === service.name && !isSettled(service));
    const message = `cannot wait any longer: not settled within ${formatDuration(query.timeout)}`;
    throw new SlipwayError('SLIP_WAIT_TIMEOUT', message, {
      details: late.flatMap(service => [`${service.name} is ${standing(service)}`, ...unreadyInstances(service)]),
      cause: error,
    });
  }
}

/** @throws SlipwayError SLIP_NOT_READY */
export function requireReady(service: Service, index?: number): void {
  const ready =
    index === undefined
      ? service.ready >= service.wanted
      : service.instances.some(instance => instance.index === index && instance.state === 'ready');
  if (ready) return;
  const what = instanceName({ name: service.name, ...(index !== undefined && { index }) });
  throw new SlipwayError('SLIP_NOT_READY', `cannot call ${what} ready: ${service.name} is ${standing(service)}`, {
    details: unreadyInstances(service),
  });
}

/** @throws SlipwayError SLIP_ROLLOUT_FAILED, SLIP_NOT_READY */
export function requireRevision(service: Service, revision: number): void {
  if (service.revision !== revision) {
    const why = service.rollout?.to === revision && service.rollout.reason ? `: ${service.rollout.reason}` : '';
    const message = `cannot roll out revision ${revision} of ${service.name}${why}`;
    throw new SlipwayError('SLIP_ROLLOUT_FAILED', message, {
      details: [`revision ${service.revision} goes on, ${standing(service)}`, ...unreadyInstances(service)],
    });
  }
  requireReady(service);
}

export function instanceName({ name, index }: Target): string {
  return index === undefined ? name : instanceLabel({ service: name, index });
}

/** A service in the middle of a rollout is ready all the while, by the old revision. */
function isSettled({ state, rollout }: Service): boolean {
  return state === 'ready' && rollout?.state !== 'rolling' && rollout?.state !== 'reverting';
}

function standing({ state, ready, wanted, rollout }: Service): string {
  const now = `${state}, ${ready} of ${wanted} ready`;
  if (rollout?.state === 'rolling') return `${now}, on the way from revision ${rollout.from} to ${rollout.to}`;
  if (rollout?.state === 'reverting') return `${now}, on the way back from revision ${rollout.to} to ${rollout.from}`;
  return now;
}

/** One line each, with the reason where there is one. */
function unreadyInstances({ instances }: Service): string[] {
  return instances
    .filter(instance => instance.state !== 'ready')
    .map(instance => `${instanceLabel(instance)} is ${instance.state}${instance.reason ? `: ${instance.reason}` : ''}`);
}

/** From validated requests to the control plane and back. One handler an operation, typed by the contract. */
import type { Actor, Control } from '../control/contract.ts';
import type { InstanceStatus, ServiceStatus } from '../control/views.ts';
import { SlipwayError } from '../domain/errors.ts';
import { instanceLabel } from '../domain/names.ts';
import type { UnpackLimits } from '../domain/spec.ts';
import type { LogStore } from '../logs/contract.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { ReleaseStore } from '../packages/contract.ts';
import type { Input, InstanceAddress, Operation, Output } from './contract.ts';
import { readEvents } from './events.ts';
import { receiveUpload } from './upload.ts';

export interface Services {
  readonly control: Control;
  readonly logs: LogStore;
  readonly store: Pick<ReleaseStore, 'receive'>;
  /** Asked at each upload, since the configuration may change it. */
  readonly unpackLimits: () => UnpackLimits;
  readonly metrics: Metrics;
}

export interface Call {
  readonly actor: Actor;
  /** Aborts when the client is gone or the API closes. */
  readonly signal: AbortSignal;
}

export type Handlers = { readonly [K in Operation]: (input: Input<K>, call: Call) => Promise<Output<K>> };

export function createHandlers({ control, logs, store, unpackLimits, metrics }: Services): Handlers {
  /** One of the verbs that act on a service or on one of its instances, then show how it stands. */
  const act =
    (verb: 'start' | 'stop' | 'restart') =>
    async (
      { params, body }: Input<`POST /v1/services/:name/${typeof verb}`>,
      { actor }: Call,
    ): Promise<ServiceStatus> => {
      await control[verb](params.name, body.value.index, actor);
      return control.service(params.name);
    };

  return {
    'GET /v1/host': async () => control.host(),
    'GET /v1/doctor': () => control.doctor(),
    'GET /v1/services': async () => ({ services: await control.services() }),
    'GET /v1/services/:name': ({ params }) => control.service(params.name),

    'POST /v1/config': ({ body }, { actor, signal }) =>
      control.apply(
        body.value.path,
        { dryRun: body.value.dryRun ?? false, replace: body.value.replace ?? false },
        actor,
        signal,
      ),

    'POST /v1/services/:name/deploy': async ({ params, query, body }, { actor, signal }) => {
      // Before an upload is taken in.
      await control.service(params.name);
      if (body.kind === 'json') {
        refuseUploadQuery(query);
        const { package: from, instances } = body.value;
        const source =
          typeof from === 'string' ? ({ kind: 'path', path: from } as const) : ({ kind: 'url', ...from } as const);
        return control.deploy(params.name, { source, ...(instances !== undefined && { instances }) }, actor, signal);
      }
      const { filename, sha256, instances } = query;
      if (filename === undefined) {
        throw new SlipwayError('SLIP_REQUEST_INVALID', 'cannot take an upload without a `filename` in the query');
      }
      const upload = await receiveUpload(store, filename, body.stream, sha256, unpackLimits());
      try {
        const source = { kind: 'path', path: upload.path } as const;
        const order = { source, packageName: filename, ...(instances !== undefined && { instances }) };
        return await control.deploy(params.name, order, actor, signal);
      } finally {
        await upload.discard();
      }
    },

    'POST /v1/services/:name/start': act('start'),
    'POST /v1/services/:name/stop': act('stop'),
    'POST /v1/services/:name/restart': act('restart'),

    'POST /v1/services/:name/scale': async ({ params, body }, { actor }) => {
      await control.scale(params.name, body.value.instances, actor);
      return control.service(params.name);
    },

    'GET /v1/services/:name/history': async ({ params }) => ({ revisions: await control.history(params.name) }),
    'POST /v1/services/:name/rollback': ({ params, body }, { actor }) =>
      control.rollback(params.name, body.value.to, actor),

    'ANY /v1/services/:name/instances/:index/proxy/*': async ({ params: { name, index } }) => {
      const { instances } = await control.service(name);
      return addressOf(instances, { service: name, index });
    },

    'GET /v1/settled': async ({ query: { service, timeout = 60_000 } }, { signal }) => {
      if (service !== undefined) await control.service(service);
      return { services: await withTimeout(timeout, signal, limited => control.settled(service, limited)) };
    },

    'GET /v1/services/:name/logs': async ({ params: { name }, query }, { signal }) => {
      const { index, tail = 100, follow = false } = query;
      const { instances } = await control.service(name);
      if (index !== undefined) requireInstance(instances, { service: name, index });
      return logs.read({ service: name, tail, follow, ...(index !== undefined && { index }) }, signal);
    },

    'GET /v1/events': async ({ query: { limit = 100, follow = false } }, { signal }) =>
      readEvents(control, limit, follow, signal),

    'POST /v1/down': async ({ body }, { actor }) => {
      const host = control.host();
      await control.down({ hurry: body.value.hurry ?? false }, actor);
      return host;
    },

    'GET /v1/openapi.json': async () => {
      const { openApi } = await import('./openapi.ts');
      return JSON.stringify(openApi(control.host().version), null, 2);
    },
    'GET /metrics': () => metrics.exposition(),
  };
}

type Which = Pick<InstanceStatus, 'service' | 'index'>;

/** @returns those of the index: two during a rollout */
function requireInstance(instances: readonly InstanceStatus[], which: Which): readonly InstanceStatus[] {
  const found = instances.filter(({ index }) => index === which.index);
  if (found.length > 0) return found;
  throw new SlipwayError('SLIP_INSTANCE_UNKNOWN', `cannot find instance ${instanceLabel(which)}`);
}

function addressOf(instances: readonly InstanceStatus[], which: Which): InstanceAddress {
  const label = instanceLabel(which);
  const found = requireInstance(instances, which).toSorted((a, b) => b.revision - a.revision);
  const running = found.find(({ pid }) => pid !== undefined);
  if (!running) {
    const why = found[0]?.reason === undefined ? '' : `: ${found[0].reason}`;
    throw new SlipwayError('SLIP_INSTANCE_NOT_RUNNING', `cannot reach ${label}: it is ${found[0]?.state}${why}`);
  }
  if (running.port !== undefined) return { label, place: { port: running.port } };
  if (running.socket !== undefined) return { label, place: { socket: running.socket } };
  throw new SlipwayError('SLIP_INSTANCE_NO_PORT', `cannot reach ${label}: it has neither a port nor a socket`);
}

function refuseUploadQuery(query: object): void {
  const given = Object.keys(query);
  if (given.length === 0) return;
  throw new SlipwayError('SLIP_REQUEST_INVALID', 'cannot take a query with a JSON body: it belongs to uploads', {
    details: given.map(key => `query ${key}: put it into the body`),
  });
}

async function withTimeout<T>(
  timeout: number,
  signal: AbortSignal,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limited = new AbortController();
  const onAbort = () => limited.abort(signal.reason);
  const timer = setTimeout(() => {
    limited.abort(new SlipwayError('SLIP_WAIT_TIMEOUT', `cannot wait any longer: not settled within ${timeout} ms`));
  }, timeout);
  signal.addEventListener('abort', onAbort);
  try {
    signal.throwIfAborted();
    return await run(limited.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

/**
 * From a snapshot to metric families; names follow Prometheus' conventions (base units, `_total` for counters). One
 * pass over what is there now: so what is gone disappears, and there are as many series as there is to tell.
 */
import type { HostStatus, ServiceStatus } from '../control/views.ts';
import { instanceStates } from '../domain/instance/state.ts';
import type { RouterStatus } from '../router-link/contract.ts';
import {
  type ConnectionStats,
  latencyBuckets,
  type RouterStats,
  type ServiceTraffic,
} from '../router-link/protocol.ts';
import type { Count } from './counters.ts';

export interface Sample {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  /** Where it isn't the family's: `…_bucket`. */
  readonly metricName?: string;
}

export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'gauge' | 'counter' | 'histogram';
  readonly values: readonly Sample[];
}

export interface Snapshot {
  readonly host: HostStatus;
  readonly services: readonly ServiceStatus[];
  readonly restarts: readonly Count[];
  readonly probes: readonly Count[];
  readonly router: RouterStatus;
  readonly traffic: RouterStats | undefined;
}

export function families(snapshot: Snapshot): Family[] {
  return [
    gauge('slipway_build_info', 'Always 1; the labels tell what runs.', [
      {
        labels: { version: snapshot.host.version, node: process.versions.node, backend: snapshot.host.backend },
        value: 1,
      },
    ]),
    ...serviceFamilies(snapshot),
    ...instanceFamilies(snapshot.services),
    ...routerFamilies(snapshot),
  ];
}

function serviceFamilies({ services, restarts, probes }: Snapshot): Family[] {
  return [
    gauge(
      'slipway_instances',
      'Instances by state.',
      services.flatMap(({ name, instances }) =>
        instanceStates.map(state => ({
          labels: { service: name, state },
          value: instances.filter(instance => instance.state === state).length,
        })),
      ),
    ),
    gauge(
      'slipway_instances_wanted',
      'Instances that there should be.',
      services.map(({ name, wanted }) => ({ labels: { service: name }, value: wanted })),
    ),
    counter('slipway_restarts_total', 'Restarts of instances by reason.', restarts.map(counted)),
    counter('slipway_probe_results_total', 'Runs of probes by result.', probes.map(counted)),
  ];
}

function counted({ service, labels, value }: Count): Sample {
  return { labels: { service, ...labels }, value };
}

/** The revision tells apart the two processes that an index has in the middle of a rollout. */
function instanceFamilies(services: readonly ServiceStatus[]): Family[] {
  const used = services
    .flatMap(service => service.instances)
    .flatMap(({ service, index, revision, usage }) => (usage ? [{ labels: { service, index, revision }, usage }] : []));
  const known = (key: 'openFiles' | 'readBytes' | 'writtenBytes' | 'throttledSeconds') =>
    used.flatMap(({ labels, usage }) => (usage[key] === undefined ? [] : [{ labels, value: usage[key] }]));
  return [
    counter(
      'slipway_instance_cpu_seconds_total',
      'CPU time of the instance’s whole process tree since its launch.',
      used.map(({ labels, usage }) => ({ labels, value: usage.cpuSeconds })),
    ),
    gauge(
      'slipway_instance_memory_bytes',
      'Memory of the instance’s whole process tree.',
      used.map(({ labels, usage }) => ({ labels, value: usage.memory })),
    ),
    gauge(
      'slipway_instance_processes',
      'Processes in the instance’s tree.',
      used.map(({ labels, usage }) => ({ labels, value: usage.processes })),
    ),
    gauge('slipway_instance_open_files', 'Open files of the instance’s tree.', known('openFiles')),
    counter('slipway_instance_read_bytes_total', 'Bytes that the instance read from disks.', known('readBytes')),
    counter('slipway_instance_written_bytes_total', 'Bytes that the instance wrote to disks.', known('writtenBytes')),
    counter(
      'slipway_instance_throttled_seconds_total',
      'For how long the instance was not let run, for its CPU limit.',
      known('throttledSeconds'),
    ),
    counter(
      'slipway_instance_pressure_seconds_total',
      'For how long some process of the instance waited for a resource that was scarce.',
      used.flatMap(({ labels, usage: { pressure = {} } }) =>
        Object.entries(pressure).map(([resource, value]) => ({ labels: { ...labels, resource }, value })),
      ),
    ),
  ];
}

function routerFamilies({ services, router, traffic }: Snapshot): Family[] {
  if (router.state === 'off') return [];
  const up = gauge('slipway_router_up', 'Whether the router answers.', [{ labels: {}, value: traffic ? 1 : 0 }]);
  if (!traffic) return [up];
  const routed = services.flatMap(({ name }) => {
    const own = traffic.services[name];
    return own ? [{ name, own }] : [];
  });
  return [
    up,
    counter(
      'slipway_router_requests_total',
      'Answered requests by class of status code.',
      labelled(routed, 'code', own => own.responses),
    ),
    {
      name: latency,
      help: 'Time from a request’s head to the end of its answer.',
      type: 'histogram',
      values: routed.flatMap(({ name, own }) => histogram(name, own)),
    },
    counter(
      'slipway_router_retries_total',
      'Requests that were tried on another instance.',
      routed.map(({ name, own }) => ({ labels: { service: name }, value: own.retries })),
    ),
    counter(
      'slipway_router_retries_refused_total',
      'Retries that the budget of the service did not allow.',
      routed.map(({ name, own }) => ({ labels: { service: name }, value: own.retriesRefused })),
    ),
    counter(
      'slipway_router_unavailable_total',
      'Requests that the router itself answered with 503, by reason.',
      labelled(routed, 'reason', own => own.unavailable),
    ),
    counter(
      'slipway_router_ejections_total',
      'How often an instance began to be passed over because it failed.',
      routed.map(({ name, own }) => ({ labels: { service: name }, value: own.ejections })),
    ),
    gauge(
      'slipway_router_ejected_instances',
      'Instances that are passed over now, added up over the workers of the router.',
      routed.map(({ name, own }) => ({ labels: { service: name }, value: own.ejected })),
    ),
    gauge(
      'slipway_router_queued',
      'Requests that wait because all instances are busy.',
      routed.map(({ name, own }) => ({ labels: { service: name }, value: own.queued })),
    ),
    counter(
      'slipway_router_queue_total',
      'Requests that found all instances busy, by what came of it.',
      labelled(routed, 'outcome', own => own.queue),
    ),
    gauge(
      'slipway_router_breaker_state',
      'Workers of the router by the state of their circuit breaker for the service.',
      labelled(routed, 'state', own => own.breaker),
    ),
    gauge(
      'slipway_router_in_flight',
      'Requests under way.',
      routed.map(({ name, own }) => ({ labels: { service: name }, value: own.inFlight })),
    ),
    counter(
      'slipway_router_bytes_total',
      'Octets from (in) and to (out) clients, of exchanges that are over.',
      routed.flatMap(({ name, own }) => [
        { labels: { service: name, direction: 'in' }, value: own.bytesIn ?? 0 },
        { labels: { service: name, direction: 'out' }, value: own.bytesOut ?? 0 },
      ]),
    ),
    counter('slipway_router_unrouted_total', 'Requests that met no route.', [{ labels: {}, value: traffic.unrouted }]),
    counter(
      'slipway_router_rejected_total',
      'Requests and connections that the router refused or cut off, by reason.',
      Object.entries(traffic.rejected).map(([reason, value]) => ({ labels: { reason }, value })),
    ),
    counter('slipway_router_access_log_dropped_total', 'Lines that the access log lost.', [
      { labels: {}, value: traffic.accessLogDropped ?? 0 },
    ]),
    ...connectionFamilies(routed),
    gauge('slipway_router_open_connections', 'Connections of clients.', [
      { labels: {}, value: traffic.openConnections },
    ]),
    gauge(
      'slipway_router_worker_connections',
      'Connections of clients, by the pid of the worker that has them.',
      traffic.workers.map(({ pid, connections }) => ({ labels: { pid }, value: connections })),
    ),
    gauge(
      'slipway_router_worker_memory_bytes',
      'Resident memory, by the pid of the worker.',
      traffic.workers.map(({ pid, memory }) => ({ labels: { pid }, value: memory })),
    ),
  ];
}

interface Routed {
  readonly name: string;
  readonly own: ServiceTraffic;
}

/** One sample for each entry of a record. */
function labelled(
  routed: readonly Routed[],
  label: string,
  record: (own: ServiceTraffic) => Readonly<Record<string, number>>,
): Sample[] {
  return routed.flatMap(({ name, own }) =>
    Object.entries(record(own)).map(([key, value]) => ({ labels: { service: name, [label]: key }, value })),
  );
}

/** Of services that connections are passed on to as they are. */
function connectionFamilies(routed: readonly Routed[]): Family[] {
  const passedOn = routed.flatMap(({ name, own: { connections } }) => (connections ? [{ name, connections }] : []));
  if (passedOn.length === 0) return [];
  const values = (value: (connections: ConnectionStats) => number) =>
    passedOn.map(({ name, connections }) => ({ labels: { service: name }, value: value(connections) }));
  return [
    gauge(
      'slipway_router_tcp_open_connections',
      'Connections that are passed on as they are.',
      values(({ open }) => open),
    ),
    counter(
      'slipway_router_tcp_connections_total',
      'Connections that were to be passed on as they are.',
      values(({ opened }) => opened),
    ),
    counter(
      'slipway_router_tcp_refused_total',
      'Of those, the ones that no instance accepted.',
      values(({ refused }) => refused),
    ),
    counter(
      'slipway_router_tcp_received_bytes_total',
      'Bytes from clients on such connections.',
      values(({ received }) => received),
    ),
    counter(
      'slipway_router_tcp_sent_bytes_total',
      'Bytes to clients on such connections.',
      values(({ sent }) => sent),
    ),
  ];
}

const latency = 'slipway_router_request_duration_seconds';

function histogram(service: string, { latency: counts, latencySum }: ServiceTraffic): Sample[] {
  const all = counts.at(latencyBuckets.length) ?? 0;
  return [
    ...latencyBuckets.map((le, i) => ({
      metricName: `${latency}_bucket`,
      labels: { service, le },
      value: counts[i] ?? 0,
    })),
    { metricName: `${latency}_bucket`, labels: { service, le: '+Inf' }, value: all },
    { metricName: `${latency}_sum`, labels: { service }, value: latencySum },
    { metricName: `${latency}_count`, labels: { service }, value: all },
  ];
}

export function gauge(name: string, help: string, values: readonly Sample[]): Family {
  return { name, help, type: 'gauge', values };
}

export function counter(name: string, help: string, values: readonly Sample[]): Family {
  return { name, help, type: 'counter', values };
}

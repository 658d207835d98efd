/**
 * What the API says and takes, as schemas. Every answer is held to its view in both directions by the compiler: a
 * field more, less or different on either side of {@link Shape} does not compile (`Shape` and `satisfies` here, the
 * handlers' result types on the other side). Answers tolerate fields to come; requests refuse unknown ones.
 */
import * as z from 'zod';
import type {
  AuditEvent,
  HostStatus,
  InstanceStatus,
  IsolationView,
  RevisionSummary,
  RolloutStatus,
  RouteView,
  ServiceStatus,
} from '../control/views.ts';
import type { Resources } from '../domain/capacity.ts';
import type { PlannedChange } from '../domain/change.ts';
import type { Diagnosis } from '../domain/diagnosis/diagnose.ts';
import { type Finding, findingStatuses } from '../domain/diagnosis/finding.ts';
import { instanceStates } from '../domain/instance/state.ts';
import type { IoLimits, Limits, Requests, TotalLimits } from '../domain/limits-spec.ts';
import { serviceNamePattern } from '../domain/names.ts';
import type { LogLine } from '../logs/contract.ts';
import { type Enforcement, mechanisms, type Pressure, type Usage } from '../processes/contract.ts';
import type { RouterStatus } from '../router-link/contract.ts';

/** Names of the schemas that the OpenAPI document publishes as components. */
export const components = z.registry<{ id: string }>();

/** Every field of a view, optional ones included. */
type Shape<T> = { readonly [K in keyof T]-?: z.ZodType<T[K]> };

const unixTime = z.number().describe('Unix time in milliseconds.');
const backend = z.enum(['cgroup-v2', 'cgroup-v1', 'none']);
const strings = z.array(z.string()).readonly();

const route = z.object({
  host: z.string().exactOptional().describe('Exact, or a suffix as in `*.example`; absent for any.'),
  path: z.string(),
  stripPrefix: z.boolean(),
} satisfies Shape<RouteView>) satisfies z.ZodType<RouteView>;

const bytes = z.number().exactOptional().describe('Bytes.');
const number = z.number().exactOptional();

const limits = z.object({
  memory: bytes,
  memoryHigh: bytes,
  swap: bytes,
  cpu: number.describe('Cores.'),
  cpuWeight: number,
  pids: number,
  io: z
    .object({
      weight: number,
      readBytes: bytes,
      writeBytes: bytes,
      readOps: number,
      writeOps: number,
    } satisfies Shape<IoLimits>)
    .exactOptional()
    .describe('In a second, of each disk.'),
  openFiles: number,
  coreDump: bytes,
  nice: number,
  oomScoreAdjust: number,
} satisfies Shape<Limits>) satisfies z.ZodType<Limits>;

const usage = z.object({
  cpuSeconds: z.number().describe('CPU time of the whole process tree since its launch.'),
  memory: z.number().describe('Bytes of the whole process tree.'),
  processes: z.number(),
  openFiles: number,
  readBytes: bytes.describe('From disks.'),
  writtenBytes: bytes.describe('To disks.'),
  throttledSeconds: number.describe('For how long it was not let run for its CPU limit.'),
  pressure: z
    .object({ cpu: z.number(), memory: z.number(), io: z.number() } satisfies Shape<Pressure>)
    .exactOptional()
    .describe('Seconds in which some of its processes waited for what was scarce (cgroup v2).'),
} satisfies Shape<Usage>) satisfies z.ZodType<Usage>;

const enforcement = z.object({
  limit: z
    .string()
    .describe('As in slipway.yaml: `memory`, `io.weight`; `totalLimits.memory` for that of the service.'),
  asked: z.number(),
  inForce: z.number().exactOptional().describe('What the kernel made of it; absent where nothing is.'),
  by: z.enum(mechanisms),
  why: z.string().exactOptional(),
} satisfies Shape<Enforcement>) satisfies z.ZodType<Enforcement>;

const resources = z.object({
  cpu: z.number().describe('Cores.'),
  memory: z.number().describe('Bytes.'),
} satisfies Shape<Resources>);

const routerStatus = z.object({
  state: z.enum(['off', 'starting', 'running', 'down']),
  pid: z.number().exactOptional(),
  listen: strings.describe('Addresses it really listens on.'),
  table: z.number().describe('Number of the routing table that it has confirmed.'),
  problem: z.string().exactOptional().describe('What is wrong although it runs, in words.'),
} satisfies Shape<RouterStatus>) satisfies z.ZodType<RouterStatus>;

const isolation = z.object({
  level: z.enum(['none', 'standard', 'strict']),
  user: z.string().exactOptional().describe('Whom it runs as; absent where that is the daemon’s user.'),
  why: z.string().exactOptional().describe('Why it isn’t more, where nothing was asked for.'),
} satisfies Shape<IsolationView>);

const able = z.union([z.literal(true), z.string()]).describe('`true`, or why not.');

const instanceStatus = z.object({
  service: z.string(),
  index: z.number(),
  revision: z.number(),
  state: z.enum(instanceStates),
  reason: z.string().exactOptional().describe('Why it is in this state, in words.'),
  note: z.string().exactOptional().describe('What should be known of it although it runs, in words.'),
  pid: z.number().exactOptional(),
  port: z.number().exactOptional(),
  socket: z.string().exactOptional().describe('Path of the Unix socket that it listens on, instead of a port.'),
  restarts: z.number().describe('Since the instance was first started or last reset by `start`.'),
  uptime: z.number().exactOptional().describe('Milliseconds that the process has run.'),
  usage: usage.exactOptional(),
  limits: z.array(enforcement).readonly(),
  isolation: isolation.exactOptional(),
} satisfies Shape<InstanceStatus>) satisfies z.ZodType<InstanceStatus>;

const rolloutStatus = z.object({
  from: z.number(),
  to: z.number(),
  state: z.enum(['rolling', 'reverting', 'succeeded', 'failed']),
  reason: z.string().exactOptional(),
  startedAt: unixTime,
} satisfies Shape<RolloutStatus>) satisfies z.ZodType<RolloutStatus>;

export const hostStatus = z.object({
  version: z.string(),
  pid: z.number().describe('Of the daemon.'),
  home: z.string(),
  startedAt: unixTime,
  backend: backend.describe('What resource limits are enforced with on this host.'),
  whyNoCgroup: z.string().exactOptional().describe('Why no cgroup is used; absent where one is.'),
  router: routerStatus,
  isolation: z.object({ standard: able, strict: able }).describe('Levels of isolation that this host can give.'),
  capacity: resources.describe('What instances may request in all.'),
  requested: resources.describe('What instances that run, or shall, have requested.'),
  config: z.object({ path: z.string(), problem: z.string().exactOptional() }).exactOptional(),
  adopted: z.number().describe('Instances that this daemon took over from the one before.'),
} satisfies Shape<HostStatus>) satisfies z.ZodType<HostStatus>;

const finding = z.object({
  area: z.string(),
  status: z
    .enum(findingStatuses)
    .describe('`gap`: something that a service may ask for can’t be given; `note`: better known.'),
  message: z.string(),
  mend: z.string().exactOptional().describe('What to do about it.'),
  services: strings.describe('Services that a gap concerns now.'),
} satisfies Shape<Finding>) satisfies z.ZodType<Finding>;

export const diagnosis = z.object({
  daemon: z.boolean().describe('Whether a daemon told of its router and services.'),
  findings: z.array(finding).readonly(),
} satisfies Shape<Diagnosis>) satisfies z.ZodType<Diagnosis>;

export const serviceStatus = z.object({
  name: z.string(),
  state: z.enum(['ready', 'starting', 'degraded', 'down', 'failed', 'stopping', 'stopped']),
  desired: z.enum(['up', 'down']),
  wanted: z.number().describe('Instances that there should be.'),
  ready: z.number().describe('Instances that get requests.'),
  revision: z.number(),
  package: z.string(),
  release: z.string().describe('SHA-256 of the package.'),
  runtime: z.string(),
  command: strings,
  routes: z.array(route).readonly(),
  tcp: strings.describe('Addresses of the router whose connections are passed on to the instances as they are.'),
  limits,
  totalLimits: z.object({ memory: bytes, cpu: number.describe('Cores.'), pids: number } satisfies Shape<TotalLimits>),
  requests: z.object({ cpu: number.describe('Cores.'), memory: bytes } satisfies Shape<Requests>),
  dependsOn: strings,
  env: z.record(z.string(), z.string()).readonly().describe('Values only where they are no secret.'),
  rollout: rolloutStatus.exactOptional(),
  waits: z.string().exactOptional().describe('Why an instance that is wanted waits for room on the host.'),
  instances: z.array(instanceStatus).readonly(),
} satisfies Shape<ServiceStatus>) satisfies z.ZodType<ServiceStatus>;

export const serviceList = z.object({ services: z.array(serviceStatus).readonly().describe('In order of name.') });

export const revisionSummary = z.object({
  number: z.number(),
  release: z.string().describe('SHA-256 of the package.'),
  package: z.string(),
  runtime: z.string(),
  createdAt: unixTime,
  cause: z.string(),
  current: z.boolean(),
} satisfies Shape<RevisionSummary>) satisfies z.ZodType<RevisionSummary>;

export const revisionList = z.object({ revisions: z.array(revisionSummary).readonly().describe('Newest first.') });

const plannedChange = z.object({
  service: z.string(),
  action: z.enum(['add', 'change', 'remove', 'router', 'settings']),
  details: strings.describe('What differs, one line each.'),
} satisfies Shape<PlannedChange>) satisfies z.ZodType<PlannedChange>;

export const applyResult = z.object({ changes: z.array(plannedChange).readonly(), dryRun: z.boolean() });

export const auditEvent = z.object({
  at: unixTime,
  kind: z.string(),
  service: z.string().exactOptional(),
  instance: z.string().exactOptional(),
  actor: z.string().exactOptional(),
  message: z.string(),
} satisfies Shape<AuditEvent>) satisfies z.ZodType<AuditEvent>;

export const logLine = z.object({
  service: z.string(),
  index: z.number(),
  text: z.string(),
} satisfies Shape<LogLine>) satisfies z.ZodType<LogLine>;

export const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number(),
    detail: z.string(),
    code: z.string().describe('Stable; see the list of errors.'),
    details: strings.describe('Further lines, one problem each.'),
    mend: z.string().describe('What to do about it.'),
  })
  .describe('RFC 9457.');

/** A number or a flag in a path or query: text there, typed from here on. */
function integer(min: number, max: number) {
  return z
    .string()
    .regex(/^\d{1,15}$/, `expected a whole number from ${min} to ${max}`)
    .transform(Number)
    .pipe(z.int().min(min).max(max));
}
const flag = z
  .enum(['true', 'false'])
  .transform(text => text === 'true')
  .pipe(z.boolean());

/** More instances than one host can serve; it only keeps a typing error from becoming a fork storm. */
const mostInstances = 1000;
const index = z
  .int()
  .min(0)
  .max(mostInstances - 1);
const absolutePath = z
  .string()
  .max(4096)
  .regex(/^\/[^\0]*$/, 'expected an absolute path');
const digest = z.string().regex(/^[0-9a-f]{64}$/, 'expected a SHA-256 digest: 64 lower-case hexadecimal digits');

const serviceName = z
  .string()
  .regex(serviceNamePattern, 'expected a service name: lower-case letters, digits and inner hyphens, 63 at the most');

export const serviceParams = z.strictObject({ name: serviceName });
export const instanceParams = z.strictObject({ name: serviceName, index: integer(0, mostInstances - 1) });

export const applyRequest = z.strictObject({
  path: absolutePath.describe('The slipway.yaml, on the daemon’s host.'),
  dryRun: z.boolean().exactOptional().describe('Only say what would change.'),
  replace: z.boolean().exactOptional().describe('Services of another file, followed until now, may be removed.'),
});

export const deployRequest = z.strictObject({
  package: z.union([absolutePath, z.strictObject({ url: z.url({ protocol: /^https?$/ }).max(4096), sha256: digest })]),
  instances: z.int().min(0).max(mostInstances).exactOptional(),
});

export const uploadQuery = z.strictObject({
  filename: z
    .string()
    .max(255)
    .regex(/^(?!\.{1,2}$)[^/\\\p{Cc}]+$/u, 'expected a plain file name')
    .exactOptional()
    .describe('Uploads: the package’s own name.'),
  sha256: digest.exactOptional().describe('Uploads: refuse other bytes than these.'),
  instances: integer(0, mostInstances).exactOptional().describe('Uploads: also scale to this many.'),
});

export const targetRequest = z.strictObject({ index: index.exactOptional().describe('One instance; absent for all.') });
export const scaleRequest = z.strictObject({ instances: z.int().min(0).max(mostInstances) });
export const rollbackRequest = z.strictObject({
  to: z.int().min(1).exactOptional().describe('Absent: the revision that last served before the current one.'),
});
export const downRequest = z.strictObject({ hurry: z.boolean().exactOptional().describe('Skip drains and graces.') });

export const settledQuery = z.strictObject({
  service: serviceName.exactOptional().describe('Absent: all of them.'),
  timeout: integer(0, 86_400_000).exactOptional().describe('Milliseconds; 60000 where absent.'),
});
export const logsQuery = z.strictObject({
  index: integer(0, mostInstances - 1).exactOptional(),
  tail: integer(0, 1_000_000).exactOptional().describe('The last so many lines of each instance; 100 where absent.'),
  follow: flag.exactOptional().describe('Go on with what is written from now on.'),
});
export const eventsQuery = z.strictObject({
  limit: integer(0, 10_000).exactOptional().describe('The last so many; 100 where absent.'),
  follow: flag.exactOptional().describe('Go on with what happens from now on.'),
});

for (const [id, schema] of Object.entries({
  Host: hostStatus,
  Diagnosis: diagnosis,
  Service: serviceStatus,
  ServiceList: serviceList,
  Instance: instanceStatus,
  Revision: revisionSummary,
  RevisionList: revisionList,
  ApplyResult: applyResult,
  Event: auditEvent,
  LogLine: logLine,
  Problem: problem,
  ApplyRequest: applyRequest,
  DeployRequest: deployRequest,
  TargetRequest: targetRequest,
  ScaleRequest: scaleRequest,
  RollbackRequest: rollbackRequest,
  DownRequest: downRequest,
})) {
  components.add(schema, { id });
}

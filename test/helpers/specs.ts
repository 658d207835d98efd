import { defaultIsolation } from '../../src/domain/isolation-spec.ts';
import type { ServiceSpec } from '../../src/domain/spec.ts';
import { defaultTraffic } from '../../src/domain/traffic-spec.ts';

/** A resolved spec with quick, plain settings; what a test is about goes into `change`. */
export function serviceSpec(change: Partial<ServiceSpec>): ServiceSpec {
  return {
    name: 'greeter',
    package: { kind: 'path', path: '/packages/greeter.tgz' },
    args: [],
    runtimeArgs: [],
    instances: 1,
    port: { env: 'PORT' },
    socket: false,
    env: {},
    routes: [],
    traffic: defaultTraffic,
    tcp: [],
    limits: {},
    totalLimits: {},
    strictLimits: false,
    memoryWatchdog: false,
    requests: {},
    isolation: defaultIsolation,
    secrets: {},
    pinRuntime: false,
    probes: {},
    restart: {
      policy: 'always',
      backoff: { initial: 100, max: 30_000, factor: 2, jitter: 0.1 },
      stableAfter: 10_000,
      giveUpAfter: false,
    },
    rollout: { maxSurge: 1, maxUnavailable: 0, minReady: 0, timeout: 120_000 },
    stop: { signal: 'SIGTERM', grace: 10_000, drain: 10_000 },
    dependsOn: [],
    keepRevisions: 5,
    ...change,
  };
}

/** From facts to findings: what holds on this host, what doesn't, and what to do about it. Nothing is looked up here. */
import { cgroupRules, isolationRules, processRules } from './enforcement-rules.ts';
import type { DaemonFacts, HostFacts } from './facts.ts';
import type { Finding } from './finding.ts';
import { networkRules, runtimeRules, storageRules, systemRules } from './host-rules.ts';
import { routerRules, serviceRules } from './service-rules.ts';

export interface Diagnosis {
  /** Whether a daemon told of its router and services; without one there is only the host. */
  readonly daemon: boolean;
  readonly findings: readonly Finding[];
}

/** @param daemon absent where none runs */
export function diagnose(host: HostFacts, daemon?: DaemonFacts): Diagnosis {
  const names = daemon?.services.map(({ name }) => name) ?? [];
  return {
    daemon: daemon !== undefined,
    findings: [
      ...systemRules(host),
      ...cgroupRules(host),
      ...processRules(host),
      ...isolationRules(host),
      ...storageRules(host, names),
      ...networkRules(host),
      ...runtimeRules(host),
      ...(daemon ? [...routerRules(daemon, host.now), ...serviceRules(daemon)] : []),
    ],
  };
}

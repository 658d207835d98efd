/** Numbered migrations of state files, each from one version to the next. */

import { defaultIsolation } from '../domain/isolation-spec.ts';
import { defaultCapacity } from '../domain/limits-spec.ts';
import type { RouterSpec } from '../domain/router-spec.ts';
import { defaultSettings } from '../domain/router-spec.ts';
import type { ServiceRecord } from '../domain/service.ts';
import type { ServiceSpec } from '../domain/spec.ts';
import { defaultTraffic } from '../domain/traffic-spec.ts';
import type { AppliedConfig } from './contract.ts';
import type { Migrations } from './document.ts';

/** 1 → 2: services say how the router treats them, and how they are limited and isolated. */
export const serviceMigrations: Migrations = [
  content => {
    const record = content as ServiceRecord;
    return {
      ...record,
      declared: completed(record.declared),
      revisions: record.revisions.map(revision => ({ ...revision, spec: completed(revision.spec) })),
    };
  },
];

/** 1 → 2: so does the configuration, and the router has settings. */
export const configMigrations: Migrations = [
  content => {
    const applied = content as AppliedConfig;
    const { project } = applied;
    const services = Object.entries(project.services).map(([name, spec]) => [name, completed(spec)]);
    const router = {
      ...defaultSettings,
      workers: 0,
      ...(project.router as Pick<RouterSpec, 'listen'>),
    } satisfies RouterSpec;
    return {
      ...applied,
      project: {
        ...project,
        router,
        capacity: project.capacity ?? defaultCapacity,
        services: Object.fromEntries(services),
      },
    };
  },
];

function completed(spec: Omit<ServiceSpec, keyof typeof added>): ServiceSpec {
  return { ...added, ...spec };
}

const added = {
  traffic: defaultTraffic,
  tcp: [],
  socket: false,
  totalLimits: {},
  strictLimits: false,
  memoryWatchdog: false,
  requests: {},
  // As it was before there was any.
  isolation: { ...defaultIsolation, level: 'none' },
  secrets: {},
  pinRuntime: false,
} satisfies Partial<ServiceSpec>;

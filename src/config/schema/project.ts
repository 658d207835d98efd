/**
 * slipway.yaml. These schemas are the one source for validation, types, defaults, the JSON Schema of editors and
 * `docs/configuration.md`.
 */
import { z } from 'zod';
import type { PortRange } from '../../domain/spec.ts';
import { capacitySchema } from './limits.ts';
import { address, routerSchema } from './router.ts';
import { filePath, list, serviceName, size, text, whole } from './scalars.ts';
import { section } from './section.ts';
import { serviceSchema } from './service.ts';

const portsError = 'a range such as 20000-20999, within 1024-65535';

const ports = text(portsError, /^\d{4,5}-\d{4,5}$/)
  .meta({ title: 'port range', examples: ['20000-20999'] })
  .transform((value): PortRange => {
    const [from = 0, to = 0] = value.split('-').map(Number);
    return { from, to };
  })
  .refine(({ from, to }) => from >= 1024 && from <= to && to <= 65_535, { error: portsError });

const runtimeName = text('a runtime such as node, java or python', /^[a-z][a-z0-9-]*$/);

export const projectSchema = section({
  router: routerSchema.prefault({}).describe('The reverse proxy in front of the services.'),
  metrics: section({
    listen: address.exactOptional().describe('TCP address of `/metrics`. Left out: only on the control socket.'),
  })
    .prefault({})
    .describe('Prometheus metrics.'),
  ports: ports.prefault('20000-20999').describe('Ports that are handed to instances, both ends included.'),
  capacity: capacitySchema.prefault({}).describe('What of this host is for instances, held against their `requests`.'),
  logs: section({
    rotateAt: size({ min: 4096 }).prefault('64Mi').describe('A log is rotated when it has grown by this much.'),
    keep: whole(0, 1000).prefault(5).describe('Rotated archives that stay for each instance.'),
  })
    .prefault({})
    .describe('The logs of instances.'),
  unpack: section({
    totalSize: size({ min: 1 }).prefault('2Gi').describe('Bytes of the unpacked content.'),
    entries: whole(1, 100_000_000).prefault(100_000).describe('Files and folders.'),
    ratio: whole(1, 1_000_000)
      .prefault(200)
      .describe('Unpacked over packed size; not held against archives that unpack to under 10Mi.'),
  })
    .prefault({})
    .describe('What a package may unpack to at the most; larger ones are refused.'),
  runtimes: z
    .record(runtimeName, list(filePath, 'a list of paths'), { error: 'a mapping of runtime names to lists of paths' })
    .prefault({})
    .meta({
      description: 'Further places to look for runtimes: executables, or folders with `bin/` in them.',
      examples: [{ node: ['/opt/node-20'] }],
    }),
  services: z
    .record(serviceName, serviceSchema, { error: 'a mapping of service names to services; {} for none' })
    .describe('The services, by name.'),
});

export type ConfigInput = z.input<typeof projectSchema>;
export type ProjectConfig = z.output<typeof projectSchema>;

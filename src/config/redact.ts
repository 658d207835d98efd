/** Environments as they may be shown: values of secrets never leave through here. */
import type { EnvValue, ServiceSpec } from '../domain/spec.ts';

const hidden = '***';

/** By name: the value where it is plain, `file:PATH`, or `***`. */
export function redactEnv({ env }: Pick<ServiceSpec, 'env'>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, redactValue(value)]));
}

export function redactValue(value: EnvValue): string {
  if (value.kind === 'secret') return hidden;
  return value.kind === 'file' ? `file:${value.path}` : value.value;
}

/** `service.NAME` of each secret whose value can be read in `text`, as it is or as JSON writes it. */
export function leakedSecrets(services: Iterable<Pick<ServiceSpec, 'name' | 'env'>>, text: string): string[] {
  const leaked: string[] = [];
  for (const { name: service, env } of services) {
    for (const [name, value] of Object.entries(env)) {
      if (value.kind !== 'secret' || value.value === '') continue;
      const escaped = JSON.stringify(value.value).slice(1, -1);
      if (text.includes(value.value) || text.includes(escaped)) leaked.push(`${service}.${name}`);
    }
  }
  return leaked;
}

/** What applies as long as no slipway.yaml was. */
import type { ProjectSpec } from '../domain/spec.ts';
import { resolveSettings } from './resolve.ts';
import { projectSchema } from './schema/project.ts';

export function defaultProject(): ProjectSpec {
  const config = projectSchema.parse({ services: {} });
  return { ...resolveSettings(config, { folder: '/', env: {} }), services: {} };
}
